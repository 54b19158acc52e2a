#include "output/xmp_packet.hpp"

#include "core/atomic_file.hpp"
#include "core/mapped_file.hpp"
#include "output/picture_data.hpp"
#include "output/xmp_container.hpp"

#include <algorithm>
#include <iostream>
#include <sstream>
#include <utility>

#include <exempi/xmp.h>
#include <exempi/xmperrors.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr const char* kDublinCore = "http://purl.org/dc/elements/1.1/";
constexpr const char* kLightroom = "http://ns.adobe.com/lightroom/1.0/";
// Ours. A name, not a place: nothing is ever fetched from it.
constexpr const char* kOurs = "urn:resnet.cpp:tags:1.0/";
constexpr const char* kSubject = "subject";
constexpr const char* kHierarchy = "hierarchicalSubject";
constexpr const char* kOurKeywords = "Keywords";
constexpr const char* kOurHierarchy = "HierarchicalKeywords";
constexpr const char* kFingerprint = "Run";
constexpr const char* kCreated = "CreatedSidecar";
// Lightroom's separator of levels, which therefore cannot be part of a keyword there.
constexpr char kLevelSeparator = '|';

std::string reason() {
  const int code = xmp_get_error();
  switch (code) {
    case XMPErr_BadXML:
      return "no well-formed XML";
    case XMPErr_BadRDF:
      return "no valid RDF";
    case XMPErr_BadXMP:
      return "no valid XMP";
    case XMPErr_BadUnicode:
      return "text that is not valid Unicode";
    case XMPErr_BadSchema:
      return "a namespace that is not valid";
    case XMPErr_NoMemory:
      return "not enough memory";
    case XMPErr_BadFileFormat:
      return "a file that is damaged or not what its content claims";
    case XMPErr_NoFileHandler:
      return "a kind of file that cannot hold XMP";
    case XMPErr_TooLargeForJPEG:
      return "more metadata than fits into a JPEG";
    case XMPErr_BadJPEG:
      return "a damaged JPEG";
    case XMPErr_BadTIFF:
      return "a damaged TIFF structure";
    case XMPErr_BadIPTC:
      return "a damaged IPTC block";
    case XMPErr_BadPSIR:
      return "a damaged Photoshop block";
    default:
      return "Exempi's error " + std::to_string(code);
  }
}

void initialise() {
  static const bool ready = [] {
    return xmp_init() && xmp_register_namespace(kLightroom, "lr", nullptr) &&
           xmp_register_namespace(kOurs, "resnettags", nullptr);
  }();
  if (!ready) throw Error(ErrorCode::internal, "Exempi cannot be initialised: " + reason());
}

// Exempi writes what goes wrong to std::cerr. It belongs into our errors, not on the user's screen.
class QuietExempi {
 public:
  QuietExempi() : before_(std::cerr.rdbuf(said_.rdbuf())) {}
  ~QuietExempi() { std::cerr.rdbuf(before_); }
  QuietExempi(const QuietExempi&) = delete;
  QuietExempi& operator=(const QuietExempi&) = delete;

 private:
  std::ostringstream said_;
  std::streambuf* before_;
};

class Text {
 public:
  Text() : text_(xmp_string_new()) {}
  ~Text() { xmp_string_free(text_); }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  XmpStringPtr get() const { return text_; }
  std::string str() const {
    const char* c = xmp_string_cstr(text_);
    return c == nullptr ? std::string() : std::string(c, xmp_string_len(text_));
  }

 private:
  XmpStringPtr text_;
};

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string hierarchical(const std::string& parent, std::string tag) {
  std::replace(tag.begin(), tag.end(), kLevelSeparator, '/');
  return parent.empty() ? tag : parent + kLevelSeparator + tag;
}

}  // namespace

struct XmpPacket::Impl {
  explicit Impl(XmpPtr packet) : xmp(packet) {}
  ~Impl() { xmp_free(xmp); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::vector<std::string> array(const char* schema, const char* name) const {
    std::vector<std::string> items;
    Text value;
    for (int i = 1; xmp_get_array_item(xmp, schema, name, i, value.get(), nullptr); ++i)
      items.push_back(value.str());
    return items;
  }

  void append(const char* schema, const char* name, const std::string& value) {
    if (!xmp_append_array_item(xmp, schema, name, XMP_PROP_ARRAY_IS_UNORDERED, value.c_str(), 0)) {
      throw Error(ErrorCode::bad_format, std::string("the keyword \"") + value +
                                             "\" cannot be added to its list \"" + name + "\": " + reason());
    }
  }

  // Removes the first item of that value; an array that becomes empty goes, too.
  bool erase(const char* schema, const char* name, const std::string& value) {
    const std::vector<std::string> items = array(schema, name);
    const auto at = std::find(items.begin(), items.end(), value);
    if (at == items.end()) return false;
    if (items.size() == 1) return xmp_delete_property(xmp, schema, name);
    const std::string item = std::string(name) + "[" + std::to_string(at - items.begin() + 1) + "]";
    return xmp_delete_property(xmp, schema, item.c_str());
  }

  void replace_bag(const char* name, const std::vector<std::string>& values) {
    xmp_delete_property(xmp, kOurs, name);
    for (const std::string& value : values) append(kOurs, name, value);
  }

  // Turns our part of one list from what `ours` remembers into `wanted`.
  void update(const char* schema, const char* name, const char* ours_name,
              const std::vector<std::string>& wanted, XmpChange& change, bool report) {
    std::vector<std::string> ours;
    for (const std::string& old : array(kOurs, ours_name)) {
      if (contains(wanted, old) && contains(array(schema, name), old)) {
        ours.push_back(old);
      } else if (erase(schema, name, old)) {
        change.changed = true;
        if (report && !contains(wanted, old)) change.removed.push_back(old);
      }
    }
    const std::vector<std::string> present = array(schema, name);
    for (const std::string& value : wanted) {
      if (contains(present, value) || contains(ours, value)) continue;
      append(schema, name, value);
      ours.push_back(value);
      change.changed = true;
      if (report) change.added.push_back(value);
    }
    if (ours != array(kOurs, ours_name)) {
      replace_bag(ours_name, ours);
      change.changed = true;
    }
  }

  std::string text(const char* schema, const char* name) const {
    Text value;
    return xmp_get_property(xmp, schema, name, value.get(), nullptr) ? value.str() : std::string();
  }

  std::string serialized(std::uint32_t options) const {
    Text text;
    if (!xmp_serialize(xmp, text.get(), options | XMP_SERIAL_ENCODEUTF8 | XMP_SERIAL_USECOMPACTFORMAT, 0)) {
      throw Error(ErrorCode::bad_format, "XMP cannot be serialised: " + reason());
    }
    return text.str();
  }

  XmpPtr xmp;
};

bool xmp_available() noexcept {
  return true;
}

XmpPacket::XmpPacket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XmpPacket::~XmpPacket() = default;
XmpPacket::XmpPacket(XmpPacket&&) noexcept = default;
XmpPacket& XmpPacket::operator=(XmpPacket&&) noexcept = default;

XmpPacket::XmpPacket() {
  initialise();
  impl_ = std::make_unique<Impl>(xmp_new_empty());
}

XmpPacket XmpPacket::parse(std::string_view xml, const std::string& name) {
  XmpPacket packet;
  const QuietExempi quiet;
  if (!xmp_parse(packet.impl_->xmp, xml.data(), xml.size())) {
    throw Error(ErrorCode::bad_format,
                name + ": the XMP in it cannot be read (" + reason() +
                    "); it is left as it is: repair or remove it to have tags written");
  }
  return packet;
}

XmpPacket XmpPacket::read_from(const std::filesystem::path& picture) {
  const auto file = MappedFile::open(picture);
  const PictureFormat format = picture_format(file->bytes());
  if (format == PictureFormat::png || format == PictureFormat::webp) {
    const auto read = format == PictureFormat::png ? read_png_xmp : read_webp_xmp;
    const std::string xml = read(file->bytes(), picture.string());
    return xml.empty() ? XmpPacket() : parse(xml, picture.string());
  }
  XmpPacket packet;
  const QuietExempi quiet;
  const XmpFilePtr opened = xmp_files_open_new(picture.c_str(), XMP_OPEN_READ);
  if (opened == nullptr) {
    throw Error(ErrorCode::bad_format, picture.string() + ": its metadata cannot be read: " + reason());
  }
  // False also where there is simply no packet: the empty one is then the answer.
  xmp_files_get_xmp(opened, packet.impl_->xmp);
  xmp_files_close(opened, XMP_CLOSE_NOOPTION);
  xmp_files_free(opened);
  return packet;
}

void XmpPacket::write_into(const std::filesystem::path& picture) const {
  const PictureFormat format = picture_format(MappedFile::open(picture)->bytes());
  if (format == PictureFormat::png || format == PictureFormat::webp) {
    const auto replace = format == PictureFormat::png ? replace_png_xmp : replace_webp_xmp;
    const auto file = MappedFile::open(picture);
    write_file_atomically(picture, replace(file->bytes(), impl_->serialized(0), picture.string()));
    return;
  }
  const QuietExempi quiet;
  const XmpFilePtr opened = xmp_files_open_new(picture.c_str(), XMP_OPEN_FORUPDATE);
  if (opened == nullptr) {
    throw Error(ErrorCode::bad_format, picture.string() + ": its metadata cannot be changed: " + reason());
  }
  const bool put = xmp_files_can_put_xmp(opened, impl_->xmp) && xmp_files_put_xmp(opened, impl_->xmp);
  const std::string put_reason = put ? "" : reason();
  // The file is written here, not by put_xmp.
  const bool closed = xmp_files_close(opened, XMP_CLOSE_NOOPTION);
  const std::string close_reason = closed ? "" : reason();
  xmp_files_free(opened);
  if (!put || !closed) {
    throw Error(put ? ErrorCode::io : ErrorCode::unsupported,
                picture.string() + ": XMP cannot be put into it: " + (put ? close_reason : put_reason));
  }
}

std::string XmpPacket::serialize() const {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + impl_->serialized(XMP_SERIAL_OMITPACKETWRAPPER) +
         "\n";
}

std::vector<std::string> XmpPacket::keywords() const {
  return impl_->array(kDublinCore, kSubject);
}
std::vector<std::string> XmpPacket::hierarchy() const {
  return impl_->array(kLightroom, kHierarchy);
}
std::vector<std::string> XmpPacket::our_keywords() const {
  return impl_->array(kOurs, kOurKeywords);
}
std::string XmpPacket::fingerprint() const {
  return impl_->text(kOurs, kFingerprint);
}
bool XmpPacket::created_by_us() const {
  return impl_->text(kOurs, kCreated) == "True";
}

bool XmpPacket::has_properties() const {
  const XmpIteratorPtr all = xmp_iterator_new(impl_->xmp, nullptr, nullptr, XMP_ITER_PROPERTIES);
  if (all == nullptr) return true;  // in doubt nothing is thrown away
  bool found = false;
  Text schema, name, value;
  std::uint32_t options = 0;
  while (!found && xmp_iterator_next(all, schema.get(), name.get(), value.get(), &options))
    found = !name.str().empty();
  xmp_iterator_free(all);
  return found;
}

XmpChange XmpPacket::set_tags(std::span<const std::string> tags, const std::string& parent,
                              const std::string& fingerprint) {
  std::vector<std::string> flat;
  std::vector<std::string> levels;
  for (const std::string& tag : tags) {
    if (!contains(flat, tag)) flat.push_back(tag);
    std::string path = hierarchical(parent, tag);
    if (!contains(levels, path)) levels.push_back(std::move(path));
  }
  XmpChange change;
  impl_->update(kDublinCore, kSubject, kOurKeywords, flat, change, true);
  impl_->update(kLightroom, kHierarchy, kOurHierarchy, levels, change, false);
  if (impl_->text(kOurs, kFingerprint) != fingerprint) {
    if (!xmp_set_property(impl_->xmp, kOurs, kFingerprint, fingerprint.c_str(), 0)) {
      throw Error(ErrorCode::internal, "XMP cannot hold \"" + fingerprint + "\": " + reason());
    }
    change.changed = true;
  }
  return change;
}

XmpChange XmpPacket::remove_tags() {
  XmpChange change;
  impl_->update(kDublinCore, kSubject, kOurKeywords, {}, change, true);
  impl_->update(kLightroom, kHierarchy, kOurHierarchy, {}, change, false);
  for (const char* name : {kOurKeywords, kOurHierarchy, kFingerprint, kCreated}) {
    if (xmp_has_property(impl_->xmp, kOurs, name)) {
      xmp_delete_property(impl_->xmp, kOurs, name);
      change.changed = true;
    }
  }
  return change;
}

void XmpPacket::mark_created_by_us() {
  xmp_set_property(impl_->xmp, kOurs, kCreated, "True", 0);
}

}  // namespace resnet
