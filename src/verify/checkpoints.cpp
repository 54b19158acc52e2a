#include "verify/checkpoints.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

// "layer2" of the block "layer2.0"; empty for other modules.
std::string layer_of(const Module& module) {
  const auto dot = module.name.find('.');
  return dot == std::string::npos ? std::string() : module.name.substr(0, dot);
}

int module_number(const Architecture& architecture, std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return architecture.module_index(text);
}

}  // namespace

ModuleRange step_range(const Architecture& architecture, std::string_view step) {
  const auto& modules = architecture.modules();
  if (step == "e2e") return {0, architecture.module_count()};
  if (step == "stem") return {0, architecture.module_index("maxpool") + 1};
  if (step == "head") return {architecture.head(), architecture.module_count()};
  const auto in_step = [&](const Module& m) { return layer_of(m) == step; };
  const auto first = std::find_if(modules.begin(), modules.end(), in_step);
  if (step.empty() || first == modules.end()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("no step '{}': give stem, layer1, layer2, layer3, layer4, head or e2e", step));
  }
  const auto last = std::find_if_not(first, modules.end(), in_step);
  return {static_cast<int>(first - modules.begin()), static_cast<int>(last - modules.begin())};
}

ModuleRange parse_modules(const Architecture& architecture, std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("modules '{}': give a range such as 4:6 or layer1.0:layer2.0", text));
  }
  const std::string_view first = text.substr(0, colon), last = text.substr(colon + 1);
  const ModuleRange range{first.empty() ? 0 : module_number(architecture, first),
                          last.empty() ? architecture.module_count() : module_number(architecture, last)};
  if (range.begin < 0 || range.begin >= range.end || range.end > architecture.module_count()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("modules '{}' are no range within 0:{} of {}", text,
                                                         architecture.module_count(), architecture.name()));
  }
  return range;
}

std::vector<std::string> aliases(const Architecture& architecture, int module) {
  const auto& modules = architecture.modules();
  const Module& m = modules.at(static_cast<std::size_t>(module));
  if (m.kind == ModuleKind::maxpool) return {"stem_pool"};
  if (m.kind == ModuleKind::head) return {"logits"};
  const std::string layer = layer_of(m);
  if (layer.empty() || layer_of(modules.at(static_cast<std::size_t>(module) + 1)) == layer) return {};
  return {layer};
}

std::vector<std::string> checkpoint_names(const Architecture& architecture) {
  std::vector<std::string> names{"input"};
  for (int m = 0; m < architecture.module_count(); ++m) {
    if (m == architecture.head()) names.emplace_back("gap");
    names.push_back(architecture.modules()[static_cast<std::size_t>(m)].name);
    for (std::string& alias : aliases(architecture, m)) names.push_back(std::move(alias));
  }
  names.emplace_back("probabilities");
  return names;
}

}  // namespace resnet::verify
