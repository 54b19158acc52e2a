// The program from its arguments to its exit status.
#pragma once

namespace resnet::cli {

// Parses, runs the subcommand, reports what it throws, checks that all output was written. Never throws.
int run_command_line(int argc, char** argv);

}  // namespace resnet::cli
