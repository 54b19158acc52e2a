#include "commands.hpp"

namespace resnet::cli {
namespace {

constexpr AddCommand kCommands[] = {
    add_eval_command,
    add_doctor_command,
};

}  // namespace

std::span<const AddCommand> commands() {
  return kCommands;
}

}  // namespace resnet::cli
