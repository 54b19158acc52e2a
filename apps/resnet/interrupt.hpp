// Ctrl-C and SIGTERM as a flag, for work that has outputs to complete.
#pragma once

#include <atomic>

namespace resnet::cli {

// From now on the first SIGINT or SIGTERM sets the flag; the next one ends the program as usual.
const std::atomic<bool>& catch_interrupts();

}  // namespace resnet::cli
