#include "output.hpp"

#include "terminal.hpp"

#include <cerrno>
#include <system_error>

#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::cli {
namespace {

[[noreturn]] void fail(int error) {
  if (error == EPIPE) throw BrokenPipe();
  throw Error(ErrorCode::io, "cannot write to standard output: " + std::generic_category().message(error));
}

}  // namespace

void write_output(std::string_view text) {
  if (output_is_terminal()) clear_status_line();
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(errno);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void close_output() {
  // EBADF: it was closed when the program began, which matters only to a program that prints.
  if (close(STDOUT_FILENO) != 0 && errno != EBADF) fail(errno);
}

bool output_is_terminal() {
  static const bool terminal = isatty(STDOUT_FILENO) == 1;
  return terminal;
}

}  // namespace resnet::cli
