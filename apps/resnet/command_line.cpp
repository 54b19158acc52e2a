#include "command_line.hpp"

#include "build_info.hpp"
#include "commands.hpp"
#include "help_formatter.hpp"
#include "output.hpp"
#include "program.hpp"
#include "terminal.hpp"

namespace resnet::cli {
namespace {

constexpr const char* kDescription =
    "resnet labels photos with ResNet-18/34/50, proves that it computes what PyTorch computes, and measures "
    "how fast";

constexpr const char* kFooter =
    "`resnet COMMAND --help` shows a command's options and examples.\n"
    "\n"
    "Results go to standard output, everything else to standard error.\n"
    "Exit status: 0 all done, 1 some inputs or checks failed, 2 wrong usage.\n"
    "Environment: RESNET_MODELS (folders with models, separated by colons),\n"
    "RESNET_CPU_ISA (instruction set), RESNET_THREADS (number of threads).\n";

void build_application(CLI::App& app, Action& action) {
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", version_text, "Print version, commit, compiler and instruction sets");
  for (const AddCommand add : commands()) add(app, action);
}

// CLI11 would only say that a subcommand is required.
void check_command_name(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) throw UsageError("no command given");
  if (argv[1][0] == '-') return;
  std::string names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == argv[1]) return;
    names += (names.empty() ? "" : ", ") + command->get_name();
  }
  throw UsageError(fmt::format("there is no command \"{}\"; there are: {}", printable(argv[1]), names));
}

int report_usage(const CLI::App& app, const char* message) {
  report_error(message);
  const auto selected = app.get_subcommands();
  hint("Try `resnet {}--help`.", selected.empty() ? "" : selected.back()->get_name() + " ");
  return kWrongUsage;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{kDescription, "resnet"};
  Action action;
  try {
    build_application(app, action);
    check_command_name(app, argc, argv);
    app.parse(argc, argv);
    return action();
  } catch (const CLI::CallForHelp&) {
    print("{}", app.help());
    return kAllDone;
  } catch (const CLI::CallForVersion&) {
    print("{}", version_text());
    return kAllDone;
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error.what());
  } catch (const UsageError& error) {
    return report_usage(app, error.what());
  }
}

}  // namespace

int run_command_line(int argc, char** argv) {
  return run_program("resnet", [&] { return parse_and_run(argc, argv); });
}

}  // namespace resnet::cli
