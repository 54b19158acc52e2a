// Hostile .pth files, put together by hand; files that PyTorch itself wrote are in read_torch_test.py.
#include "model/pth_reader.hpp"

#include "file_builders.hpp"
#include "model_test_support.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

using namespace formats;
using test::error_of;
using test::in_memory;
using test::le;
using test::ZipBuilder;
namespace build = test::pickle;

std::string floats(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    const float value = static_cast<float>(i);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

// An archive whose state_dict has one tensor "w" over a storage of six floats 0…5.
FileView archive_of(const std::string& tensor, const std::string& storage = floats(6)) {
  return in_memory(ZipBuilder()
                       .add("top/data.pkl", build::program({{"w", tensor}}))
                       .add("top/data/0", storage)
                       .add("top/version", "3\n")
                       .build());
}

std::string six_floats() {
  return build::storage("FloatStorage", "0", 6);
}

std::vector<float> values_of(const RawModel& raw, const std::string& name) {
  const Tensor tensor = to_dense_f32(raw.tensors.at(name), name);
  return {tensor.f32().begin(), tensor.f32().end()};
}

TEST(PthReader, StridesAndOffsets) {
  const auto read = [](std::int64_t offset, const std::vector<std::int64_t>& sizes,
                       const std::vector<std::int64_t>& strides) {
    return values_of(read_pth(archive_of(build::tensor(six_floats(), offset, sizes, strides))), "w");
  };
  EXPECT_EQ(read(0, {6}, {1}), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(read(2, {4}, {1}), (std::vector<float>{2, 3, 4, 5}));
  EXPECT_EQ(read(0, {3, 2}, {1, 3}), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(read(1, {2, 1, 2}, {2, 99, 1}), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(read(5, {2, 3}, {0, 0}), std::vector<float>(6, 5.0f));
  EXPECT_EQ(read(5, {}, {}), std::vector<float>{5});
  EXPECT_EQ(read(6, {0}, {1}), std::vector<float>{});
}

TEST(PthReader, DenseTensorsAreNotCopied) {
  const FileView file = archive_of(build::tensor(six_floats(), 0, {1, 6}, {17, 1}));
  const RawModel raw = read_pth(file);
  const Tensor tensor = to_dense_f32(raw.tensors.at("w"), "w");
  const bool aligned = reinterpret_cast<std::uintptr_t>(raw.tensors.at("w").data) % alignof(float) == 0;
  const bool inside =
      tensor.data() >= file.bytes.data() && tensor.data() < file.bytes.data() + file.bytes.size();
  EXPECT_EQ(inside, aligned);
}

TEST(PthReader, TensorsThatReachPastTheirStorageAreNamed) {
  const std::int64_t huge = std::int64_t{1} << 62;
  const std::vector<std::pair<std::string, const char*>> cases{
      {build::tensor(six_floats(), 0, {7}, {1}), "reaches past"},
      {build::tensor(six_floats(), 1, {6}, {1}), "reaches past"},
      {build::tensor(six_floats(), 7, {0}, {1}), "reaches past"},
      {build::tensor(six_floats(), 0, {2}, {6}), "reaches past"},
      {build::tensor(six_floats(), 0, {3, 3}, {huge, huge}), "reaches past"},
      {build::tensor(six_floats(), huge, {2}, {huge}), "reaches past"},
      {build::tensor(six_floats(), 0, {huge, 3}, {0, 0}), "too many"},
      {build::tensor(six_floats(), 0, {1 << 30, 1 << 30}, {0, 0}), "expanded"},
      {build::tensor(build::storage("FloatStorage", "0", 7), 0, {1}, {1}), "holds 6 elements, not the 7"},
      {build::tensor(build::storage("DoubleStorage", "0", 6), 0, {1}, {1}), "holds 3 elements, not the 6"},
      {build::tensor(build::storage("FloatStorage", "0", huge), 0, {1}, {1}), "holds 6 elements"},
      {build::tensor(build::storage("FloatStorage", "1", 6), 0, {1}, {1}), "storage 1 is not in the archive"},
      {build::tensor(build::storage("FloatStorage", "../data.pkl", 6), 0, {1}, {1}), "not in the archive"},
  };
  for (const auto& [tensor, words] : cases) {
    const Error e = error_of([&tensor = tensor] { read_pth(archive_of(tensor)); });
    EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("test.pth: tensor w"), std::string::npos) << e.what();
  }
}

TEST(PthReader, StorageDamageIsFound) {
  std::string bytes(formats::as_text(archive_of(build::tensor(six_floats(), 0, {6}, {1})).bytes));
  bytes[bytes.find(floats(6)) + 4] ^= 1;
  const Error e = error_of([&] { read_pth(in_memory(bytes)); });
  EXPECT_NE(std::string(e.what()).find("top/data/0 is damaged"), std::string::npos) << e.what();
}

TEST(PthReader, TwoTensorsOfOneNameAreRefused) {
  const std::string tensor = build::tensor(six_floats(), 0, {6}, {1});
  for (const auto& names : {std::pair("w", "w"), std::pair("module.w", "module.w")}) {
    const auto file =
        in_memory(ZipBuilder()
                      .add("t/data.pkl", build::program({{names.first, tensor}, {names.second, tensor}}))
                      .add("t/data/0", floats(6))
                      .build());
    const Error e = error_of([&] { read_pth(file); });
    EXPECT_NE(std::string(e.what()).find("two tensors are named w"), std::string::npos) << e.what();
  }
}

TEST(PthReader, ArchivesThatAreNoCheckpoint) {
  const std::string pickle = build::program({{"w", build::tensor(six_floats(), 0, {6}, {1})}});
  EXPECT_EQ(error_of([&] { read_pth(in_memory(ZipBuilder().add("word/document.xml", "x").build())); }).code(),
            ErrorCode::bad_format);
  EXPECT_EQ(error_of([&] {
              read_pth(in_memory(ZipBuilder().add("a/data.pkl", pickle).add("b/data.pkl", pickle).build()));
            }).code(),
            ErrorCode::bad_format);
  EXPECT_EQ(error_of([&] {
              read_pth(in_memory(ZipBuilder().add("a/data.pkl", pickle).add("a/byteorder", "big").build()));
            }).code(),
            ErrorCode::unsupported);
  EXPECT_EQ(
      error_of([&] { read_pth(in_memory(ZipBuilder().add("a/data.pkl", "\x80\x02}.").build())); }).code(),
      ErrorCode::bad_format);
}

TEST(PthReader, FactsBesideTheTensors) {
  ZipBuilder zip;
  zip.add("t/data.pkl", build::program({{"w", build::tensor(six_floats(), 0, {6}, {1})}}))
      .add("t/data/0", floats(6))
      .add("t/resnet.json", R"({"labels": ["a", "b"], "head": {"kind": "sigmoid", "thresholds": [0.5, 1]}})");
  const RawModel raw = read_pth(in_memory(zip.build()));
  EXPECT_EQ(raw.facts.labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(raw.facts.head->kind, HeadKind::sigmoid);
  zip.entries.back().data = R"({"labels": [1, 2]})";
  const Error e = error_of([&] { read_pth(in_memory(zip.build())); });
  EXPECT_NE(std::string(e.what()).find("labels"), std::string::npos) << e.what();
}

// The five pickles of the legacy form, and one storage.
std::string legacy(const std::string& object, const std::string& keys, const std::string& blocks) {
  const std::string magic = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.";
  return magic + "\x80\x02M\xe9\x03.\x80\x02}" + build::text("little_endian") + "\x88s." + object + keys +
         blocks;
}

TEST(LegacyPth, ReadsAndEveryTruncationIsAnError) {
  const std::string object = build::program({{"w", build::tensor(six_floats(), 1, {5}, {1})}});
  const std::string keys = "\x80\x02]" + build::text("0") + "a.";
  const std::string whole = legacy(object, keys, le(6, 8) + floats(6));
  ASSERT_TRUE(is_legacy_pth(in_memory(whole)));
  EXPECT_EQ(values_of(read_legacy_pth(in_memory(whole)), "w"), (std::vector<float>{1, 2, 3, 4, 5}));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(read_legacy_pth(in_memory(whole.substr(0, length))), Error) << length;
  }
}

TEST(LegacyPth, BlocksThatLie) {
  const std::string object = build::program({{"w", build::tensor(six_floats(), 1, {5}, {1})}});
  const std::string key0 = "\x80\x02]" + build::text("0") + "a.",
                    key9 = "\x80\x02]" + build::text("9") + "a.";
  for (const auto& file :
       {legacy(object, key0, le(~std::uint64_t{0}, 8) + floats(6)),
        legacy(object, key0, le(std::uint64_t{1} << 62, 8) + floats(6)),
        legacy(object, key0, le(5, 8) + floats(5)), legacy(object, key9, le(6, 8) + floats(6)),
        legacy(object, "N.", ""), legacy(object, "].", "")}) {
    const Error e = error_of([&] { read_legacy_pth(in_memory(file)); });
    EXPECT_NE(std::string(e.what()).find("test.pth"), std::string::npos) << e.what();
  }
}

TEST(LegacyPth, BigEndianFilesNameTheWayOut) {
  std::string bytes = legacy(build::program({}), "].", "");
  bytes[bytes.find("\x88s.")] = '\x89';
  const Error e = error_of([&] { read_legacy_pth(in_memory(bytes)); });
  EXPECT_EQ(e.code(), ErrorCode::unsupported);
  EXPECT_NE(std::string(e.what()).find("torch.load('test.pth'"), std::string::npos) << e.what();
}

}  // namespace
}  // namespace resnet
