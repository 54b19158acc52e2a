// What this program was built from.
#pragma once

#include <string>
#include <string_view>

namespace resnet::cli {

std::string_view version();  // "0.1.0"
std::string_view
commit();  // "1a2b3c4d5e6f", with "-dirty" after uncommitted changes; "unknown" outside a checkout
std::string_view compiler();  // "g++ 12.2.0"

// What --version prints.
std::string version_text();

}  // namespace resnet::cli
