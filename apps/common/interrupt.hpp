// Ctrl-C and SIGTERM as a flag, for work that has outputs to complete.
#pragma once

#include <atomic>

namespace resnet::cli {

// From now on the first SIGINT, SIGTERM or (unless it is ignored, as under nohup) SIGHUP sets the flag; the
// next one ends the program as usual.
const std::atomic<bool>& catch_interrupts();

// Throws Error{cancelled} once the flag is set: the unwinding removes what is not complete.
void stop_if_interrupted();

}  // namespace resnet::cli
