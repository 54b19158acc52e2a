#include "output/tag_store.hpp"

#include "core/atomic_file.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHeader = "resnet tags 1\n";
constexpr const char* kEnding = ".tags";
// Written together: seldom enough to cost nothing, often enough that a power cut loses little.
constexpr std::size_t kLinesTogether = 64;
// Stores of models and options not used for long are thrown away.
constexpr std::size_t kStoresKept = 32;

std::string key_of(const fs::path& photo) {
  std::error_code error;
  const fs::path absolute = fs::absolute(photo, error);
  return (error ? photo : absolute).lexically_normal().native();
}

// Line feeds, tabs and backslashes of a path, which would otherwise end a line or a field.
std::string escaped(std::string_view path) {
  std::string out;
  for (const char c : path) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
    } else {
      ++i;
      out += text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i];
    }
  }
  return out;
}

std::uint32_t checksum(std::string_view text) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

std::string to_line(const std::string& key, const PhotoStamp& stamp, const StoredTags& tags) {
  std::string line = fmt::format("{}\t{}\t{}\t{}\t{}\t", escaped(key), stamp.bytes, stamp.modified_ns,
                                 tags.width, tags.height);
  for (const Prediction& p : tags.predictions) {
    line += fmt::format("{}:{:08x} ", p.index, std::bit_cast<std::uint32_t>(p.score));
  }
  return line + fmt::format("\t{:08x}\n", checksum(line));
}

template <class T>
bool parse(std::string_view text, T& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

// The text up to `separator`, which is taken off the front of `rest`, too.
std::string_view next_field(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return field;
}

struct Line {
  std::string key;
  PhotoStamp stamp;
  StoredTags tags;
};

std::optional<Line> from_line(std::string_view text, int classes) {
  const std::size_t last_tab = text.rfind('\t');
  if (last_tab == std::string_view::npos) return std::nullopt;
  std::uint32_t sum = 0;
  if (!parse(text.substr(last_tab + 1), sum, 16) || sum != checksum(text.substr(0, last_tab)))
    return std::nullopt;
  std::string_view rest = text.substr(0, last_tab);
  Line line;
  line.key = unescaped(next_field(rest, '\t'));
  if (!parse(next_field(rest, '\t'), line.stamp.bytes) ||
      !parse(next_field(rest, '\t'), line.stamp.modified_ns) ||
      !parse(next_field(rest, '\t'), line.tags.width) || !parse(next_field(rest, '\t'), line.tags.height)) {
    return std::nullopt;
  }
  while (!rest.empty()) {
    std::string_view pair = next_field(rest, ' ');
    Prediction p{};
    std::uint32_t bits = 0;
    if (!parse(next_field(pair, ':'), p.index) || !parse(pair, bits, 16) || p.index < 0 ||
        p.index >= classes) {
      return std::nullopt;
    }
    p.score = std::bit_cast<float>(bits);
    line.tags.predictions.push_back(p);
  }
  return line;
}

void remove_old_stores(const fs::path& directory) {
  std::vector<std::pair<fs::file_time_type, fs::path>> stores;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() == kEnding) stores.emplace_back(entry.last_write_time(error), entry.path());
  }
  if (stores.size() <= kStoresKept) return;
  std::sort(stores.begin(), stores.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = kStoresKept; i < stores.size(); ++i) fs::remove(stores[i].second, error);
}

}  // namespace

std::optional<PhotoStamp> photo_stamp(const fs::path& photo) {
  struct stat info {};
  if (::stat(photo.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return PhotoStamp{static_cast<std::uint64_t>(info.st_size),
                    std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

fs::path default_tag_store_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
    return fs::path(cache) / "resnet" / "tags";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / ".cache" / "resnet" / "tags";
  }
  return {};
}

TagStore::TagStore(const fs::path& directory, const std::string& fingerprint, int classes)
    : file_(directory / (fingerprint + kEnding)) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    problem_ = fmt::format("{}: cannot be created: {}", directory.string(), error.message());
    return;
  }
  load(classes);
  if (lines_on_disk_ > 2 * entries_.size() + kLinesTogether) compact();
  remove_old_stores(directory);
}

TagStore::~TagStore() {
  flush();
}

void TagStore::load(int classes) {
  std::ifstream in(file_, std::ios::binary);
  if (!in) return;
  std::string text;
  std::getline(in, text);
  if (text + '\n' != kHeader) {  // another version's, or damaged: begin anew
    in.close();
    std::error_code error;
    fs::remove(file_, error);
    return;
  }
  while (std::getline(in, text)) {
    ++lines_on_disk_;
    if (auto line = from_line(text, classes)) {
      entries_.insert_or_assign(std::move(line->key), Entry{line->stamp, std::move(line->tags)});
    }
  }
}

// Drops lines that later ones have replaced. Another run's additions of this very moment may be lost with
// the old file: then that work is done twice.
void TagStore::compact() {
  try {
    AtomicFile out(file_);
    out.write(kHeader);
    for (const auto& [key, entry] : entries_) out.write(to_line(key, entry.stamp, entry.tags));
    out.commit();
    lines_on_disk_ = entries_.size();
  } catch (const Error& error) {
    problem_ = error.what();
  }
}

std::optional<StoredTags> TagStore::find(const fs::path& photo, const PhotoStamp& stamp) const {
  const std::string key = key_of(photo);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.stamp != stamp) return std::nullopt;
  return found->second.tags;
}

void TagStore::put(const fs::path& photo, const PhotoStamp& stamp, const StoredTags& tags) {
  std::string key = key_of(photo);
  const std::lock_guard lock(mutex_);
  pending_ += to_line(key, stamp, tags);
  entries_.insert_or_assign(std::move(key), Entry{stamp, tags});
  if (++pending_lines_ >= kLinesTogether) append_pending();
}

void TagStore::flush() {
  const std::lock_guard lock(mutex_);
  append_pending();
}

void TagStore::append_pending() {
  if (pending_.empty()) return;
  const std::string text = std::exchange(pending_, {});
  pending_lines_ = 0;
  if (!problem_.empty()) return;
  const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) {
    problem_ = fmt::format("{}: cannot be opened: {}", file_.string(), std::strerror(errno));
    return;
  }
  struct stat info {};
  const bool empty = ::fstat(fd, &info) == 0 && info.st_size == 0;
  // One write, so that lines of two runs at the same time do not mix.
  const std::string lines = empty ? std::string(kHeader) + text : text;
  const ssize_t written = ::write(fd, lines.data(), lines.size());
  if (written != static_cast<ssize_t>(lines.size())) {
    problem_ =
        fmt::format("{}: cannot be written: {}", file_.string(), std::strerror(written < 0 ? errno : ENOSPC));
    // A last line without its end would swallow the first one of the next run.
    if (written > 0 && ::ftruncate(fd, info.st_size) != 0) ::unlink(file_.c_str());
  }
  ::close(fd);
}

std::size_t TagStore::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::string TagStore::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace resnet
