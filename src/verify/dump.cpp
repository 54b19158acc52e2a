#include "verify/dump.hpp"

#include "core/atomic_file.hpp"
#include "verify/checkpoints.hpp"
#include "verify/tensor_file.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include <resnet/error.hpp>
#include <resnet/predictions.hpp>

namespace resnet::verify {
namespace {

// Mean over H and W of [N, C, H, W].
std::vector<float> global_average(const Shape& shape, std::span<const float> values) {
  const std::int64_t plane = shape[2] * shape[3];
  std::vector<float> means;
  means.reserve(static_cast<std::size_t>(shape[0] * shape[1]));
  for (std::int64_t p = 0; p < shape[0] * shape[1]; ++p) {
    double sum = 0;
    for (const float v :
         values.subspan(static_cast<std::size_t>(p * plane), static_cast<std::size_t>(plane))) {
      sum += static_cast<double>(v);
    }
    means.push_back(static_cast<float>(sum / static_cast<double>(plane)));
  }
  return means;
}

}  // namespace

DumpWriter::DumpWriter(std::filesystem::path directory, const Model& model, std::string made_by)
    : directory_(std::move(directory)), model_(model), made_by_(std::move(made_by)) {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) throw Error(ErrorCode::io, fmt::format("{}: {}", directory_.string(), error.message()));
}

void DumpWriter::write(const std::string& name, const Shape& shape, std::span<const float> values) {
  write_f32(directory_ / (name + ".bin"), values);
  written_.insert_or_assign(name, shape);
}

void DumpWriter::input(const Shape& shape, std::span<const float> values) {
  write("input", shape, values);
}

void DumpWriter::module(int module, const Shape& shape, std::span<const float> values) {
  const Architecture& architecture = model_.architecture;
  write(architecture.modules().at(static_cast<std::size_t>(module)).name, shape, values);
  for (const std::string& alias : aliases(architecture, module)) write(alias, shape, values);
  if (module == architecture.head() - 1)
    write("gap", Shape{shape[0], shape[1]}, global_average(shape, values));
  if (module == architecture.head()) {
    const auto classes = static_cast<std::size_t>(shape[1]);
    std::vector<float> scores;
    for (std::size_t at = 0; at < values.size(); at += classes) {
      const std::vector<float> image = probabilities(model_.head, values.subspan(at, classes));
      scores.insert(scores.end(), image.begin(), image.end());
    }
    write("probabilities", shape, scores);
  }
}

void DumpWriter::finish() {
  nlohmann::ordered_json tensors = nlohmann::ordered_json::object();
  for (const std::string& name : checkpoint_names(model_.architecture)) {
    const auto found = written_.find(name);
    if (found == written_.end()) continue;
    tensors[name] = {{"file", name + ".bin"}, {"shape", found->second.dims()}};
  }
  const nlohmann::ordered_json root{
      {"version", 1},
      {"made_by", made_by_},
      {"model", model_.architecture.name()},
      {"classes", model_.architecture.classes()},
      {"weights", {{"file", model_.path.filename().string()}, {"crc32", crc32_of(model_)}}},
      {"input", nlohmann::ordered_json::object()},
      {"float64", false},
      {"tensors", tensors},
  };
  using Handler = nlohmann::ordered_json::error_handler_t;
  write_file_atomically(directory_ / "reference.json", root.dump(2, ' ', false, Handler::replace) + "\n");
}

std::string crc32_of(const Model& model) {
  uLong crc = ::crc32(0, nullptr, 0);
  for (const TensorSpec& spec : model.architecture.tensors()) {
    const std::span<const float> values = model.tensor(spec.name).f32();
    crc = ::crc32_z(crc, reinterpret_cast<const Bytef*>(values.data()), values.size_bytes());
  }
  return fmt::format("{:08x}", crc);
}

}  // namespace resnet::verify
