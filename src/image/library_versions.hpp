// The libraries that decode pictures here, for `resnet doctor` and bug reports.
#pragma once

#include <string>
#include <vector>

namespace resnet::image {

struct LibraryVersion {
  std::string name;  // "libpng"
  std::string
      version;  // as the library loaded now reports it, where it can be asked; else as compiled against
};
std::vector<LibraryVersion> library_versions();

}  // namespace resnet::image
