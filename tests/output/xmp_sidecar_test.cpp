#include "output/xmp_writer.hpp"
#include "support/temporary_directory.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;

using Strings = std::vector<std::string>;

XmpPacket read(const fs::path& sidecar) {
  return XmpPacket::parse(test::read_text(sidecar), sidecar.string());
}

const Strings kSidecarTags = {"tabby", "quilt"};

TEST(Sidecar, NameIsFullUnlessTheShortOneExists) {
  const test::TemporaryDirectory dir;
  const fs::path photo = dir.write("photo.jpg", "x");
  EXPECT_EQ(sidecar_path(photo), dir.path() / "photo.jpg.xmp");
  dir.write("photo.xmp", "x");
  EXPECT_EQ(sidecar_path(photo), dir.path() / "photo.xmp");
  dir.write("photo.jpg.xmp", "x");
  EXPECT_EQ(sidecar_path(photo), dir.path() / "photo.jpg.xmp");
}

TEST(Sidecar, IsMadeUpdatedSkippedAndRemoved) {
  const test::TemporaryDirectory dir;
  const fs::path photo = dir.write("caf\xe9.jpg", "x");
  XmpOutcome outcome = write_sidecar(photo, {.tags = kSidecarTags, .parent = "", .fingerprint = "f1"}, {});
  EXPECT_EQ(outcome.action, XmpAction::created);
  EXPECT_EQ(outcome.change.added, kSidecarTags);
  EXPECT_EQ(read(outcome.file).keywords(), kSidecarTags);
  EXPECT_EQ(test::read_text(outcome.file).rfind("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<x:xmpmeta", 0),
            0u);

  // The same run again leaves the file alone, even where the user took a keyword out meanwhile.
  EXPECT_EQ(write_sidecar(photo, {.tags = Strings{"other"}, .parent = "", .fingerprint = "f1"}, {}).action,
            XmpAction::unchanged);
  EXPECT_EQ(
      write_sidecar(photo, {.tags = Strings{"other"}, .parent = "", .fingerprint = "f1"}, {.force = true})
          .action,
      XmpAction::updated);
  EXPECT_EQ(read(outcome.file).keywords(), (Strings{"other"}));

  outcome = remove_from_sidecar(photo, {});
  EXPECT_EQ(outcome.action, XmpAction::deleted);
  EXPECT_EQ(test::files_in(dir.path()), 1u) << "only the photo is left";
  EXPECT_EQ(remove_from_sidecar(photo, {}).action, XmpAction::unchanged);
}

TEST(Sidecar, OfTheUserKeepsItsOwnAndItsPermissions) {
  const test::TemporaryDirectory dir;
  const fs::path photo = dir.write("photo.jpg", "x");
  XmpPacket users;
  users.set_tags(Strings{"holiday"}, "", "theirs");
  users.remove_tags();  // any packet that we did not create; here with nothing of ours
  const std::string xml =
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
      "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
      "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" "
      "xmlns:darktable=\"http://darktable.sf.net/\" darktable:history_end=\"7\">"
      "<dc:subject><rdf:Bag><rdf:li>quilt</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></"
      "x:xmpmeta>";
  const fs::path sidecar = dir.write("photo.xmp", xml);
  fs::permissions(sidecar, fs::perms(0640));
  EXPECT_EQ(write_sidecar(photo, {.tags = kSidecarTags, .parent = "", .fingerprint = "f"}, {}).action,
            XmpAction::updated);
  EXPECT_EQ(read(sidecar).keywords(), (Strings{"quilt", "tabby"}));
  EXPECT_NE(test::read_text(sidecar).find("history_end=\"7\""), std::string::npos);
  EXPECT_EQ(fs::status(sidecar).permissions(), fs::perms(0640));
  EXPECT_FALSE(fs::exists(dir.path() / "photo.jpg.xmp"));

  EXPECT_EQ(remove_from_sidecar(photo, {}).action, XmpAction::updated);
  EXPECT_EQ(read(sidecar).keywords(), (Strings{"quilt"}));
  EXPECT_NE(test::read_text(sidecar).find("history_end=\"7\""), std::string::npos);
  EXPECT_EQ(test::read_text(sidecar).find("resnet"), std::string::npos);
}

TEST(Sidecar, OurFileStaysWhereTheUserAddedToIt) {
  const test::TemporaryDirectory dir;
  const fs::path photo = dir.write("photo.jpg", "x");
  const fs::path sidecar =
      write_sidecar(photo, {.tags = kSidecarTags, .parent = "", .fingerprint = "f"}, {}).file;
  std::string xml = test::read_text(sidecar);
  const std::string item = "<rdf:li>tabby</rdf:li>";
  xml.insert(xml.find(item), "<rdf:li>grandma</rdf:li>");
  dir.write("photo.jpg.xmp", xml);
  EXPECT_EQ(remove_from_sidecar(photo, {}).action, XmpAction::updated);
  EXPECT_EQ(read(sidecar).keywords(), (Strings{"grandma"}));
}

TEST(Sidecar, DryRunTellsAndWritesNothing) {
  const test::TemporaryDirectory dir;
  const fs::path photo = dir.write("photo.jpg", "x");
  XmpOutcome outcome =
      write_sidecar(photo, {.tags = kSidecarTags, .parent = "", .fingerprint = "f"}, {.dry_run = true});
  EXPECT_EQ(outcome.action, XmpAction::created);
  EXPECT_EQ(outcome.change.added, kSidecarTags);
  EXPECT_EQ(test::files_in(dir.path()), 1u);
  write_sidecar(photo, {.tags = kSidecarTags, .parent = "", .fingerprint = "f"}, {});
  const std::string before = test::read_text(dir.path() / "photo.jpg.xmp");
  EXPECT_EQ(remove_from_sidecar(photo, {.dry_run = true}).action, XmpAction::deleted);
  EXPECT_EQ(test::read_text(dir.path() / "photo.jpg.xmp"), before);
}

TEST(Sidecar, DamagedOneIsNamedAndLeftAsItIs) {
  const test::TemporaryDirectory dir;
  const fs::path photo = dir.write("photo.jpg", "x");
  const std::string damaged = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF><important/>";
  const fs::path sidecar = dir.write("photo.jpg.xmp", damaged);
  for (const bool remove : {false, true}) {
    try {
      if (remove) {
        remove_from_sidecar(photo, {});
      } else {
        write_sidecar(photo, {.tags = kSidecarTags, .parent = "", .fingerprint = "f"}, {});
      }
      ADD_FAILURE() << "damage went unnoticed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_format);
      EXPECT_NE(std::string(error.what()).find("photo.jpg.xmp"), std::string::npos);
    }
    EXPECT_EQ(test::read_text(sidecar), damaged);
  }
}

TEST(Sidecar, UnwritablePlaceIsNamed) {
  const test::TemporaryDirectory dir;
  // The photo's folder is gone: a place that nobody can write to, root included.
  try {
    write_sidecar(dir.path() / "gone" / "photo.jpg", {.tags = kSidecarTags, .parent = "", .fingerprint = "f"},
                  {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_NE(std::string(error.what()).find("photo.jpg.xmp"), std::string::npos);
  }
}

TEST(Sidecar, LinkToASidecarStaysALink) {
  const test::TemporaryDirectory dir;
  const test::TemporaryDirectory elsewhere;
  const fs::path photo = dir.write("photo.jpg", "x");
  write_sidecar(elsewhere.path() / "p.jpg", {.tags = kSidecarTags, .parent = "", .fingerprint = "f1"}, {});
  fs::create_symlink(elsewhere.path() / "p.jpg.xmp", dir.path() / "photo.jpg.xmp");
  EXPECT_EQ(write_sidecar(photo, {.tags = Strings{"new"}, .parent = "", .fingerprint = "f2"}, {}).action,
            XmpAction::updated);
  EXPECT_TRUE(fs::is_symlink(dir.path() / "photo.jpg.xmp"));
  EXPECT_EQ(read(elsewhere.path() / "p.jpg.xmp").keywords(), (Strings{"new"}));
}

TEST(Sidecar, OfASidecarIsRefused) {
  const test::TemporaryDirectory dir;
  const fs::path xmp = dir.write("photo.jpg.XMP", "x");
  EXPECT_THROW(write_sidecar(xmp, {.tags = kSidecarTags, .parent = "", .fingerprint = "f"}, {}), Error);
}

}  // namespace
}  // namespace resnet
