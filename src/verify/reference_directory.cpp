#include "verify/reference_directory.hpp"

#include "verify/checkpoints.hpp"
#include "verify/tensor_file.hpp"

#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormatVersion = 1;
constexpr std::size_t kMaxJsonBytes = 16u << 20;

json read_json(const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) {
    throw Error(ErrorCode::not_found,
                path.string() + ": not found; tools/make_reference.py makes reference directories");
  }
  if (error) throw Error(ErrorCode::io, path.string() + ": " + error.message());
  if (bytes > kMaxJsonBytes)
    throw Error(ErrorCode::too_large, path.string() + ": too large for a reference.json");
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(ErrorCode::io, path.string() + ": cannot be opened for reading");
  json value = json::parse(in, nullptr, false);
  if (value.is_discarded() || !value.is_object()) {
    throw Error(ErrorCode::bad_format, path.string() + ": not a JSON object");
  }
  return value;
}

int depth_of(const std::string& model, const fs::path& path) {
  for (const int depth : {18, 34, 50}) {
    if (model == "resnet" + std::to_string(depth)) return depth;
  }
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: model '{}' is not resnet18, 34 or 50", path.string(), model));
}

// A file name below the directory: nothing absolute, no "..".
void check_inside(const std::string& file, const fs::path& path) {
  const fs::path p(file);
  bool inside = !file.empty() && p.is_relative();
  for (const fs::path& part : p) inside = inside && part != "..";
  if (!inside) {
    throw Error(ErrorCode::unsafe,
                fmt::format("{}: file '{}' lies outside the directory", path.string(), file));
  }
}

std::string float64_file(const std::string& name) {
  return name + ".f64.bin";
}

}  // namespace

ReferenceDirectory::ReferenceDirectory(fs::path directory) : directory_(std::move(directory)) {
  const fs::path path = directory_ / "reference.json";
  const json root = read_json(path);
  try {
    if (root.at("version") != kFormatVersion) {
      throw Error(ErrorCode::unsupported,
                  fmt::format("{}: version {}, but this program reads {}", path.string(),
                              root.at("version").dump(), kFormatVersion));
    }
    architecture_ =
        Architecture(depth_of(root.at("model").get<std::string>(), path), root.at("classes").get<int>());
    made_by_ = root.at("made_by").get<std::string>();
    const json& weights = root.at("weights");
    trained_ = !weights.contains("seeded");
    crc32_ = weights.value("crc32", std::string());
    float64_ = root.value("float64", false);
    const json& input = root.at("input");
    if (input.contains("images")) {
      for (const json& image : input["images"]) images_.emplace_back(image.get<std::string>());
    }
    for (const auto& [name, tensor] : root.at("tensors").items()) {
      Entry e{tensor.at("file").get<std::string>(),
              Shape(tensor.at("shape").get<std::vector<std::int64_t>>())};
      check_inside(e.file, path);
      tensors_.emplace(name, std::move(e));
    }
  } catch (const json::exception& e) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: {}", path.string(), e.what()));
  }
  check_shapes();
}

void ReferenceDirectory::check_shapes() const {
  const auto expect = [&](const std::string& name, const Shape& shape) {
    if (has(name) && entry(name).shape != shape) {
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("{}: {} is {}, but {} of {} gives {}", (directory_ / "reference.json").string(),
                              name, entry(name).shape.to_string(), architecture_.name(),
                              entry("input").shape.to_string(), shape.to_string()));
    }
  };
  const Shape input = shape("input");
  for (int m = 0; m < architecture_.module_count(); ++m) {
    const Shape out = architecture_.output_shape_from(0, m, input);
    expect(architecture_.modules()[static_cast<std::size_t>(m)].name, out);
    for (const std::string& alias : aliases(architecture_, m)) expect(alias, out);
  }
  for (const auto& [name, e] : tensors_) {
    const fs::path file = directory_ / e.file;
    std::error_code error;
    const auto bytes = fs::file_size(file, error);
    if (error) throw Error(ErrorCode::not_found, fmt::format("{}: {}", file.string(), error.message()));
    const auto expected = static_cast<std::uintmax_t>(e.shape.numel()) * sizeof(float);
    if (bytes != expected) {
      throw Error(ErrorCode::shape_mismatch, fmt::format("{}: {} bytes, but {} takes {}", file.string(),
                                                         bytes, e.shape.to_string(), expected));
    }
  }
}

const ReferenceDirectory::Entry& ReferenceDirectory::entry(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  std::string names;
  for (const auto& [known, unused] : tensors_) names += (names.empty() ? "" : ", ") + known;
  throw Error(ErrorCode::not_found,
              fmt::format("{} has no '{}'; it has {}", directory_.string(), name, names));
}

const Shape& ReferenceDirectory::shape(std::string_view name) const {
  return entry(name).shape;
}

std::vector<float> ReferenceDirectory::read(std::string_view name) const {
  const Entry& e = entry(name);
  return read_f32(directory_ / e.file, e.shape);
}

std::vector<double> ReferenceDirectory::read_float64(std::string_view name) const {
  return read_f64(directory_ / float64_file(std::string(name)), entry(name).shape);
}

}  // namespace resnet::verify
