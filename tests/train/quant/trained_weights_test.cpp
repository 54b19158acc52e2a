// Real networks on real photos: without any training, a quantised network is as good as what `resnet
// quantize` makes of the same weights with the same photos.

#include "quant/quantize.hpp"
#include "support/test_data.hpp"
#include "train/quant/quant_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/preprocess.hpp>

namespace resnet::train {
namespace {

constexpr std::int64_t kCalibration = 8, kPhotos = 32;

// Evenly spread over the folder.
torch::Tensor photos(std::int64_t count, const Preprocess& preprocess) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::data_directory() / "imagenet" / "images"))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  torch::Tensor images = torch::empty({count, 3, 224, 224});
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& path = paths[static_cast<std::size_t>(i) * paths.size() / static_cast<std::size_t>(count)];
    preprocess_image(load_window(path, preprocess), preprocess, images[i].data_ptr<float>());
  }
  return images;
}

struct Distance {
  double decibels = 0;   // of the logits' signal to what was added to it
  double agreement = 0;  // of the first guess
};
Distance distance(const torch::Tensor& logits, const torch::Tensor& exact) {
  const double noise = (logits - exact).square().mean().item<double>(),
               signal = (exact - exact.mean(1, true)).square().mean().item<double>();
  return {.decibels = 10 * std::log10(signal / noise),
          .agreement = (logits.argmax(1) == exact.argmax(1)).to(torch::kDouble).mean().item<double>()};
}

class TrainedWeights : public testing::TestWithParam<const char*> {};

TEST_P(TrainedWeights, StartAsGoodAsPostTrainingQuantisation) {
  RESNET_REQUIRE_DATA("imagenet/images");
  RESNET_REQUIRE_DATA("weights/" + std::string(GetParam()));
  const Model floats = load_model(test::data_directory() / "weights" / GetParam());
  const torch::Tensor
      images = photos(kPhotos, floats.preprocess),
      seen = photos(kCalibration + 3, floats.preprocess).slice(0, 1, 1 + kCalibration).contiguous();

  QuantizedNetwork network(floats.architecture, {}, floats.preprocess);
  copy_weights(floats, network.module());
  network.calibrate(seen);
  network.module().eval();
  const Model trained =
      network.export_model({.preprocess = floats.preprocess, .head = floats.head, .labels = floats.labels});
  const std::vector<float> values(seen.data_ptr<float>(), seen.data_ptr<float>() + seen.numel());
  const Model quantized = quant::quantize(floats,
                                          [&](const auto& visit) {
                                            visit(values, Shape{kCalibration, 3, 224, 224});
                                          },
                                          {})
                              .model;

  const torch::Tensor exact = engine_logits(floats, images, "cpu"),
                      ours = engine_logits(trained, images, "cpu");
  const Distance by_qat = distance(ours, exact),
                 by_ptq = distance(engine_logits(quantized, images, "cpu"), exact);
  EXPECT_GE(by_qat.decibels, by_ptq.decibels - 2) << "against " << by_ptq.decibels;
  EXPECT_GE(by_qat.agreement, by_ptq.agreement - 0.07) << "against " << by_ptq.agreement;
  EXPECT_GE(by_qat.agreement, 0.9);
  RecordProperty("decibels", std::to_string(by_qat.decibels) + " and " + std::to_string(by_ptq.decibels));

  const torch::Tensor few = images.slice(0, 0, 4);
  EXPECT_TRUE(torch::equal(network.forward(few), ours.slice(0, 0, 4)));
  network.module().train();
  RunningStatistics(network.module()).freeze(true);
  const torch::NoGradGuard no_gradient;
  EXPECT_TRUE(torch::equal(network.forward(few).argmax(1), ours.slice(0, 0, 4).argmax(1)))
      << "the training pass";
}

std::string file_name(const testing::TestParamInfo<const char*>& info) {
  return std::string(info.param).substr(0, std::string(info.param).find('_'));
}
INSTANTIATE_TEST_SUITE_P(Files, TrainedWeights,
                         testing::Values("resnet18_imagenet.pth", "resnet50_imagenet.pth"), file_name);

}  // namespace
}  // namespace resnet::train
