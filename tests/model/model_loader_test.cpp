// What load_model does whatever the format, and the random models.
#include "model_test_support.hpp"
#include "support/test_data.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::write;

TEST(LoadModel, FilesThatAreNoModels) {
  const test::TemporaryFolder folder;
  const auto code_of = [&](const fs::path& path) {
    const Error e = error_of([&] { load_model(path); });
    EXPECT_NE(std::string(e.what()).find(path.string()), std::string::npos) << e.what();
    return e.code();
  };
  EXPECT_EQ(code_of(folder.path() / "none.pth"), ErrorCode::not_found);
  EXPECT_EQ(code_of(folder.path()), ErrorCode::not_found);
  EXPECT_EQ(code_of(write(folder.path() / "empty", "")), ErrorCode::truncated);
  EXPECT_EQ(code_of(write(folder.path() / "text", "hello, world\n")), ErrorCode::bad_format);
  EXPECT_EQ(code_of(write(folder.path() / "jpeg", "\xff\xd8\xff\xe0 JFIF")), ErrorCode::bad_format);
  EXPECT_EQ(code_of(write(folder.path() / "json", "{\"a\": 1}")), ErrorCode::bad_format);
  EXPECT_EQ(code_of(write(folder.path() / "zip", "PK\x03\x04 cut short")), ErrorCode::truncated);
  ASSERT_EQ(mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(code_of(folder.path() / "fifo"), ErrorCode::io);
}

TEST(LoadModel, RealModels) {
  RESNET_REQUIRE_DATA("weights/resnet18_imagenet.pth");
  RESNET_REQUIRE_DATA("weights/resnet50_imagenet.pth");
  const Model small = load_model(test::data_directory() / "weights" / "resnet18_imagenet.pth");
  EXPECT_EQ(small.architecture.name(), "resnet18");
  EXPECT_EQ(small.architecture.classes(), 1000);
  EXPECT_EQ(small.format, "pth");
  EXPECT_EQ(small.labels, imagenet_labels());
  EXPECT_EQ(small.head.kind, HeadKind::softmax);
  EXPECT_EQ(small.preprocess, Preprocess{});
  EXPECT_EQ(small.tensors.size(), small.architecture.tensors().size());
  EXPECT_EQ(load_model(test::data_directory() / "weights" / "resnet50_imagenet.pth").architecture.name(),
            "resnet50");
}

TEST(LoadModel, EveryMissingTensorIsNamed) {
  RESNET_REQUIRE_DATA("weights/resnet18_torchvision_partial.pth");
  const Error e =
      error_of([] { load_model(test::data_directory() / "weights" / "resnet18_torchvision_partial.pth"); });
  EXPECT_EQ(e.code(), ErrorCode::not_found);
  for (const char* words :
       {"resnet18_torchvision_partial.pth", "layer4.0.conv1.weight [512, 256, 3, 3]",
        "layer4.0.conv2.weight [512, 512, 3, 3]", "layer4.1.conv1.weight [512, 512, 3, 3]",
        "layer4.1.conv2.weight [512, 512, 3, 3]"}) {
    EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what();
  }
}

// Bytes of anonymous memory in our resident set.
std::int64_t anonymous_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::int64_t kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib;
  }
  return -1;
}

TEST(LoadModel, WeightsStayInTheFile) {
  const test::TemporaryFolder folder;
  for (const char* format : {"pth", "safetensors", "manifest"}) {
    const fs::path path = folder.path() / format;
    save_model(make_random_model(18, 1000, 1), path, parse_model_format(format));
    const std::int64_t before = anonymous_kib();
    const Model model = load_model(path);
    const std::int64_t grown = anonymous_kib() - before;
    EXPECT_LT(grown, 8 * 1024) << format << ": 45 MB of weights took " << grown << " KiB of heap";

    // Evicted pages come back from the file.
    const Tensor& tensor = model.tensor("layer4.1.conv2.weight");
    const std::vector<float> values(tensor.f32().begin(), tensor.f32().end());
    tensor.evict();
    EXPECT_EQ(std::memcmp(tensor.data(), values.data(), tensor.bytes()), 0) << format;
  }
}

TEST(Validate, ModelsMadeInMemory) {
  Model model = make_random_model(18, 2, 1);
  validate(model);
  Model other = model;
  other.labels.pop_back();
  EXPECT_EQ(error_of([&] { validate(other); }).code(), ErrorCode::shape_mismatch);
  other = model;
  other.head.thresholds = {0.5f};
  EXPECT_EQ(error_of([&] { validate(other); }).code(), ErrorCode::shape_mismatch);
  other = model;
  other.head.thresholds = {0.5f, std::nanf("")};
  EXPECT_EQ(error_of([&] { validate(other); }).code(), ErrorCode::invalid_argument);
  other = model;
  other.preprocess.std[1] = 0;
  EXPECT_EQ(error_of([&] { validate(other); }).code(), ErrorCode::invalid_argument);
  other = model;
  other.tensors["fc.bias"] = Tensor::adopt(Shape{3}, {1, 2, 3});
  const Error shape = error_of([&] { validate(other); });
  EXPECT_EQ(shape.code(), ErrorCode::shape_mismatch);
  EXPECT_NE(std::string(shape.what()).find("fc.bias is [3], not [2]"), std::string::npos) << shape.what();
  EXPECT_EQ(error_of([&] { model.tensor("fc.gain"); }).code(), ErrorCode::not_found);
}

TEST(SaveModel, LabelsMustBeUtf8) {
  const test::TemporaryFolder folder;
  Model model = make_random_model(18, 2, 1);
  model.labels = {"ok", "caf\xe9"};
  for (const ModelFormat format : {ModelFormat::pth, ModelFormat::safetensors, ModelFormat::manifest}) {
    const Error e = error_of([&] { save_model(model, folder.path() / "m", format); });
    EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(e.what()).find("label 1"), std::string::npos) << e.what();
    EXPECT_TRUE(fs::is_empty(folder.path()));
  }
}

TEST(ModelFormatNames, ParseOrListTheChoices) {
  EXPECT_EQ(parse_model_format("safetensors"), ModelFormat::safetensors);
  const Error e = error_of([] { parse_model_format("onnx"); });
  EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
  EXPECT_NE(std::string(e.what()).find("pth, manifest, safetensors"), std::string::npos) << e.what();
}

// FNV-1a over the bits of a tensor.
std::uint64_t hash_of(const Tensor& tensor) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < tensor.bytes(); ++i) {
    hash = (hash ^ static_cast<std::uint8_t>(tensor.data()[i])) * 0x100000001b3u;
  }
  return hash;
}

TEST(RandomModel, TheSameBitsOnEveryMachine) {
  const Model model = make_random_model(18, 5, 42);
  EXPECT_EQ(hash_of(model.tensor("conv1.weight")), 11686998759299003875u);
  EXPECT_EQ(hash_of(model.tensor("layer4.1.bn2.running_var")), 18371465985893828958u);
  EXPECT_EQ(hash_of(model.tensor("fc.weight")), 6178871464908056229u);
  EXPECT_NE(hash_of(make_random_model(18, 5, 43).tensor("conv1.weight")),
            hash_of(model.tensor("conv1.weight")));
}

TEST(RandomModel, HasATrainedNetsScale) {
  for (const int depth : {18, 34, 50}) {
    const Model model = make_random_model(depth, 10, 1);
    validate(model);
    const char* last = depth == 50 ? "layer2.1.bn3.weight" : "layer2.1.bn2.weight";
    EXPECT_EQ(model.tensor(last).f32()[0], 0.25f);
    EXPECT_EQ(model.tensor("layer2.1.bn1.weight").f32()[0], 1.0f);
    double sum = 0, squares = 0;
    const auto weights = model.tensor("layer3.0.conv2.weight").f32();
    for (const float weight : weights) {
      const double w = static_cast<double>(weight);
      sum += w, squares += w * w;
    }
    const double fan_in = static_cast<double>(weights.size()) / 256;
    EXPECT_NEAR(sum / static_cast<double>(weights.size()), 0, 1e-4);
    EXPECT_NEAR(squares / static_cast<double>(weights.size()) * fan_in, 1, 0.01);
    for (const float v : model.tensor("layer4.0.bn1.running_var").f32()) EXPECT_GT(v, 0.3f);
  }
}

}  // namespace
}  // namespace resnet
