// Where the real weights and photos are that some tests need.
#pragma once

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace resnet::test {

// $RESNET_TEST_DATA, or ../shared/data beside the checkout. May not exist.
inline std::filesystem::path data_directory() {
  if (const char* dir = std::getenv("RESNET_TEST_DATA"); dir != nullptr && *dir != '\0') return dir;
  return std::filesystem::path(RESNET_SOURCE_DIR).parent_path() / "shared" / "data";
}

}  // namespace resnet::test

// Skips the test, naming what is missing, where the data folder is absent. Where the folder is there,
// a missing file in it is a failure, not a skip.
#define RESNET_REQUIRE_DATA(relative)                                                                  \
  do {                                                                                                 \
    if (!std::filesystem::exists(::resnet::test::data_directory())) {                                  \
      GTEST_SKIP() << "needs the data folder (" << (relative) << "): set RESNET_TEST_DATA";            \
    }                                                                                                  \
    ASSERT_TRUE(std::filesystem::exists(::resnet::test::data_directory() / (relative))) << (relative); \
  } while (false)
