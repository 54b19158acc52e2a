#include "model/starting_point.hpp"

#include "model/architecture_match.hpp"
#include "model/formats.hpp"

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet {

StartingPoint load_starting_point(const std::filesystem::path& path, const Architecture& architecture) {
  const formats::RawFile file = formats::read_raw_model(path);
  if (file.raw.facts.precision.value_or(Precision::fp32) != Precision::fp32) {
    throw Error(
        ErrorCode::unsupported,
        fmt::format("{}: quantised weights start no training; give the fp32 model that they were made from",
                    file.name));
  }
  formats::NamedShapes shapes;
  for (const auto& [name, tensor] : file.raw.tensors) shapes.emplace(name, tensor.shape);
  const Architecture found = formats::closest_architecture(shapes, file.name);
  if (found.depth() != architecture.depth()) {
    throw Error(ErrorCode::shape_mismatch, fmt::format("{}: is a {}, which cannot start a {}", file.name,
                                                       found.name(), architecture.name()));
  }

  StartingPoint start;
  for (const TensorSpec& spec : architecture.tensors()) {
    const auto it = file.raw.tensors.find(spec.name);
    if (it == file.raw.tensors.end()) {
      start.absent.push_back(spec.name);
    } else if (it->second.shape != spec.shape) {
      start.absent.push_back(
          fmt::format("{} (is {}, not {})", spec.name, it->second.shape.to_string(), spec.shape.to_string()));
    } else {
      start.tensors.emplace(
          spec.name, formats::to_dense_f32(it->second, fmt::format("{}: tensor {}", file.name, spec.name)));
    }
  }
  return start;
}

}  // namespace resnet
