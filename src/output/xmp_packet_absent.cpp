// XMP in a build without Exempi: every use says what is missing.
#include "output/xmp_packet.hpp"

#include <resnet/error.hpp>

namespace resnet {
namespace {

[[noreturn]] void fail() {
  throw Error(ErrorCode::unsupported,
              "this build of resnet cannot read or write XMP, because it was built without Exempi: install "
              "libexempi-dev and build again");
}

}  // namespace

struct XmpPacket::Impl {};

bool xmp_available() noexcept {
  return false;
}

XmpPacket::XmpPacket() {
  fail();
}
XmpPacket::~XmpPacket() = default;
XmpPacket::XmpPacket(XmpPacket&&) noexcept = default;
XmpPacket& XmpPacket::operator=(XmpPacket&&) noexcept = default;
XmpPacket XmpPacket::parse(std::string_view, const std::string&) {
  fail();
}
XmpPacket XmpPacket::read_from(const std::filesystem::path&) {
  fail();
}
void XmpPacket::write_into(const std::filesystem::path&) const {
  fail();
}
std::string XmpPacket::serialize() const {
  fail();
}
std::vector<std::string> XmpPacket::keywords() const {
  fail();
}
std::vector<std::string> XmpPacket::hierarchy() const {
  fail();
}
std::vector<std::string> XmpPacket::our_keywords() const {
  fail();
}
std::string XmpPacket::fingerprint() const {
  fail();
}
bool XmpPacket::created_by_us() const {
  fail();
}
bool XmpPacket::has_properties() const {
  fail();
}
XmpChange XmpPacket::set_tags(std::span<const std::string>, const std::string&, const std::string&) {
  fail();
}
XmpChange XmpPacket::remove_tags() {
  fail();
}
void XmpPacket::mark_created_by_us() {
  fail();
}

}  // namespace resnet
