// The library's own side of resnet/log.hpp.
#pragma once

#include <string_view>

#include <resnet/log.hpp>

namespace resnet {

// Hands `message` to the installed callback, if any.
void log(LogLevel level, std::string_view message);

}  // namespace resnet
