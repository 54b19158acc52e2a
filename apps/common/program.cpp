#include "program.hpp"

#include "command.hpp"
#include "output.hpp"
#include "terminal.hpp"

#include <csignal>
#include <new>

#include <fcntl.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::cli {
namespace {

// A file opened while descriptor 0, 1 or 2 is closed would get that number, and what is printed would end up
// in it. /dev/null takes the place instead, read-only, so that printing still fails and is noticed.
void occupy_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) == -1) {
      if (open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd) return;
    }
  }
}

// Ends as a program does whose reader went away: the shell sees death by SIGPIPE, nothing is printed.
[[noreturn]] void end_by_broken_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  _exit(kSomeFailed);
}

}  // namespace

int run_program(const char* name, const std::function<int()>& body) {
  occupy_standard_descriptors();
  // A write to a closed pipe must come back as an error: files half-written at that moment are to be removed.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // the same for a file that outgrows `ulimit -f`
  set_program_name(name);
  try {
    install_log_output();
    const int status = body();
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
