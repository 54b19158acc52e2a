// Quantised models in files: what comes back is what went in, and what cannot be is named.
#include "model/quantized_tensors.hpp"
#include "support/quantized_model.hpp"
#include "support/session_run.hpp"
#include "support/temporary_directory.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kClasses = 3;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// The header of a .safetensors file and the tensors behind it.
struct SafetensorsFile {
  json header;
  std::string data;

  explicit SafetensorsFile(const fs::path& path) {
    const std::string bytes = read(path);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    header = json::parse(bytes.substr(8, length));
    data = bytes.substr(8 + length);
  }
  std::size_t begin_of(const std::string& tensor) const { return header[tensor]["data_offsets"][0]; }
  void write_to(const fs::path& path) const {
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    write(path, std::string(reinterpret_cast<const char*>(&length), sizeof length) + text + data);
  }
};

std::string refusal(const fs::path& path) {
  try {
    load_model(path);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

void expect_same(const Model& a, const Model& b) {
  EXPECT_EQ(b.precision, Precision::int8);
  EXPECT_EQ(b.quantization.weight_bits, a.quantization.weight_bits);
  EXPECT_EQ(b.quantization.keep, a.quantization.keep);
  ASSERT_EQ(b.tensors.size(), a.tensors.size());
  for (const auto& [name, tensor] : a.tensors) {
    const Tensor& other = b.tensor(name);
    ASSERT_EQ(other.dtype(), tensor.dtype()) << name;
    ASSERT_EQ(other.shape(), tensor.shape()) << name;
    EXPECT_EQ(std::memcmp(other.data(), tensor.data(), tensor.bytes()), 0) << name;
  }
  const Shape shape{1, 3, 32, 32};
  const std::vector<float> input = test::random_values(shape.numel(), 9);
  EXPECT_EQ(test::run(Session(b), input, shape), test::run(Session(a), input, shape));
}

TEST(PackedWeights, TheFirstLiesInTheLowBits) {
  const auto packed = [](std::vector<std::int8_t> weights, const Shape& stored) {
    const auto* data = reinterpret_cast<const std::byte*>(weights.data());
    const Shape shape{1, static_cast<std::int64_t>(weights.size())};
    const Tensor tensor = Tensor::view(DType::i8, shape, data, nullptr, false);
    const Tensor out = to_stored(tensor, {"w", stored, TensorKind::conv_weight, DType::u8});
    const Tensor back = from_stored(out, {"w", shape, TensorKind::conv_weight, DType::i8});
    EXPECT_EQ(std::memcmp(back.data(), data, weights.size()), 0);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(out.data());
    return std::vector<int>(bytes, bytes + out.bytes());
  };
  EXPECT_EQ(packed({1, -1, -7, 7, 0, -8}, {1, 3}), (std::vector<int>{0xf1, 0x79, 0x80}));
  EXPECT_EQ(packed({1, -1, 0, -2}, {1, 1}), (std::vector<int>{0x8d}));
}

class QuantizedFile : public testing::TestWithParam<int> {
 protected:
  Model model() const {
    return test::quantized_random_model(18, kClasses,
                                        {.weight_bits = GetParam(), .keep = {"layer1.1", "fc"}});
  }
  test::TemporaryDirectory directory_;
};

TEST_P(QuantizedFile, SafetensorsGiveTheSameModelBack) {
  const Model written = model();
  const fs::path path = directory_.path() / "m.safetensors";
  save_model(written, path, ModelFormat::safetensors);
  expect_same(written, load_model(path));
  const SafetensorsFile file(path);
  const json& weight = file.header["layer3.0.conv2.weight"];
  EXPECT_EQ(weight["dtype"], GetParam() == 8 ? "I8" : "U8");
  EXPECT_EQ(weight["shape"],
            GetParam() == 8 ? json({256, 256, 3, 3}) : json({256, 256 * 9 * GetParam() / 8}));
  EXPECT_EQ(file.header["conv1.weight"]["dtype"], "I8");
  EXPECT_EQ(file.header["layer1.1.conv1.weight"]["dtype"], "F32");
}

TEST_P(QuantizedFile, TheManifestGivesTheSameModelBack) {
  const Model written = model();
  const fs::path path = directory_.path() / "m";
  save_model(written, path, ModelFormat::manifest);
  expect_same(written, load_model(path));
  save_model(load_model(path), path, ModelFormat::manifest);  // over itself: an export and nothing more
  expect_same(written, load_model(path));
}

INSTANTIATE_TEST_SUITE_P(Bits, QuantizedFile, testing::Values(8, 4, 2));

TEST(HostileQuantizedFile, SafetensorsThatLieAreNamed) {
  const test::TemporaryDirectory directory;
  const fs::path path = directory.path() / "m.safetensors";
  save_model(test::quantized_random_model(18, kClasses, {.weight_bits = 4}), path, ModelFormat::safetensors);
  const SafetensorsFile sound(path);
  const auto refused = [&](const std::function<void(SafetensorsFile&)>& edit) {
    SafetensorsFile file = sound;
    edit(file);
    file.write_to(path);
    return refusal(path);
  };
  const auto with_quant = [&](const char* quant) {
    return refused([&](SafetensorsFile& f) { f.header["__metadata__"]["quant"] = quant; });
  };
  EXPECT_NE(with_quant(R"({"weight_bits":2,"keep":[]})")
                .find("layer1.0.conv1.weight has shape [64, 288], expected [64, 144]: weights of 2 bits"),
            std::string::npos);
  EXPECT_NE(with_quant(R"({"weight_bits":8,"keep":[]})").find("expected [64, 64, 3, 3]"), std::string::npos);
  EXPECT_NE(with_quant(R"({"weight_bits":3,"keep":[]})").find("\"weight_bits\" must be 8, 4 or 2"),
            std::string::npos);
  EXPECT_NE(with_quant(R"({"weight_bits":4})").find("\"keep\""), std::string::npos);
  EXPECT_NE(with_quant(R"({"weight_bits":4,"keep":[3]})").find("a list of strings"), std::string::npos);
  EXPECT_NE(with_quant(R"({"weight_bits":4,"keep":["layer9"]})").find("parts of resnet18"),
            std::string::npos);
  EXPECT_NE(with_quant(R"({"weight_bits":4,"keep":["fc","conv1"]})").find("in their order"),
            std::string::npos);
  EXPECT_NE(with_quant(R"({"weight_bits":4,"keep":["conv1"]})").find("tensor conv1.weight holds i8"),
            std::string::npos);
  EXPECT_NE(with_quant(R"({"weight_bits":4,"keep":["fc"]})").find("tensor fc.weight holds i8"),
            std::string::npos);
  EXPECT_NE(with_quant("[").find("no valid JSON"), std::string::npos);
  EXPECT_NE(refused([](SafetensorsFile& f) {
              f.header["layer2.0.conv1.weight"]["dtype"] = "I8";
            }).find("layer2.0.conv1.weight holds i8"),
            std::string::npos);
  // -8 has no counterpart among 4-bit weights.
  EXPECT_NE(refused([](SafetensorsFile& f) {
              f.data[f.begin_of("layer2.0.conv1.weight")] = '\x08';
            }).find("layer2.0.conv1, output channel 0: a weight is -8, outside -7..7"),
            std::string::npos);
}

TEST(HostileQuantizedFile, ManifestsThatLieAreNamed) {
  const test::TemporaryDirectory directory;
  const fs::path home = directory.path() / "m", path = home / "manifest.json";
  save_model(test::quantized_random_model(18, kClasses, {.weight_bits = 4}), home, ModelFormat::manifest);
  const json sound = json::parse(read(path));
  const auto refused = [&](const std::function<void(json&)>& edit) {
    json manifest = sound;
    edit(manifest);
    write(path, manifest.dump());
    return refusal(home);
  };
  const char *weight = "layer1.0.conv1.weight", *scale = "layer1.0.conv1.output_scale";
  EXPECT_NE(refused([](json& m) { m["quant"] = nullptr; }).find("\"quant\" must be an object"),
            std::string::npos);
  EXPECT_NE(refused([](json& m) { m["dtype"] = "fp32"; }).find("\"quant\" must be"), std::string::npos);
  EXPECT_NE(refused([](json& m) { m["dtype"] = "int4"; }).find("\"dtype\" is \"int4\""), std::string::npos);
  EXPECT_NE(refused([](json& m) { m["quant"]["weight_bits"] = 2; }).find(weight), std::string::npos);
  EXPECT_NE(refused([](json& m) { m["quant"].erase("scales"); }).find("\"scales\""), std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["quant"]["scales"].erase(scale); }).find(scale), std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["quant"]["scales"][scale] = "x"; }).find(scale), std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["quant"]["scales"][scale] = 0; }).find(scale), std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["quant"]["scales"]["conv1.bias"] = 1; }).find("also a scale"),
            std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["quant"]["scales"]["other"] = 1; }).find("other"), std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["tensors"][weight]["dtype"] = "f64"; }).find("its dtype must be"),
            std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["tensors"][weight]["dtype"] = "i8"; }).find("holds i8"),
            std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["tensors"][weight].erase("dtype"); }).find("needs 18432 x 4"),
            std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["tensors"][weight]["kind"] = "fc_weight"; }).find("is of kind"),
            std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["tensors"]["fc.bias"]["shape"] = {2}; }).find("fc.bias"),
            std::string::npos);
  EXPECT_NE(refused([&](json& m) { m["tensors"].erase(weight); }).find(weight), std::string::npos);
}

}  // namespace
}  // namespace resnet
