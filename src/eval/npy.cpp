#include "eval/npy.hpp"

#include <bit>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are written and mapped as they lie in memory");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;  // of the values, as NumPy itself writes

// The text between `key` and the next comma that is not inside parentheses.
std::string_view header_value(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view rest = header.substr(at + key.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" :"), rest.size()));
  const std::size_t end = rest.starts_with('(') ? rest.find(')') : rest.find_first_of(",}");
  return rest.substr(0, end);
}

std::vector<std::int64_t> parse_dims(std::string_view text) {
  std::vector<std::int64_t> dims;
  const char *at = text.data(), *end = text.data() + text.size();
  while (at < end) {
    if (*at < '0' || *at > '9') {
      ++at;
      continue;
    }
    std::int64_t dim = 0;
    const auto [next, error] = std::from_chars(at, end, dim);
    dims.push_back(error == std::errc{} ? dim : -1);
    at = next;
  }
  return dims;
}

}  // namespace

NpyMatrix::NpyMatrix(const std::filesystem::path& path) : file_(MappedFile::open(path)) {
  const std::string_view bytes(reinterpret_cast<const char*>(file_->bytes().data()), file_->bytes().size());
  const std::string name = path.string();
  if (!bytes.starts_with(kMagic) || bytes.size() < 12)
    throw Error(ErrorCode::bad_format, name + ": is no .npy file");
  const int version = bytes[6];
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, version == 1 ? 2 : 4);
  const std::size_t begin = (version == 1 ? 10 : 12) + std::size_t{length};
  if (begin > bytes.size()) throw Error(ErrorCode::truncated, name + ": ends inside its header");
  const std::string_view header = bytes.substr(0, begin);
  if (header_value(header, "'descr'") != "'<f4'" || header_value(header, "'fortran_order'") != "False") {
    throw Error(ErrorCode::unsupported, name +
                                            ": is not little-endian float32 in C order; save it as "
                                            "np.ascontiguousarray(a, np.float32)");
  }
  const std::vector<std::int64_t> dims = parse_dims(header_value(header, "'shape'"));
  if (dims.size() != 2 || dims[0] < 0 || dims[1] < 1) {
    throw Error(ErrorCode::bad_format, name + ": is not a matrix of two dimensions");
  }
  rows_ = dims[0], columns_ = dims[1];
  const std::size_t available = (bytes.size() - begin) / sizeof(float);
  if (static_cast<std::uint64_t>(rows_) > available / static_cast<std::uint64_t>(columns_)) {
    throw Error(ErrorCode::truncated, fmt::format("{}: holds {} values where its header says {} x {}", name,
                                                  available, rows_, columns_));
  }
  const auto count = static_cast<std::size_t>(rows_ * columns_);
  if (begin % alignof(float) == 0) {
    values_ = {reinterpret_cast<const float*>(file_->bytes().data() + begin), count};
  } else {
    copy_.resize(count);
    std::memcpy(copy_.data(), bytes.data() + begin, count * sizeof(float));
    values_ = copy_;
  }
}

NpyWriter::NpyWriter(const std::filesystem::path& path, std::int64_t rows, std::int64_t columns)
    : file_(path), rows_(rows), columns_(columns) {
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  const std::size_t unpadded = kMagic.size() + 4 + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  header.push_back('\n');
  const auto length = static_cast<std::uint16_t>(header.size());
  std::string prefix(kMagic);
  prefix += {'\1', '\0', static_cast<char>(length & 0xFF), static_cast<char>(length >> 8)};
  file_.write(prefix);
  file_.write(header);
}

void NpyWriter::write_row(std::span<const float> values) {
  if (static_cast<std::int64_t>(values.size()) != columns_ || written_ == rows_) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("row {} of {} values does not fit a matrix of {} x {}", written_, values.size(),
                            rows_, columns_));
  }
  file_.write(std::as_bytes(values));
  ++written_;
}

void NpyWriter::commit() {
  if (written_ != rows_) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{} of {} rows were written", written_, rows_));
  }
  file_.commit();
}

}  // namespace resnet::eval
