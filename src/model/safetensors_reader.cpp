#include "model/facts.hpp"
#include "model/safetensors.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

constexpr std::size_t kLengthBytes = 8;

struct TypeName {
  std::string_view name;
  DType dtype;
};
constexpr std::array kTypeNames{
    TypeName{"F32", DType::f32},      TypeName{"F16", DType::f16}, TypeName{"BF16", DType::bf16},
    TypeName{"F64", DType::f64},      TypeName{"I64", DType::i64}, TypeName{"I32", DType::i32},
    TypeName{"I16", DType::i16},      TypeName{"I8", DType::i8},   TypeName{"U8", DType::u8},
    TypeName{"BOOL", DType::boolean},
};

class SafetensorsReader {
 public:
  explicit SafetensorsReader(const FileView& file) : file_(file) {}

  RawModel read() {
    const auto length = load_le<std::uint64_t>(file_.bytes.data());
    if (length > file_.bytes.size() - kLengthBytes) {
      throw Error(ErrorCode::truncated,
                  fmt::format("{}: its header says {} bytes, the file has {}; fetch it again", file_.name,
                              length, file_.bytes.size() - kLengthBytes));
    }
    const nlohmann::json header = parse_json(as_text(file_.bytes.subspan(kLengthBytes, length)), file_.name);
    if (!header.is_object()) fail("its header is not a JSON object");
    data_ = file_.bytes.subspan(kLengthBytes + length);

    RawModel raw;
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        raw.facts = metadata(value);
      } else {
        raw.tensors.emplace(name, tensor(name, value));
      }
    }
    require_full_cover();
    return raw;
  }

 private:
  struct Range {
    std::uint64_t begin, end;
  };

  [[noreturn]] void fail(const std::string& what, ErrorCode code = ErrorCode::bad_format) const {
    throw Error(code, file_.name + ": " + what);
  }

  Facts metadata(const nlohmann::json& value) const {
    if (!value.is_object()) fail("__metadata__ is not an object");
    nlohmann::json facts = nlohmann::json::object();
    const auto precision = value.find("precision");
    const bool int8 = precision != value.end() && *precision == "int8";
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail("__metadata__ has a value that is no text: " + printable(key));
      const auto& string = text.get_ref<const std::string&>();
      if (key == "model") {
        // Other programs use this common word too; only ours is a network's name.
        if (string.starts_with("resnet")) facts[key] = string;
      } else if (key == "precision") {
        if (int8) facts[key] = string;
      } else if ((key == "quant" && int8) || key == "preprocess" || key == "head" || key == "labels") {
        facts[key] = parse_json(string, fmt::format("{} (__metadata__.{})", file_.name, key));
      }
    }
    return facts_from_json(facts, file_.name);
  }

  std::uint64_t count(const nlohmann::json& value, const std::string& name) const {
    if (!value.is_number_unsigned())
      fail("tensor " + printable(name) + ": a count or offset is no whole number");
    return value.get<std::uint64_t>();
  }

  RawTensor tensor(const std::string& name, const nlohmann::json& value) {
    const std::string shown = "tensor " + printable(name);
    const auto member = [&](const char* key) -> const nlohmann::json& {
      const auto it = value.is_object() ? value.find(key) : value.end();
      if (!value.is_object() || it == value.end()) fail(fmt::format("{}: has no {}", shown, key));
      return *it;
    };
    const nlohmann::json& type = member("dtype");
    const auto known =
        std::find_if(kTypeNames.begin(), kTypeNames.end(), [&](const TypeName& t) { return type == t.name; });
    if (known == kTypeNames.end()) {
      fail(fmt::format("{}: element type {} is not read", shown, printable(type.dump(-1, ' ', true))),
           ErrorCode::unsupported);
    }
    const nlohmann::json& dims = member("shape");
    const nlohmann::json& offsets = member("data_offsets");
    if (!dims.is_array() || !offsets.is_array() || offsets.size() != 2) {
      fail(shown + ": shape or data_offsets is not a list");
    }
    std::vector<std::int64_t> shape;
    for (const nlohmann::json& dim : dims) {
      const std::uint64_t d = count(dim, name);
      if (d > std::numeric_limits<std::int64_t>::max()) fail(shown + ": has an impossible shape");
      shape.push_back(static_cast<std::int64_t>(d));
    }
    const Range range{count(offsets[0], name), count(offsets[1], name)};
    if (range.end > data_.size()) {
      fail(fmt::format("{}: ends at byte {} of {} bytes of data; fetch the file again", shown, range.end,
                       data_.size()),
           ErrorCode::truncated);
    }
    RawTensor raw{.dtype = known->dtype,
                  .shape = Shape(std::move(shape)),
                  .owner = file_.owner,
                  .evictable = file_.evictable};
    const std::int64_t numel = numel_of(raw.shape, fmt::format("{}: {}", file_.name, shown));
    std::int64_t bytes = 0;
    if (range.begin > range.end ||
        __builtin_mul_overflow(numel, static_cast<std::int64_t>(size_of(raw.dtype)), &bytes) ||
        static_cast<std::uint64_t>(bytes) != range.end - range.begin) {
      fail(fmt::format("{}: shape {} does not fill bytes {} to {}", shown, raw.shape.to_string(), range.begin,
                       range.end));
    }
    raw.data = data_.data() + range.begin;
    ranges_.push_back(range);
    return raw;
  }

  void require_full_cover() {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    std::uint64_t at = 0;
    for (const Range& range : ranges_) {
      if (range.begin != at) {
        fail(fmt::format("its tensors {} at byte {} of the data",
                         range.begin < at ? "overlap" : "leave a hole", std::min(at, range.begin)));
      }
      at = range.end;
    }
    if (at != data_.size()) fail(fmt::format("{} bytes of its data belong to no tensor", data_.size() - at));
  }

  const FileView& file_;
  std::span<const std::byte> data_;
  std::vector<Range> ranges_;
};

}  // namespace

bool is_safetensors(const FileView& file) {
  if (file.bytes.size() <= kLengthBytes || file.bytes[kLengthBytes] != std::byte{'{'}) return false;
  // A length of 2^40 bytes or more is no length, but text of some other kind.
  return load_le<std::uint64_t>(file.bytes.data()) >> 40 == 0;
}

RawModel read_safetensors(const FileView& file) {
  return SafetensorsReader(file).read();
}

}  // namespace resnet::formats
