#include "cpu/layers.hpp"

#include "core/thread_pool.hpp"

#include <cmath>

#include <fmt/format.h>

namespace resnet::cpu {
namespace {

struct BatchNorm {
  std::vector<double> scale, shift;  // y = x * scale + shift
};

// γ/√(σ² + ε) and β − μ·scale (Ioffe & Szegedy 2015), in double.
BatchNorm batch_norm(const Model& model, const std::string& name) {
  const auto gamma = model.tensor(name + ".weight").f32(), beta = model.tensor(name + ".bias").f32();
  const auto mean = model.tensor(name + ".running_mean").f32(),
             var = model.tensor(name + ".running_var").f32();
  BatchNorm bn;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double scale =
        static_cast<double>(gamma[c]) / std::sqrt(static_cast<double>(var[c]) + kBatchNormEps);
    bn.scale.push_back(scale);
    bn.shift.push_back(static_cast<double>(beta[c]) - static_cast<double>(mean[c]) * scale);
  }
  return bn;
}

std::string kernel_name(const ConvSpec& spec, Algorithm algorithm, const KernelTable& kernels) {
  switch (algorithm) {
    case Algorithm::winograd_f2:
      return "winograd_f2x2";
    case Algorithm::winograd_f4:
      return "winograd_f4x4";
    case Algorithm::winograd_f4_s2:
      return "winograd_f4x4_s2";
    case Algorithm::direct:
      break;
  }
  return fmt::format("{}_{}x{}{}", kernels.conv_kernel, spec.kernel, spec.kernel,
                     spec.stride == 2 ? "_s2" : "");
}

class Packer {
 public:
  Packer(const Model& model, const KernelTable& kernels, Plan plan, int threads)
      : model_(model), kernels_(kernels), plan_(plan), threads_(threads) {}

  std::size_t padded_channels(int channels) const {
    return static_cast<std::size_t>((channels + kernels_.tile_channels - 1) / kernels_.tile_channels) *
           kernels_.tile_channels;
  }

  std::size_t weight_bytes(const ConvSpec& spec) const {
    const Algorithm algorithm = choose_algorithm(spec, plan_, kernels_);
    if (algorithm != Algorithm::direct) {
      return kernels_.winograd.packed_bytes(spec.in_channels, spec.out_channels, winograd_form(algorithm));
    }
    return kernels_.packed_conv_bytes(spec.in_channels, spec.out_channels, spec.kernel);
  }

  std::size_t bytes(const ConvSpec& spec) const {
    return Arena::padded(weight_bytes(spec)) + channel_bytes(spec);
  }

  std::size_t stem_bytes(const ConvSpec& spec) const {
    return Arena::padded(kernels_.packed_stem_bytes(spec.out_channels)) + 2 * channel_bytes(spec);
  }

  ConvLayer pack(const ConvSpec& spec, Arena& arena) const {
    const Algorithm algorithm = choose_algorithm(spec, plan_, kernels_);
    ConvLayer layer{spec, algorithm, kernel_name(spec, algorithm, kernels_), nullptr, nullptr};
    const Tensor& weight = model_.tensor(spec.conv + ".weight");
    const float* oihw = weight.f32().data();
    std::byte* packed = arena.take(weight_bytes(spec));
    auto* bias = arena.take_array<float>(padded_channels(spec.out_channels));
    const bool folded = !spec.bn.empty();
    const BatchNorm bn = folded ? batch_norm(model_, spec.bn) : BatchNorm{};
    const double* scale = folded ? bn.scale.data() : nullptr;
    ThreadPool::shared().run(threads_, [&](const Team& team) {
      if (layer.algorithm == Algorithm::direct) {
        kernels_.pack_conv(oihw, scale, spec.in_channels, spec.out_channels, spec.kernel, packed, team.rank(),
                           team.size());
      } else {
        kernels_.winograd.pack(oihw, scale, spec.in_channels, spec.out_channels,
                               winograd_form(layer.algorithm), reinterpret_cast<float*>(packed), team.rank(),
                               team.size());
      }
    });
    weight.evict();
    if (folded) {
      for (std::size_t c = 0; c < bn.shift.size(); ++c) bias[c] = static_cast<float>(bn.shift[c]);
    } else {
      const auto values = model_.tensor(spec.conv + ".bias").f32();
      for (std::size_t c = 0; c < values.size(); ++c) bias[c] = values[c];
    }
    layer.weights = packed, layer.bias = bias;
    return layer;
  }

  StemLayer pack_stem(const ConvSpec& spec, Arena& arena) const {
    std::byte* packed = arena.take(kernels_.packed_stem_bytes(spec.out_channels));
    auto* scale = arena.take_array<float>(padded_channels(spec.out_channels));
    auto* shift = arena.take_array<float>(padded_channels(spec.out_channels));
    const Tensor& weight = model_.tensor(spec.conv + ".weight");
    kernels_.pack_stem(weight.f32().data(), spec.out_channels, packed);
    weight.evict();
    const BatchNorm bn = batch_norm(model_, spec.bn);
    for (std::size_t c = 0; c < bn.scale.size(); ++c) {
      scale[c] = static_cast<float>(bn.scale[c]);
      shift[c] = static_cast<float>(bn.shift[c]);
    }
    return {packed, scale, shift};
  }

 private:
  std::size_t channel_bytes(const ConvSpec& spec) const {
    return Arena::padded(sizeof(float) * padded_channels(spec.out_channels));
  }

  const Model& model_;
  const KernelTable& kernels_;
  Plan plan_;
  int threads_;
};

}  // namespace

WinogradForm winograd_form(Algorithm algorithm) {
  return {algorithm == Algorithm::winograd_f2 ? 2 : 4, algorithm == Algorithm::winograd_f4_s2 ? 2 : 1};
}

// One image at a time, layer4's 7x7 maps make 4 tiles of F(4x4): its weights, four times the size (151 MB in
// ResNet-18), would be read for so few products that the processor waits for memory. A core with AVX-512
// does twice the products in the time that it takes to read the same weights, so there that holds for
// layer3's 14x14 maps too: on Emerald Rapids weights arrive at 13 GB/s, and F(2x2) makes ResNet-18 6 %
// faster. With eight images a batch F(4x4) wins everywhere. Of stride 2 its weights are nine times the
// direct algorithm's: too many for layer4 in any case.
Algorithm choose_algorithm(const ConvSpec& spec, Plan plan, const KernelTable& kernels) {
  constexpr int kLayer3Channels = 256, kLayer4Channels = 512;
  if (spec.kernel != 3 || kernels.winograd.pack == nullptr) return Algorithm::direct;
  const int read_once = kernels.lanes >= 16 ? kLayer3Channels : kLayer4Channels;
  const bool few_tiles = plan == Plan::latency && spec.out_channels >= read_once;
  if (spec.stride == 2) {
    return few_tiles || spec.out_channels >= kLayer4Channels ? Algorithm::direct : Algorithm::winograd_f4_s2;
  }
  return few_tiles ? Algorithm::winograd_f2 : Algorithm::winograd_f4;
}

bool is_block(const Module& module) {
  return module.kind == ModuleKind::basic_block || module.kind == ModuleKind::bottleneck;
}

PackedLayers pack_layers(const Model& model, int begin, int end, Plan plan, const KernelTable& kernels,
                         int threads) {
  const Architecture& architecture = model.architecture;
  const Packer packer(model, kernels, plan, threads);
  const int head = architecture.head();
  const ConvSpec stem = architecture.convolutions(0).front();
  const ConvSpec fc{"fc", "", architecture.modules()[head].in_channels, architecture.classes(), 1, 1, 0};
  const bool has_stem = begin < 2;  // bn1 alone needs the stem's scale and shift
  const bool has_head = end > head;

  std::size_t bytes = (has_stem ? packer.stem_bytes(stem) : 0) + (has_head ? packer.bytes(fc) : 0);
  for (int m = begin; m < end; ++m) {
    if (!is_block(architecture.modules()[m])) continue;
    for (const ConvSpec& spec : architecture.convolutions(m)) bytes += packer.bytes(spec);
  }

  PackedLayers layers;
  layers.arena = Arena(bytes);
  layers.modules.resize(architecture.module_count());
  if (has_stem) layers.stem = packer.pack_stem(stem, layers.arena);
  for (int m = begin; m < end; ++m) {
    if (!is_block(architecture.modules()[m])) continue;
    for (const ConvSpec& spec : architecture.convolutions(m))
      layers.modules[m].push_back(packer.pack(spec, layers.arena));
  }
  if (has_head) layers.head = packer.pack(fc, layers.arena);
  return layers;
}

}  // namespace resnet::cpu
