#include "commands.hpp"

namespace resnet::cli {
namespace {

constexpr AddCommand kCommands[] = {
    add_tag_command,      add_classify_command, add_info_command,   add_export_command,
    add_verify_command,   add_compare_command,  add_bench_command,  add_eval_command,
    add_quantize_command, add_pull_command,     add_doctor_command,
};

}  // namespace

std::span<const AddCommand> commands() {
  return kCommands;
}

}  // namespace resnet::cli
