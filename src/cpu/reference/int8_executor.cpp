#include "cpu/reference/int8_executor.hpp"

#include "cpu/reference/int8_ops.hpp"
#include "cpu/reference/parallel.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <resnet/session.hpp>

namespace resnet::reference {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxPool = 3;

struct Dims {
  std::int64_t n, c, h, w;
  static Dims of(const Shape& shape) { return {shape[0], shape[1], shape[2], shape[3]}; }
  std::int64_t plane() const { return h * w; }
  std::int64_t count() const { return n * c * plane(); }
};

struct Layer {
  std::string name;
  ConvSpec spec;
  Tensor weight, bias, multiplier;
  float output_scale = 0;

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
  const std::int8_t* weights() const { return reinterpret_cast<const std::int8_t*>(weight.data()); }
  const std::int32_t* biases() const { return reinterpret_cast<const std::int32_t*>(bias.data()); }
};

struct Block {
  std::vector<Layer> path;
  std::vector<Layer> shortcut;
  float residual_multiplier = 0;
};

Layer make_layer(const Model& model, const ConvSpec& spec) {
  return {.name = spec.conv,
          .spec = spec,
          .weight = model.tensor(spec.conv + ".weight"),
          .bias = model.tensor(spec.conv + ".bias"),
          .multiplier = model.tensor(spec.conv + ".multiplier"),
          .output_scale = model.tensor(spec.conv + ".output_scale").f32()[0]};
}

struct Buffers final : Workspace {
  std::array<std::vector<std::int16_t>, 2> activations, mid;
  std::vector<std::int16_t> shortcut;
  std::vector<float> module_output;  // for a watcher
};

class Int8Executable final : public Executable {
 public:
  Int8Executable(const Model& model, const CompileOptions& options)
      : architecture_(model.architecture), options_(options), preprocess_(model.preprocess) {
    if (options.begin == 0) stem_ = make_layer(model, architecture_.convolutions(0).front());
    // The scale of what comes in at a cut: that of the module before it.
    input_scale_ = options.begin == 0 ? 1.0f : scale_of(model, options.begin - 1);
    for (int m = std::max(options.begin, kMaxPool + 1); m < std::min(options.end, architecture_.head());
         ++m) {
      const Module& module = architecture_.modules()[static_cast<std::size_t>(m)];
      Block block;
      for (const ConvSpec& spec : architecture_.convolutions(m)) {
        const bool shortcut = module.downsample && spec.conv == module.name + ".downsample.0";
        (shortcut ? block.shortcut : block.path).push_back(make_layer(model, spec));
      }
      block.residual_multiplier = model.tensor(module.name + ".residual_multiplier").f32()[0];
      blocks_.push_back(std::move(block));
    }
    if (options.end > architecture_.head()) {
      pool_multiplier_ = model.tensor("avgpool.multiplier").f32()[0];
      fc_ = {.name = "fc",
             .spec = {},
             .weight = model.tensor("fc.weight"),
             .bias = model.tensor("fc.bias"),
             .multiplier = model.tensor("fc.multiplier")};
    } else {
      output_scale_ = scale_of(model, options.end - 1);
    }
  }

  std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const override {
    std::int64_t activation = input_shape.numel(), mid = 0;
    Dims dims = Dims::of(input_shape);
    if (options_.begin == 0) {
      dims = stem_.output(dims);
      mid = dims.count();
      dims = pooled(dims);
    }
    activation = std::max(activation, dims.count());
    for (const Block& block : blocks_) {
      for (const Layer& layer : block.path) mid = std::max(mid, (dims = layer.output(dims)).count());
      activation = std::max(activation, dims.count());
    }
    auto buffers = std::make_unique<Buffers>();
    for (auto& b : buffers->activations) b.resize(static_cast<std::size_t>(activation));
    for (auto& b : buffers->mid) b.resize(static_cast<std::size_t>(std::max(mid, dims.n * dims.c)));
    buffers->shortcut.resize(static_cast<std::size_t>(activation));
    buffers->module_output.resize(static_cast<std::size_t>(std::max(activation, mid)));
    return buffers;
  }

  void run(const float* input, const Shape& input_shape, float* output, Workspace& workspace,
           const Trace* trace) const override {
    Run(*this, static_cast<Buffers&>(workspace), trace).run(input, Dims::of(input_shape), output);
  }

 private:
  float scale_of(const Model& model, int module) const {
    const int source = module <= kMaxPool ? 0 : module;
    const Module& m = architecture_.modules()[static_cast<std::size_t>(module)];
    const auto specs = architecture_.convolutions(source);
    const ConvSpec& last = specs[specs.size() - (module > kMaxPool && m.downsample ? 2 : 1)];
    return model.tensor(last.conv + ".output_scale").f32()[0];
  }

  static MaxPoolParams pool_params(const Dims& in) {
    return {.planes = in.n * in.c, .ih = in.h, .iw = in.w, .kernel = 3, .stride = 2, .padding = 1};
  }
  static Dims pooled(const Dims& in) {
    const MaxPoolParams p = pool_params(in);
    return {in.n, in.c, p.oh(), p.ow()};
  }

  // One run: the operators with what they all need bound to them.
  class Run {
   public:
    Run(const Int8Executable& self, Buffers& buffers, const Trace* trace)
        : self_(self), buffers_(buffers), trace_(trace), start_(Clock::now()) {}

    void run(const float* input, Dims dims, float* output) {
      std::int16_t* x = buffers_.activations[0].data();
      int at = 0;
      module_ = self_.options_.begin;
      if (module_ == 0) {
        pixels(input, dims, x);
        module_ = 2;
        std::int16_t* y = buffers_.mid[0].data();
        dims = conv(self_.stem_, x, dims, kUnsignedRange, y);
        leave(y, dims, self_.stem_.output_scale);
        x = buffers_.activations[1].data(), at = 1;
        const Dims in = dims;
        dims = pooled(dims);
        timed("maxpool", "max_pool_int8", 0,
              [&] { max_pool_int8(pool_params(in), y, x, self_.options_.threads); });
        leave(x, dims, self_.stem_.output_scale);
      } else {
        quantize(input, dims, x);
      }
      for (const Block& block : self_.blocks_) {
        at = 1 - at;
        std::int16_t* out = buffers_.activations[static_cast<std::size_t>(at)].data();
        dims = run_block(block, x, dims, out);
        leave(out, dims, block.path.back().output_scale);
        x = out;
      }
      if (self_.options_.end > self_.architecture_.head()) {
        head(x, dims, output);
      } else {
        for (std::int64_t i = 0; i < dims.count(); ++i)
          output[i] = static_cast<float>(x[i]) * self_.output_scale_;
      }
    }

   private:
    // The 8-bit pixels behind a normalised tensor, centred on what padding stands for.
    void pixels(const float* input, const Dims& dims, std::int16_t* out) const {
      const std::int64_t plane = dims.plane();
      parallel_for(self_.options_.threads, dims.n * 3, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t p = first; p < last; ++p) {
          const auto c = static_cast<std::size_t>(p % 3);
          const float mean = self_.preprocess_.mean[c], std = self_.preprocess_.std[c];
          const auto centre = static_cast<std::int32_t>(std::nearbyint(255.0 * static_cast<double>(mean)));
          for (std::int64_t i = p * plane; i < (p + 1) * plane; ++i) {
            const std::int32_t pixel = round_to_range((input[i] * std + mean) * 255.0f, kUnsignedRange);
            out[i] = static_cast<std::int16_t>(pixel - centre);
          }
        }
      });
    }

    void quantize(const float* input, const Dims& dims, std::int16_t* out) const {
      parallel_for(self_.options_.threads, dims.count(), [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i)
          out[i] = static_cast<std::int16_t>(round_to_range(input[i] / self_.input_scale_, kUnsignedRange));
      });
    }

    template <class Operator>
    void timed(const std::string& layer, const char* kernel, std::int64_t macs,
               const Operator& run_operator) {
      if (trace_ == nullptr || !trace_->on_layer) return run_operator();
      const auto start = Clock::now();
      run_operator();
      const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
      trace_->on_layer({.module = module_, .layer = layer, .kernel = kernel, .ms = ms, .macs = macs});
    }

    // The module is done: shows its output to who watches.
    void leave(const std::int16_t* values, const Dims& dims, float scale) {
      if (trace_ != nullptr && trace_->on_module) {
        const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
        for (std::int64_t i = 0; i < dims.count(); ++i)
          buffers_.module_output[static_cast<std::size_t>(i)] = static_cast<float>(values[i]) * scale;
        trace_->on_module(module_, {dims.n, dims.c, dims.h, dims.w}, buffers_.module_output.data(), ms);
        start_ = Clock::now();
      }
      ++module_;
    }

    Dims conv(const Layer& layer, const std::int16_t* in, const Dims& dims, QuantizedRange range,
              std::int16_t* out, const std::int16_t* residual = nullptr, float residual_multiplier = 0) {
      const Conv2dParams p = layer.params(dims);
      const Dims result = layer.output(dims);
      timed(layer.name, "conv2d_int8", result.count() * p.ic * p.kernel * p.kernel, [&] {
        conv2d_int8(p, in, layer.weights(),
                    {.bias = layer.biases(),
                     .multiplier = layer.multiplier.f32().data(),
                     .range = range,
                     .residual = residual,
                     .residual_multiplier = residual_multiplier},
                    out, self_.options_.threads);
      });
      return result;
    }

    Dims run_block(const Block& block, const std::int16_t* in, const Dims& dims, std::int16_t* out) {
      const std::int16_t* shortcut = in;
      for (const Layer& layer : block.shortcut) {
        conv(layer, in, dims, kSignedRange, buffers_.shortcut.data());
        shortcut = buffers_.shortcut.data();
      }
      const std::int16_t* x = in;
      Dims d = dims;
      for (std::size_t k = 0; k < block.path.size(); ++k) {
        const bool last = k + 1 == block.path.size();
        std::int16_t* y = last ? out : buffers_.mid[k % 2].data();
        d = conv(block.path[k], x, d, kUnsignedRange, y, last ? shortcut : nullptr,
                 block.residual_multiplier);
        x = y;
      }
      return d;
    }

    void head(const std::int16_t* x, const Dims& dims, float* output) {
      const int threads = self_.options_.threads;
      std::int16_t* means = buffers_.mid[0].data();
      const float multiplier =
          static_cast<float>(static_cast<double>(self_.pool_multiplier_) / static_cast<double>(dims.plane()));
      timed("avgpool", "global_average_pool_int8", 0,
            [&] { global_average_pool_int8(dims.n * dims.c, dims.plane(), x, multiplier, means, threads); });
      const FullyConnectedParams p{.n = dims.n, .inputs = dims.c, .outputs = self_.architecture_.classes()};
      timed("fc", "fully_connected_int8", p.n * p.inputs * p.outputs, [&] {
        fully_connected_int8(p, means, self_.fc_.weights(), self_.fc_.biases(),
                             self_.fc_.multiplier.f32().data(), output, threads);
      });
      if (trace_ == nullptr || !trace_->on_module) return;
      const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
      trace_->on_module(module_, {p.n, p.outputs}, output, ms);
    }

    const Int8Executable& self_;
    Buffers& buffers_;
    const Trace* trace_;
    Clock::time_point start_;
    int module_ = 0;
  };

  Architecture architecture_;
  CompileOptions options_;
  Preprocess preprocess_;
  Layer stem_, fc_;
  std::vector<Block> blocks_;
  float input_scale_ = 1, output_scale_ = 1, pool_multiplier_ = 1;
};

}  // namespace

std::unique_ptr<Executable> compile_int8(const Model& model, const CompileOptions& options) {
  return std::make_unique<Int8Executable>(model, options);
}

}  // namespace resnet::reference
