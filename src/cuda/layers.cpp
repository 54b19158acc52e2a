#include "cuda/layers.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <string>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace resnet::cuda {
namespace {

constexpr int kMaxPool = 3;
constexpr std::size_t kRows = 16;  // whole groups of them are packed

template <class T>
std::span<const T> values(const Tensor& tensor) {
  return {reinterpret_cast<const T*>(tensor.data()), static_cast<std::size_t>(tensor.numel())};
}

template <class T>
DeviceBuffer<std::byte> upload_bytes(const std::vector<T>& host) {
  return upload(std::as_bytes(std::span<const T>(host)));
}

std::size_t padded(std::size_t channels) {
  return (channels + kPaddedChannels - 1) / kPaddedChannels * kPaddedChannels;
}

DeviceBuffer<float> upload_channels(std::vector<float> host) {
  host.resize(padded(host.size()));
  return upload(std::span<const float>(host));
}

// y = x · scale + shift: γ/√(σ² + ε) and β − μ·scale (Ioffe & Szegedy 2015) in double.
struct Affine {
  std::vector<double> scale, shift;
};

// Where an element of OIHW lies in a row of k.
struct RowOrder {
  int taps_w, channels;  // of the packed row: conv1's windows have eight taps of four (int8: eight) channels
  std::size_t at(int kh, int kw, int c) const {
    return (static_cast<std::size_t>(kh) * static_cast<std::size_t>(taps_w) + static_cast<std::size_t>(kw)) *
               static_cast<std::size_t>(channels) +
           static_cast<std::size_t>(c);
  }
};

class Packer {
 public:
  Packer(const Model& model, Precision precision, Family family)
      : model_(model), precision_(precision), family_(family) {}

  Layer convolution(const ConvSpec& spec) const {
    return pack(spec, {spec.kernel, spec.in_channels}, batch_norm(spec.bn));
  }

  Layer fully_connected(const ConvSpec& spec) const {
    Affine affine;
    if (precision_ != Precision::int8) {
      for (const float b : model_.tensor("fc.bias").f32()) affine.shift.push_back(b);
      affine.scale.assign(affine.shift.size(), 1.0);
    }
    return pack(spec, {1, spec.in_channels}, affine);
  }

  // Rows of k, 32 bytes a step, as the threads of a warpgroup hold them: those of two channels, in halves of
  // 16 bytes. Channels are 16 a warp; a thread's two are 8 apart (int8: neighbours).
  DeviceBuffer<std::byte> fragments(const Layer& conv, int element_bytes) const {
    constexpr std::size_t kWord = 4, kHalf = 16, kStep = 2 * kHalf, kLanes = 32;
    const std::size_t row = static_cast<std::size_t>(conv.k * element_bytes), steps = row / kStep;
    const std::size_t warps = static_cast<std::size_t>(conv.spec.out_channels) / 16;
    std::vector<std::byte> rows(conv.weights.size()), turned;
    copy_bytes(rows.data(), conv.weights.data(), rows.size(), nullptr);
    for (std::size_t step = 0; step < steps; ++step) {
      for (std::size_t lane = 0; lane < warps * kLanes; ++lane) {
        for (std::size_t word = 0; word < 4; ++word) {
          const std::size_t in_warp = lane % kLanes / 4, second = word % 2;
          const std::size_t channel =
              lane / kLanes * 16 + (element_bytes == 1 ? 2 * in_warp + second : in_warp + 8 * second);
          const std::size_t at = (element_bytes == 1 ? int8_row(family_, channel) : channel) * row +
                                 step * kStep + word / 2 * kHalf + lane % 4 * kWord;
          turned.insert(turned.end(), rows.begin() + static_cast<std::ptrdiff_t>(at),
                        rows.begin() + static_cast<std::ptrdiff_t>(at + kWord));
        }
      }
    }
    return upload(std::span<const std::byte>(turned));
  }

  Stem stem(const ConvSpec& spec) const {
    constexpr int kWindow = 8;
    const RowOrder order{kWindow, StemInput::channels(precision_)};
    Stem stem;
    if (precision_ == Precision::int8) {
      stem.pixels = pixels();
      stem.conv = pack_int8(spec, order, &stem.pixels);
      if (family_ == Family::sm90) stem.fragments = fragments(stem.conv, 1);
      return stem;
    }
    const Affine bn = batch_norm(spec.bn);
    std::vector<float> units;
    stem.conv = pack_float(spec, order, bn, &units);
    if (family_ == Family::sm90 && planes_of(precision_) == 1)
      stem.fragments = fragments(stem.conv, element_bytes_of(precision_));
    stem.zero = upload_channels(std::vector<float>(units.size()));
    stem.unit_scale = upload_channels(std::move(units));
    stem.bn_scale = upload_channels({bn.scale.begin(), bn.scale.end()});
    stem.bn_shift = upload_channels({bn.shift.begin(), bn.shift.end()});
    return stem;
  }

 private:
  Layer pack(const ConvSpec& spec, RowOrder order, const Affine& affine) const {
    return precision_ == Precision::int8 ? pack_int8(spec, order, nullptr)
                                         : pack_float(spec, order, affine, nullptr);
  }

  Affine batch_norm(const std::string& name) const {
    Affine bn;
    if (precision_ == Precision::int8) return bn;
    const auto gamma = model_.tensor(name + ".weight").f32(), beta = model_.tensor(name + ".bias").f32();
    const auto mean = model_.tensor(name + ".running_mean").f32(),
               var = model_.tensor(name + ".running_var").f32();
    for (std::size_t c = 0; c < gamma.size(); ++c) {
      const double scale =
          static_cast<double>(gamma[c]) / std::sqrt(static_cast<double>(var[c]) + kBatchNormEps);
      bn.scale.push_back(scale);
      bn.shift.push_back(static_cast<double>(beta[c]) - static_cast<double>(mean[c]) * scale);
    }
    return bn;
  }

  // f(row element, weight) for every weight of an output channel.
  template <class T, class F>
  static void each_weight(const ConvSpec& spec, RowOrder order, const T* oihw, int channel, const F& f) {
    const T* w = oihw + static_cast<std::ptrdiff_t>(channel) * spec.in_channels * spec.kernel * spec.kernel;
    for (int c = 0; c < spec.in_channels; ++c) {
      for (int kh = 0; kh < spec.kernel; ++kh) {
        for (int kw = 0; kw < spec.kernel; ++kw) f(order.at(kh, kw, c), c, *w++);
      }
    }
  }

  static std::size_t row_elements(const ConvSpec& spec, RowOrder order) {
    return order.at(spec.kernel, 0, 0);
  }

  Layer pack_float(const ConvSpec& spec, RowOrder order, const Affine& affine,
                   std::vector<float>* units) const {
    const Tensor& weight = model_.tensor(spec.conv + ".weight");
    const float* oihw = weight.f32().data();
    const std::size_t k = row_elements(spec, order), rows = static_cast<std::size_t>(spec.out_channels);
    const auto planes = static_cast<std::size_t>(planes_of(precision_));
    std::vector<std::uint16_t> packed(planes * rows * k);
    std::vector<float> scale(rows), shift(rows);
    for (std::size_t o = 0; o < rows; ++o) {
      float largest = 0;
      each_weight(spec, order, oihw, static_cast<int>(o),
                  [&](std::size_t, int, float w) { largest = std::max(largest, std::fabs(w)); });
      // The largest weight comes to lie between 2^13 and 2^14: fp16 ends at 2^16, and both halves of a split
      // weight keep all their bits down to 2^-17 of it.
      int exponent = 0;
      if (largest > 0 && std::isfinite(largest)) std::frexp(largest, &exponent);
      const float power = precision_ == Precision::bf16 ? 1.0f : std::ldexp(1.0f, 14 - exponent);
      std::uint16_t* row = packed.data() + o * k;
      each_weight(spec, order, oihw, static_cast<int>(o), [&](std::size_t at, int, float w) {
        const float x = w * power;
        if (precision_ == Precision::bf16) {
          row[at] = bits(__float2bfloat16_rn(x));
          return;
        }
        const __half hi = __float2half_rn(x);
        row[at] = bits(hi);
        if (planes == 2) row[at + rows * k] = bits(__float2half_rn(x - __half2float(hi)));
      });
      scale[o] = static_cast<float>(affine.scale[o]) / power;
      shift[o] = static_cast<float>(affine.shift[o]);
      if (units != nullptr) units->push_back(1 / power);
    }
    weight.evict();
    return {.spec = spec,
            .k = static_cast<int>(k),
            .rows = spec.out_channels,
            .weights = upload_bytes(packed),
            .scale = upload_channels(std::move(scale)),
            .shift = upload_channels(std::move(shift))};
  }

  // `pixels` of the stem, whose input is not centred: Σ w·(p − z) = Σ w·p − Σ w·z.
  Layer pack_int8(const ConvSpec& spec, RowOrder order, const PixelRule* pixels) const {
    const Tensor& weight = model_.tensor(spec.conv + ".weight");
    const auto oihw = values<std::int8_t>(weight);
    const auto bias = values<std::int32_t>(model_.tensor(spec.conv + ".bias"));
    const auto multiplier = values<float>(model_.tensor(spec.conv + ".multiplier"));
    const std::size_t k = row_elements(spec, order), rows = static_cast<std::size_t>(spec.out_channels);
    std::vector<std::int8_t> packed((rows + kRows - 1) / kRows * kRows * k);
    std::vector<float> shift(rows);
    for (std::size_t o = 0; o < rows; ++o) {
      auto sum = static_cast<std::uint32_t>(bias[o]);
      each_weight(spec, order, oihw.data(), static_cast<int>(o), [&](std::size_t at, int c, std::int8_t w) {
        packed[int8_row(family_, o) * k + at] = w;
        if (pixels != nullptr) sum -= static_cast<std::uint32_t>(w * pixels->centre[c]);
      });
      std::memcpy(&shift[o], &sum, sizeof sum);
    }
    weight.evict();
    const bool head = spec.conv == "fc";
    return {.spec = spec,
            .k = static_cast<int>(k),
            .rows = static_cast<int>(packed.size() / k),
            .weights = upload_bytes(packed),
            .scale = upload_channels({multiplier.begin(), multiplier.end()}),
            .shift = upload_channels(std::move(shift)),
            .output_scale = head ? 1.0f : model_.tensor(spec.conv + ".output_scale").f32()[0]};
  }

  PixelRule pixels() const {
    PixelRule rule{};
    for (std::size_t c = 0; c < 3; ++c) {
      rule.mean[c] = model_.preprocess.mean[c], rule.std[c] = model_.preprocess.std[c];
      rule.centre[c] =
          static_cast<std::uint8_t>(std::nearbyint(255.0 * static_cast<double>(model_.preprocess.mean[c])));
    }
    return rule;
  }

  template <class T>
  static std::uint16_t bits(T value) {
    static_assert(sizeof value == 2);
    std::uint16_t b;
    std::memcpy(&b, &value, sizeof b);
    return b;
  }

  const Model& model_;
  Precision precision_;
  Family family_;
};

// int8: the scale of what leaves a module, which is that of its path's last convolution, the stem's for the
// max pool.
float output_scale(const Model& model, int module) {
  const Module& m = model.architecture.modules()[static_cast<std::size_t>(module)];
  const auto specs = model.architecture.convolutions(module <= kMaxPool ? 0 : module);
  const ConvSpec& last = specs[specs.size() - (m.downsample ? 2 : 1)];
  return model.tensor(last.conv + ".output_scale").f32()[0];
}

}  // namespace

std::size_t int8_row(Family family, std::size_t channel) {
  if (family != Family::sm90) return channel;
  const std::size_t t = channel % kRows / 4, e = channel % 4;
  return channel / kRows * kRows + 2 * t + e % 2 + e / 2 * 8;
}

Layers pack_layers(const Model& model, int begin, int end, Precision precision, Family family) {
  const Architecture& architecture = model.architecture;
  const Packer packer(model, precision, family);
  const int head = architecture.head();
  Layers layers;
  layers.blocks.resize(static_cast<std::size_t>(architecture.module_count()));
  if (begin < 2) layers.stem = packer.stem(architecture.convolutions(0).front());
  if (precision == Precision::int8 && begin > 0) layers.input_scale = output_scale(model, begin - 1);
  for (int m = std::max(begin, kMaxPool + 1); m < std::min(end, head); ++m) {
    const Module& module = architecture.modules()[static_cast<std::size_t>(m)];
    Block& block = layers.blocks[static_cast<std::size_t>(m)];
    for (const ConvSpec& spec : architecture.convolutions(m)) {
      if (module.downsample && spec.conv == module.name + ".downsample.0") {
        block.shortcut = packer.convolution(spec);
      } else {
        block.path.push_back(packer.convolution(spec));
      }
    }
    if (precision == Precision::int8) {
      block.residual_multiplier = model.tensor(module.name + ".residual_multiplier").f32()[0];
    }
  }
  if (end > head) {
    const int channels = architecture.modules()[static_cast<std::size_t>(head)].in_channels;
    layers.head = packer.fully_connected({"fc", "", channels, architecture.classes(), 1, 1, 0});
    if (precision == Precision::int8) layers.pool_multiplier = model.tensor("avgpool.multiplier").f32()[0];
  }
  return layers;
}

}  // namespace resnet::cuda
