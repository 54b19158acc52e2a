// Ctrl-C and SIGTERM as a flag, for work that has outputs to complete.
#pragma once

#include <atomic>

namespace resnet::cli {

// From now on the first SIGINT, SIGTERM or (unless it is ignored, as under nohup) SIGHUP sets the flag; the
// next one ends the program as usual. `message` goes to standard error when the first one comes, for work
// that takes a while to stop; it must live as long as the program.
const std::atomic<bool>& catch_interrupts(const char* message = nullptr);

// Throws Error{cancelled} once the flag is set: the unwinding removes what is not complete.
void stop_if_interrupted();

}  // namespace resnet::cli
