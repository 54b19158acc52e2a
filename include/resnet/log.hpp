// Logging goes to a callback; the library itself writes nowhere. Without a callback messages are dropped.
#pragma once

#include <functional>
#include <string_view>

namespace resnet {

enum class LogLevel { debug, info, warning };

using LogCallback = std::function<void(LogLevel, std::string_view)>;

// Installs the process-wide callback (an empty one silences). Safe to call at any time from any
// thread; the callback may be called from several threads at once.
void set_log_callback(LogCallback callback);

}  // namespace resnet
