#include "cuda/gathered/convolution.hpp"

#include "cuda/check.hpp"
#include "cuda/launch.hpp"
#include "cuda/mma/kernels.hpp"
#include "cuda/simt/kernels.hpp"

#include <algorithm>
#include <array>

#include <cuda_runtime.h>
#include <fmt/format.h>

namespace resnet::cuda::gathered {
namespace {

std::int64_t tiles_of(const Kernel& kernel, int channels, std::int64_t pixels) {
  return (pixels + kernel.tile_m - 1) / kernel.tile_m * ((channels + kernel.tile_n - 1) / kernel.tile_n);
}

// Into how many chunks k is best cut for one picture. Measured on an H200, 2026-11-22, every convolution of
// ResNet-18 and -50 at 224 × 224 with 1 to 16 chunks, 20 kernels in a graph, by a program that is not kept:
// leaving sums in memory and adding them up takes some microseconds, so only long sums are worth it.
int chunks_of(const ConvolutionKind& kind, int k_bytes) {
  if (kind.family == Family::simt) return k_bytes < 512 ? 1 : 8;
  const bool three_products = kind.precision == Precision::fp32;
  if (k_bytes < (three_products ? 768 : 1536)) return 1;
  return k_bytes < (three_products ? 3072 : 4096) ? 4 : 8;
}

int multiprocessors() {
  int device = 0, count = 0;
  RESNET_CUDA_CHECK(cudaGetDevice(&device));
  RESNET_CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device));
  return count;
}

// The counters of arrived blocks, at the beginning of the scratch memory of every layer: more than tiles are
// ever spread.
constexpr std::size_t kCounters = 4096;

}  // namespace

Kernels kernels_of(Family family, Precision precision) {
  const bool tensor_cores = family == Family::mma;
  switch (precision) {
    case Precision::int8:
      return tensor_cores ? mma::int8_kernels() : simt::int8_kernels();
    case Precision::fp16:
      return tensor_cores ? mma::fp16_kernels() : simt::fp16_kernels();
    case Precision::bf16:
      return tensor_cores ? mma::bf16_kernels() : simt::bf16_kernels();
    default:
      return tensor_cores ? mma::fp32_kernels() : simt::fp32_kernels();
  }
}

Choice choose(const ConvolutionKind& kind, int k_bytes, int channels, std::int64_t pixels,
              int multiprocessors) {
  const Kernels kernels = kernels_of(kind.family, kind.precision);
  const int chunks = kind.plan == Plan::latency ? chunks_of(kind, k_bytes) : 1;
  if (chunks > 1) {
    const std::int64_t tiles = tiles_of(kernels.back(), channels, pixels);
    return {&kernels.back(), chunks, tiles < std::min<std::int64_t>(multiprocessors, kCounters)};
  }
  // The largest tile that still gives every multiprocessor work.
  for (const Kernel& kernel : kernels) {
    if (kernel.tile_n <= channels && kernel.tile_m <= pixels &&
        tiles_of(kernel, channels, pixels) >= multiprocessors)
      return {&kernel, 1, false};
  }
  return {&kernels.back(), 1, false};
}

Choice choose(const ConvolutionKind& kind, const Layer& layer, std::int64_t pixels) {
  return choose(kind, layer.k * element_bytes_of(kind.precision), layer.spec.out_channels, pixels,
                multiprocessors());
}

std::size_t scratch_bytes(const Choice& choice, int channels, std::int64_t pixels) {
  if (!choice.spread) return 0;
  const Kernel& kernel = *choice.kernel;
  return (kCounters + static_cast<std::size_t>(tiles_of(kernel, channels, pixels) * choice.chunks *
                                               kernel.tile_m * kernel.tile_n)) *
         4;
}

// ---- a convolution -------------------------------------------------------------------------------------

void Convolution::set_layer(Precision precision, const Layer& layer) {
  params_.weights = layer.weights.data();
  params_.k_bytes = layer.k * element_bytes_of(precision);
  params_.weights_plane = std::int64_t{layer.rows} * params_.k_bytes;
  params_.n = layer.spec.out_channels;
  params_.scale = layer.scale.data();
  params_.shift = layer.shift.data();
}

void Convolution::set_input(Precision precision, const Layer& layer, const Activation& in) {
  const int bytes = element_bytes_of(precision), kernel = layer.spec.kernel;
  params_.x = in.data;
  params_.x_plane = static_cast<std::int64_t>(in.elements()) * bytes;
  params_.pixel = in.c * bytes;
  params_.row = params_.pixel * in.w;
  params_.image = std::int64_t{params_.row} * in.h;
  params_.h = in.h, params_.w = in.w;
  params_.step_h = params_.step_w = layer.spec.stride;
  params_.padding = layer.spec.padding;
  params_.taps = kernel * kernel, params_.filter_w = kernel;
  params_.tap_bytes = params_.pixel;
}

void Convolution::set_stem(Precision precision, const Stem& stem, const StemInput& in) {
  const int bytes = element_bytes_of(precision), pixel = StemInput::channels(precision) * bytes;
  set_layer(precision, stem.conv);
  params_.x = in.data;
  params_.x_plane = static_cast<std::int64_t>(in.elements(precision)) * bytes;
  params_.pixel = 2 * pixel;
  params_.row = pixel * in.width();
  params_.image = std::int64_t{params_.row} * in.rows();
  params_.h = in.rows(), params_.w = in.out_w();
  params_.step_h = 2;
  params_.taps = 7, params_.filter_w = 1;
  params_.tap_bytes = 8 * pixel;
  params_.m = in.n * in.out_h() * in.out_w();
  params_.oh = in.out_h(), params_.ow = in.out_w();
}

void Convolution::set_scratch(void* scratch) {
  params_.chunks = choice_.chunks;
  if (!choice_.spread) return;
  params_.arrived = static_cast<unsigned*>(scratch);
  params_.sums = params_.arrived + kCounters;
}

Convolution::Convolution(const ConvolutionKind& kind, const Choice& choice, const Layer& layer,
                         const Activation& in, const Activation& out, const Epilogue& epilogue, void* scratch)
    : family_(kind.family), choice_(choice) {
  set_layer(kind.precision, layer);
  set_input(kind.precision, layer, in);
  params_.m = static_cast<int>(out.pixels());
  params_.oh = out.h, params_.ow = out.w;
  params_.set(out, epilogue);
  set_scratch(scratch);
}

Convolution::Convolution(const ConvolutionKind& kind, const Stem& stem, const StemInput& in,
                         const Activation& out)
    : family_(kind.family), choice_(choose(kind, stem.conv, out.pixels())) {
  set_stem(kind.precision, stem, in);
  params_.set(out, {.relu = true});
}

Convolution::Convolution(const ConvolutionKind& kind, const Stem& stem, const StemInput& in, float* raw)
    : family_(kind.family), choice_(choose(kind, stem.conv, std::int64_t{in.n} * in.out_h() * in.out_w())) {
  set_stem(kind.precision, stem, in);
  params_.scale = stem.unit_scale.data();
  params_.shift = stem.zero.data();
  params_.raw = raw;
}

Convolution::Convolution(const ConvolutionKind& kind, const Layer& layer, const Activation& in, void* scratch)
    : family_(kind.family), choice_(choose(kind, layer, in.n)) {
  set_layer(kind.precision, layer);
  set_input(kind.precision, layer, in);
  params_.m = in.n;
  set_scratch(scratch);
}

std::int64_t Convolution::tiles() const {
  return tiles_of(*choice_.kernel, params_.n, params_.m);
}

void Convolution::run(cudaStream_t stream, float* raw) const {
  ConvolutionParams params = params_;
  if (raw != nullptr) params.raw = raw;
  const Kernel& kernel = *choice_.kernel;
  // A kernel's attributes belong to the device, and a program may use several.
  RESNET_CUDA_CHECK(cudaFuncSetAttribute(kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         kernel.shared_bytes));
  cudaLaunchAttribute overlap{};
  cudaLaunchConfig_t config{};
  config.gridDim =
      dim3(static_cast<unsigned>(tiles()), choice_.spread ? static_cast<unsigned>(choice_.chunks) : 1);
  config.blockDim = dim3(static_cast<unsigned>(kernel.threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(kernel.shared_bytes);
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = set_overlap(overlap);
  std::array<void*, 1> arguments{&params};
  RESNET_CUDA_CHECK(cudaLaunchKernelExC(&config, kernel.function, arguments.data()));
}

std::string Convolution::kernel_name() const {
  std::string name =
      fmt::format("{}_{}x{}", to_string(family_), choice_.kernel->tile_m, choice_.kernel->tile_n);
  if (choice_.chunks > 1) name += fmt::format("_split{}", choice_.chunks);
  return name;
}

}  // namespace resnet::cuda::gathered
