// A level 5 file is a 128-byte header and a list of data elements:
//
//   tag: u32 type, u32 bytes, then the data padded to 8 bytes; or, where bytes <= 4, the small form
//        u16 type, u16 bytes, 4 bytes of data
//   type 15 (compressed) holds one element as a zlib stream; it is not padded
//   type 14 (matrix) holds elements: array flags, dimensions, name, then by class
//        struct: length of a field name (small int32), the names, one matrix a field of every element
//        char, numbers: one element of values, of any numeric type whatever the class
#include "eval/mat_file.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>
#include <zlib.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kMaxUnpackedBytes = 64 << 20;

enum Type : std::uint32_t {
  kInt8 = 1,
  kUint8 = 2,
  kInt16 = 3,
  kUint16 = 4,
  kInt32 = 5,
  kUint32 = 6,
  kSingle = 7,
  kDouble = 9,
  kInt64 = 12,
  kUint64 = 13,
  kMatrix = 14,
  kCompressed = 15,
  kUtf8 = 16,
  kUtf16 = 17,
};
enum Class : std::uint8_t { kStructClass = 2, kCharClass = 4, kDoubleClass = 6, kUint64Class = 15 };

using Bytes = std::span<const std::byte>;

template <typename T>
T load(Bytes bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

struct Element {
  std::uint32_t type = 0;
  Bytes data;
};

class ElementReader {
 public:
  ElementReader(Bytes bytes, const std::string& name) : rest_(bytes), name_(name) {}

  bool done() const noexcept { return rest_.size() < 8; }

  Element next() {
    if (rest_.size() < 8) truncated();
    const auto first = load<std::uint32_t>(rest_);
    if (first >> 16 != 0) {  // small form
      const std::uint32_t size = first >> 16;
      if (size > 4) throw Error(ErrorCode::bad_format, name_ + ": a small data element of more than 4 bytes");
      const Element element{first & 0xFFFF, rest_.subspan(4, size)};
      rest_ = rest_.subspan(8);
      return element;
    }
    const std::size_t size = load<std::uint32_t>(rest_.subspan(4));
    if (size > rest_.size() - 8) truncated();
    const Element element{first, rest_.subspan(8, size)};
    const std::size_t padded = first == kCompressed ? size : (size + 7) / 8 * 8;
    rest_ = rest_.subspan(std::min(rest_.size(), 8 + padded));
    return element;
  }

 private:
  [[noreturn]] void truncated() const {
    throw Error(ErrorCode::truncated, name_ + ": a data element ends before its size says it should");
  }

  Bytes rest_;
  const std::string& name_;
};

std::vector<std::byte> inflate_all(Bytes packed, const std::string& name) {
  std::vector<std::byte> out(std::clamp<std::size_t>(packed.size() * 8, 1 << 12, 1 << 20));
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw Error(ErrorCode::out_of_memory, name + ": zlib cannot start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int status = Z_OK;
  while (status == Z_OK && stream.total_out <= kMaxUnpackedBytes) {
    if (stream.total_out == out.size()) out.resize(out.size() * 2);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + stream.total_out);
    stream.avail_out = static_cast<uInt>(out.size() - stream.total_out);
    status = inflate(&stream, Z_NO_FLUSH);
  }
  const std::size_t total = stream.total_out;
  inflateEnd(&stream);
  if (total > kMaxUnpackedBytes) throw Error(ErrorCode::too_large, name + ": unpacks to more than 64 MiB");
  if (status != Z_STREAM_END) throw Error(ErrorCode::bad_format, name + ": a compressed element is damaged");
  out.resize(total);
  return out;
}

// Value i of a numeric or text element, whatever width it is stored in.
double number_at(const Element& element, std::size_t i, std::size_t width) {
  const Bytes at = element.data.subspan(i * width);
  switch (element.type) {
    case kInt8:
      return load<std::int8_t>(at);
    case kUint8:
    case kUtf8:
      return load<std::uint8_t>(at);
    case kInt16:
      return load<std::int16_t>(at);
    case kUint16:
    case kUtf16:
      return load<std::uint16_t>(at);
    case kInt32:
      return load<std::int32_t>(at);
    case kUint32:
      return load<std::uint32_t>(at);
    case kSingle:
      return static_cast<double>(load<float>(at));
    case kDouble:
      return load<double>(at);
    case kInt64:
      return static_cast<double>(load<std::int64_t>(at));
    default:
      return static_cast<double>(load<std::uint64_t>(at));
  }
}

std::size_t width_of(std::uint32_t type) {
  switch (type) {
    case kInt8:
    case kUint8:
    case kUtf8:
      return 1;
    case kInt16:
    case kUint16:
    case kUtf16:
      return 2;
    case kInt32:
    case kUint32:
    case kSingle:
      return 4;
    case kDouble:
    case kInt64:
    case kUint64:
      return 8;
    default:
      return 0;
  }
}

std::string text_of(Bytes data) {
  std::string text(reinterpret_cast<const char*>(data.data()), data.size());
  return text.substr(0, text.find('\0'));
}

struct MatrixHead {
  std::uint8_t array_class;
  std::size_t count;
};

MatrixHead read_head(ElementReader& in, const std::string& name) {
  const Element flags = in.next(), dims = in.next();
  in.next();  // the array's name
  if (flags.data.size() < 4 || dims.data.size() < 8 || dims.type != kInt32) {
    throw Error(ErrorCode::bad_format, name + ": a matrix without flags and dimensions");
  }
  std::size_t count = 1;
  for (std::size_t i = 0; i + 4 <= dims.data.size(); i += 4) {
    const auto side = load<std::int32_t>(dims.data.subspan(i));
    if (side < 0 || count * static_cast<std::size_t>(side) > kMaxUnpackedBytes) {
      throw Error(ErrorCode::bad_format, name + ": a matrix with impossible dimensions");
    }
    count *= static_cast<std::size_t>(side);
  }
  return {static_cast<std::uint8_t>(load<std::uint32_t>(flags.data) & 0xFF), count};
}

MatValue read_value(const Element& matrix, const std::string& name) {
  if (matrix.type != kMatrix || matrix.data.empty()) return {};
  ElementReader in(matrix.data, name);
  const MatrixHead head = read_head(in, name);
  const bool numeric = head.array_class >= kDoubleClass && head.array_class <= kUint64Class;
  if ((!numeric && head.array_class != kCharClass) || head.count == 0 || in.done()) return {};
  const Element values = in.next();
  const std::size_t width = width_of(values.type);
  if (width == 0 || values.data.size() < width) return {};
  if (numeric) return number_at(values, 0, width);
  std::string text;
  for (std::size_t i = 0; i < values.data.size() / width; ++i) {
    const double c = number_at(values, i, width);
    text.push_back(c >= 0 && c < 256 ? static_cast<char>(c) : '?');
  }
  return text;
}

std::vector<MatStruct> read_structs(ElementReader& in, std::size_t count, const std::string& name) {
  const Element length = in.next(), names = in.next();
  const std::size_t stride = length.data.size() == 4 ? load<std::uint32_t>(length.data) : 0;
  if (stride == 0 || names.data.empty() || names.data.size() % stride != 0) {
    throw Error(ErrorCode::bad_format, name + ": a struct without field names");
  }
  std::vector<std::string> fields;
  for (std::size_t i = 0; i < names.data.size(); i += stride)
    fields.push_back(text_of(names.data.subspan(i, stride)));
  std::vector<MatStruct> result;
  for (std::size_t i = 0; i < count; ++i) {
    MatStruct& element = result.emplace_back();
    for (const std::string& field : fields) element[field] = read_value(in.next(), name);
  }
  return result;
}

}  // namespace

std::vector<MatStruct> read_mat_structs(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < kHeaderBytes) throw Error(ErrorCode::truncated, name + ": too short for a .mat file");
  const auto version = load<std::uint16_t>(bytes.subspan(124));
  const auto endian = load<std::uint16_t>(bytes.subspan(126));
  if (version != 0x0100 || endian != 0x4D49) {  // "IM" as a little-endian number
    throw Error(ErrorCode::unsupported, name + ": not a little-endian .mat file of level 5");
  }
  for (ElementReader in(bytes.subspan(kHeaderBytes), name); !in.done();) {
    Element element = in.next();
    std::vector<std::byte> unpacked;
    if (element.type == kCompressed) {
      unpacked = inflate_all(element.data, name);
      element = ElementReader(unpacked, name).next();
    }
    if (element.type != kMatrix || element.data.empty()) continue;
    ElementReader inside(element.data, name);
    const MatrixHead head = read_head(inside, name);
    if (head.array_class == kStructClass) return read_structs(inside, head.count, name);
  }
  throw Error(ErrorCode::bad_format, name + ": holds no struct array");
}

}  // namespace resnet::eval
