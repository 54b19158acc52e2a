// The subcommands there are. A new one adds a line here and a line to the table in commands.cpp.
#pragma once

#include "command.hpp"

#include <span>

namespace resnet::cli {

void add_tag_command(CLI::App& app, Action& action);
void add_classify_command(CLI::App& app, Action& action);
void add_info_command(CLI::App& app, Action& action);
void add_export_command(CLI::App& app, Action& action);
void add_verify_command(CLI::App& app, Action& action);
void add_compare_command(CLI::App& app, Action& action);
void add_bench_command(CLI::App& app, Action& action);
void add_eval_command(CLI::App& app, Action& action);
void add_quantize_command(CLI::App& app, Action& action);
void add_pull_command(CLI::App& app, Action& action);
void add_doctor_command(CLI::App& app, Action& action);

using AddCommand = void (*)(CLI::App&, Action&);

// In the order in which `resnet --help` lists them.
std::span<const AddCommand> commands();

}  // namespace resnet::cli
