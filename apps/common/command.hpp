// What a subcommand is: one function that declares its options on CLI11 and says what to run.
//
//   void add_info_command(CLI::App& app, Action& action) {
//     auto args = std::make_shared<InfoArguments>();
//     CLI::App* command = add_command(app, "info", "Describe a model", "  resnet info resnet18.pth\n");
//     command->add_option("MODEL", args->model, "File, folder or name of a model")->required();
//     add_general_options(*command);
//     on_run(*command, action, [args] { return run_info(*args); });
//   }
//
// One file a subcommand, `<name>_command.cpp`; its one public function is declared and listed in
// commands.{hpp,cpp}.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

namespace resnet::cli {

// The exit statuses are part of the command line's contract.
enum ExitStatus : int {
  kAllDone = 0,
  kSomeFailed = 1,  // some inputs or checks failed: each was named, the others are done
  kWrongUsage = 2,
};

// What the parsed command line asks for. It returns an ExitStatus, or throws: resnet::Error ends the program
// with its message and status 1, UsageError with status 2.
using Action = std::function<int()>;

// Thrown by an action for a combination of arguments that only it can judge.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A subcommand with its one-line summary and its examples (whole lines, indented by two blanks, at most 80
// columns).
inline CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& summary,
                             const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, summary);
  command->footer("Examples:\n" + examples);
  return command;
}

// Makes `run` the action when the command line names `command`. It runs after parsing, so that its exceptions
// are never taken for usage errors.
inline void on_run(CLI::App& command, Action& action, Action run) {
  command.final_callback([&action, run = std::move(run)] { action = run; });
}

}  // namespace resnet::cli
