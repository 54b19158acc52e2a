#include "core/atomic_file.hpp"
#include "model/atomic_directory.hpp"
#include "model/facts.hpp"
#include "model/manifest.hpp"
#include "model/quantized_tensors.hpp"
#include "model/tensor_file.hpp"

#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

namespace fs = std::filesystem;

std::string file_name(const TensorSpec& spec) {
  return spec.name + ".bin";
}

const char* layout_of(const Shape& shape) {
  return shape.rank() == 4 ? "OIHW" : shape.rank() == 2 ? "OI" : "O";
}

// The names of an export's files, by its manifest; empty where there is none that can be read.
std::set<std::string> exported_files(const fs::path& directory) {
  std::set<std::string> names;
  try {
    const FileView file = map_file(directory / kManifestName);
    const nlohmann::json manifest = parse_json(as_text(file.bytes), file.name);
    for (const nlohmann::json& tensor : manifest.at("tensors"))
      names.insert(tensor.at("path").get<std::string>());
    names.insert(kManifestName);
  } catch (const Error&) {
  } catch (const nlohmann::json::exception&) {
  }
  return names;
}

// Exporting over a directory deletes what is in it, so it must be an export and nothing more.
void require_replaceable(const fs::path& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (!fs::exists(status)) return;
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: {}; remove it or give another directory", directory.string(), why));
  };
  if (!fs::is_directory(status)) refuse("exists and is not a directory");
  const std::set<std::string> ours = exported_files(directory);
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!ours.contains(name) || !fs::is_regular_file(entry.symlink_status())) {
      refuse(fmt::format("holds {}, which is no part of an earlier export", printable(name)));
    }
  }
  if (error) throw Error(ErrorCode::io, directory.string() + ": cannot be read: " + error.message());
}

nlohmann::ordered_json manifest_of(const Model& model, const std::vector<TensorSpec>& specs) {
  const bool int8 = model.precision == Precision::int8;
  nlohmann::ordered_json facts = facts_to_json(model);
  nlohmann::ordered_json manifest;
  manifest["model"] = facts["model"];
  manifest["dtype"] = std::string(to_string(model.precision));
  manifest["layout"] = "NCHW";
  manifest["version"] = 1;
  manifest["preprocess"] = facts["preprocess"];
  manifest["head"] = facts["head"];
  manifest["labels"] = facts["labels"];
  manifest["quant"] = int8 ? facts["quant"] : nlohmann::ordered_json(nullptr);
  if (int8) manifest["quant"]["scales"] = nlohmann::ordered_json::object();
  for (const TensorSpec& spec : specs) {
    if (spec.kind == TensorKind::quant_scale) {
      // In double, whose digits give every bit of the float back.
      manifest["quant"]["scales"][spec.name] = static_cast<double>(model.tensor(spec.name).f32()[0]);
      continue;
    }
    nlohmann::ordered_json& entry = manifest["tensors"][spec.name];
    entry = {{"path", file_name(spec)},
             {"shape", spec.shape.dims()},
             {"layout", layout_of(spec.shape)},
             {"kind", to_string(spec.kind)}};
    if (int8) entry["dtype"] = to_string(spec.dtype);
  }
  return manifest;
}

}  // namespace

void write_manifest(const Model& model, const fs::path& directory, const SaveObserver& observer) {
  require_replaceable(directory);
  const std::vector<TensorSpec> specs =
      stored_tensors(model.architecture, model.precision, model.quantization);
  const std::string manifest = dump(manifest_of(model, specs), 1) + "\n";
  AtomicDirectory staged(directory);
  for (const TensorSpec& spec : specs) {
    if (spec.kind == TensorKind::quant_scale) continue;
    const Tensor stored = to_stored(model.tensor(spec.name), spec);
    AtomicFile file(staged.temporary() / file_name(spec));
    write_in_pieces(file, bytes_of(stored));
    file.commit();
  }
  write_file_atomically(staged.temporary() / kManifestName, manifest);
  staged.commit();
  if (!observer) return;
  for (const TensorSpec& spec : specs) {
    const bool scale = spec.kind == TensorKind::quant_scale;
    observer(spec.name, spec.shape, directory / (scale ? kManifestName : file_name(spec)));
  }
}

}  // namespace resnet::formats
