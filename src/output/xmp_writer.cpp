#include "output/xmp_writer.hpp"

#include "core/atomic_file.hpp"
#include "core/mapped_file.hpp"
#include "output/picture_data.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;

std::atomic<unsigned> next_suffix{0};

[[noreturn]] void fail(const fs::path& path, const std::string& action, int error) {
  throw Error(ErrorCode::io, path.string() + ": " + action + ": " + std::strerror(error));
}

struct stat stat_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) fail(path, "cannot be read", errno);
  return info;
}

bool same_version(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

std::string read_file(const fs::path& path) {
  const auto file = MappedFile::open(path);
  return {reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()};
}

bool there(const fs::path& path) {
  std::error_code error;  // a name too long for the system is not there either
  return fs::exists(fs::symlink_status(path, error));
}

bool ends_as_xmp(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return ending == ".xmp";
}

// A copy of a picture beside it, under a hidden name, gone again unless it takes the picture's place.
class PictureCopy {
 public:
  explicit PictureCopy(const fs::path& original) : original_(original), before_(stat_of(original)) {
    // The name keeps the ending, and its length within what a file system takes.
    path_ = original.parent_path() / (".resnet-" + std::to_string(::getpid()) + "-" +
                                      std::to_string(next_suffix++) + original.extension().string());
    std::error_code error;
    fs::copy_file(original, path_, error);
    if (error) {
      ::unlink(path_.c_str());  // a full disk leaves a part; the destructor will not run
      fail(original, "cannot be copied beside itself to change the copy", error.value());
    }
  }
  ~PictureCopy() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  PictureCopy(const PictureCopy&) = delete;
  PictureCopy& operator=(const PictureCopy&) = delete;

  const fs::path& path() const { return path_; }

  // The copy is complete: it gets what the original's name stands for.
  void replace_original() {
    // Only root may give a file away; for everybody else the copy has the right owner already.
    if (::chown(path_.c_str(), before_.st_uid, before_.st_gid) != 0 && ::geteuid() == 0) {
      fail(path_, "its owner cannot be kept", errno);
    }
    if (::chmod(path_.c_str(), before_.st_mode & 07777) != 0)
      fail(path_, "its permissions cannot be kept", errno);
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(path_, "cannot be opened", errno);
    const int synced = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (synced != 0 && error != EINVAL) fail(original_, "its changed copy cannot be synced", error);
    if (!same_version(before_, stat_of(original_))) {
      throw Error(ErrorCode::io, original_.string() + ": another program changed it meanwhile; run again");
    }
    if (::rename(path_.c_str(), original_.c_str()) != 0) fail(original_, "cannot be replaced", errno);
    path_.clear();
  }

 private:
  fs::path original_;
  fs::path path_;
  struct stat before_;
};

void require_embeddable(const fs::path& photo) {
  std::array<std::byte, 16> head{};
  std::ifstream in(photo, std::ios::binary);
  if (!in) fail(photo, "cannot be read", errno);
  in.read(reinterpret_cast<char*>(head.data()), head.size());
  if (picture_format(std::span(head).first(static_cast<std::size_t>(in.gcount()))) == PictureFormat::other) {
    throw Error(ErrorCode::unsupported, photo.string() +
                                            ": XMP can be embedded in JPEG, PNG, TIFF and WebP only; "
                                            "use --xmp sidecar for this one");
  }
}

// A symbolic link stays a link: what it points to is changed.
fs::path resolved(const fs::path& photo) {
  std::error_code error;
  fs::path real = fs::canonical(photo, error);
  if (error) fail(photo, "cannot be read", error.value());
  return real;
}

void embed(const XmpPacket& packet, const fs::path& photo) {
  PictureCopy copy(photo);
  packet.write_into(copy.path());
  if (!same_picture(photo, copy.path())) {
    throw Error(ErrorCode::internal, photo.string() +
                                         ": putting XMP into a copy of it changed the picture in the copy; "
                                         "the file is left as it was (use --xmp sidecar)");
  }
  // A packet that cannot be read back would be worse than none.
  const XmpPacket written = XmpPacket::read_from(copy.path());
  if (written.keywords() != packet.keywords() || written.hierarchy() != packet.hierarchy() ||
      written.our_keywords() != packet.our_keywords() || written.fingerprint() != packet.fingerprint()) {
    throw Error(ErrorCode::internal, photo.string() +
                                         ": XMP put into a copy of it does not read back as written; "
                                         "the file is left as it was (use --xmp sidecar)");
  }
  copy.replace_original();
}

}  // namespace

fs::path sidecar_path(const fs::path& photo) {
  fs::path full = photo;
  full += ".xmp";
  if (there(full)) return full;
  fs::path stem = photo;
  stem.replace_extension(".xmp");
  return there(stem) ? stem : full;
}

XmpOutcome write_sidecar(const fs::path& photo, const XmpTags& tags, const XmpWriteOptions& options) {
  if (ends_as_xmp(photo))
    throw Error(ErrorCode::invalid_argument, photo.string() + ": is a sidecar, not a photo");
  XmpOutcome outcome{.file = sidecar_path(photo)};
  const bool exists = there(outcome.file);
  XmpPacket packet = exists ? XmpPacket::parse(read_file(outcome.file), outcome.file.string()) : XmpPacket();
  if (exists && !options.force && packet.fingerprint() == tags.fingerprint) return outcome;
  outcome.change = packet.set_tags(tags.tags, tags.parent, tags.fingerprint);
  if (!exists) packet.mark_created_by_us();
  if (exists && !outcome.change.changed) return outcome;
  outcome.action = exists ? XmpAction::updated : XmpAction::created;
  if (!options.dry_run)
    write_file_atomically(exists ? resolved(outcome.file) : outcome.file, packet.serialize());
  return outcome;
}

XmpOutcome write_embedded(const fs::path& photo, const XmpTags& tags, const XmpWriteOptions& options) {
  XmpOutcome outcome{.file = photo};
  require_embeddable(photo);
  const fs::path real = resolved(photo);
  XmpPacket packet = XmpPacket::read_from(real);
  if (!options.force && packet.fingerprint() == tags.fingerprint) return outcome;
  outcome.change = packet.set_tags(tags.tags, tags.parent, tags.fingerprint);
  if (!outcome.change.changed) return outcome;
  outcome.action = XmpAction::updated;
  if (!options.dry_run) embed(packet, real);
  return outcome;
}

XmpOutcome remove_from_sidecar(const fs::path& photo, const XmpWriteOptions& options) {
  XmpOutcome outcome{.file = sidecar_path(photo)};
  if (!there(outcome.file)) return outcome;
  XmpPacket packet = XmpPacket::parse(read_file(outcome.file), outcome.file.string());
  const bool created = packet.created_by_us();
  outcome.change = packet.remove_tags();
  if (!outcome.change.changed) return outcome;
  outcome.action = created && !packet.has_properties() ? XmpAction::deleted : XmpAction::updated;
  if (options.dry_run) return outcome;
  if (outcome.action == XmpAction::updated) {
    write_file_atomically(resolved(outcome.file), packet.serialize());
  } else if (::unlink(outcome.file.c_str()) != 0) {
    fail(outcome.file, "cannot be removed", errno);
  }
  return outcome;
}

XmpOutcome remove_embedded(const fs::path& photo, const XmpWriteOptions& options) {
  XmpOutcome outcome{.file = photo};
  require_embeddable(photo);
  const fs::path real = resolved(photo);
  XmpPacket packet = XmpPacket::read_from(real);
  outcome.change = packet.remove_tags();
  if (!outcome.change.changed) return outcome;
  outcome.action = XmpAction::updated;
  if (!options.dry_run) embed(packet, real);
  return outcome;
}

}  // namespace resnet
