// How a program begins and ends: standard descriptors, signals, and exceptions as exit statuses.
#pragma once

#include <functional>

namespace resnet::cli {

// Runs `body`, which gives an ExitStatus, with the library's log on standard error. What it throws is
// reported and becomes a status; a closed standard output ends the process as a broken pipe does. `name`,
// "resnet", stands before messages.
int run_program(const char* name, const std::function<int()>& body);

}  // namespace resnet::cli
