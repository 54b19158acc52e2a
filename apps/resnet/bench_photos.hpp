// Times what comes before the network: photos from files to crops.
#pragma once

#include <cstddef>
#include <string>

#include <resnet/model.hpp>

namespace resnet::cli {

struct PhotoSpeed {
  std::size_t photos = 0;
  std::size_t failed = 0;  // of them; each was named on standard error
  int threads = 0;
  double seconds = 0;
};

// Reads, decodes, resizes and crops every photo of a folder as the model wants it, on `threads` threads (0:
// all there are) and without a network: no device tags them faster. Throws what listing them does.
PhotoSpeed measure_photos(const Model& model, const std::string& folder, int threads);

}  // namespace resnet::cli
