#include "model/pth_reader.hpp"
#include "model/state_dict.hpp"
#include "model/unpickler.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

// The first pickle: protocol 2, LONG1 of ten bytes, 0x1950a86a20f9469cfc6c, STOP.
constexpr std::array<unsigned char, 15> kMagicPickle{0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                                     0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};
constexpr std::int64_t kProtocol = 1001;

// All storages that the pickle refers to, the optimiser's too: to find a block one must know the sizes of
// those before it.
std::map<std::string, const PickledStorage*> collect_storages(const Pickle& pickle) {
  std::map<std::string, const PickledStorage*> storages;
  for (const PickleValue& value : pickle.values()) {
    if (const auto* storage = value.as<PickledStorage>()) storages.emplace(storage->key, storage);
  }
  return storages;
}

}  // namespace

bool is_legacy_pth(const FileView& file) {
  // The first four bytes are enough to know the kind, so that a file cut short is called that.
  return file.bytes.size() >= 4 &&
         std::equal(kMagicPickle.begin(), kMagicPickle.begin() + 4, file.bytes.begin(),
                    [](unsigned char a, std::byte b) { return std::byte{a} == b; });
}

RawModel read_legacy_pth(const FileView& file) {
  const auto refuse = [&](ErrorCode code, const std::string& why) {
    throw Error(code, fmt::format("{}: {}; if PyTorch can read it, convert it: python3 -c \"import torch; "
                                  "torch.save(torch.load('{}', map_location='cpu'), 'converted.pth')\"",
                                  file.name, why, file.name));
  };
  if (file.bytes.size() < kMagicPickle.size()) refuse(ErrorCode::truncated, "the file is cut short");
  if (!std::equal(kMagicPickle.begin(), kMagicPickle.end(), file.bytes.begin(),
                  [](unsigned char a, std::byte b) { return std::byte{a} == b; })) {
    refuse(ErrorCode::bad_format, "starts like an old .pth, but with another magic number");
  }
  std::span<const std::byte> rest = file.bytes.subspan(kMagicPickle.size());

  const Pickle protocol(rest, file.name);
  rest = rest.subspan(protocol.size());
  if (const auto* version = protocol.root().as<std::int64_t>(); version == nullptr || *version != kProtocol) {
    refuse(ErrorCode::unsupported, "an old .pth of another protocol than 1001");
  }
  const Pickle system(rest, file.name);
  rest = rest.subspan(system.size());
  if (const auto* facts = system.root().as<PickledDict>()) {
    for (const auto& [key, value] : facts->entries) {
      const auto* name = key->as<std::string>();
      const auto* little = value->as<bool>();
      if (name != nullptr && *name == "little_endian" && little != nullptr && !*little) {
        refuse(ErrorCode::unsupported, "was saved on a big-endian machine");
      }
    }
  }
  const Pickle object(rest, file.name);
  rest = rest.subspan(object.size());
  const Pickle keys(rest, file.name);
  rest = rest.subspan(keys.size());

  const NamedTensors tensors = find_state_dict(object.root(), file.name);
  const auto storages = collect_storages(object);

  // Blocks of the storages in the order of the keys: element count, then the bytes.
  std::map<std::string, std::span<const std::byte>> found;
  const auto* order = keys.root().as<PickledList>();
  if (order == nullptr) refuse(ErrorCode::bad_format, "its list of storages is damaged");
  for (const PickleValue* item : order->items) {
    const auto* key = item->as<std::string>();
    const auto storage = key == nullptr ? storages.end() : storages.find(*key);
    if (storage == storages.end()) refuse(ErrorCode::bad_format, "lists a storage that nothing uses");
    if (rest.size() < 8) refuse(ErrorCode::truncated, "the file is cut short");
    const auto numel = load_le<std::uint64_t>(rest.data());
    rest = rest.subspan(8);
    const std::size_t item_size = size_of(storage->second->dtype);
    if (numel > rest.size() / item_size) refuse(ErrorCode::truncated, "the file is cut short");
    found[*key] = rest.first(numel * item_size);
    rest = rest.subspan(numel * item_size);
  }
  for (const auto& [name, tensor] : tensors) {
    if (!found.contains(tensor->storage->key)) {
      refuse(ErrorCode::bad_format,
             fmt::format("tensor {}: its storage is not in the file", printable(name)));
    }
  }
  return to_raw_model(
      tensors, [&](const PickledStorage& storage) { return found.at(storage.key); }, file);
}

}  // namespace resnet::formats
