// Reads the pickles that torch.save writes for state_dicts, and nothing more. A pickle is a program for a
// stack machine that can name any function of Python's and call it; here the machine knows the few
// instructions and the few names that tensors in dictionaries need, builds plain values, calls nothing,
// and refuses everything else by name with ErrorCode::unsafe.
//
// Values live in one flat arena and refer to each other by pointer, so that deep or self-referring
// structures cost neither recursion nor reference cycles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet::formats {

struct PickleValue;

// The names a pickle may use. Storage types carry their element type in PickledGlobal::dtype.
enum class PickleName { ordered_dict, rebuild_tensor, rebuild_tensor_v2, rebuild_parameter, storage_type };

struct PickledNone {};
struct PickledGlobal {
  PickleName name;
  DType dtype;
};
struct PickledTuple {
  std::vector<const PickleValue*> items;
};
struct PickledList {
  std::vector<const PickleValue*> items;
};
struct PickledDict {  // OrderedDict too; an entry set twice is here twice
  std::vector<std::pair<const PickleValue*, const PickleValue*>> entries;
};
struct PickledStorage {
  std::string key;  // names the bytes: zip entry "data/<key>", or a block at the end of a legacy file
  DType dtype;
  std::int64_t numel;
};
struct PickledTensor {  // sizes and strides have equal length; nothing is checked against the storage yet
  const PickledStorage* storage;
  std::int64_t offset;  // in elements, like the strides
  std::vector<std::int64_t> sizes, strides;
};

struct PickleValue {
  std::variant<PickledNone, bool, std::int64_t, double, std::string, PickledGlobal, PickledTuple, PickledList,
               PickledDict, PickledStorage, PickledTensor>
      data;

  template <class T>
  const T* as() const noexcept {
    return std::get_if<T>(&data);
  }
};

class Pickle {
 public:
  // Reads one pickle from the start of `bytes`; what follows its STOP is not looked at. `name` appears in
  // messages. Throws Error: unsafe, truncated, bad_format, too_large (more than a checkpoint can need).
  Pickle(std::span<const std::byte> bytes, const std::string& name);
  Pickle(const Pickle&) = delete;
  Pickle& operator=(const Pickle&) = delete;

  const PickleValue& root() const noexcept { return *root_; }
  std::size_t size() const noexcept { return size_; }                        // bytes read, STOP included
  const std::deque<PickleValue>& values() const noexcept { return arena_; }  // every value made, in order

 private:
  std::deque<PickleValue> arena_;
  const PickleValue* root_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace resnet::formats
