#include "model/facts.hpp"
#include "model/safetensors.hpp"
#include "model/tensor_file.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <resnet/quantization.hpp>

namespace resnet::formats {
namespace {

// By falling size of their elements, so that each lies at a multiple of it.
std::vector<std::string> tensor_names(const Model& model) {
  std::vector<std::string> names;
  if (model.precision == Precision::int8) {
    for (const QuantizedTensorSpec& spec : quantized_tensors(model.architecture)) names.push_back(spec.name);
  } else {
    for (const TensorSpec& spec : model.architecture.tensors()) names.push_back(spec.name);
  }
  std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return size_of(model.tensor(a).dtype()) > size_of(model.tensor(b).dtype());
  });
  return names;
}

// The types that a model of ours holds.
const char* type_name(DType dtype) {
  return dtype == DType::i8 ? "I8" : dtype == DType::i32 ? "I32" : "F32";
}

}  // namespace

void write_safetensors(const Model& model, const std::filesystem::path& path, const SaveObserver& observer) {
  nlohmann::ordered_json header;
  // Other readers look for "format" before they hand the tensors to PyTorch.
  header["__metadata__"]["format"] = "pt";
  const nlohmann::ordered_json facts = facts_to_json(model);
  for (const auto& [key, value] : facts.items()) {
    header["__metadata__"][key] = value.is_string() ? value.get<std::string>() : dump(value, -1);
  }
  std::vector<std::string> names = tensor_names(model);
  std::size_t end = 0;
  for (const std::string& name : names) {
    const Tensor& tensor = model.tensor(name);
    const std::size_t begin = end;
    end += tensor.bytes();
    header[name] = {{"dtype", type_name(tensor.dtype())},
                    {"shape", tensor.shape().dims()},
                    {"data_offsets", {begin, end}}};
  }
  // Padded so that the data starts at a cache line.
  std::string text = dump(header, -1);
  constexpr std::size_t kAlignment = 64;
  text.resize((8 + text.size() + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  const std::uint64_t length = text.size();

  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const std::string& name : names) write_in_pieces(file, bytes_of(model.tensor(name)));
  file.commit();
  if (!observer) return;
  for (const std::string& name : names) observer(name, model.tensor(name).shape(), path);
}

}  // namespace resnet::formats
