#include "model/state_dict.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

// Where training scripts put the weights, the ones to prefer first.
constexpr std::array<std::string_view, 4> kWrappers{"state_dict", "model", "model_state_dict", "model_ema"};
constexpr std::array<std::string_view, 2> kPrefixes{"module.", "_orig_mod."};
// torch.optim.swa_utils.AveragedModel counts its updates in this tensor beside the weights.
constexpr std::string_view kAverageCounter = "n_averaged";
// An expanded tensor (stride 0) has more elements than its storage. This is the most one may have.
constexpr std::int64_t kMostExpanded = std::int64_t{1} << 20;

const PickleValue* lookup(const PickledDict& dict, std::string_view key) {
  for (const auto& [name, value] : dict.entries) {
    if (const auto* text = name->as<std::string>(); text != nullptr && *text == key) return value;
  }
  return nullptr;
}

bool holds_tensors(const PickledDict& dict) {
  return std::any_of(dict.entries.begin(), dict.entries.end(),
                     [](const auto& entry) { return entry.second->template as<PickledTensor>() != nullptr; });
}

const PickledDict& select(const PickleValue& root, const std::string& file) {
  const auto* dict = root.as<PickledDict>();
  if (dict != nullptr && holds_tensors(*dict)) return *dict;
  if (dict != nullptr) {
    for (const std::string_view wrapper : kWrappers) {
      const PickleValue* value = lookup(*dict, wrapper);
      const auto* inner = value == nullptr ? nullptr : value->as<PickledDict>();
      if (inner != nullptr && holds_tensors(*inner)) return *inner;
    }
  }
  throw Error(ErrorCode::bad_format,
              fmt::format("{}: holds no state_dict (a dictionary of tensors, or one under {}); save it with "
                          "torch.save(model.state_dict(), path)",
                          file, fmt::join(kWrappers, ", ")));
}

void strip_prefixes(NamedTensors& tensors) {
  for (bool stripped = true; stripped;) {
    stripped = false;
    for (const std::string_view prefix : kPrefixes) {
      if (!std::all_of(tensors.begin(), tensors.end(),
                       [&](const auto& t) { return t.first.starts_with(prefix); })) {
        continue;
      }
      for (auto& [name, tensor] : tensors) name.erase(0, prefix.size());
      stripped = true;
    }
  }
}

RawTensor to_raw_tensor(const std::string& name, const PickledTensor& tensor,
                        std::span<const std::byte> bytes, const FileView& file) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: tensor {}: {}", file.name, printable(name), why));
  };
  RawTensor raw{.dtype = tensor.storage->dtype,
                .shape = Shape(tensor.sizes),
                .strides = tensor.strides,
                .owner = file.owner,
                .evictable = file.evictable};
  const auto item = static_cast<std::int64_t>(size_of(raw.dtype));
  const std::int64_t capacity = static_cast<std::int64_t>(bytes.size()) / item;
  const std::int64_t numel = numel_of(raw.shape, fmt::format("{}: tensor {}", file.name, printable(name)));
  if (tensor.storage->numel > capacity) {
    refuse(fmt::format("its storage holds {} elements, not the {} that the pickle says", capacity,
                       tensor.storage->numel));
  }
  // The last element addressed; every step is checked, since all the numbers come from the file.
  std::int64_t last = tensor.offset;
  bool overflow = false;
  for (std::size_t d = 0; d < tensor.sizes.size() && numel > 0; ++d) {
    std::int64_t reach = 0;
    overflow |= __builtin_mul_overflow(tensor.sizes[d] - 1, tensor.strides[d], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  const std::int64_t stored = tensor.storage->numel;
  if (overflow || tensor.offset > stored || (numel > 0 && last >= stored)) {
    refuse(fmt::format("shape {} with its offset and strides reaches past its storage of {} elements",
                       raw.shape.to_string(), stored));
  }
  if (numel > stored && numel > kMostExpanded) {
    refuse(fmt::format("{} elements are expanded from {} stored ones", numel, stored));
  }
  raw.data = bytes.data() + tensor.offset * item;
  return raw;
}

}  // namespace

NamedTensors find_state_dict(const PickleValue& root, const std::string& file) {
  NamedTensors tensors;
  for (const auto& [key, value] : select(root, file).entries) {
    const auto* name = key->as<std::string>();
    const auto* tensor = value->as<PickledTensor>();
    if (name == nullptr || tensor == nullptr) {
      throw Error(
          ErrorCode::bad_format,
          fmt::format("{}: the state_dict's entry {} is not a tensor", file,
                      name == nullptr ? std::string("with a key that is no text") : printable(*name)));
    }
    if (*name != kAverageCounter) tensors.emplace_back(*name, tensor);
  }
  strip_prefixes(tensors);
  return tensors;
}

RawModel to_raw_model(const NamedTensors& tensors, const StorageLookup& bytes_of, const FileView& file) {
  RawModel raw;
  for (const auto& [name, tensor] : tensors) {
    RawTensor value = to_raw_tensor(name, *tensor, bytes_of(*tensor->storage), file);
    if (!raw.tensors.emplace(name, std::move(value)).second) {
      throw Error(ErrorCode::bad_format, file.name + ": two tensors are named " + printable(name));
    }
  }
  return raw;
}

}  // namespace resnet::formats
