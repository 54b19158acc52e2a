#include "model/zip_archive.hpp"

#include "core/thread_count.hpp"
#include "core/thread_pool.hpp"
#include "model/zip_format.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include <fmt/format.h>
#include <zlib.h>

#include <resnet/tensor.hpp>

namespace resnet::formats {
namespace {

constexpr std::uint64_t kMostEntries = 1'000'000;
constexpr std::size_t kLongestComment = 0xffff;
// Small enough to stay in the cache and to share out evenly, large enough to make combining cheap.
constexpr std::size_t kCrcChunk = std::size_t{1} << 20;

}  // namespace

void ZipArchive::fail(ErrorCode code, const std::string& what) const {
  throw Error(code, file_.name + ": " + what);
}

ZipArchive::ZipArchive(const FileView& file) : file_(file) {
  read_directory(find_directory());
  refuse_overlaps();
}

ZipArchive::Directory ZipArchive::find_directory() const {
  const auto bytes = file_.bytes;
  const std::size_t size = bytes.size();
  std::size_t end = size;  // where the end record starts; it ends, with its comment, where the file ends
  for (std::size_t comment = 0; comment <= kLongestComment && comment + zip::kEndSize <= size; ++comment) {
    const std::size_t at = size - zip::kEndSize - comment;
    if (load_le<std::uint32_t>(&bytes[at]) == zip::kEndSignature &&
        load_le<std::uint16_t>(&bytes[at + 20]) == comment) {
      end = at;
      break;
    }
  }
  if (end == size) {
    fail(ErrorCode::truncated, "the zip archive has no end record: the file is cut short; fetch it again");
  }
  const std::byte* record = &bytes[end];
  if (load_le<std::uint16_t>(record + 4) != load_le<std::uint16_t>(record + 6)) {
    fail(ErrorCode::unsupported, "a zip archive of several disks");
  }
  Directory directory{.offset = load_le<std::uint32_t>(record + 16),
                      .size = load_le<std::uint32_t>(record + 12),
                      .count = load_le<std::uint16_t>(record + 10)};
  std::uint64_t limit = end;  // the directory lies before the first end record

  if (end >= zip::kEnd64LocatorSize &&
      load_le<std::uint32_t>(record - zip::kEnd64LocatorSize) == zip::kEnd64LocatorSignature) {
    const std::uint64_t at = load_le<std::uint64_t>(record - zip::kEnd64LocatorSize + 8);
    limit = end - zip::kEnd64LocatorSize;
    if (at > limit || limit - at < zip::kEnd64Size ||
        load_le<std::uint32_t>(&bytes[at]) != zip::kEnd64Signature) {
      fail(ErrorCode::bad_format, "the zip64 end record is not where its locator points");
    }
    directory = {.offset = load_le<std::uint64_t>(&bytes[at + 48]),
                 .size = load_le<std::uint64_t>(&bytes[at + 40]),
                 .count = load_le<std::uint64_t>(&bytes[at + 32])};
    limit = at;
  }
  if (directory.offset > limit || directory.size > limit - directory.offset) {
    fail(ErrorCode::bad_format, "the zip directory lies outside the file");
  }
  if (directory.count > kMostEntries || directory.count > directory.size / zip::kCentralSize) {
    fail(ErrorCode::bad_format, fmt::format("the zip directory cannot hold {} entries", directory.count));
  }
  return directory;
}

void ZipArchive::read_directory(const Directory& directory) {
  std::span<const std::byte> rest = file_.bytes.subspan(directory.offset, directory.size);
  entries_.reserve(directory.count);
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    if (rest.size() < zip::kCentralSize || load_le<std::uint32_t>(rest.data()) != zip::kCentralSignature) {
      fail(ErrorCode::bad_format,
           fmt::format("zip directory entry {} of {} is damaged", i + 1, directory.count));
    }
    const std::size_t length = zip::kCentralSize + load_le<std::uint16_t>(&rest[28]) +
                               load_le<std::uint16_t>(&rest[30]) + load_le<std::uint16_t>(&rest[32]);
    if (length > rest.size()) {
      fail(ErrorCode::bad_format,
           fmt::format("zip directory entry {} of {} is cut short", i + 1, directory.count));
    }
    entries_.push_back(read_entry(rest.first(length), directory.offset));
    rest = rest.subspan(length);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!index_.emplace(entries_[i].name, i).second) {
      fail(ErrorCode::bad_format, "the zip archive has two entries named " + printable(entries_[i].name));
    }
  }
}

ZipEntry ZipArchive::read_entry(std::span<const std::byte> header, std::uint64_t directory_offset) const {
  const std::size_t name_length = load_le<std::uint16_t>(&header[28]);
  const std::size_t extra_length = load_le<std::uint16_t>(&header[30]);
  ZipEntry entry;
  entry.name = as_text(header.subspan(zip::kCentralSize, name_length));
  const std::string shown = printable(entry.name);
  entry.crc = load_le<std::uint32_t>(&header[16]);
  std::uint64_t compressed = load_le<std::uint32_t>(&header[20]);
  std::uint64_t size = load_le<std::uint32_t>(&header[24]);
  std::uint64_t offset = load_le<std::uint32_t>(&header[42]);

  // The zip64 field holds, in this order, only those values that are escaped above.
  std::span<const std::byte> extra = header.subspan(zip::kCentralSize + name_length, extra_length);
  bool zip64_seen = false;
  while (extra.size() >= 4) {
    const auto id = load_le<std::uint16_t>(extra.data());
    const std::size_t length = load_le<std::uint16_t>(&extra[2]);
    if (length > extra.size() - 4)
      fail(ErrorCode::bad_format, "zip entry " + shown + ": damaged extra field");
    std::span<const std::byte> field = extra.subspan(4, length);
    if (id == zip::kZip64Extra && !zip64_seen) {
      zip64_seen = true;
      for (std::uint64_t* value : {&size, &compressed, &offset}) {
        if (*value != zip::kEscape32) continue;
        if (field.size() < 8) fail(ErrorCode::bad_format, "zip entry " + shown + ": zip64 field too short");
        *value = load_le<std::uint64_t>(field.data());
        field = field.subspan(8);
      }
    }
    extra = extra.subspan(4 + length);
  }

  if (offset > directory_offset || directory_offset - offset < zip::kLocalSize) {
    fail(ErrorCode::bad_format, "zip entry " + shown + " lies outside the file");
  }
  const std::span<const std::byte> local = file_.bytes.subspan(offset, directory_offset - offset);
  if (load_le<std::uint32_t>(local.data()) != zip::kLocalSignature) {
    fail(ErrorCode::bad_format, "zip entry " + shown + " does not start where the directory says");
  }
  const std::size_t local_name = load_le<std::uint16_t>(&local[26]);
  const std::size_t start = zip::kLocalSize + local_name + load_le<std::uint16_t>(&local[28]);
  if (start > local.size() || compressed > local.size() - start) {
    fail(ErrorCode::bad_format, "zip entry " + shown + " runs past the end of the archive's data");
  }
  if (as_text(local.subspan(zip::kLocalSize, local_name)) != entry.name) {
    fail(ErrorCode::bad_format, "zip entry " + shown + " has another name in its own header");
  }
  const bool encrypted = (load_le<std::uint16_t>(&header[8]) & zip::kFlagEncrypted) != 0;
  entry.stored = load_le<std::uint16_t>(&header[10]) == 0 && !encrypted;
  if (entry.stored && size != compressed) {
    fail(ErrorCode::bad_format, "zip entry " + shown + " is stored, yet its two sizes differ");
  }
  if (entry.stored) entry.bytes = local.subspan(start, compressed);
  return entry;
}

void ZipArchive::refuse_overlaps() const {
  std::vector<std::span<const std::byte>> ranges;
  for (const ZipEntry& entry : entries_) {
    if (!entry.bytes.empty()) ranges.push_back(entry.bytes);
  }
  std::sort(ranges.begin(), ranges.end(), [](auto a, auto b) { return a.data() < b.data(); });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].data() + ranges[i - 1].size() > ranges[i].data()) {
      fail(ErrorCode::bad_format, "two entries of the zip archive overlap");
    }
  }
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &entries_[it->second];
}

void ZipArchive::verify(std::span<const ZipEntry* const> entries) const {
  struct Chunk {
    std::span<const std::byte> bytes;
    std::uint32_t crc = 0;
  };
  std::vector<Chunk> chunks;
  std::size_t total = 0;
  for (const ZipEntry* entry : entries) {
    if (!entry->stored) {
      fail(ErrorCode::unsupported, "zip entry " + printable(entry->name) +
                                       " is compressed or encrypted, which torch.save never does; load it in "
                                       "PyTorch and save it again");
    }
    total += entry->bytes.size();
    for (std::size_t at = 0; at < entry->bytes.size(); at += kCrcChunk) {
      chunks.push_back({entry->bytes.subspan(at, std::min(kCrcChunk, entry->bytes.size() - at))});
    }
  }

  std::atomic<std::size_t> next{0};
  const auto work = [&](const Team&) {
    for (std::size_t i = next++; i < chunks.size(); i = next++) {
      Chunk& chunk = chunks[i];
      const auto* data = reinterpret_cast<const Bytef*>(chunk.bytes.data());
      chunk.crc = static_cast<std::uint32_t>(crc32(0, data, static_cast<uInt>(chunk.bytes.size())));
      if (file_.evictable) {
        // The page cache keeps them; our resident set should hold no second copy of the weights.
        Tensor::view(DType::u8, Shape{static_cast<std::int64_t>(chunk.bytes.size())}, chunk.bytes.data(),
                     nullptr, true)
            .evict();
      }
    }
  };
  // A thread a chunk's worth of bytes: small files are done before a second thread has woken up.
  const std::size_t useful = total / kCrcChunk + 1;
  ThreadPool::shared().run(static_cast<int>(std::min<std::size_t>(thread_budget().threads, useful)), work);

  std::size_t at = 0;
  for (const ZipEntry* entry : entries) {
    uLong crc = crc32(0, nullptr, 0);
    for (std::size_t done = 0; done < entry->bytes.size(); ++at) {
      crc = crc32_combine(crc, chunks[at].crc, static_cast<z_off_t>(chunks[at].bytes.size()));
      done += chunks[at].bytes.size();
    }
    if (crc != entry->crc) {
      fail(ErrorCode::bad_format,
           fmt::format("{} is damaged: its CRC-32 is {:08x}, not {:08x}; fetch the file again",
                       printable(entry->name), crc, entry->crc));
    }
  }
}

}  // namespace resnet::formats
