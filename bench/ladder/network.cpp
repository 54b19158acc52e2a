#include "ladder/network.hpp"

#include "cuda/stepwise/ops.hpp"

#include <cmath>
#include <span>
#include <string>
#include <utility>

namespace resnet::ladder {
namespace {

using cuda::DeviceBuffer;
using cuda::upload;

// The weights in the order in which the rung's kernel reads them.
std::vector<float> packed(const ConvSpec& spec, std::span<const float> weight, const Kernels& kernels) {
  const int oc = spec.out_channels, ic = spec.in_channels;
  if (kernels.winograd && winograd_takes(spec.kernel, spec.stride))
    return pack_winograd(weight.data(), oc, ic);
  switch (kernels.product) {
    case Product::tiled:
      break;
    case Product::register_tiled:
    case Product::double_buffered:
      return pack_transposed(weight.data(), oc, ic * spec.kernel * spec.kernel);
    case Product::implicit:
      return pack_taps(weight.data(), oc, ic, spec.kernel);
  }
  return {weight.begin(), weight.end()};
}

ConvWeights conv_weights(const Model& model, const ConvSpec& spec, const Kernels& kernels) {
  const auto values = [&](const std::string& name) { return model.tensor(name).f32(); };
  const auto gamma = values(spec.bn + ".weight"), beta = values(spec.bn + ".bias"),
             mean = values(spec.bn + ".running_mean"), var = values(spec.bn + ".running_var");
  std::vector<float> scale, shift;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double slope =
        static_cast<double>(gamma[c]) / std::sqrt(static_cast<double>(var[c]) + kBatchNormEps);
    scale.push_back(static_cast<float>(slope));
    shift.push_back(static_cast<float>(static_cast<double>(beta[c]) - static_cast<double>(mean[c]) * slope));
  }
  return {.spec = spec,
          .weight = upload<float>(packed(spec, values(spec.conv + ".weight"), kernels)),
          .gamma = upload(gamma),
          .beta = upload(beta),
          .mean = upload(mean),
          .var = upload(var),
          .scale = upload<float>(scale),
          .shift = upload<float>(shift)};
}

}  // namespace

Weights::Weights(const Model& model, const Kernels& k)
    : architecture(model.architecture),
      kernels(k),
      fc_weight(upload(model.tensor("fc.weight").f32())),
      fc_bias(upload(model.tensor("fc.bias").f32())) {
  for (int m = 0; m < architecture.module_count(); ++m) {
    auto& convolutions = modules.emplace_back();
    for (const ConvSpec& spec : architecture.convolutions(m))
      convolutions.push_back(conv_weights(model, spec, kernels));
  }
}

float* Memory::take(std::int64_t count) {
  const auto wanted = static_cast<std::size_t>(count);
  Block* best = nullptr;
  for (Block& block : blocks_) {
    const bool fits = !block.taken && block.buffer.size() >= wanted;
    if (fits && (best == nullptr || block.buffer.size() < best->buffer.size())) best = &block;
  }
  if (best == nullptr) best = &blocks_.emplace_back(DeviceBuffer<float>(wanted), false);
  best->taken = true;
  return best->buffer.data();
}

void Memory::give_back(const float* buffer) {
  if (!reuse_) return;
  for (Block& block : blocks_) {
    if (block.buffer.data() == buffer) block.taken = false;
  }
}

std::size_t Memory::bytes() const {
  std::size_t sum = 0;
  for (const Block& block : blocks_) sum += block.buffer.bytes();
  return sum;
}

Network::Network(const Weights& weights, const Shape& input, const Gpu& gpu, bool reuse)
    : weights_(weights), gpu_(gpu), memory_(reuse) {
  input_ = memory_.take(input.numel());
  input_bytes_ = static_cast<std::size_t>(input.numel()) * sizeof(float);
  Activation x{input_, static_cast<int>(input[0]), static_cast<int>(input[1]), static_cast<int>(input[2]),
               static_cast<int>(input[3])};
  const std::vector<Module>& modules = weights.architecture.modules();
  for (std::size_t m = 0; m < modules.size(); ++m) {
    const Activation in = x;
    switch (modules[m].kind) {
      case ModuleKind::conv1:
        x = convolution(weights.modules[m].front(), in, {.residual = nullptr, .relu = true});
        break;
      case ModuleKind::bn1:
      case ModuleKind::relu:
        continue;  // done with conv1
      case ModuleKind::maxpool:
        x = max_pool(in);
        break;
      case ModuleKind::basic_block:
      case ModuleKind::bottleneck:
        x = block(weights.modules[m], modules[m].downsample, in);
        break;
      case ModuleKind::head:
        head(in);
        break;
    }
    if (in.values != input_) memory_.give_back(in.values);  // the input is the caller's to fill
  }
}

void Network::launch(cudaStream_t stream) const {
  for (const Launch& launch : launches_) launch.run(stream);
}

double Network::predicted_ms() const {
  double sum = 0;
  for (const Launch& launch : launches_) sum += launch.predicted_ms;
  return sum;
}

void Network::add_launch(Kind kind, double seconds, std::function<void(cudaStream_t)> run) {
  launches_.push_back({kind, seconds * 1e3, std::move(run)});
}

void Network::add_simple(Kind kind, std::int64_t values, std::function<void(cudaStream_t)> run) {
  add_launch(kind, memory_seconds(gpu_, static_cast<double>(values) * sizeof(float)), std::move(run));
}

// The convolution, its BatchNorm, then the shortcut where there is one, then ReLU.
Network::Activation Network::convolution(const ConvWeights& conv, const Activation& in,
                                         const Finish& finish) {
  const Conv2dParams params{.n = in.n,
                            .ic = in.c,
                            .ih = in.h,
                            .iw = in.w,
                            .oc = conv.spec.out_channels,
                            .kernel = conv.spec.kernel,
                            .stride = conv.spec.stride,
                            .padding = conv.spec.padding};
  Activation out{nullptr, in.n, params.oc, params.oh(), params.ow()};
  float* values = memory_.take(out.count());
  out.values = values;
  const bool fused = weights_.kernels.fused;
  const Epilogue epilogue = fused ? Epilogue{.scale = conv.scale.data(),
                                             .shift = conv.shift.data(),
                                             .residual = finish.residual,
                                             .relu = finish.relu}
                                  : Epilogue{};
  if (weights_.kernels.winograd && winograd_takes(params.kernel, params.stride)) {
    winograd(conv, params, in, values, epilogue);
  } else {
    product(conv, params, in, values, epilogue);
  }
  if (!fused) finish_unfused(conv, out, values, finish);
  return out;
}

void Network::product(const ConvWeights& conv, const Conv2dParams& p, const Activation& in, float* out,
                      const Epilogue& epilogue) {
  const Product kind = weights_.kernels.product;
  const float* weight = conv.weight.data();
  const GemmShape shape = kind == Product::implicit ? implicit_shape(p) : explicit_shape(p);
  const std::int64_t outputs = std::int64_t{p.n} * p.oc * p.pixels();
  const std::int64_t written = epilogue.residual == nullptr ? outputs : 2 * outputs;
  const auto seconds = [&](std::int64_t read) {
    const std::int64_t values = std::int64_t{shape.m} * shape.k + read + written;
    return product_seconds(gpu_, shape, kind, static_cast<double>(values) * sizeof(float));
  };
  if (kind == Product::implicit) {
    add_launch(Kind::product, seconds(in.count()), [=, from = in.values](cudaStream_t stream) {
      implicit_gemm(p, from, weight, epilogue, out, stream);
    });
    return;
  }
  // A 1x1 convolution without stride looks at each pixel as it lies there: the columns would be the input.
  const bool needs_columns = p.kernel != 1 || p.stride != 1;
  const std::int64_t count = shape.columns() * shape.k;
  const float* columns = in.values;
  if (needs_columns) {
    float* to = memory_.take(count);
    add_simple(Kind::columns, in.count() + count,
               [=, from = in.values](cudaStream_t stream) { cuda::stepwise::im2col(p, from, to, stream); });
    columns = to;
  }
  add_launch(Kind::product, seconds(count), [=](cudaStream_t stream) {
    if (kind == Product::tiled) {
      cuda::stepwise::sgemm_tiled({.m = shape.m, .n = shape.plane, .k = shape.k, .batch = shape.images},
                                  weight, columns, out, stream);
    } else if (kind == Product::register_tiled) {
      sgemm_register_tiled(shape, weight, columns, out, stream);
    } else {
      sgemm_double_buffered(shape, weight, columns, out, stream);
    }
  });
  if (needs_columns) memory_.give_back(columns);
}

void Network::winograd(const ConvWeights& conv, const Conv2dParams& p, const Activation& in, float* out,
                       const Epilogue& epilogue) {
  const GemmShape shape = winograd_shape(p);
  const std::int64_t v = std::int64_t{kWinogradPoints} * p.ic * shape.plane;
  const std::int64_t m = std::int64_t{kWinogradPoints} * p.oc * shape.plane;
  const std::int64_t outputs = std::int64_t{p.n} * p.oc * p.pixels();
  float* transformed = memory_.take(v);
  float* products = memory_.take(m);
  add_simple(Kind::transform, in.count() + v,
             [=, from = in.values](cudaStream_t stream) { winograd_input(p, from, transformed, stream); });
  const std::int64_t values = v + m + std::int64_t{kWinogradPoints} * p.ic * p.oc;
  add_launch(
      Kind::product,
      product_seconds(gpu_, shape, Product::double_buffered, static_cast<double>(values) * sizeof(float)),
      [=, weight = conv.weight.data()](cudaStream_t stream) {
        sgemm_double_buffered(shape, weight, transformed, products, stream);
      });
  add_simple(Kind::transform, m + (epilogue.residual == nullptr ? outputs : 2 * outputs),
             [=](cudaStream_t stream) { winograd_output(p, products, epilogue, out, stream); });
  memory_.give_back(transformed);
  memory_.give_back(products);
}

void Network::finish_unfused(const ConvWeights& conv, const Activation& out, float* values,
                             const Finish& finish) {
  const cuda::stepwise::PlaneParams p{.n = out.n, .channels = out.c, .plane = out.h * out.w};
  const cuda::stepwise::BatchNorm bn{.gamma = conv.gamma.data(),
                                     .beta = conv.beta.data(),
                                     .mean = conv.mean.data(),
                                     .var = conv.var.data(),
                                     .eps = static_cast<float>(kBatchNormEps)};
  const std::int64_t count = out.count();
  add_simple(Kind::elementwise, 2 * count,
             [=](cudaStream_t stream) { cuda::stepwise::bn_inference(p, bn, values, values, stream); });
  if (finish.residual != nullptr) {
    add_simple(Kind::elementwise, 3 * count, [=, shortcut = finish.residual](cudaStream_t stream) {
      cuda::stepwise::add(count, values, shortcut, values, stream);
    });
  }
  if (finish.relu)
    add_simple(Kind::elementwise, 2 * count,
               [=](cudaStream_t stream) { cuda::stepwise::relu(count, values, stream); });
}

// The shortcut first, because the last convolution of the path adds it.
Network::Activation Network::block(const std::vector<ConvWeights>& convolutions, bool downsample,
                                   const Activation& in) {
  const std::size_t length = convolutions.size() - (downsample ? 1 : 0);
  const Activation shortcut =
      downsample ? convolution(convolutions.back(), in, {.residual = nullptr, .relu = false}) : in;
  Activation x = in;
  for (std::size_t k = 0; k < length; ++k) {
    const Activation y = convolution(convolutions[k], x,
                                     {.residual = k + 1 == length ? shortcut.values : nullptr, .relu = true});
    if (k > 0) memory_.give_back(x.values);
    x = y;
  }
  if (downsample) memory_.give_back(shortcut.values);
  return x;
}

Network::Activation Network::max_pool(const Activation& in) {
  const cuda::stepwise::MaxPoolParams p{
      .planes = in.n * in.c, .ih = in.h, .iw = in.w, .kernel = 3, .stride = 2, .padding = 1};
  Activation out{nullptr, in.n, in.c, p.oh(), p.ow()};
  float* values = memory_.take(out.count());
  add_simple(Kind::rest, in.count() + out.count(), [=, from = in.values](cudaStream_t stream) {
    cuda::stepwise::maxpool2d(p, from, values, stream);
  });
  out.values = values;
  return out;
}

void Network::head(const Activation& in) {
  const cuda::stepwise::FullyConnectedParams p{
      .n = in.n, .inputs = in.c, .outputs = weights_.architecture.classes()};
  float* pooled = memory_.take(std::int64_t{p.n} * p.inputs);
  output_ = memory_.take(std::int64_t{p.n} * p.outputs);
  output_bytes_ = static_cast<std::size_t>(p.n) * p.outputs * sizeof(float);
  add_simple(Kind::rest, in.count(), [=](cudaStream_t stream) {
    cuda::stepwise::global_avgpool(in.n * in.c, in.h * in.w, in.values, pooled, stream);
  });
  add_simple(
      Kind::rest, std::int64_t{p.inputs} * p.outputs,
      [=, to = output_, weight = weights_.fc_weight.data(), bias = weights_.fc_bias.data()](
          cudaStream_t stream) { cuda::stepwise::fully_connected(p, pooled, weight, bias, to, stream); });
}

}  // namespace resnet::ladder
