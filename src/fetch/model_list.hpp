// The models that `resnet pull` knows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <resnet/preprocess.hpp>

namespace resnet::fetch {

struct ListedModel {
  std::string_view name;  // what users write: "resnet18"
  std::string_view file;  // at the server, with the first digits of its SHA-256: "resnet18-f37072fd.pth"
  std::int64_t bytes;     // about
  double top1;            // of ImageNet's validation pictures, as its authors give it, in 0–1
  std::string_view description;  // what it is, in a line
  Preprocess preprocess;         // which the file does not tell
};

// torchvision's ImageNet weights.
std::span<const ListedModel> listed_models();
// Null where there is none of that name.
const ListedModel* find_listed(std::string_view name);

// Where the files lie, and what may be done with them.
inline constexpr std::string_view kServer = "https://download.pytorch.org/models";
inline constexpr std::string_view kLicence =
    "torchvision, BSD-3-Clause; trained on ImageNet, whose pictures are for research";

// The digits between the last '-' and the ending of a file's name or address; empty where there are not at
// least eight lower-case hexadecimal ones.
std::string_view hash_in_name(std::string_view file);

}  // namespace resnet::fetch
