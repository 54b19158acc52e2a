// Which ResNet do these tensors make?
#pragma once

#include "model/raw_model.hpp"

#include <map>
#include <string>

#include <resnet/architecture.hpp>

namespace resnet::formats {

using NamedShapes = std::map<std::string, Shape, std::less<>>;

// The architecture whose names fit best; nothing is said yet about whether they fit. Throws
// Error: bad_format (no ResNet at all), unsupported (a deeper one). `file` is for messages.
Architecture closest_architecture(const NamedShapes& tensors, const std::string& file);

// Throws unless `tensors` are exactly those of the architecture, with their shapes; counters of training
// batches (num_batches_tracked) may be there. The message names every tensor at fault with the shape
// expected. Codes: not_found where one is missing, else shape_mismatch, else bad_format (only extra ones).
void require_exact_tensors(const Architecture& architecture, const NamedShapes& tensors,
                           const std::string& file);

}  // namespace resnet::formats
