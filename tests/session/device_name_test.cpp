#include "session/device_name.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

ErrorCode refusal(const char* text) {
  try {
    parse_device(text);
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos);
    return e.code();
  }
  ADD_FAILURE() << text << " was taken";
  return ErrorCode::internal;
}

TEST(DeviceName, IsReadAndWritten) {
  EXPECT_EQ(parse_device("auto").kind, "auto");
  EXPECT_EQ(parse_device("cpu").to_string(), "cpu");
  EXPECT_EQ(parse_device("cuda").to_string(), "cuda:0");
  EXPECT_EQ(parse_device("cuda:0").to_string(), "cuda:0");
  EXPECT_EQ(parse_device("cuda:12").first(), 12);
  const DeviceName several = parse_device("cuda:2,cuda,cuda:7");
  EXPECT_EQ(several.indices, (std::vector{2, 0, 7}));
  EXPECT_EQ(several.first(), 2);
  EXPECT_EQ(several.to_string(), "cuda:2,cuda:0,cuda:7");
}

TEST(DeviceName, OnlyDifferentGpusWorkTogether) {
  for (const char* text :
       {"cuda:0,cuda:0", "cuda,cuda:0", "cuda:1,cpu", "cpu,cuda:1", "cpu,cpu", "auto,cuda:1"})
    EXPECT_EQ(refusal(text), ErrorCode::invalid_argument) << text;
}

TEST(DeviceName, NonsenseIsNamed) {
  for (const char* text : {"", "gpu", "CUDA", "abacus:1", ":0", "cudas"})
    EXPECT_EQ(refusal(text), ErrorCode::device_unavailable) << text;
  for (const char* text :
       {"cuda:", "cuda:x", "cuda:-1", "cuda:-0", "cuda:1x", "cuda: 1", "cuda:99999999999", "cpu:0", "auto:1"})
    EXPECT_EQ(refusal(text), ErrorCode::invalid_argument) << text;
}

}  // namespace
}  // namespace resnet
