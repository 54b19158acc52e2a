#include "cuda/stepwise/executor.hpp"

#include "cuda/devices.hpp"
#include "cuda/memory.hpp"
#include "cuda/ranges.hpp"
#include "cuda/stepwise/kernel_times.hpp"
#include "cuda/stepwise/ops.hpp"
#include "cuda/stream.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <resnet/session.hpp>

namespace resnet::cuda::stepwise {
namespace {

constexpr int kMaxPoolKernel = 3, kMaxPoolStride = 2, kMaxPoolPadding = 1;

// N, C, H, W of an activation.
struct Dims {
  int n, c, h, w;

  static Dims of(const Shape& s) {
    return {static_cast<int>(s[0]), static_cast<int>(s[1]), static_cast<int>(s[2]), static_cast<int>(s[3])};
  }
  int plane() const { return h * w; }
  std::int64_t count() const { return std::int64_t{n} * c * plane(); }
  Shape shape() const { return {n, c, h, w}; }
};

DeviceBuffer<float> upload_tensor(const Model& model, const std::string& name) {
  return upload(model.tensor(name).f32());
}

// A convolution and the BatchNorm behind it, with their weights on the device.
struct Conv {
  ConvSpec spec;
  DeviceBuffer<float> weight;  // OIHW, which is OC x (IC*KH*KW)
  DeviceBuffer<float> gamma, beta, mean, var;

  Conv(const Model& model, const ConvSpec& s)
      : spec(s),
        weight(upload_tensor(model, s.conv + ".weight")),
        gamma(upload_tensor(model, s.bn + ".weight")),
        beta(upload_tensor(model, s.bn + ".bias")),
        mean(upload_tensor(model, s.bn + ".running_mean")),
        var(upload_tensor(model, s.bn + ".running_var")) {}

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
  // A 1x1 convolution without stride looks at each pixel as it lies there: the columns would be the input
  // again.
  bool needs_columns() const { return spec.kernel != 1 || spec.stride != 1; }
  std::int64_t columns(const Dims& in) const {
    const Conv2dParams p = params(in);
    return needs_columns() ? std::int64_t{p.n} * p.rows() * p.pixels() : 0;
  }
};

// One module with its weights. conv1 holds a convolution whose BatchNorm is the next module's; bn1 holds the
// same one, of which it uses the BatchNorm only.
struct Step {
  Module module;
  std::vector<Conv> path;                  // conv1, bn1, blocks: in order of execution
  std::vector<Conv> shortcut;              // the downsampling convolution of a block that has one
  DeviceBuffer<float> fc_weight, fc_bias;  // head
};

// What a run writes to. A block passes its intermediates through `mid`, which convolutions read and write by
// turns.
struct Buffers final : Workspace {
  Stream stream;
  DeviceBuffer<float> input;
  Dims input_dims{};
  std::array<DeviceBuffer<float>, 2> activations;  // what a module leaves and the next one reads, by turns
  std::array<DeviceBuffer<float>, 2> mid;
  DeviceBuffer<float> columns, shortcut;
  KernelTimes times;
  std::vector<float> watched;  // a module's output on the host; taken at the first run that is watched
};

class StepwiseExecutable final : public Executable {
 public:
  StepwiseExecutable(const Model& model, const CompileOptions& options)
      : architecture_(model.architecture), begin_(options.begin), device_(options.device) {
    const DeviceScope scope(device_);
    for (int m = options.begin; m < options.end; ++m) {
      const Module& module = architecture_.modules()[static_cast<std::size_t>(m)];
      Step step{.module = module, .path = {}, .shortcut = {}, .fc_weight = {}, .fc_bias = {}};
      // bn1 is a module of its own, but its tensors are listed with conv1's.
      for (const ConvSpec& spec : architecture_.convolutions(module.kind == ModuleKind::bn1 ? 0 : m)) {
        const bool shortcut = module.downsample && spec.conv == module.name + ".downsample.0";
        (shortcut ? step.shortcut : step.path).emplace_back(model, spec);
      }
      if (module.kind == ModuleKind::head) {
        step.fc_weight = upload_tensor(model, "fc.weight");
        step.fc_bias = upload_tensor(model, "fc.bias");
      }
      steps_.push_back(std::move(step));
    }
  }

  std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const override {
    std::int64_t activation = 0, mid = 0, columns = 0, shortcut = 0;
    Shape in = input_shape;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const int module = begin_ + static_cast<int>(i);
      const Shape out = architecture_.output_shape_from(module, module, in);
      activation = std::max(activation, out.numel());
      Dims dims = Dims::of(in);
      // bn1's convolution is conv1's; of it only the BatchNorm is used.
      const bool convolves = steps_[i].module.kind != ModuleKind::bn1;
      for (const Conv& conv : convolves ? std::span<const Conv>(steps_[i].path) : std::span<const Conv>()) {
        columns = std::max(columns, conv.columns(dims));
        dims = conv.output(dims);
        mid = std::max(mid, dims.count());
      }
      for (const Conv& conv : steps_[i].shortcut) {
        columns = std::max(columns, conv.columns(Dims::of(in)));
        shortcut = std::max(shortcut, out.numel());
      }
      in = out;
    }
    // The head pools into `mid`.
    if (steps_.back().module.kind == ModuleKind::head)
      mid = std::max(mid, input_shape[0] * steps_.back().module.in_channels);

    const DeviceScope scope(device_);
    auto buffers = std::make_unique<Buffers>();
    const auto floats = [](std::int64_t count) {
      return DeviceBuffer<float>(static_cast<std::size_t>(count));
    };
    buffers->input = floats(input_shape.numel());
    buffers->input_dims = Dims::of(input_shape);
    for (DeviceBuffer<float>& b : buffers->activations) b = floats(activation);
    for (DeviceBuffer<float>& b : buffers->mid) b = floats(mid);
    buffers->columns = floats(columns);
    buffers->shortcut = floats(shortcut);
    return buffers;
  }

  void run(const float* input, const Shape&, float* output, Workspace& workspace,
           const Trace* trace) const override {
    const DeviceScope scope(device_);
    auto& buffers = static_cast<Buffers&>(workspace);
    buffers.times.start(trace != nullptr && (trace->on_layer || trace->on_module));
    const cudaStream_t stream = buffers.stream.get();
    copy_bytes(buffers.input.data(), input, buffers.input.bytes(), stream);
    const Result result = run_modules(buffers, trace);
    copy_bytes(output, result.values, static_cast<std::size_t>(result.dims.count()) * sizeof(float), stream);
    buffers.stream.synchronize();
    if (trace != nullptr) buffers.times.report(trace->on_layer);
  }

  std::optional<double> device_ms(Workspace& workspace) const override {
    const DeviceScope scope(device_);
    auto& buffers = static_cast<Buffers&>(workspace);
    buffers.times.start(false);
    const Event begin, end;
    begin.record(buffers.stream.get());
    run_modules(buffers, nullptr);
    end.record(buffers.stream.get());
    end.synchronize();
    return end.ms_since(begin);
  }

 private:
  // One module of one run.
  struct Call {
    int module;
    const Step& step;
    Buffers& buffers;
    cudaStream_t stream;

    // Queues one kernel, between two events where somebody watches.
    template <class Launch>
    void timed(const std::string& layer, const char* kernel, std::int64_t macs, const Launch& launch) const {
      const auto mark = buffers.times.begin(stream, module, layer, kernel, macs);
      launch();
      buffers.times.end(stream, mark);
    }

    Dims run_conv(const Conv& conv, const float* in, const Dims& dims, float* out) const {
      const Conv2dParams p = conv.params(dims);
      const float* columns = in;
      if (conv.needs_columns()) {
        timed(conv.spec.conv, "im2col", 0, [&] { im2col(p, in, buffers.columns.data(), stream); });
        columns = buffers.columns.data();
      }
      const GemmParams gemm{.m = p.oc, .n = p.pixels(), .k = p.rows(), .batch = p.n};
      timed(conv.spec.conv, "sgemm_tiled", std::int64_t{p.n} * p.oc * p.pixels() * p.rows(),
            [&] { sgemm_tiled(gemm, conv.weight.data(), columns, out, stream); });
      return conv.output(dims);
    }
    void run_bn(const Conv& conv, const float* in, const Dims& dims, float* out) const {
      const PlaneParams p{.n = dims.n, .channels = dims.c, .plane = dims.plane()};
      const BatchNorm bn{.gamma = conv.gamma.data(),
                         .beta = conv.beta.data(),
                         .mean = conv.mean.data(),
                         .var = conv.var.data(),
                         .eps = static_cast<float>(kBatchNormEps)};
      timed(conv.spec.bn, "bn_inference", 0, [&] { bn_inference(p, bn, in, out, stream); });
    }
    void run_relu(const std::string& layer, std::int64_t count, float* values) const {
      timed(layer, "relu", 0, [&] { relu(count, values, stream); });
    }

    // Every convolution of the path with its BatchNorm, and ReLU between them; then the shortcut.
    Dims run_block(const float* in, const Dims& dims, float* out) const {
      const float* x = in;
      Dims d = dims;
      for (std::size_t k = 0; k < step.path.size(); ++k) {
        float* y = buffers.mid[k % 2].data();
        d = run_conv(step.path[k], x, d, y);
        run_bn(step.path[k], y, d, y);
        if (k + 1 < step.path.size()) run_relu(step.module.name + ".relu", d.count(), y);
        x = y;
      }
      const float* shortcut = in;
      for (const Conv& conv : step.shortcut) {
        run_conv(conv, in, dims, buffers.shortcut.data());
        run_bn(conv, buffers.shortcut.data(), d, buffers.shortcut.data());
        shortcut = buffers.shortcut.data();
      }
      timed(step.module.name + ".add", "add", 0, [&] { add(d.count(), x, shortcut, out, stream); });
      run_relu(step.module.name + ".relu", d.count(), out);
      return d;
    }

    Dims run_head(const float* in, const Dims& dims, float* out) const {
      const FullyConnectedParams p{.n = dims.n, .inputs = dims.c, .outputs = step.module.out_channels};
      float* pooled = buffers.mid[0].data();
      timed("avgpool", "global_avgpool", 0,
            [&] { global_avgpool(dims.n * dims.c, dims.plane(), in, pooled, stream); });
      timed("fc", "fully_connected", std::int64_t{p.n} * p.inputs * p.outputs,
            [&] { fully_connected(p, pooled, step.fc_weight.data(), step.fc_bias.data(), out, stream); });
      return {dims.n, p.outputs, 1, 1};
    }

    Dims run(const float* in, const Dims& dims, float* out) const {
      const std::size_t bytes = static_cast<std::size_t>(dims.count()) * sizeof(float);
      switch (step.module.kind) {
        case ModuleKind::conv1:
          return run_conv(step.path.front(), in, dims, out);
        case ModuleKind::bn1:
          run_bn(step.path.front(), in, dims, out);
          return dims;
        case ModuleKind::relu:
          copy_bytes(out, in, bytes, stream);  // the kernel works in place, the module's input stays
          run_relu("relu", dims.count(), out);
          return dims;
        case ModuleKind::maxpool: {
          const MaxPoolParams p{.planes = dims.n * dims.c,
                                .ih = dims.h,
                                .iw = dims.w,
                                .kernel = kMaxPoolKernel,
                                .stride = kMaxPoolStride,
                                .padding = kMaxPoolPadding};
          timed("maxpool", "maxpool2d", 0, [&] { maxpool2d(p, in, out, stream); });
          return {dims.n, dims.c, p.oh(), p.ow()};
        }
        case ModuleKind::basic_block:
        case ModuleKind::bottleneck:
          return run_block(in, dims, out);
        case ModuleKind::head:
          break;
      }
      return run_head(in, dims, out);
    }
  };

  struct Result {
    Dims dims;
    const float* values;
  };

  // Queues every module, from buffers.input.
  Result run_modules(Buffers& buffers, const Trace* trace) const {
    Result last{buffers.input_dims, buffers.input.data()};
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Range range(steps_[i].module.name);
      float* out = buffers.activations[i % 2].data();
      const Call call{begin_ + static_cast<int>(i), steps_[i], buffers, buffers.stream.get()};
      last = {call.run(last.values, last.dims, out), out};
      if (trace != nullptr && trace->on_module) show(i, last.dims, out, buffers, *trace);
    }
    return last;
  }

  // Hands a module's output to whoever watches, with the sum of its kernels' times.
  void show(std::size_t i, const Dims& dims, const float* values, Buffers& buffers,
            const Trace& trace) const {
    const auto count = static_cast<std::size_t>(dims.count());
    if (buffers.watched.size() < count) buffers.watched.resize(count);
    copy_bytes(buffers.watched.data(), values, count * sizeof(float), buffers.stream.get());
    buffers.stream.synchronize();
    const double ms = buffers.times.report(trace.on_layer);
    const bool head = steps_[i].module.kind == ModuleKind::head;
    trace.on_module(begin_ + static_cast<int>(i), head ? Shape{dims.n, dims.c} : dims.shape(),
                    buffers.watched.data(), ms);
  }

  Architecture architecture_;
  int begin_;
  int device_;
  std::vector<Step> steps_;
};

}  // namespace

std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options) {
  require_device(devices(), options.device);
  return std::make_unique<StepwiseExecutable>(model, options);
}

}  // namespace resnet::cuda::stepwise
