#include "model/pth_reader.hpp"

#include "model/facts.hpp"
#include "model/state_dict.hpp"
#include "model/unpickler.hpp"
#include "model/zip_archive.hpp"

#include <map>
#include <vector>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

// The folder that all of torch's entries lie in; its name varies from file to file.
std::string top_folder(const ZipArchive& zip, const std::string& file) {
  constexpr std::string_view kPickle = "/data.pkl";
  std::string top;
  for (const ZipEntry& entry : zip.entries()) {
    if (!entry.name.ends_with(kPickle)) continue;
    const std::string folder = entry.name.substr(0, entry.name.size() - kPickle.size());
    if (folder.find('/') != std::string::npos) continue;
    if (!top.empty()) throw Error(ErrorCode::bad_format, file + ": holds several data.pkl");
    top = folder;
  }
  if (top.empty()) {
    throw Error(ErrorCode::bad_format,
                file + ": a zip archive, but not one that torch.save wrote (no data.pkl)");
  }
  if (zip.find(top + "/constants.pkl") != nullptr) {
    throw Error(ErrorCode::unsupported,
                file +
                    ": a TorchScript program; save its weights alone: torch.save(torch.jit.load(path)"
                    ".state_dict(), new_path)");
  }
  return top;
}

std::span<const std::byte> verified(const ZipArchive& zip, const ZipEntry& entry) {
  const ZipEntry* const one[] = {&entry};
  zip.verify(one);
  return entry.bytes;
}

}  // namespace

bool is_zip(const FileView& file) {
  return as_text(file.bytes).starts_with("PK\x03\x04");
}

RawModel read_pth(const FileView& file) {
  const ZipArchive zip(file);
  const std::string top = top_folder(zip, file.name);
  if (const ZipEntry* order = zip.find(top + "/byteorder");
      order != nullptr && as_text(verified(zip, *order)) != "little") {
    throw Error(ErrorCode::unsupported, file.name +
                                            ": was saved on a big-endian machine; load it in PyTorch and "
                                            "save it again");
  }
  const Pickle pickle(verified(zip, *zip.find(top + "/data.pkl")), file.name);
  const NamedTensors tensors = find_state_dict(pickle.root(), file.name);

  std::map<std::string_view, const ZipEntry*> storages;
  for (const auto& [name, tensor] : tensors) {
    const std::string& key = tensor->storage->key;
    if (storages.contains(key)) continue;
    const ZipEntry* entry = zip.find(fmt::format("{}/data/{}", top, key));
    if (entry == nullptr) {
      throw Error(ErrorCode::bad_format, fmt::format("{}: tensor {}: its storage {} is not in the archive",
                                                     file.name, printable(name), printable(key)));
    }
    storages.emplace(key, entry);
  }
  std::vector<const ZipEntry*> used;
  for (const auto& [key, entry] : storages) used.push_back(entry);
  zip.verify(used);

  RawModel raw = to_raw_model(
      tensors, [&](const PickledStorage& storage) { return storages.at(storage.key)->bytes; }, file);
  if (const ZipEntry* facts = zip.find(top + "/resnet.json")) {
    raw.facts = parse_facts(as_text(verified(zip, *facts)), file.name);
  }
  return raw;
}

}  // namespace resnet::formats
