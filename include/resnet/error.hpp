// The one error type of the library. Everything below the C API throws it; the C API and the command
// line turn it into a status once. The library itself never prints, exits or aborts.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace resnet {

enum class ErrorCode {
  invalid_argument,    // a parameter is outside its documented range
  not_found,           // a file, model, tensor or label that was named does not exist
  io,                  // the operating system refused a read or a write
  truncated,           // the data ends before its own header says it should
  bad_format,          // the data is not, or is no valid, file of the format it claims
  unsupported,         // valid, but of a kind this build or version does not handle
  unsafe,              // refused because handling it could run foreign code or leave its directory
  shape_mismatch,      // a tensor's shape is not the one that the architecture needs
  too_large,           // over a limit that the caller can raise (pixels, bytes)
  out_of_memory,       // an allocation failed
  device_unavailable,  // the device, driver or instruction set asked for is not there
  cancelled,           // stopped on request
  internal,            // a bug in this library: please report it
};

// The code's name as written above, e.g. "bad_format"; it is what JSON output carries.
std::string_view to_string(ErrorCode code) noexcept;

class Error : public std::runtime_error {
 public:
  // `message` names the thing that failed and says what to do about it. `file` and `line` are where
  // the error was raised; they default to the call site and are meant for bug reports.
  Error(ErrorCode code, const std::string& message, const char* file = __builtin_FILE(),
        int line = __builtin_LINE())
      : std::runtime_error(message), code_(code), file_(file), line_(line) {}

  ErrorCode code() const noexcept { return code_; }
  const char* file() const noexcept { return file_; }
  int line() const noexcept { return line_; }

 private:
  ErrorCode code_;
  const char* file_;
  int line_;
};

}  // namespace resnet
