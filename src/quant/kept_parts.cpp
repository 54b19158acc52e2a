#include "quant/kept_parts.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet::quant {
namespace {

// "fc" and "head" name one part, "layer2" is every "layer2.…".
bool names_part(const std::string& name, const std::string& part) {
  return name == part || (name == "head" && part == "fc") || part.starts_with(name + ".");
}

}  // namespace

std::vector<std::string> kept_parts(const Architecture& architecture, const std::vector<std::string>& names) {
  std::vector<std::string> parts, kept;
  for (int m = 0; m < architecture.module_count(); ++m) {
    const std::string part = quantization_part(architecture, m);
    if (parts.empty() || parts.back() != part) parts.push_back(part);
  }
  for (const std::string& part : parts) {
    if (std::any_of(names.begin(), names.end(), [&](const std::string& n) { return names_part(n, part); }))
      kept.push_back(part);
  }
  for (const std::string& name : names) {
    if (std::any_of(parts.begin(), parts.end(), [&](const std::string& p) { return names_part(name, p); }))
      continue;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} has no '{}' to keep in fp32; choose from {}, or layer1 to layer4 as a whole",
                            architecture.name(), name, fmt::join(parts, ", ")));
  }
  if (kept.size() == parts.size())
    throw Error(ErrorCode::invalid_argument, "all parts are kept in fp32: nothing is left to quantise");
  return kept;
}

}  // namespace resnet::quant
