#include "fetch/model_list.hpp"

#include <algorithm>
#include <array>

namespace resnet::fetch {
namespace {

// torchvision's second set of weights wants pictures a little smaller before the crop.
constexpr Preprocess resized_to(int side) {
  Preprocess preprocess;
  preprocess.resize = {side, side};
  return preprocess;
}

// Names of files, accuracies and preprocessing: torchvision/models/resnet.py, release 0.14.
constexpr std::array<ListedModel, 4> kModels{{
    {"resnet18", "resnet18-f37072fd.pth", 46'830'571, 0.69758, "ResNet-18, torchvision's IMAGENET1K_V1", {}},
    {"resnet34", "resnet34-b627a593.pth", 87'300'000, 0.73314, "ResNet-34, torchvision's IMAGENET1K_V1", {}},
    {"resnet50", "resnet50-0676ba61.pth", 102'530'333, 0.76130, "ResNet-50, torchvision's IMAGENET1K_V1", {}},
    {"resnet50-v2", "resnet50-11ad3fa6.pth", 102'500'000, 0.80858, "ResNet-50, torchvision's IMAGENET1K_V2",
     resized_to(232)},
}};

bool is_hexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

std::span<const ListedModel> listed_models() {
  return kModels;
}

const ListedModel* find_listed(std::string_view name) {
  const auto found = std::find_if(kModels.begin(), kModels.end(),
                                  [&](const ListedModel& model) { return model.name == name; });
  return found == kModels.end() ? nullptr : &*found;
}

std::string_view hash_in_name(std::string_view file) {
  constexpr std::size_t kFewest = 8, kMost = 64;
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
  const std::size_t dash = file.rfind('-'), dot = file.rfind('.');
  if (dash == std::string_view::npos || dot == std::string_view::npos || dot < dash) return {};
  const std::string_view digits = file.substr(dash + 1, dot - dash - 1);
  const bool valid = digits.size() >= kFewest && digits.size() <= kMost &&
                     std::all_of(digits.begin(), digits.end(), is_hexadecimal);
  return valid ? digits : std::string_view();
}

}  // namespace resnet::fetch
