#include "build_info.hpp"

#include "resnet_commit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/session.hpp>

namespace resnet::cli {

std::string_view version() {
  return RESNET_VERSION;
}

std::string_view commit() {
  return RESNET_COMMIT;
}

std::string_view compiler() {
#if defined(__clang__)
  return "clang++ " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

std::string version_text() {
  return fmt::format("resnet {}\ncommit    {}\ncompiler  {}\nisas      {}\n", version(), commit(), compiler(),
                     fmt::join(available_isas(), ", "));
}

}  // namespace resnet::cli
