#include "model/safetensors.hpp"

#include "file_builders.hpp"
#include "model_test_support.hpp"

#include <cstring>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

using namespace formats;
using test::error_of;
using test::in_memory;
using test::le;

std::string safetensors(const std::string& header, const std::string& data) {
  return le(header.size(), 8) + header + data;
}
FileView file_of(const std::string& header, std::size_t data_bytes) {
  return in_memory(safetensors(header, std::string(data_bytes, '\0')), "test.safetensors");
}

TEST(Safetensors, ReadsTypesShapesAndMetadata) {
  const FileView file = file_of(
      R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"h":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]},)"
      R"("s":{"dtype":"I64","shape":[],"data_offsets":[14,22]},"e":{"dtype":"F32","shape":[0],"data_offsets":[22,22]},)"
      R"("__metadata__":{"format":"pt","model":"resnet18","labels":"[\"x\"]","other":"kept out"}}   )",
      22);
  ASSERT_TRUE(is_safetensors(file));
  const RawModel raw = read_safetensors(file);
  EXPECT_EQ(raw.tensors.size(), 4u);
  EXPECT_EQ(raw.tensors.at("a").shape, (Shape{2, 1}));
  EXPECT_EQ(raw.tensors.at("h").dtype, DType::bf16);
  EXPECT_EQ(raw.tensors.at("s").shape, Shape{});
  EXPECT_EQ(raw.facts.labels, std::vector<std::string>{"x"});
  EXPECT_EQ(raw.facts.model, "resnet18");
}

TEST(Safetensors, UnalignedDataIsCopied) {
  for (int pad = 0; pad < 4; ++pad) {
    std::string data(8, '\0');
    const float values[] = {1.5f, -2.0f};
    std::memcpy(data.data(), values, 8);
    const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})" +
                               std::string(static_cast<std::size_t>(pad), ' ');
    const RawModel raw = read_safetensors(in_memory(safetensors(header, data)));
    const Tensor tensor = to_dense_f32(raw.tensors.at("a"), "a");
    EXPECT_EQ(tensor.f32()[0], 1.5f);
    EXPECT_EQ(tensor.f32()[1], -2.0f);
  }
}

TEST(Safetensors, LyingHeadersAreNamed) {
  struct Case {
    const char* header;
    std::size_t data;
    const char* words;
  };
  const Case cases[] = {
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "tensor a: ends at byte 8 of 4"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 12,
       "4 bytes of its data belong to no tensor"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "tensor a: shape [3] does not fill"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "does not fill"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551615,0]}})", 8, "does not fill"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", 8, "tensor a: shape"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0, "does not fill"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "tensor a: a count"},
      {R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8, "tensor a: a count"},
      {R"({"a":{"dtype":"F32","shape":[2]}})", 8, "tensor a: has no data_offsets"},
      {R"({"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", 8, "element type"},
      {R"({"a":{"dtype":7,"shape":[8],"data_offsets":[0,8]}})", 8, "element type 7"},
      {R"({"a":3})", 0, "tensor a: has no dtype"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       12, "overlap"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       12, "leave a hole"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "\"a\" occurs twice"},
      {R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", 4, "\"shape\" occurs twice"},
      {R"({"__metadata__":{"model":3}})", 0, "__metadata__"},
      {R"({"__metadata__":{"labels":"[1"}})", 0, "__metadata__.labels"},
      {R"({"a":)", 0, "no valid JSON"},
  };
  for (const Case& c : cases) {
    const Error e = error_of([&] { read_safetensors(file_of(c.header, c.data)); });
    EXPECT_NE(std::string(e.what()).find(c.words), std::string::npos) << c.header << "\n" << e.what();
    EXPECT_NE(std::string(e.what()).find("test.safetensors"), std::string::npos) << e.what();
  }
}

TEST(Safetensors, HugeAndDeepHeaders) {
  const FileView longer = in_memory(le(1000, 8) + "{}");
  EXPECT_EQ(error_of([&] { read_safetensors(longer); }).code(), ErrorCode::truncated);
  EXPECT_FALSE(is_safetensors(in_memory(le(~std::uint64_t{0}, 8) + "{}")));
  const std::string spaces = "{}" + std::string(std::size_t{17} << 20, ' ');
  EXPECT_EQ(error_of([&] { read_safetensors(file_of(spaces, 0)); }).code(), ErrorCode::too_large);
  std::string deep = R"({"a":)";
  deep += std::string(200'000, '[');
  EXPECT_EQ(error_of([&] { read_safetensors(file_of(deep, 0)); }).code(), ErrorCode::bad_format);
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const std::string whole =
      safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678");
  for (std::size_t length = 9; length < whole.size(); ++length) {
    const FileView file = in_memory(whole.substr(0, length));
    ASSERT_TRUE(is_safetensors(file));
    EXPECT_EQ(error_of([&] { read_safetensors(file); }).code(), ErrorCode::truncated) << length;
  }
}

}  // namespace
}  // namespace resnet
