#include "cuda/families.hpp"

#include "core/choices.hpp"
#include "cuda/architectures.hpp"

#include <array>

namespace resnet::cuda {
namespace {

constexpr std::array kFamilies{Family::sm90, Family::mma, Family::simt};

}  // namespace

std::string_view to_string(Family family) noexcept {
  switch (family) {
    case Family::sm90:
      return "sm90";
    case Family::mma:
      return "mma";
    case Family::simt:
      return "simt";
  }
  return "?";
}

Family parse_family(std::string_view name) {
  return parse_choice("kernel family", name, kFamilies);
}

std::vector<Family> families_of(std::string_view architectures, int major, int minor) {
  const std::optional<Code> code = code_for(architectures, major, minor);
  std::vector<Family> families;
  if (!code) return families;
  if (code->version == 90 && code->exact) families.push_back(Family::sm90);
  if (code->version >= 80) families.push_back(Family::mma);
  if (code->version >= 75) families.push_back(Family::simt);
  return families;
}

}  // namespace resnet::cuda
