// What --device and SessionOptions::device say.
#pragma once

#include <string>
#include <string_view>

namespace resnet {

struct DeviceName {
  std::string kind;  // "auto", "cpu" or "cuda"
  int index = 0;     // of the GPU

  std::string to_string() const;  // "cpu", "cuda:1"
};

// Reads auto, cpu, cuda (the first) or cuda:N. Throws Error: device_unavailable for another kind,
// invalid_argument for a number that is none.
DeviceName parse_device(std::string_view text);

}  // namespace resnet
