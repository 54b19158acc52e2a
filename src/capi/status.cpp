// Versions, errors and logging of resnet.h.
#include "capi/handles.hpp"

#include <cstring>
#include <string>

#include <resnet/log.hpp>

namespace resnet::capi {
namespace {

struct LastError {
  resnet_status status = RESNET_OK;
  std::string message;
  bool message_lost = false;  // there was no memory to keep it
};

LastError& last_error() noexcept {
  thread_local LastError last;
  return last;
}

}  // namespace

// The two enumerations are told apart so that the C one never renumbers when the C++ one is reordered.
resnet_status to_status(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return RESNET_INVALID_ARGUMENT;
    case ErrorCode::not_found:
      return RESNET_NOT_FOUND;
    case ErrorCode::io:
      return RESNET_IO;
    case ErrorCode::truncated:
      return RESNET_TRUNCATED;
    case ErrorCode::bad_format:
      return RESNET_BAD_FORMAT;
    case ErrorCode::unsupported:
      return RESNET_UNSUPPORTED;
    case ErrorCode::unsafe:
      return RESNET_UNSAFE;
    case ErrorCode::shape_mismatch:
      return RESNET_SHAPE_MISMATCH;
    case ErrorCode::too_large:
      return RESNET_TOO_LARGE;
    case ErrorCode::out_of_memory:
      return RESNET_OUT_OF_MEMORY;
    case ErrorCode::device_unavailable:
      return RESNET_DEVICE_UNAVAILABLE;
    case ErrorCode::cancelled:
      return RESNET_CANCELLED;
    case ErrorCode::internal:
      return RESNET_INTERNAL;
  }
  return RESNET_INTERNAL;
}

resnet_status remember(resnet_status status, const char* message) noexcept {
  LastError& last = last_error();
  last.status = status;
  last.message_lost = false;
  try {
    last.message = message;
  } catch (...) {
    last.message_lost = true;
  }
  return status;
}

void require(const void* pointer, const char* name) {
  if (pointer == nullptr) throw Error(ErrorCode::invalid_argument, std::string(name) + " is NULL");
}

}  // namespace resnet::capi

using resnet::capi::last_error;

const char* resnet_version(void) {
  return RESNET_VERSION;
}

int32_t resnet_abi_version(void) {
  return RESNET_ABI_VERSION;
}

const char* resnet_status_name(int32_t status) {
  switch (status) {
    case RESNET_OK:
      return "ok";
    case RESNET_INVALID_ARGUMENT:
      return "invalid_argument";
    case RESNET_NOT_FOUND:
      return "not_found";
    case RESNET_IO:
      return "io";
    case RESNET_TRUNCATED:
      return "truncated";
    case RESNET_BAD_FORMAT:
      return "bad_format";
    case RESNET_UNSUPPORTED:
      return "unsupported";
    case RESNET_UNSAFE:
      return "unsafe";
    case RESNET_SHAPE_MISMATCH:
      return "shape_mismatch";
    case RESNET_TOO_LARGE:
      return "too_large";
    case RESNET_OUT_OF_MEMORY:
      return "out_of_memory";
    case RESNET_DEVICE_UNAVAILABLE:
      return "device_unavailable";
    case RESNET_CANCELLED:
      return "cancelled";
    case RESNET_INTERNAL:
      return "internal";
  }
  return "unknown";
}

resnet_status resnet_last_status(void) {
  return last_error().status;
}

const char* resnet_last_error(void) {
  return last_error().message_lost ? "out of memory" : last_error().message.c_str();
}

void resnet_set_log_callback(resnet_log_callback callback, void* user) {
  resnet::capi::guarded([&] {
    if (callback == nullptr) return resnet::set_log_callback({});
    resnet::set_log_callback([callback, user](resnet::LogLevel level, std::string_view message) {
      const auto c_level = level == resnet::LogLevel::debug  ? RESNET_LOG_DEBUG
                           : level == resnet::LogLevel::info ? RESNET_LOG_INFO
                                                             : RESNET_LOG_WARNING;
      callback(c_level, std::string(message).c_str(), user);
    });
  });
}
