// From the values of a pickle to named tensors: what the two kinds of .pth have in common.
#pragma once

#include "model/file_view.hpp"
#include "model/raw_model.hpp"
#include "model/unpickler.hpp"

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace resnet::formats {

using NamedTensors = std::vector<std::pair<std::string, const PickledTensor*>>;

// Finds the state_dict in a checkpoint and takes common prefixes off its names. `file` is for messages.
// Throws Error{bad_format} where there is none, or where a name occurs twice.
NamedTensors find_state_dict(const PickleValue& root, const std::string& file);

// The bytes of a storage, by key.
using StorageLookup = std::function<std::span<const std::byte>(const PickledStorage&)>;

// Checks every tensor against the bytes of its storage. Throws Error{bad_format} naming the tensor.
RawModel to_raw_model(const NamedTensors& tensors, const StorageLookup& bytes_of, const FileView& file);

}  // namespace resnet::formats
