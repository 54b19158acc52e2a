#include "model/facts.hpp"
#include "model/safetensors.hpp"
#include "model/tensor_file.hpp"

#include <vector>

namespace resnet::formats {

void write_safetensors(const Model& model, const std::filesystem::path& path, const SaveObserver& observer) {
  nlohmann::ordered_json header;
  // Other readers look for "format" before they hand the tensors to PyTorch.
  header["__metadata__"]["format"] = "pt";
  const nlohmann::ordered_json facts = facts_to_json(model);
  for (const auto& [key, value] : facts.items()) {
    header["__metadata__"][key] = value.is_string() ? value.get<std::string>() : dump(value, -1);
  }
  std::size_t end = 0;
  for (const TensorSpec& spec : model.architecture.tensors()) {
    const std::size_t begin = end;
    end += model.tensor(spec.name).bytes();
    header[spec.name] = {{"dtype", "F32"}, {"shape", spec.shape.dims()}, {"data_offsets", {begin, end}}};
  }
  // Padded so that the data starts at a cache line.
  std::string text = dump(header, -1);
  constexpr std::size_t kAlignment = 64;
  text.resize((8 + text.size() + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  const std::uint64_t length = text.size();

  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const TensorSpec& spec : model.architecture.tensors()) {
    write_in_pieces(file, bytes_of(model.tensor(spec.name)));
  }
  file.commit();
  if (!observer) return;
  for (const TensorSpec& spec : model.architecture.tensors()) observer(spec.name, spec.shape, path);
}

}  // namespace resnet::formats
