#include <resnet/error.hpp>

namespace resnet {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::io:
      return "io";
    case ErrorCode::truncated:
      return "truncated";
    case ErrorCode::bad_format:
      return "bad_format";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::unsafe:
      return "unsafe";
    case ErrorCode::shape_mismatch:
      return "shape_mismatch";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::out_of_memory:
      return "out_of_memory";
    case ErrorCode::device_unavailable:
      return "device_unavailable";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace resnet
