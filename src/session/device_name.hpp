// What --device and SessionOptions::device say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resnet {

struct DeviceName {
  std::string kind;             // "auto", "cpu" or "cuda"
  std::vector<int> indices{0};  // of the GPUs, each once, in the order named

  int first() const { return indices.front(); }
  std::string to_string() const;  // "cpu", "cuda:1", "cuda:0,cuda:1"
};

// Reads auto, cpu, cuda (the first GPU), cuda:N, or several of these with commas between them. Throws Error:
// device_unavailable for another kind, invalid_argument for a number that is none, for a GPU that is named
// twice, and for several devices that are not all GPUs.
DeviceName parse_device(std::string_view text);

}  // namespace resnet
