#include "model/zip_archive.hpp"

#include "file_builders.hpp"
#include "model_test_support.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

using formats::ZipArchive;
using formats::ZipEntry;
using test::error_of;
using test::in_memory;
using test::ZipBuilder;

ZipBuilder sample() {
  return ZipBuilder()
      .add("top/data.pkl", "some pickle")
      .add("top/data/0", std::string(300, 'w'))
      .add("top/version", "3");
}

void verify_all(const ZipArchive& zip) {
  std::vector<const ZipEntry*> all;
  for (const ZipEntry& entry : zip.entries()) all.push_back(&entry);
  zip.verify(all);
}

TEST(ZipArchive, FindsAndVerifiesEntries) {
  for (const bool zip64 : {false, true}) {
    ZipBuilder builder = sample();
    builder.zip64 = zip64;
    builder.comment = "a comment after the end record";
    const auto file = in_memory(builder.build());
    const ZipArchive zip(file);
    ASSERT_EQ(zip.entries().size(), 3u);
    ASSERT_NE(zip.find("top/data/0"), nullptr);
    EXPECT_EQ(formats::as_text(zip.find("top/data/0")->bytes), std::string(300, 'w'));
    EXPECT_EQ(zip.find("top/data/1"), nullptr);
    verify_all(zip);
  }
}

TEST(ZipArchive, LargeEntriesAreVerifiedInPieces) {
  std::string data(std::size_t{5} << 20, '\0');
  for (std::size_t i = 0; i < data.size(); i += 1000) data[i] = static_cast<char>(i / 1000);
  const auto file = in_memory(ZipBuilder().add("a", "x").add("empty", "").add("big", data).build());
  verify_all(ZipArchive(file));
}

TEST(ZipArchive, EveryTruncationIsAnError) {
  for (const bool zip64 : {false, true}) {
    ZipBuilder builder = sample();
    builder.zip64 = zip64;
    const std::string whole = builder.build();
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const auto file = in_memory(whole.substr(0, length));
      EXPECT_THROW(ZipArchive{file}, Error) << length << " of " << whole.size() << " bytes";
    }
  }
}

TEST(ZipArchive, AFlippedByteIsAnErrorOrChangesNothing) {
  for (const bool zip64 : {false, true}) {
    ZipBuilder builder = sample();
    builder.zip64 = zip64;
    const std::string whole = builder.build();
    int errors = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
      const auto file = in_memory(bytes);
      try {
        const ZipArchive zip(file);
        verify_all(zip);
        for (const auto& e : builder.entries) {
          const ZipEntry* entry = zip.find(e.name);
          EXPECT_TRUE(entry == nullptr || formats::as_text(entry->bytes) == e.data) << at;
        }
      } catch (const Error&) {
        ++errors;
      }
    }
    EXPECT_GT(errors, 400);
  }
}

TEST(ZipArchive, ADamagedEntryIsNamed) {
  std::string bytes = sample().build();
  bytes[bytes.find("wwww") + 7] = 'W';
  const auto file = in_memory(bytes);
  const ZipArchive zip(file);
  const Error e = error_of([&] { verify_all(zip); });
  EXPECT_EQ(e.code(), ErrorCode::bad_format);
  EXPECT_NE(std::string(e.what()).find("test.pth: top/data/0 is damaged"), std::string::npos) << e.what();
}

TEST(ZipArchive, TwinsAndOverlapsAreRefused) {
  const auto twins = in_memory(ZipBuilder().add("a", "1").add("a", "2").build());
  EXPECT_EQ(error_of([&] { ZipArchive zip(twins); }).code(), ErrorCode::bad_format);
  // The second entry's local header lies inside the first one's data.
  const std::string inner = ZipBuilder().add("b", "data").build();
  ZipBuilder nested;
  nested.add("a", inner.substr(0, 30 + 1 + 4)).add("b", "data");
  std::string bytes = nested.build();
  const std::size_t second = bytes.rfind("PK\x01\x02");
  bytes.replace(second + 42, 4, test::le(30 + 1, 4));
  const auto overlap = in_memory(bytes);
  const Error e = error_of([&] { ZipArchive zip(overlap); });
  EXPECT_NE(std::string(e.what()).find("overlap"), std::string::npos) << e.what();
}

TEST(ZipArchive, CompressedAndEncryptedEntriesAreRefusedOnlyWhenWanted) {
  ZipBuilder builder = sample();
  builder.entries.push_back({"packed", "xyz", 0, 8});
  builder.entries.push_back({"secret", "xyz", 1, 0});
  const auto file = in_memory(builder.build());
  const ZipArchive zip(file);
  for (const char* name : {"packed", "secret"}) {
    const ZipEntry* entry = zip.find(name);
    const Error e = error_of([&] { zip.verify({&entry, 1}); });
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(e.what()).find(name), std::string::npos);
  }
}

TEST(ZipArchive, LyingZip64SizesAreRefused) {
  ZipBuilder builder = sample();
  builder.zip64 = true;
  const std::string whole = builder.build();
  const std::size_t record = whole.find("PK\x06\x06");
  for (const std::size_t field : {32, 40, 48}) {  // entries, directory size, directory offset
    for (const std::uint64_t lie : {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{1} << 40}) {
      std::string bytes = whole;
      bytes.replace(record + field, 8, test::le(lie, 8));
      const auto file = in_memory(bytes);
      EXPECT_THROW(ZipArchive{file}, Error) << field;
    }
  }
}

}  // namespace
}  // namespace resnet
