#include "core/log.hpp"

#include <memory>
#include <mutex>

namespace resnet {
namespace {

std::mutex callback_mutex;

std::shared_ptr<const LogCallback>& installed_callback() {
  static std::shared_ptr<const LogCallback> callback;
  return callback;
}

}  // namespace

void set_log_callback(LogCallback callback) {
  auto shared = callback ? std::make_shared<const LogCallback>(std::move(callback)) : nullptr;
  const std::lock_guard lock(callback_mutex);
  installed_callback() = std::move(shared);
}

void log(LogLevel level, std::string_view message) {
  std::shared_ptr<const LogCallback> callback;
  {
    const std::lock_guard lock(callback_mutex);
    callback = installed_callback();
  }
  // Called outside the lock, so that a callback may itself replace the callback.
  if (callback) (*callback)(level, message);
}

}  // namespace resnet
