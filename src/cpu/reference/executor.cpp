#include "cpu/reference/executor.hpp"

#include "cpu/reference/ops.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <resnet/session.hpp>

namespace resnet::reference {
namespace {

constexpr int kMaxPoolKernel = 3, kMaxPoolStride = 2, kMaxPoolPadding = 1;

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// N, C, H, W of an activation; cheap to copy, unlike Shape.
struct Dims {
  std::int64_t n, c, h, w;

  static Dims of(const Shape& shape) { return {shape[0], shape[1], shape[2], shape[3]}; }
  std::int64_t plane() const { return h * w; }
  std::int64_t count() const { return n * c * plane(); }
};

struct Conv {
  ConvSpec spec;
  Tensor weight;
  BatchNorm bn;

  Conv2dParams params(const Dims& in) const {
    return {.n = in.n,
            .ic = in.c,
            .ih = in.h,
            .iw = in.w,
            .oc = spec.out_channels,
            .kernel = spec.kernel,
            .stride = spec.stride,
            .padding = spec.padding};
  }
  Dims output(const Dims& in) const {
    const Conv2dParams p = params(in);
    return {in.n, p.oc, p.oh(), p.ow()};
  }
};

// One module with its weights. conv1 holds a convolution whose BatchNorm is the next module's; bn1 holds
// the same one, of which it uses the BatchNorm only.
struct Step {
  Module module;
  std::vector<Conv> path;      // conv1, bn1, blocks: in order of execution
  std::vector<Conv> shortcut;  // the downsampling convolution of a block that has one
  Tensor fc_weight, fc_bias;   // head
};

Conv make_conv(const Model& model, const ConvSpec& spec) {
  return {
      .spec = spec,
      .weight = model.tensor(spec.conv + ".weight"),
      .bn = make_batch_norm(model.tensor(spec.bn + ".weight").f32(), model.tensor(spec.bn + ".bias").f32(),
                            model.tensor(spec.bn + ".running_mean").f32(),
                            model.tensor(spec.bn + ".running_var").f32(), kBatchNormEps)};
}

// Blocks pass their intermediates through `mid`, which convolutions read and write by turns.
struct Buffers final : Workspace {
  std::array<std::vector<float>, 2> activations;  // a module's input and output
  std::array<std::vector<float>, 2> mid;
  std::vector<float> shortcut;
};

class ReferenceExecutable final : public Executable {
 public:
  ReferenceExecutable(const Model& model, const CompileOptions& options)
      : architecture_(model.architecture), begin_(options.begin), threads_(options.threads) {
    for (int m = options.begin; m < options.end; ++m) {
      const Module& module = architecture_.modules()[static_cast<std::size_t>(m)];
      Step step{.module = module, .path = {}, .shortcut = {}, .fc_weight = {}, .fc_bias = {}};
      // bn1 is a module of its own, but its tensors are listed with conv1's.
      for (const ConvSpec& spec : architecture_.convolutions(module.kind == ModuleKind::bn1 ? 0 : m)) {
        const bool shortcut = module.downsample && spec.conv == module.name + ".downsample.0";
        (shortcut ? step.shortcut : step.path).push_back(make_conv(model, spec));
      }
      if (module.kind == ModuleKind::head) {
        step.fc_weight = model.tensor("fc.weight");
        step.fc_bias = model.tensor("fc.bias");
      }
      steps_.push_back(std::move(step));
    }
  }

  std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const override {
    std::int64_t activation = 0, mid = 0, shortcut = 0;
    Shape in = input_shape;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Shape out = output_shape(i, in);
      if (i + 1 < steps_.size()) activation = std::max(activation, out.numel());
      Dims dims = Dims::of(in);
      for (const Conv& conv : steps_[i].path) mid = std::max(mid, (dims = conv.output(dims)).count());
      if (!steps_[i].shortcut.empty()) shortcut = std::max(shortcut, out.numel());
      in = out;
    }
    // The head pools into `mid`.
    if (steps_.back().module.kind == ModuleKind::head) {
      mid = std::max(mid, input_shape[0] * steps_.back().module.in_channels);
    }
    auto buffers = std::make_unique<Buffers>();
    for (std::vector<float>& b : buffers->activations)
      b = std::vector<float>(static_cast<std::size_t>(activation));
    for (std::vector<float>& b : buffers->mid) b = std::vector<float>(static_cast<std::size_t>(mid));
    buffers->shortcut = std::vector<float>(static_cast<std::size_t>(shortcut));
    return buffers;
  }

  void run(const float* input, const Shape& input_shape, float* output, Workspace& workspace,
           const Trace* trace) const override {
    auto& buffers = static_cast<Buffers&>(workspace);
    Dims dims = Dims::of(input_shape);
    const float* in = input;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      float* out = i + 1 == steps_.size() ? output : buffers.activations[i % 2].data();
      const Call call{*this, i, trace, buffers};
      const auto start = Clock::now();
      dims = call.run(in, dims, out);
      if (trace != nullptr && trace->on_module) {
        const double ms = ms_since(start);
        const bool head = steps_[i].module.kind == ModuleKind::head;
        trace->on_module(begin_ + static_cast<int>(i),
                         head ? Shape{dims.n, dims.c} : Shape{dims.n, dims.c, dims.h, dims.w}, out, ms);
      }
      in = out;
    }
  }

 private:
  // One module of one run: the operators with what they all need bound to them.
  struct Call {
    const ReferenceExecutable& self;
    std::size_t index;
    const Trace* trace;
    Buffers& buffers;

    // Runs one operator, timed where somebody watches.
    template <class Operator>
    void timed(const std::string& layer, const char* kernel, std::int64_t macs,
               const Operator& run_operator) const {
      if (trace == nullptr || !trace->on_layer) return run_operator();
      const auto start = Clock::now();
      run_operator();
      trace->on_layer({.module = self.begin_ + static_cast<int>(index),
                       .layer = layer,
                       .kernel = kernel,
                       .ms = ms_since(start),
                       .macs = macs});
    }

    Dims run_conv(const Conv& conv, const float* in, const Dims& dims, float* out) const {
      const Conv2dParams p = conv.params(dims);
      const Dims result = conv.output(dims);
      timed(conv.spec.conv, "conv2d", result.count() * p.ic * p.kernel * p.kernel,
            [&] { conv2d(p, in, conv.weight.f32().data(), out, self.threads_); });
      return result;
    }
    void run_bn(const Conv& conv, const float* in, const Dims& dims, float* out) const {
      timed(conv.spec.bn, "batch_norm", 0,
            [&] { batch_norm(conv.bn, dims.n, dims.plane(), in, out, self.threads_); });
    }
    void run_relu(const std::string& layer, const float* in, const Dims& dims, float* out) const {
      timed(layer, "relu", 0, [&] { relu(dims.count(), in, out, self.threads_); });
    }

    // Every convolution of the path with its BatchNorm, and ReLU between them; then the shortcut.
    Dims run_block(const Step& step, const float* in, const Dims& dims, float* out) const {
      const float* x = in;
      Dims d = dims;
      for (std::size_t k = 0; k < step.path.size(); ++k) {
        const Conv& conv = step.path[k];
        float* y = buffers.mid[k % 2].data();
        d = run_conv(conv, x, d, y);
        run_bn(conv, y, d, y);
        if (k + 1 < step.path.size()) run_relu(step.module.name + ".relu", y, d, y);
        x = y;
      }
      const float* shortcut = in;
      for (const Conv& conv : step.shortcut) {
        run_conv(conv, in, dims, buffers.shortcut.data());
        run_bn(conv, buffers.shortcut.data(), d, buffers.shortcut.data());
        shortcut = buffers.shortcut.data();
      }
      timed(step.module.name + ".add", "add", 0, [&] { add(d.count(), x, shortcut, out, self.threads_); });
      run_relu(step.module.name + ".relu", out, d, out);
      return d;
    }

    Dims run(const float* in, const Dims& dims, float* out) const {
      const Step& step = self.steps_[index];
      const int threads = self.threads_;
      switch (step.module.kind) {
        case ModuleKind::conv1:
          return run_conv(step.path.front(), in, dims, out);
        case ModuleKind::bn1:
          run_bn(step.path.front(), in, dims, out);
          return dims;
        case ModuleKind::relu:
          run_relu("relu", in, dims, out);
          return dims;
        case ModuleKind::maxpool: {
          const MaxPoolParams p{.planes = dims.n * dims.c,
                                .ih = dims.h,
                                .iw = dims.w,
                                .kernel = kMaxPoolKernel,
                                .stride = kMaxPoolStride,
                                .padding = kMaxPoolPadding};
          timed("maxpool", "max_pool", 0, [&] { max_pool(p, in, out, threads); });
          return {dims.n, dims.c, p.oh(), p.ow()};
        }
        case ModuleKind::basic_block:
        case ModuleKind::bottleneck:
          return run_block(step, in, dims, out);
        case ModuleKind::head:
          break;
      }
      const FullyConnectedParams p{.n = dims.n, .inputs = dims.c, .outputs = step.module.out_channels};
      float* pooled = buffers.mid[0].data();
      timed("avgpool", "global_average_pool", 0,
            [&] { global_average_pool(dims.n * dims.c, dims.plane(), in, pooled, threads); });
      timed("fc", "fully_connected", p.n * p.inputs * p.outputs, [&] {
        fully_connected(p, pooled, step.fc_weight.f32().data(), step.fc_bias.f32().data(), out, threads);
      });
      return {dims.n, p.outputs, 1, 1};
    }
  };

  Shape output_shape(std::size_t i, const Shape& in) const {
    const int module = begin_ + static_cast<int>(i);
    return architecture_.output_shape_from(module, module, in);
  }

  Architecture architecture_;
  int begin_;
  int threads_;
  std::vector<Step> steps_;
};

}  // namespace

std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options) {
  return std::make_unique<ReferenceExecutable>(model, options);
}

}  // namespace resnet::reference
