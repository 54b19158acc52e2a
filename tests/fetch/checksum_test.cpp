#include "fetch/download.hpp"
#include "support/temporary_directory.hpp"

#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::fetch {
namespace {

TEST(Checksum, IsSha256) {
  // FIPS 180-2, appendix B.
  const test::TemporaryDirectory folder;
  EXPECT_EQ(checksum(folder.write("abc", "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(checksum(folder.write("million", std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Download, TakesWebAddressesOnly) {
  const test::TemporaryDirectory folder;
  for (const char* url : {"file:///etc/passwd", "ftp://x/y", "x", ""}) {
    EXPECT_THROW(download({.url = url, .file = folder.path() / "part", .most_bytes = 10}), Error) << url;
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "part"));
}

}  // namespace
}  // namespace resnet::fetch
