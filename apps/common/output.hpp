// Standard output: results only. Every call writes through at once and checks, so that a full disk or a
// reader that went away is noticed at the line where it happens. Call it from one thread.
#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace resnet::cli {

// The reader of standard output has closed it (`resnet … | head`). Not an Error: there is nothing to report.
class BrokenPipe : public std::exception {
 public:
  const char* what() const noexcept override { return "standard output was closed by its reader"; }
};

// Throws BrokenPipe, or Error{io} where standard output cannot be written.
void write_output(std::string_view text);

template <class... T>
void print(fmt::format_string<T...> format, T&&... args) {
  write_output(fmt::format(format, std::forward<T>(args)...));
}

// Some file systems report a failed write only on closing. Throws Error{io}. Nothing can be printed
// afterwards.
void close_output();

bool output_is_terminal();

}  // namespace resnet::cli
