#include "cpu/int8/layers.hpp"

#include "core/thread_pool.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <string>

namespace resnet::cpu::int8 {
namespace {

constexpr int kMaxPool = 3;

template <class T>
std::span<const T> values(const Tensor& tensor) {
  return {reinterpret_cast<const T*>(tensor.data()), static_cast<std::size_t>(tensor.shape().numel())};
}

enum class Kind { stem, convolution, winograd, fully_connected };

class Packer {
 public:
  Packer(const Model& model, const KernelTable& kernels, int threads)
      : model_(model), kernels_(kernels), threads_(threads) {}

  std::size_t bytes(Kind kind, const ConvSpec& spec) const {
    return Arena::padded(weight_bytes(kind, spec)) +
           2 * Arena::padded(sizeof(float) * padded_channels(spec.out_channels));
  }

  // Winograd's algorithm where the instruction set has it and the layer suits it.
  Kind kind_of(const ConvSpec& spec) const {
    const bool suits =
        spec.kernel == 3 && spec.stride == 1 && spec.out_channels <= kernels_.winograd.most_channels;
    const auto exact = [&] {
      return kernels_.winograd.is_exact(values<std::int8_t>(model_.tensor(spec.conv + ".weight")).data(),
                                        spec.in_channels, spec.out_channels);
    };
    return suits && exact() ? Kind::winograd : Kind::convolution;
  }

  Layer pack(Kind kind, const ConvSpec& spec, Arena& arena) const {
    const int oc = spec.out_channels, ic = spec.in_channels;
    const Tensor& weight = model_.tensor(spec.conv + ".weight");
    const std::int8_t* w = values<std::int8_t>(weight).data();
    void* packed = arena.take(weight_bytes(kind, spec));
    ThreadPool::shared().run(threads_, [&](const Team& team) {
      switch (kind) {
        case Kind::stem:
          if (team.rank() == 0) kernels_.pack_stem(w, oc, packed);
          break;
        case Kind::convolution:
          kernels_.pack_conv(w, ic, oc, spec.kernel, packed, team.rank(), team.size());
          break;
        case Kind::winograd:
          kernels_.winograd.pack(w, ic, oc, packed, team.rank(), team.size());
          break;
        case Kind::fully_connected:
          kernels_.pack_fully_connected(w, ic, oc, packed, team.rank(), team.size());
          break;
      }
    });

    const auto bias = values<std::int32_t>(model_.tensor(spec.conv + ".bias"));
    const auto multiplier = values<float>(model_.tensor(spec.conv + ".multiplier"));
    const int padded = padded_channels(oc), taps = spec.kernel * spec.kernel;
    auto* packed_bias = arena.take_array<std::int32_t>(static_cast<std::size_t>(padded));
    auto* packed_multiplier = arena.take_array<float>(static_cast<std::size_t>(padded));
    for (int position = 0; position < padded; ++position) {
      const int channel = kernels_.channel(position);
      if (channel >= oc) continue;
      // Modulo 2^32, which the sums are exact in, whatever they pass through on their way.
      auto sum = static_cast<std::uint32_t>(bias[static_cast<std::size_t>(channel)]);
      for (int i = 0; i < ic; ++i) {
        const int offset = kernels_.input_offset - (kind == Kind::stem ? pixels().centre[i] : 0);
        const std::int8_t* of_input = w + (static_cast<std::ptrdiff_t>(channel) * ic + i) * taps;
        int weights = 0;
        for (int tap = 0; tap < taps; ++tap) weights += of_input[tap];
        sum += static_cast<std::uint32_t>(offset * weights);
      }
      packed_bias[position] = static_cast<std::int32_t>(sum);
      packed_multiplier[position] = multiplier[static_cast<std::size_t>(channel)];
    }
    weight.evict();
    const float scale =
        kind == Kind::fully_connected ? 1.0f : model_.tensor(spec.conv + ".output_scale").f32()[0];
    return {spec, packed, packed_bias, packed_multiplier, scale, kind == Kind::winograd};
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

 private:
  std::size_t weight_bytes(Kind kind, const ConvSpec& spec) const {
    switch (kind) {
      case Kind::stem:
        return kernels_.packed_stem_bytes(spec.out_channels);
      case Kind::convolution:
        return kernels_.packed_conv_bytes(spec.in_channels, spec.out_channels, spec.kernel);
      case Kind::winograd:
        return kernels_.winograd.packed_bytes(spec.in_channels, spec.out_channels);
      case Kind::fully_connected:
        break;
    }
    return kernels_.packed_fully_connected_bytes(spec.in_channels, spec.out_channels);
  }

  const Model& model_;
  const KernelTable& kernels_;
  int threads_;
};

// The scale of what leaves a module: that of its path's last convolution, the stem's for the max pool.
float output_scale(const Model& model, int module) {
  const Module& m = model.architecture.modules()[module];
  const auto specs = model.architecture.convolutions(module <= kMaxPool ? 0 : module);
  const ConvSpec& last = specs[specs.size() - (m.downsample ? 2 : 1)];
  return model.tensor(last.conv + ".output_scale").f32()[0];
}

}  // namespace

PackedLayers pack_layers(const Model& model, int begin, int end, const KernelTable& kernels, int threads) {
  const Architecture& architecture = model.architecture;
  const Packer packer(model, kernels, threads);
  const int head = architecture.head();
  const ConvSpec stem = architecture.convolutions(0).front();
  const ConvSpec fc{"fc", "", architecture.modules()[head].in_channels, architecture.classes(), 1, 1, 0};
  const int first = std::max(begin, kMaxPool + 1), last = std::min(end, head);

  std::size_t bytes = 0;
  if (begin == 0) bytes += packer.bytes(Kind::stem, stem);
  for (int m = first; m < last; ++m) {
    for (const ConvSpec& spec : architecture.convolutions(m))
      bytes += packer.bytes(packer.kind_of(spec), spec);
  }
  if (end > head) bytes += packer.bytes(Kind::fully_connected, fc);

  PackedLayers layers;
  layers.arena = Arena(bytes);
  layers.blocks.resize(static_cast<std::size_t>(architecture.module_count()));
  if (begin == 0) {
    layers.pixels = packer.pixels();
    layers.stem = packer.pack(Kind::stem, stem, layers.arena);
  } else {
    layers.input_scale = output_scale(model, begin - 1);
  }
  for (int m = first; m < last; ++m) {
    const Module& module = architecture.modules()[m];
    Block& block = layers.blocks[static_cast<std::size_t>(m)];
    for (const ConvSpec& spec : architecture.convolutions(m)) {
      const bool shortcut = module.downsample && spec.conv == module.name + ".downsample.0";
      (shortcut ? block.shortcut : block.path)
          .push_back(packer.pack(packer.kind_of(spec), spec, layers.arena));
    }
    block.residual_multiplier = model.tensor(module.name + ".residual_multiplier").f32()[0];
  }
  if (end > head) {
    layers.pool_multiplier = model.tensor("avgpool.multiplier").f32()[0];
    layers.head = packer.pack(Kind::fully_connected, fc, layers.arena);
  }
  return layers;
}

}  // namespace resnet::cpu::int8
