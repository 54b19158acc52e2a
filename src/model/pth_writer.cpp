#include "model/pth_writer.hpp"

#include "model/facts.hpp"
#include "model/tensor_file.hpp"
#include "model/zip_writer.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace resnet::formats {
namespace {

// A pickle of protocol 2, instruction by instruction.
class Pickler {
 public:
  Pickler() { pickle_ = "\x80\x02"; }

  Pickler& op(char instruction) {
    pickle_ += instruction;
    return *this;
  }
  Pickler& global(std::string_view module, std::string_view name) {
    pickle_.append("c").append(module).append("\n").append(name).append("\n");
    return *this;
  }
  Pickler& text(std::string_view value) {
    pickle_ += 'X';
    return little_endian(value.size(), 4).append(value);
  }
  Pickler& integer(std::int64_t value) {
    if (value >= 0 && value <= std::numeric_limits<std::int32_t>::max()) {
      pickle_ += 'J';
      return little_endian(static_cast<std::uint64_t>(value), 4);
    }
    pickle_.append("\x8a\x08");  // LONG1, eight bytes
    return little_endian(static_cast<std::uint64_t>(value), 8);
  }
  Pickler& integers(const std::vector<std::int64_t>& values) {
    op('(');
    for (const std::int64_t value : values) integer(value);
    return op('t');
  }
  Pickler& empty_ordered_dict() { return global("collections", "OrderedDict").op(')').op('R'); }

  // _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())
  Pickler& tensor(std::string_view storage_type, const std::string& key, const Shape& shape) {
    std::vector<std::int64_t> strides(shape.rank());
    std::int64_t stride = 1;
    for (std::size_t d = shape.rank(); d-- > 0; stride *= shape[d]) strides[d] = stride;
    global("torch._utils", "_rebuild_tensor_v2").op('(');
    op('(')
        .text("storage")
        .global("torch", storage_type)
        .text(key)
        .text("cpu")
        .integer(shape.numel())
        .op('t');
    op('Q').integer(0).integers(shape.dims()).integers(strides).op('\x89').empty_ordered_dict();
    return op('t').op('R');
  }

  const std::string& finish() { return op('.').pickle_; }

 private:
  Pickler& little_endian(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) pickle_ += static_cast<char>((value >> (8 * i)) & 0xffu);
    return *this;
  }
  Pickler& append(std::string_view bytes) {
    pickle_ += bytes;
    return *this;
  }
  std::string pickle_;
};

}  // namespace

void write_pth(const Model& model, const std::filesystem::path& path, const SaveObserver& observer) {
  const std::string top = model.architecture.name() + "/";
  // Every BatchNorm has a counter of training batches that PyTorch expects; inference knows none.
  constexpr std::string_view kLastOfBatchNorm = ".running_var";
  constexpr std::int64_t kNoBatches = 0;

  Pickler pickler;
  pickler.empty_ordered_dict().op('(');
  std::vector<std::span<const std::byte>> storages;
  const auto next_key = [&] { return std::to_string(storages.size()); };
  for (const TensorSpec& spec : model.architecture.tensors()) {
    pickler.text(spec.name).tensor("FloatStorage", next_key(), spec.shape);
    storages.push_back(bytes_of(model.tensor(spec.name)));
    if (!spec.name.ends_with(kLastOfBatchNorm)) continue;
    const std::string bn = spec.name.substr(0, spec.name.size() - kLastOfBatchNorm.size());
    pickler.text(bn + ".num_batches_tracked").tensor("LongStorage", next_key(), Shape{});
    storages.push_back(std::as_bytes(std::span(&kNoBatches, 1)));
  }
  pickler.op('u');

  ZipWriter zip(path);
  zip.add(top + "data.pkl", pickler.finish());
  zip.add(top + "byteorder", "little");
  for (std::size_t i = 0; i < storages.size(); ++i) zip.add(top + "data/" + std::to_string(i), storages[i]);
  zip.add(top + "version", "3\n");
  zip.add(top + "resnet.json", dump(facts_to_json(model), 1));
  zip.commit();
  if (!observer) return;
  for (const TensorSpec& spec : model.architecture.tensors()) observer(spec.name, spec.shape, path);
}

}  // namespace resnet::formats
