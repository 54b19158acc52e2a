#include "train/network.hpp"

#include "support/temporary_directory.hpp"
#include "support/test_data.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet::train {
namespace {

std::vector<float> values_of(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.detach().contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

class EveryDepth : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Network, EveryDepth, testing::Values(18, 34, 50));

TEST_P(EveryDepth, GivesTheLogitsOfTheEngine) {
  const Model model = make_random_model(GetParam(), 7, 11);
  Network network(model.architecture);
  copy_weights(model, network.module());
  network.module().eval();

  torch::manual_seed(1);
  const torch::Tensor images = torch::randn({2, 3, 65, 97});
  const torch::NoGradGuard no_grad;
  const std::vector<float> logits = values_of(network.forward(images));

  SessionOptions options;
  options.backend = "reference";
  const Session session(network.export_model({.labels = model.labels}), options);
  std::vector<float> expected(logits.size());
  session.run(values_of(images), Shape{2, 3, 65, 97}, expected);
  for (std::size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], expected[i], 2e-5) << i;
}

TEST_P(EveryDepth, ExportsEveryTensorAsItIs) {
  torch::manual_seed(2);
  Network network(Architecture(GetParam(), 5));
  const Model model = network.export_model({.labels = {"a", "b", "c", "d", "e"}});
  validate(model);
  Network other(model.architecture);
  copy_weights(model, other.module());
  for (const auto& entry : network.module().named_parameters()) {
    EXPECT_TRUE(torch::equal(entry.value(), other.module().named_parameters()[entry.key()])) << entry.key();
  }
}

TEST_P(EveryDepth, AnswersForThePictureTheMeanOfItsPositions) {
  torch::manual_seed(4);
  Network network(Architecture(GetParam(), 6));
  network.module().eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = torch::randn({2, 3, 96, 70});
  const torch::Tensor positions = network.forward_positions(images);
  EXPECT_EQ(positions.sizes(), (at::IntArrayRef{2, 3 * 3, 6}));
  EXPECT_TRUE(torch::allclose(positions.mean(1), network.forward(images), 1e-4, 1e-4));
}

TEST(Network, ANewHeadBeginsAtHowOftenClassesAre) {
  Network network(Architecture(18, 3));
  set_prior(network.module(), {0.5f, 0.01f, 0});
  const torch::Tensor p = torch::sigmoid(network.module().fc()->bias);
  EXPECT_NEAR(p[0].item<float>(), 0.5, 1e-6);
  EXPECT_NEAR(p[1].item<float>(), 0.01, 1e-6);
  EXPECT_NEAR(p[2].item<float>(), 0.001, 1e-6);
}

TEST(Network, InitialisesAsTorchvision) {
  torch::manual_seed(3);
  const Network network(Architecture(18, 10));
  const Model model = network.export_model({.labels = std::vector<std::string>(10, "x")});
  const auto deviation = [&](const char* name) {
    const auto v = model.tensor(name).f32();
    double sum = 0;
    for (const float x : v) sum += double{x} * double{x};
    return std::sqrt(sum / static_cast<double>(v.size()));
  };
  EXPECT_NEAR(deviation("layer2.0.conv1.weight"), std::sqrt(2.0 / (128 * 9)), 1e-3);
  EXPECT_NEAR(deviation("fc.weight"), 1 / std::sqrt(3.0 * 512), 1e-3);
  for (const float x : model.tensor("layer1.0.bn2.weight").f32()) EXPECT_EQ(x, 1);
  for (const float x : model.tensor("layer1.0.bn2.running_var").f32()) EXPECT_EQ(x, 1);
}

TEST(Network, DecaysWeightsOnly) {
  Network network(Architecture(18, 3));
  for (const TrainedParameter& p : network.trained_parameters()) {
    const bool weight = p.name.ends_with(".weight") && p.name.find("bn") == std::string::npos &&
                        p.name.find("downsample.1") == std::string::npos;
    EXPECT_EQ(p.decayed, weight) << p.name;
    EXPECT_EQ(p.head, p.name == "fc.weight" || p.name == "fc.bias") << p.name;
  }
}

TEST(StartingPoint, NamesWhatIsMissingAndWhatHasAnotherShape) {
  const test::TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "model.safetensors";
  const Model model = make_random_model(18, 10, 5);
  save_model(model, path, ModelFormat::safetensors);

  torch::manual_seed(4);
  Network network(Architecture(18, 4));
  const std::vector<std::string> absent = load_starting_point(network.module(), path);
  EXPECT_EQ(absent, (std::vector<std::string>{"fc.weight (is [10, 512], not [4, 512])",
                                              "fc.bias (is [10], not [4])"}));
  const Model loaded = network.export_model({.labels = std::vector<std::string>(4, "x")});
  const auto expected = model.tensor("layer3.1.conv2.weight").f32();
  const auto found = loaded.tensor("layer3.1.conv2.weight").f32();
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), found.begin(), found.end()));

  Network deeper(Architecture(34, 4));
  EXPECT_THROW(load_starting_point(deeper.module(), path), Error);
}

TEST(StartingPoint, TakesTorchvisionsPartialResnet18) {
  RESNET_REQUIRE_DATA("weights/resnet18_torchvision_partial.pth");
  Network network(Architecture(18, 1000));
  const auto absent = load_starting_point(
      network.module(), test::data_directory() / "weights/resnet18_torchvision_partial.pth");
  // The four convolutions and, with each, the four tensors of its BatchNorm.
  ASSERT_EQ(absent.size(), 20);
  EXPECT_EQ(absent[0], "layer4.0.conv1.weight");
  EXPECT_EQ(absent[1], "layer4.0.bn1.weight");
  EXPECT_EQ(absent[15], "layer4.1.conv2.weight");
}

}  // namespace
}  // namespace resnet::train
