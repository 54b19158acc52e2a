#include "model/zip_writer.hpp"

#include "model/tensor_file.hpp"
#include "model/zip_format.hpp"

#include <zlib.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

constexpr std::uint16_t kVersion = 20;                // stored entries need no later version of the format
constexpr std::uint16_t kEpochDate = (1u << 5) | 1u;  // 1 January 1980: the same model gives the same bytes
constexpr std::uint16_t kAlignmentExtra = 0xd935;     // the field that zipalign pads with
constexpr std::size_t kAlignmentExtraMin = 6;         // id, length, alignment
constexpr std::size_t kMostWrittenEntries = 0xfffe;

// Fields one after the other, little-endian.
class Record {
 public:
  Record& u16(std::size_t value) { return put(value, 2); }
  Record& u32(std::size_t value) { return put(value, 4); }
  const std::string& bytes() const noexcept { return bytes_; }

 private:
  Record& put(std::size_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_ += static_cast<char>((value >> (8 * i)) & 0xffu);
    return *this;
  }
  std::string bytes_;
};

// What the local and the central header have in common, from "version needed" to the sizes.
void put_common(Record& record, std::uint32_t crc, std::uint32_t size) {
  record.u16(kVersion).u16(zip::kFlagUtf8).u16(0).u16(0).u16(kEpochDate).u32(crc).u32(size).u32(size);
}

}  // namespace

ZipWriter::ZipWriter(const std::filesystem::path& path) : path_(path), file_(path) {}

void ZipWriter::require_room(std::uint64_t size) const {
  if (size >= zip::kEscape32 || at_ + size >= zip::kEscape32 || entries_.size() >= kMostWrittenEntries) {
    throw Error(ErrorCode::too_large,
                path_.string() + ": the archive would pass 4 GiB; save the model as safetensors");
  }
}

void ZipWriter::write(std::string_view bytes) {
  file_.write(bytes);
  at_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::string_view text) {
  add(name, std::as_bytes(std::span(text.data(), text.size())));
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
  require_room(bytes.size() + zip::kLocalSize + name.size() + kAlignmentExtraMin + kAlignment);
  Entry entry{.name = name,
              .crc = static_cast<std::uint32_t>(
                  crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size())),
              .size = static_cast<std::uint32_t>(bytes.size()),
              .offset = static_cast<std::uint32_t>(at_)};

  const std::uint64_t unpadded = at_ + zip::kLocalSize + name.size() + kAlignmentExtraMin;
  const std::size_t padding = static_cast<std::size_t>((kAlignment - unpadded % kAlignment) % kAlignment);
  Record header;
  header.u32(zip::kLocalSignature);
  put_common(header, entry.crc, entry.size);
  header.u16(name.size()).u16(kAlignmentExtraMin + padding);
  Record extra;
  extra.u16(kAlignmentExtra).u16(kAlignmentExtraMin - 4 + padding).u16(kAlignment);
  write(header.bytes());
  write(name);
  write(extra.bytes());
  write(std::string(padding, '\0'));
  write_in_pieces(file_, bytes);
  at_ += bytes.size();
  entries_.push_back(std::move(entry));
}

void ZipWriter::commit() {
  const std::uint64_t start = at_;
  for (const Entry& entry : entries_) {
    require_room(zip::kCentralSize + entry.name.size() + zip::kEndSize);
    Record header;
    header.u32(zip::kCentralSignature).u16(kVersion);
    put_common(header, entry.crc, entry.size);
    // No extra field, comment, second disk or attributes.
    header.u16(entry.name.size()).u16(0).u16(0).u16(0).u16(0).u32(0).u32(entry.offset);
    write(header.bytes());
    write(entry.name);
  }
  Record end;
  end.u32(zip::kEndSignature).u16(0).u16(0).u16(entries_.size()).u16(entries_.size());
  end.u32(at_ - start).u32(start).u16(0);
  write(end.bytes());
  file_.commit();
}

}  // namespace resnet::formats
