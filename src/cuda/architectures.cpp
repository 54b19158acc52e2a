#include "cuda/architectures.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace resnet::cuda {
namespace {

struct Entry {
  std::string_view name;  // "90a"
  int version = 0;        // major * 10 + minor
  bool exact = false;     // "a": this version alone
  bool real = false;      // machine code rather than PTX
};

// CMake has checked the form of each.
std::vector<Entry> parse(std::string_view architectures) {
  std::vector<Entry> entries;
  while (!architectures.empty()) {
    const std::string_view one = architectures.substr(0, architectures.find(','));
    Entry entry;
    entry.name = one.substr(0, one.find('-'));
    std::from_chars(one.data(), one.data() + one.size(), entry.version);
    entry.exact = entry.name.ends_with('a');
    entry.real = one.ends_with("-real");
    entries.push_back(entry);
    architectures.remove_prefix(std::min(architectures.size(), one.size() + 1));
  }
  return entries;
}

}  // namespace

std::optional<Code> code_for(std::string_view architectures, int major, int minor) {
  const int device = major * 10 + minor;
  const Entry* best = nullptr;
  const std::vector<Entry> entries = parse(architectures);
  for (const Entry& e : entries) {
    const bool same_major = e.version / 10 == major;
    if (e.exact ? e.version != device : e.version > device || (!same_major && e.real)) continue;
    const auto rank = [](const Entry& of) { return std::tuple(of.real, of.version, of.exact); };
    if (best == nullptr || rank(e) > rank(*best)) best = &e;
  }
  if (best == nullptr) return std::nullopt;
  return Code{best->version, best->exact};
}

bool runs_on(std::string_view architectures, int major, int minor) {
  return code_for(architectures, major, minor).has_value();
}

std::string describe_architectures(std::string_view architectures) {
  std::vector<std::string> names;
  for (const Entry& e : parse(architectures)) {
    names.push_back(fmt::format("{}{}", e.real ? "sm_" : "PTX of compute_", e.name));
  }
  const std::string last = names.empty() ? "no GPU" : names.back();
  if (names.size() < 2) return last;
  names.pop_back();
  return fmt::format("{} and {}", fmt::join(names, ", "), last);
}

}  // namespace resnet::cuda
