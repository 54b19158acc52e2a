#include "cuda/sm90/convolution.hpp"

#include "cuda/check.hpp"
#include "cuda/sm90/tensor_map.hpp"

#include <algorithm>
#include <array>

#include <cuda_runtime.h>
#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::cuda::sm90 {
namespace {

CUtensorMapDataType type_of(Precision precision) {
  return precision == Precision::int8   ? CU_TENSOR_MAP_DATA_TYPE_UINT8
         : precision == Precision::bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                        : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
}

std::int64_t tiles(std::int64_t pixels, int channels, int tile_m, int tile_n) {
  return (pixels + tile_m - 1) / tile_m * ((channels + tile_n - 1) / tile_n);
}

// Over how many blocks the fully connected layer's k is split: each has a stage of it at least.
int head_split(Precision precision, int channels) {
  return std::min(8, channels * element_bytes_of(precision) / row_bytes_of(precision, channels));
}

}  // namespace

void Convolution::set_layer(Precision precision, const Layer& layer) {
  w_ = encode(TileMap{.data = layer.weights.data(),
                      .type = type_of(precision),
                      .element_bytes = element_bytes_of(precision),
                      .width = layer.k,
                      .rows = layer.rows,
                      .planes = planes_of(precision),
                      .box_x = kernel_->row_bytes / element_bytes_of(precision),
                      .box_y = kernel_->tile_n});
  params_.n = layer.spec.out_channels;
  params_.scale = layer.scale.data();
  params_.shift = layer.shift.data();
  params_.steps = layer.k * element_bytes_of(precision) / kernel_->row_bytes;
}

void Convolution::set_output(Precision precision, const Activation& out, const Epilogue& epilogue) {
  const auto map = [&](void* data) {
    return encode(TileMap{.data = data,
                          .type = type_of(precision),
                          .element_bytes = element_bytes_of(precision),
                          .width = out.c,
                          .rows = out.pixels(),
                          .planes = planes_of(precision),
                          .box_x = kernel_->out_row / element_bytes_of(precision),
                          .box_y = 64});
  };
  params_.set(out, epilogue);
  if (is_split()) return;  // writes without the TMA
  out_ = map(out.data);
  residual_ = epilogue.residual != nullptr ? map(epilogue.residual->data) : out_;
}

void Convolution::set_grid() {
  if (choice_.split > params_.steps)
    throw Error(ErrorCode::internal, "a convolution's k is split over more blocks than it has stages");
  params_.split = choice_.split;
  std::int64_t blocks = tiles(params_.m, params_.n, kernel_->tile_m, kernel_->tile_n);
  if (!is_split()) blocks = std::min<std::int64_t>(blocks, kMultiprocessors * kernel_->blocks);
  blocks_ = static_cast<unsigned>(blocks);
}

// Maps of whole rows: what lies below an image's last row is cut off, and not the next image's.
void Convolution::set_resident(Precision precision, const Activation& in, const Activation& out,
                               const Epilogue& epilogue) {
  const int bytes = element_bytes_of(precision), rows = kResidentPositions / (in.w + 2);
  x_ = encode(PatchMap{.data = in.data,
                       .type = type_of(precision),
                       .element_bytes = bytes,
                       .c = in.c,
                       .w = in.w,
                       .h = in.h,
                       .n = in.n,
                       .box_h = rows + 2});
  const auto map = [&](void* data) {
    return encode(TileMap{.data = data,
                          .type = type_of(precision),
                          .element_bytes = bytes,
                          .width = out.c,
                          .rows = std::int64_t{out.h} * out.w,
                          .planes = out.n,
                          .box_x = out.c,
                          .box_y = rows * out.w});
  };
  out_ = map(out.data);
  residual_ = epilogue.residual != nullptr ? map(epilogue.residual->data) : out_;
  params_.oh = out.h, params_.ow = out.w;
  params_.images = out.n;
  params_.set(out, epilogue);
  blocks_ = static_cast<unsigned>(std::min(kMultiprocessors, (out.h + rows - 1) / rows * out.n));
}

Convolution::Convolution(Precision precision, Choice choice, const Layer& layer, const Activation& in,
                         const Activation& out, const Epilogue& epilogue)
    : choice_(choice.shape == TileShape::resident && in.w > kResidentWidth ? Choice{TileShape::m128n64, 1}
                                                                           : choice),
      kernel_(&gemm_kernel(precision, choice_.shape, row_bytes_of(precision, in.c))) {
  if (choice_.shape == TileShape::resident) {
    set_layer(precision, layer);
    set_resident(precision, in, out, epilogue);
    return;
  }
  const int bytes = element_bytes_of(precision), channels = kernel_->row_bytes / bytes;
  const std::int64_t pixel = std::int64_t{in.c} * bytes;
  x_ = encode(Im2colMap{.data = in.data,
                        .type = type_of(precision),
                        .element_bytes = bytes,
                        .c = in.c,
                        .w = in.w,
                        .h = in.h,
                        .n = in.n * planes_of(precision),
                        .stride_w = pixel,
                        .stride_h = pixel * in.w,
                        .stride_n = pixel * in.w * in.h,
                        .filter_h = layer.spec.kernel,
                        .filter_w = layer.spec.kernel,
                        .padding = layer.spec.padding,
                        .step_h = layer.spec.stride,
                        .step_w = layer.spec.stride,
                        .box_c = channels,
                        .pixels = kernel_->tile_m});
  set_layer(precision, layer);
  params_.m = static_cast<int>(out.pixels());
  params_.oh = out.h, params_.ow = out.w;
  params_.stride_h = params_.stride_w = layer.spec.stride;
  params_.lower_h = params_.lower_w = -layer.spec.padding;
  params_.filter_w = layer.spec.kernel;
  params_.channel_steps = in.c / channels;
  params_.images = in.n;
  set_output(precision, out, epilogue);
  set_grid();
}

void Convolution::set_stem(Precision precision, const Stem& stem, const StemInput& in) {
  const int bytes = element_bytes_of(precision), channels = StemInput::channels(precision);
  choice_ = {TileShape::m128n64, 1};
  kernel_ = &gemm_kernel(precision, choice_.shape, 64);
  const std::int64_t row = std::int64_t{in.width()} * channels * bytes;
  // Windows of eight pixels, two pixels apart: they overlap, which the map's strides are free to say.
  x_ = encode(Im2colMap{.data = in.data,
                        .type = type_of(precision),
                        .element_bytes = bytes,
                        .c = 8 * channels,
                        .w = in.out_w(),
                        .h = in.rows(),
                        .n = in.n * planes_of(precision),
                        .stride_w = std::int64_t{2} * channels * bytes,
                        .stride_h = row,
                        .stride_n = row * in.rows(),
                        .filter_h = 7,
                        .filter_w = 1,
                        .padding = 0,
                        .step_h = 2,
                        .step_w = 1,
                        .box_c = 8 * channels,
                        .pixels = kernel_->tile_m});
  set_layer(precision, stem.conv);
  params_.m = in.n * in.out_h() * in.out_w();
  params_.oh = in.out_h(), params_.ow = in.out_w();
  params_.stride_h = 2;
  params_.images = in.n;
}

Convolution::Convolution(Precision precision, const Stem& stem, const StemInput& in, const Activation& out) {
  set_stem(precision, stem, in);
  set_output(precision, out, {.relu = true});
  set_grid();
}

Convolution::Convolution(Precision precision, const Stem& stem, const StemInput& in, float* raw) {
  set_stem(precision, stem, in);
  params_.scale = stem.unit_scale.data();
  params_.shift = stem.zero.data();
  params_.raw = raw;
  set_grid();
}

Convolution::Convolution(Precision precision, const Layer& layer, const Activation& in)
    : choice_{TileShape::m64n64_cluster, head_split(precision, in.c)},
      kernel_(&gemm_kernel(precision, choice_.shape, row_bytes_of(precision, in.c))) {
  const int bytes = element_bytes_of(precision), channels = kernel_->row_bytes / bytes;
  const std::int64_t pixel = std::int64_t{in.c} * bytes;
  x_ = encode(Im2colMap{.data = in.data,
                        .type = type_of(precision),
                        .element_bytes = bytes,
                        .c = in.c,
                        .w = 1,
                        .h = 1,
                        .n = in.n * planes_of(precision),
                        .stride_w = pixel,
                        .stride_h = pixel,
                        .stride_n = pixel,
                        .filter_h = 1,
                        .filter_w = 1,
                        .padding = 0,
                        .step_h = 1,
                        .step_w = 1,
                        .box_c = channels,
                        .pixels = kernel_->tile_m});
  set_layer(precision, layer);
  params_.m = in.n;
  params_.channel_steps = in.c / channels;
  params_.images = in.n;
  set_grid();
}

void Convolution::run(cudaStream_t stream, float* raw) const {
  GemmParams params = params_;
  if (raw != nullptr) params.raw = raw;
  if (is_split()) {
    run_split(params, nullptr, stream);
    return;
  }
  std::array<void*, 5> arguments{const_cast<CUtensorMap*>(&x_), const_cast<CUtensorMap*>(&w_),
                                 const_cast<CUtensorMap*>(&residual_), const_cast<CUtensorMap*>(&out_),
                                 &params};
  launch(static_cast<unsigned>(blocks_), 1, kernel_->shared_bytes, arguments.data(), stream);
}

void Convolution::run_with(const Convolution& other, cudaStream_t stream) const {
  run_split(params_, &other, stream);
}

void Convolution::run_split(const GemmParams& params, const Convolution* other, cudaStream_t stream) const {
  SplitProblems problems{.problem = {{x_, w_, params}, {x_, w_, params}}};
  int cluster = choice_.split, steps = steps_a_block();
  if (other != nullptr) {
    problems.problem[1] = {other->x_, other->w_, other->params_};
    cluster = std::max(cluster, other->choice_.split);
    steps = std::max(steps, other->steps_a_block());
  }
  // Where the cluster is not for one tile's k, each of its blocks has a tile.
  const auto clusters_of = [&](const Convolution& c) {
    const int tiles_each = c.choice_.split == cluster ? 1 : cluster;
    return (static_cast<int>(c.blocks_) + tiles_each - 1) / tiles_each;
  };
  problems.first_clusters = clusters_of(*this);
  const int clusters = problems.first_clusters + (other != nullptr ? clusters_of(*other) : 0);
  const int stages = std::clamp(steps, kernel_->least_stages, stages_that_fit(clusters * cluster));
  problems.stages = stages, problems.reciprocal = ((1 << 16) + stages - 1) / stages;
  std::array<void*, 1> arguments{&problems};
  launch(static_cast<unsigned>(clusters), cluster,
         kernel_->shared_bytes - (kernel_->stages - stages) * kernel_->stage_bytes, arguments.data(), stream);
}

// The longest share of k.
int Convolution::steps_a_block() const {
  return (params_.steps + choice_.split - 1) / choice_.split;
}

// Of the ring, so that all blocks run at once, or two a multiprocessor where they are too many for that.
// Clusters do not find room on every multiprocessor.
int Convolution::stages_that_fit(int blocks) const {
  constexpr int kUsable = kMultiprocessors * 5 / 6, kReserved = 1024;  // bytes that a block takes besides
  int each = (blocks + kUsable - 1) / kUsable;                         // on a multiprocessor
  if (each > 3) each = 2;
  const int besides = kernel_->shared_bytes - kernel_->stages * kernel_->stage_bytes;
  const int fit = ((kSharedLimit + kReserved) / each - kReserved - besides) / kernel_->stage_bytes;
  return std::clamp(fit, kernel_->least_stages, kernel_->stages);
}

// `grid` clusters of `cluster` blocks.
void Convolution::launch(unsigned grid, int cluster, int shared_bytes, void** arguments,
                         cudaStream_t stream) const {
  // A kernel's attributes belong to the device, and a program may use several: they are set at every launch,
  // which is cheap, and a plan is launched once, into its graph.
  RESNET_CUDA_CHECK(cudaFuncSetAttribute(kernel_->function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         kernel_->shared_bytes));
  // Every Hopper GPU takes clusters of eight; an H100 and H200 take sixteen, if asked so.
  if (cluster > 8)
    RESNET_CUDA_CHECK(
        cudaFuncSetAttribute(kernel_->function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  std::array<cudaLaunchAttribute, 2> attributes{};
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim = {1, 1, static_cast<unsigned>(cluster)};
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid, 1, static_cast<unsigned>(cluster));
  config.blockDim = dim3(static_cast<unsigned>(kernel_->threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = attributes.data();
  config.numAttrs = is_split() ? 2 : 1;
  RESNET_CUDA_CHECK(cudaLaunchKernelExC(&config, kernel_->function, arguments));
}

ConvolutionPointer ConvolutionPair::make(const ConvolutionKind& kind, const Layer& path,
                                         const Layer& shortcut, const Activation& in,
                                         const Activation& path_out, const Activation& shortcut_out) {
  const auto choice_of = [&](const Layer& layer, const Activation& out) {
    return choose(kind.precision, kind.plan, layer.spec, out.pixels());
  };
  Choice first = choice_of(path, path_out), second = choice_of(shortcut, shortcut_out);
  if (first.split != second.split && first.split > 1 && second.split > 1) return nullptr;
  const std::int64_t of_both =
      tiles(path_out.pixels(), path_out.c, 64, 64) + tiles(shortcut_out.pixels(), shortcut_out.c, 64, 64);
  if (of_both > 3 * kMultiprocessors) return nullptr;
  // With the same split, another tile changes no bit.
  first.shape = second.shape = TileShape::m64n64_cluster;
  return std::make_unique<const ConvolutionPair>(
      sm90::Convolution(kind.precision, first, path, in, path_out, {.relu = true}),
      sm90::Convolution(kind.precision, second, shortcut, in, shortcut_out, {}));
}

std::string Convolution::kernel_name() const {
  if (choice_.shape == TileShape::resident) return "wgmma_resident_3x3";
  std::string name = fmt::format("wgmma_{}x{}", kernel_->tile_m, kernel_->tile_n);
  if (choice_.split > 1) name += fmt::format("_split{}", choice_.split);
  return name;
}

}  // namespace resnet::cuda::sm90
