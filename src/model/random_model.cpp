// make_random_model: the same bits for the same seed on every platform. Random numbers come from integer
// arithmetic alone and are scaled by one fp32 multiplication, so that neither a libm nor a fused
// multiply-add can make a difference.
#include "model/labels.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include <resnet/model.hpp>

namespace resnet {
namespace {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Near-normal, in units of kUnit: the sum of four 16-bit uniform numbers less its mean. Its tails end at
  // 3.46 standard deviations, which is what initialisers truncate to anyway.
  std::int32_t normal() {
    const std::uint64_t bits = next();
    std::int32_t sum = -2 * 65535;
    for (int i = 0; i < 4; ++i) sum += static_cast<std::int32_t>((bits >> (16 * i)) & 0xffffu);
    return sum;
  }
  // The standard deviation of normal(): sqrt(4 * (2^32 - 1) / 12), rounded.
  static constexpr std::int32_t kUnit = 37837;

 private:
  std::uint64_t state_;
};

// `count` values of mean + deviation * normal, both given in percent so that the sum is one of integers.
std::vector<float> values(Random& random, std::int64_t count, int mean_percent, int deviation_percent,
                          float scale) {
  const float unit = scale / static_cast<float>(100 * std::int64_t{Random::kUnit});
  std::vector<float> v(static_cast<std::size_t>(count));
  for (float& x : v) {
    const std::int64_t sum =
        std::int64_t{mean_percent} * Random::kUnit + std::int64_t{deviation_percent} * random.normal();
    x = static_cast<float>(sum) * unit;
  }
  return v;
}

class Maker {
 public:
  Maker(Model& model, std::uint64_t seed) : model_(model), random_(seed) {}

  // Weights of variance 1 / fan-in keep the mean square of what goes in.
  void convolution(const ConvSpec& c) {
    const std::int64_t fan_in = std::int64_t{c.in_channels} * c.kernel * c.kernel;
    put(c.conv + ".weight", Shape{c.out_channels, c.in_channels, c.kernel, c.kernel}, 0, 100,
        1 / root(fan_in));
  }

  // `mean_square` is that of the values that come in, so that running_var fits and what leaves has about
  // the variance gamma^2.
  void batch_norm(const std::string& bn, int channels, float gamma, float mean_square) {
    const Shape shape{channels};
    put(bn + ".weight", shape, 100, 0, gamma);
    put(bn + ".bias", shape, 0, 10, gamma);
    put(bn + ".running_mean", shape, 0, 10, std::sqrt(mean_square));
    put(bn + ".running_var", shape, 100, 10, mean_square);
  }

  void head(int channels, int classes) {
    put("fc.weight", Shape{classes, channels}, 0, 100, 1 / root(channels));
    put("fc.bias", Shape{classes}, 0, 10, 1);
  }

 private:
  static float root(std::int64_t n) { return std::sqrt(static_cast<float>(n)); }

  void put(const std::string& name, Shape shape, int mean_percent, int deviation_percent, float scale) {
    auto v = values(random_, shape.numel(), mean_percent, deviation_percent, scale);
    model_.tensors.emplace(name, Tensor::adopt(std::move(shape), std::move(v)));
  }

  Model& model_;
  Random random_;
};

}  // namespace

Model make_random_model(int depth, int classes, std::uint64_t seed) {
  constexpr float kLastGamma = 0.25f;    // of each block: the residual is a small correction
  constexpr float kAfterRelu = 0.5f;     // mean square of max(0, x) for normal x of variance 1
  constexpr float kAfterMaxpool = 1.5f;  // of the largest of nine neighbours
  Model model{.architecture = Architecture(depth, classes)};
  Maker maker(model, seed);
  float incoming = 1;  // mean square of a module's input; a normalised picture's is about 1
  for (int m = 0; m < model.architecture.module_count(); ++m) {
    const Module& module = model.architecture.modules()[static_cast<std::size_t>(m)];
    const std::vector<ConvSpec> convs = model.architecture.convolutions(m);
    if (module.kind == ModuleKind::head) maker.head(module.in_channels, classes);
    const std::size_t main_path = convs.size() - (module.downsample ? 1 : 0);
    for (std::size_t i = 0; i < convs.size(); ++i) {
      const bool shortcut = i == main_path;
      const bool last_of_block = module.kind != ModuleKind::conv1 && i + 1 == main_path;
      maker.convolution(convs[i]);
      maker.batch_norm(convs[i].bn, convs[i].out_channels, last_of_block ? kLastGamma : 1.0f,
                       i == 0 || shortcut ? incoming : kAfterRelu);
    }
    if (module.kind == ModuleKind::conv1) {
      incoming = kAfterMaxpool;
    } else if (!convs.empty()) {
      // The shortcut's own BatchNorm starts afresh; otherwise the block adds its correction.
      incoming = module.downsample ? kAfterRelu : incoming + kLastGamma * kLastGamma;
    }
  }
  model.labels = default_labels(classes);
  return model;
}

}  // namespace resnet
