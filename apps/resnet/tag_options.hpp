// What the user asked of `resnet tag`.
#pragma once

#include "common_options.hpp"

#include <string>

namespace resnet::cli {

struct TagArguments {
  ModelArguments model;
  PhotoArguments photos;
  DecodeArguments decode;
  ComputeArguments compute;
  float threshold = -1;         // below 0: the model's own
  int top = 0;                  // 0: the head's own way
  std::string language = "en";  // of the tags
  bool json = false;
  bool csv = false;
  std::string xmp;  // "", "sidecar", "embed"
  std::string xmp_parent;
  bool xmp_remove = false;
  bool dry_run = false;
  std::string html;
  bool force = false;
  bool no_cache = false;
};

}  // namespace resnet::cli
