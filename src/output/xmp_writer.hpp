// Tags into photos' metadata: sidecar files, or the picture files themselves.
//
// Nothing is ever written in place. A sidecar is replaced as a whole; a picture is copied, the copy gets
// the new XMP, its compressed picture data is compared with the original's, and only then it takes the
// original's name. Permissions and owner are kept. The time of modification becomes now, so that backups
// and photo libraries notice the change.
#pragma once

#include "output/xmp_packet.hpp"

#include <filesystem>
#include <span>
#include <string>

namespace resnet {

struct XmpTags {
  std::span<const std::string> tags;
  std::string parent;       // of the hierarchical keywords; empty: top level
  std::string fingerprint;  // of the model and the options that gave the tags
};

enum class XmpAction {
  unchanged,  // it holds what it should already
  created,
  updated,
  deleted,  // a sidecar that we had created and that held nothing else
};

struct XmpOutcome {
  std::filesystem::path file;  // the sidecar or picture concerned
  XmpAction action = XmpAction::unchanged;
  XmpChange change{};
};

struct XmpWriteOptions {
  bool dry_run = false;  // tell what would be done; write nothing
  bool force = false;    // look also at files that already carry `fingerprint`
};

// "photo.jpg.xmp"; "photo.xmp" where that exists and the other does not.
std::filesystem::path sidecar_path(const std::filesystem::path& photo);

// All throw Error naming the file: io (not writable, disk full), bad_format (existing XMP or picture is
// damaged), unsupported (a format that cannot hold XMP, a build without Exempi), internal (the changed
// copy's picture differs). The file is then as it was.
XmpOutcome write_sidecar(const std::filesystem::path& photo, const XmpTags& tags,
                         const XmpWriteOptions& options);
XmpOutcome write_embedded(const std::filesystem::path& photo, const XmpTags& tags,
                          const XmpWriteOptions& options);
XmpOutcome remove_from_sidecar(const std::filesystem::path& photo, const XmpWriteOptions& options);
XmpOutcome remove_embedded(const std::filesystem::path& photo, const XmpWriteOptions& options);

}  // namespace resnet
