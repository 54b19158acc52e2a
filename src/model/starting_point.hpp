// What of a file can start a training: unlike load_model, it need not be a whole network.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <resnet/model.hpp>

namespace resnet {

struct StartingPoint {
  std::map<std::string, Tensor, std::less<>> tensors;  // those that fit the architecture, as fp32
  // The architecture's other tensors, in its order: "layer4.0.conv1.weight", or with a shape that does not
  // fit "fc.weight (is [1000, 512], not [80, 512])".
  std::vector<std::string> absent;
};

// Reads any format that load_model does. The number of classes may be another one. Throws Error: what reading
// the file throws, shape_mismatch (it is a network of another depth), unsupported (quantised weights).
StartingPoint load_starting_point(const std::filesystem::path& path, const Architecture& architecture);

}  // namespace resnet
