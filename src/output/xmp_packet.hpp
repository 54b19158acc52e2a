// The keywords inside an XMP packet, and which of them are ours.
//
// Keywords go into dc:subject (every photo program reads it) and lr:hierarchicalSubject (Lightroom,
// digiKam, darktable). What we added is remembered in the packet itself, in bags of a namespace of our
// own, so that a later run replaces or removes exactly that: a keyword that was there before us is never
// ours, even where we would have added the same one.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace resnet {

// Whether this build can read and write XMP (it was built with Exempi).
bool xmp_available() noexcept;

struct XmpChange {
  std::vector<std::string> added;    // keywords that come into dc:subject
  std::vector<std::string> removed;  // ours of an earlier run that go
  bool changed = false;              // the packet differs from before (the two lists may still be empty)
};

// Not for use from several threads at once, not even on different packets. Every function throws
// Error{unsupported} in a build without XMP.
class XmpPacket {
 public:
  XmpPacket();  // without any property
  ~XmpPacket();
  XmpPacket(XmpPacket&&) noexcept;
  XmpPacket& operator=(XmpPacket&&) noexcept;

  // Throws Error{bad_format} naming `name`.
  static XmpPacket parse(std::string_view xml, const std::string& name);
  // The packet inside a JPEG, PNG, TIFF or WebP; an empty one where it has none. Keywords that a JPEG
  // holds as IPTC only are seen as dc:subject. Throws Error{bad_format, unsupported, io}.
  static XmpPacket read_from(const std::filesystem::path& picture);
  // Puts this packet in the place of the picture's own, in place: work on a copy.
  void write_into(const std::filesystem::path& picture) const;

  // As a sidecar file holds it.
  std::string serialize() const;

  std::vector<std::string> keywords() const;   // dc:subject
  std::vector<std::string> hierarchy() const;  // lr:hierarchicalSubject
  std::vector<std::string> our_keywords() const;
  std::string fingerprint() const;  // of the run that wrote ours; empty if none did
  bool created_by_us() const;
  bool has_properties() const;

  // Makes `tags` our keywords, instead of those of an earlier run. With a `parent` the hierarchical ones
  // read "parent|tag". `fingerprint` names model and options.
  XmpChange set_tags(std::span<const std::string> tags, const std::string& parent,
                     const std::string& fingerprint);
  // Takes out all that set_tags() put in.
  XmpChange remove_tags();
  void mark_created_by_us();

 private:
  struct Impl;
  explicit XmpPacket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace resnet
