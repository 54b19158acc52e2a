#include "command_line.hpp"

#include "build_info.hpp"
#include "commands.hpp"
#include "help_formatter.hpp"
#include "output.hpp"
#include "terminal.hpp"

#include <csignal>
#include <new>

#include <fcntl.h>
#include <unistd.h>

#include <resnet/error.hpp>

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

// A file opened while descriptor 0, 1 or 2 is closed would get that number, and what is printed would end up
// in it. /dev/null takes the place instead, read-only, so that printing still fails and is noticed.
void occupy_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) == -1) {
      if (open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd) return;
    }
  }
}

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

// Ends as a program does whose reader went away: the shell sees death by SIGPIPE, nothing is printed.
[[noreturn]] void end_by_broken_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  _exit(kSomeFailed);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  occupy_standard_descriptors();
  // A write to a closed pipe must come back as an error: files half-written at that moment are to be removed.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // the same for a file that outgrows `ulimit -f`
  try {
    install_log_output();
    const int status = parse_and_run(argc, argv);
    close_output();
    return status;
  } catch (const BrokenPipe&) {
    end_by_broken_pipe();
  } catch (const Error& error) {
    report_error(error.what());
    if (error.code() == ErrorCode::internal) hint("(raised at {}:{})", error.file(), error.line());
  } catch (const std::bad_alloc&) {
    report_error("out of memory");
  } catch (const std::exception& error) {
    report_error(error.what());
  }
  return kSomeFailed;
}

}  // namespace resnet::cli
