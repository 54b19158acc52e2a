#include "output/xmp_packet.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kExisting = R"(<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:my="http://example.invalid/my/"
    xmp:Rating="4" my:note="a &amp; b">
   <dc:subject><rdf:Bag><rdf:li>holiday</rdf:li><rdf:li>tabby</rdf:li></rdf:Bag></dc:subject>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Caf&#233;</rdf:li></rdf:Alt></dc:title>
   <lr:hierarchicalSubject><rdf:Bag><rdf:li>places|beach</rdf:li></rdf:Bag></lr:hierarchicalSubject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>)";

XmpPacket reread(const XmpPacket& packet) {
  return XmpPacket::parse(packet.serialize(), "again");
}

TEST(XmpPacket, TagsSurviveWritingAndReading) {
  XmpPacket packet;
  EXPECT_FALSE(packet.has_properties());
  const Strings tags = {"tabby", "Egyptian cat", "R&B <\"'>", "\xe6\x97\xa5\xe6\x9c\xac", "a|b"};
  const XmpChange change = packet.set_tags(tags, "", "f1");
  EXPECT_TRUE(change.changed);
  EXPECT_EQ(change.added, tags);
  const XmpPacket again = reread(packet);
  EXPECT_EQ(again.keywords(), tags);
  EXPECT_EQ(again.our_keywords(), tags);
  EXPECT_EQ(again.hierarchy(),
            (Strings{"tabby", "Egyptian cat", "R&B <\"'>", "\xe6\x97\xa5\xe6\x9c\xac", "a/b"}));
  EXPECT_EQ(again.fingerprint(), "f1");
}

TEST(XmpPacket, ExistingKeywordsAndEverythingElseStay) {
  XmpPacket packet = XmpPacket::parse(kExisting, "x");
  const XmpChange change = packet.set_tags(Strings{"tabby", "window shade"}, "", "f1");
  EXPECT_EQ(change.added, (Strings{"window shade"}));
  EXPECT_EQ(packet.keywords(), (Strings{"holiday", "tabby", "window shade"}));
  EXPECT_EQ(packet.our_keywords(), (Strings{"window shade"})) << "tabby was there before us";
  EXPECT_EQ(packet.hierarchy(), (Strings{"places|beach", "tabby", "window shade"}));
  const std::string xml = packet.serialize();
  for (const char* kept : {"Rating=\"4\"", "a &amp; b", "Caf\xc3\xa9", "places|beach", "holiday"}) {
    EXPECT_NE(xml.find(kept), std::string::npos) << kept << "\n" << xml;
  }
}

TEST(XmpPacket, RemovingTakesOutOnlyOurs) {
  XmpPacket packet = XmpPacket::parse(kExisting, "x");
  const std::string before = packet.serialize();
  packet.set_tags(Strings{"tabby", "window shade", "quilt"}, "found", "f1");
  XmpPacket again = reread(packet);
  const XmpChange change = again.remove_tags();
  EXPECT_TRUE(change.changed);
  EXPECT_EQ(change.removed, (Strings{"window shade", "quilt"}));
  EXPECT_EQ(again.keywords(), (Strings{"holiday", "tabby"}));
  EXPECT_EQ(again.hierarchy(), (Strings{"places|beach"}));
  EXPECT_EQ(again.serialize(), before) << "nothing of ours is left";
  EXPECT_FALSE(again.remove_tags().changed);
}

TEST(XmpPacket, LaterRunReplacesTheEarlierOne) {
  XmpPacket packet = XmpPacket::parse(kExisting, "x");
  packet.set_tags(Strings{"a", "b"}, "", "f1");
  const XmpChange change = packet.set_tags(Strings{"b", "c", "holiday"}, "", "f2");
  EXPECT_EQ(change.added, (Strings{"c"}));
  EXPECT_EQ(change.removed, (Strings{"a"}));
  EXPECT_EQ(packet.keywords(), (Strings{"holiday", "tabby", "b", "c"}));
  EXPECT_EQ(packet.our_keywords(), (Strings{"b", "c"}));
  EXPECT_FALSE(packet.set_tags(Strings{"b", "c", "holiday"}, "", "f2").changed);
}

TEST(XmpPacket, KeywordThatTheUserDeletedIsNotTakenForOurs) {
  XmpPacket packet;
  packet.set_tags(Strings{"a", "b"}, "", "f1");
  std::string xml = packet.serialize();
  // The user takes "a" out of dc:subject and puts it back by hand later: then it is the user's.
  const std::string item = "<rdf:li>a</rdf:li>";
  xml.erase(xml.find(item), item.size());
  XmpPacket edited = XmpPacket::parse(xml, "x");
  ASSERT_EQ(edited.keywords(), (Strings{"b"}));
  EXPECT_EQ(edited.remove_tags().removed, (Strings{"b"}));
}

TEST(XmpPacket, DuplicatesAreWrittenOnce) {
  XmpPacket packet;
  packet.set_tags(Strings{"maillot", "maillot", "x|y", "x/y"}, "", "f");
  EXPECT_EQ(packet.keywords(), (Strings{"maillot", "x|y", "x/y"}));
  EXPECT_EQ(packet.hierarchy(), (Strings{"maillot", "x/y"}));
}

TEST(XmpPacket, NoTagsAreRememberedToo) {
  XmpPacket packet;
  EXPECT_TRUE(packet.set_tags({}, "", "f").changed);
  EXPECT_TRUE(packet.keywords().empty());
  EXPECT_EQ(reread(packet).fingerprint(), "f");
}

TEST(XmpPacket, ParentIsTheUpperLevel) {
  XmpPacket packet;
  packet.set_tags(Strings{"tabby"}, "automatic", "f");
  EXPECT_EQ(packet.hierarchy(), (Strings{"automatic|tabby"}));
  EXPECT_EQ(packet.keywords(), (Strings{"tabby"}));
  packet.set_tags(Strings{"tabby"}, "", "f");
  EXPECT_EQ(packet.hierarchy(), (Strings{"tabby"}));
}

TEST(XmpPacket, DamagedXmlIsNamed) {
  for (const char* xml : {"", "no xml", "<x:xmpmeta", "<a><b></a></b>",
                          "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF></x:xmpmeta>"}) {
    try {
      const XmpPacket packet = XmpPacket::parse(xml, "photo.jpg.xmp");
      // What the parser takes for an empty packet holds nothing that could be lost.
      EXPECT_FALSE(packet.has_properties()) << xml;
      EXPECT_EQ(std::string(xml).find("rdf:li"), std::string::npos);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_format) << xml;
      EXPECT_EQ(std::string(error.what()).rfind("photo.jpg.xmp: ", 0), 0u);
    }
  }
}

}  // namespace
}  // namespace resnet
