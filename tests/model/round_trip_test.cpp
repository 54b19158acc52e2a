// What is written in any format reads back with the same bits and the same facts.
#include "model_test_support.hpp"
#include "support/test_data.hpp"

#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;
using test::contents;
using test::error_of;

void expect_same_bits(const Model& a, const Model& b) {
  ASSERT_EQ(a.architecture.name(), b.architecture.name());
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) {
    const Tensor& other = b.tensor(name);
    ASSERT_EQ(tensor.shape(), other.shape()) << name;
    EXPECT_EQ(std::memcmp(tensor.data(), other.data(), tensor.bytes()), 0) << name;
  }
}

void expect_same_facts(const Model& a, const Model& b) {
  EXPECT_EQ(a.preprocess, b.preprocess);
  EXPECT_EQ(a.head.kind, b.head.kind);
  EXPECT_EQ(a.head.thresholds, b.head.thresholds);
  EXPECT_EQ(a.labels, b.labels);
}

class RoundTrip : public testing::TestWithParam<const char*> {
 protected:
  fs::path out(const std::string& name) const { return folder_.path() / (name + "." + GetParam()); }
  ModelFormat format() const { return parse_model_format(GetParam()); }
  test::TemporaryFolder folder_;
};

TEST_P(RoundTrip, SmallModelWithEveryFact) {
  Model model = make_random_model(18, 3, 7);
  model.labels = {"cat", "d\"o\\g", "\xeb\xb2\x84\xec\x8a\xa4"};
  model.head = {HeadKind::sigmoid, {0.25f, 0.1f, 0.7f}};
  model.preprocess.resize_mode = ResizeMode::exact;
  model.preprocess.resize = {240, 320};
  model.preprocess.center_crop = Size{224, 288};
  model.preprocess.interpolation = Interpolation::bicubic;
  model.preprocess.mean = {0.1f, 0.2f, 1.0f / 3.0f};
  save_model(model, out("m"), format());
  const Model back = load_model(out("m"));
  EXPECT_EQ(back.format, GetParam());
  expect_same_bits(model, back);
  expect_same_facts(model, back);
  validate(back);
}

TEST_P(RoundTrip, NoCropAndDefaults) {
  Model model = make_random_model(34, 80, 1);
  model.preprocess.center_crop.reset();
  save_model(model, out("m"), format());
  const Model back = load_model(out("m"));
  expect_same_bits(model, back);
  expect_same_facts(model, back);
  EXPECT_EQ(back.labels.front(), "person");
}

TEST_P(RoundTrip, TheSameModelGivesTheSameBytes) {
  const Model model = make_random_model(18, 2, 5);
  save_model(model, out("a"), format());
  save_model(load_model(out("a")), out("b"), format());
  const bool directory = fs::is_directory(out("a"));
  const fs::path a = directory ? out("a") / "manifest.json" : out("a");
  const fs::path b = directory ? out("b") / "manifest.json" : out("b");
  EXPECT_TRUE(contents(a) == contents(b));
}

TEST_P(RoundTrip, OverwritesAnEarlierExport) {
  save_model(make_random_model(18, 2, 5), out("m"), format());
  const Model second = make_random_model(18, 4, 6);
  save_model(second, out("m"), format());
  expect_same_bits(second, load_model(out("m")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1)
      << "a temporary file was left";
}

TEST_P(RoundTrip, TheObserverHearsEveryTensorAndItsFile) {
  const Model model = make_random_model(18, 2, 5);
  std::set<std::string> names;
  save_model(model, out("m"), format(),
             [&](const std::string& name, const Shape& shape, const fs::path& file) {
               names.insert(name);
               EXPECT_EQ(shape, model.tensor(name).shape());
               EXPECT_TRUE(fs::is_regular_file(file)) << file;
             });
  EXPECT_EQ(names.size(), model.architecture.tensors().size());
}

TEST_P(RoundTrip, AModelReadFromAFileMayBeSavedOverIt) {
  const Model model = make_random_model(18, 2, 5);
  save_model(model, out("m"), format());
  const Model mapped = load_model(out("m"));
  save_model(mapped, out("m"), format());
  expect_same_bits(model, mapped);
  expect_same_bits(model, load_model(out("m")));
}

TEST_P(RoundTrip, RefusesABrokenModelAndWritesNothing) {
  Model model = make_random_model(18, 2, 5);
  model.tensors.erase("layer2.0.bn1.bias");
  const Error e = error_of([&] { save_model(model, out("m"), format()); });
  EXPECT_EQ(e.code(), ErrorCode::not_found);
  EXPECT_NE(std::string(e.what()).find("layer2.0.bn1.bias [128]"), std::string::npos) << e.what();
  EXPECT_FALSE(fs::exists(out("m")));
}

TEST_P(RoundTrip, NamesAFolderThatIsNotThere) {
  const fs::path path = folder_.path() / "nowhere" / "m";
  const Error e = error_of([&] { save_model(make_random_model(18, 2, 5), path, format()); });
  EXPECT_EQ(e.code(), ErrorCode::io);
  EXPECT_NE(std::string(e.what()).find("nowhere"), std::string::npos) << e.what();
}

TEST_P(RoundTrip, RealModels) {
  RESNET_REQUIRE_DATA("weights/resnet18_imagenet.pth");
  RESNET_REQUIRE_DATA("weights/resnet50_imagenet.pth");
  for (const int depth : {18, 50}) {
    const std::string name = "resnet" + std::to_string(depth);
    const Model model = load_model(test::data_directory() / "weights" / (name + "_imagenet.pth"));
    EXPECT_EQ(model.architecture.name(), name);
    EXPECT_EQ(model.labels[281], "tabby");
    save_model(model, out(name), format());
    const Model back = load_model(out(name));
    expect_same_bits(model, back);
    expect_same_facts(model, back);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundTrip, testing::Values("pth", "safetensors", "manifest"),
                         [](const auto& format) { return std::string(format.param); });

}  // namespace
}  // namespace resnet
