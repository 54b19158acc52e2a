#include "command_line.hpp"

int main(int argc, char** argv) {
  return resnet::cli::run_command_line(argc, argv);
}
