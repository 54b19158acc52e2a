#include "model/facts.hpp"
#include "model/quantized_tensors.hpp"
#include "model/safetensors.hpp"
#include "model/tensor_file.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet::formats {
namespace {

// By falling size of their elements, so that each lies at a multiple of it.
std::vector<TensorSpec> tensors_to_write(const Model& model) {
  std::vector<TensorSpec> specs = stored_tensors(model.architecture, model.precision, model.quantization);
  std::stable_sort(specs.begin(), specs.end(), [](const TensorSpec& a, const TensorSpec& b) {
    return size_of(a.dtype) > size_of(b.dtype);
  });
  return specs;
}

// The types that a model of ours holds.
const char* type_name(DType dtype) {
  return dtype == DType::i8 ? "I8" : dtype == DType::u8 ? "U8" : dtype == DType::i32 ? "I32" : "F32";
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
  const std::vector<TensorSpec> specs = tensors_to_write(model);
  std::size_t end = 0;
  for (const TensorSpec& spec : specs) {
    const std::size_t begin = end;
    end += static_cast<std::size_t>(spec.shape.numel()) * size_of(spec.dtype);
    header[spec.name] = {
        {"dtype", type_name(spec.dtype)}, {"shape", spec.shape.dims()}, {"data_offsets", {begin, end}}};
  }
  // Padded so that the data starts at a cache line.
  std::string text = dump(header, -1);
  constexpr std::size_t kAlignment = 64;
  text.resize((8 + text.size() + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  const std::uint64_t length = text.size();

  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const TensorSpec& spec : specs) {
    const Tensor stored = to_stored(model.tensor(spec.name), spec);
    write_in_pieces(file, bytes_of(stored));
  }
  file.commit();
  if (!observer) return;
  for (const TensorSpec& spec : specs) observer(spec.name, spec.shape, path);
}

}  // namespace resnet::formats
