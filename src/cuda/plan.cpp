#include "cuda/plan.hpp"

#include "cuda/convolution.hpp"
#include "cuda/sm90/stem_pool.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace resnet::cuda {
namespace {

constexpr int kBn1 = 1, kRelu = 2, kMaxPool = 3;  // modules of the stem

class Builder {
 public:
  Builder(const Architecture& architecture, const Layers& layers, const PlanOptions& options,
          const Shape& input)
      : architecture_(architecture),
        layers_(layers),
        options_(options),
        precision_(options.precision),
        kind_{options.family, options.precision, options.plan},
        n_(static_cast<int>(input[0])),
        h_(static_cast<int>(input[2])),
        w_(static_cast<int>(input[3])) {}

  // Goes through the network twice: once to learn the sizes of the slots, once with memory behind them.
  RunPlan build() {
    add_all();
    RunPlan plan;
    for (std::size_t i = 0; i < kSlots; ++i) {
      plan.memory[i] = DeviceBuffer<std::byte>(bytes_[i]);
      slots_[i] = plan.memory[i].data();
    }
    clear_bytes_and_wait(slots_[scratch], bytes_[scratch]);
    measuring_ = false;
    slot_ = a;
    add_all();
    plan.steps = std::move(steps_);
    return plan;
  }

 private:
  // a, b, c hold activations that go from block to block; `inner` what lives within a block, and the stem's
  // input; `second` a bottleneck's second, the shortcut's output, and the head's means;
  // `scratch` what convolutions want besides.
  enum SlotName { a, b, c, inner, second, scratch, kSlots };

  void* reserve(SlotName slot, std::size_t bytes) {
    bytes_[slot] = std::max(bytes_[slot], bytes);
    return slots_[slot];
  }

  Activation activation(SlotName slot, int h, int w, int channels) {
    Activation x{nullptr, n_, h, w, channels};
    x.data = reserve(slot, x.bytes(precision_));
    return x;
  }

  template <class Launch>
  void add(int module, std::string layer, std::string kernel, std::int64_t macs, Launch&& launch) {
    if (!measuring_)
      steps_.push_back({module, std::move(layer), std::move(kernel), macs, std::forward<Launch>(launch)});
  }

  // Of the step added last.
  void moves(std::size_t bytes) {
    if (!measuring_) steps_.back().bytes = static_cast<std::int64_t>(bytes);
  }

  std::size_t picture_bytes() const {
    return static_cast<std::size_t>(n_) * 3 * static_cast<std::size_t>(h_) * static_cast<std::size_t>(w_) *
           sizeof(float);
  }

  template <class... Arguments>
  void add_convolution(int module, const std::string& layer, std::int64_t macs,
                       const Arguments&... arguments) {
    if (!measuring_) add_made(module, layer, macs, make_convolution(kind_, arguments...));
  }
  void add_made(int module, const std::string& layer, std::int64_t macs, ConvolutionPointer made) {
    // Shared, because a std::function has to be copyable.
    const std::shared_ptr<const Convolution> convolution = std::move(made);
    add(module, layer, convolution->kernel_name(), macs,
        [convolution](const Call&, cudaStream_t stream) { convolution->run(stream); });
  }

  void add_module_output(int module, const Activation& x, float scale) {
    if (options_.module_output == nullptr) return;
    add(module, "", "leave", 0,
        [p = precision_, x, scale, to = options_.module_output](const Call&, cudaStream_t s) {
          leave(p, x, scale, to, s);
        });
  }

  // The end of the range: always false, for nothing follows.
  bool add_output(int module, const Activation& x, float scale) {
    add(module, "output", "leave", 0,
        [p = precision_, x, scale](const Call& call, cudaStream_t s) { leave(p, x, scale, call.output, s); });
    return false;
  }

  float stem_scale() const { return precision_ == Precision::int8 ? layers_.stem->conv.output_scale : 1.0f; }

  void add_all() {
    int module = options_.begin;
    Activation x;
    float scale = layers_.input_scale;
    if (module <= kMaxPool) {
      if (!add_stem(x)) return;
      module = kMaxPool + 1;
      if (precision_ == Precision::int8) scale = layers_.stem->conv.output_scale;
    } else {
      x = activation(a, h_, w_, architecture_.modules()[static_cast<std::size_t>(module)].in_channels);
      add(module, "input", "enter", 0, [p = precision_, x, scale](const Call& call, cudaStream_t s) {
        enter(p, call.input, scale, x, s);
      });
    }
    for (; module < options_.end; ++module) {
      if (module == architecture_.head()) {
        add_head(module, x);
        return;
      }
      x = add_block(module, x);
      scale = layers_.blocks[static_cast<std::size_t>(module)].path.back().output_scale;
      add_module_output(module, x, scale);
    }
    add_output(options_.end - 1, x, scale);
  }

  // conv1, bn1, relu and maxpool, or the part of them that the range has. False where the range ends within;
  // else x is what leaves maxpool.
  bool add_stem(Activation& x) {
    const int begin = options_.begin, end = options_.end, channels = architecture_.modules()[0].out_channels;
    const bool watched = options_.module_output != nullptr;
    if (begin == 0 && end > kMaxPool && !watched && options_.family == Family::sm90 &&
        sm90::stem_pool_fits(precision_, w_)) {
      x = activation(a, stem_side(stem_side(h_)), stem_side(stem_side(w_)), channels);
      add(kMaxPool, "stem", "wgmma_stem_pool", n_ * architecture_.macs(0, h_, w_),
          [p = precision_, stem = &*layers_.stem, h = h_, w = w_, x](const Call& call, cudaStream_t s) {
            sm90::stem_pool(p, *stem, call.input, h, w, x, s);
          });
      moves(picture_bytes() + layers_.stem->conv.weights.bytes() + x.bytes(precision_));
      return end > kMaxPool + 1 || add_output(kMaxPool, x, stem_scale());
    }
    // Sides of conv1's output: where the range begins later, that is its input.
    const int h = begin == 0 ? stem_side(h_) : h_, w = begin == 0 ? stem_side(w_) : w_;
    const Activation conv = activation(b, h, w, channels);
    const bool alone = end <= kMaxPool || begin > 0 || (watched && precision_ != Precision::int8);
    if (begin == 0) {
      StemInput input{nullptr, n_, h_, w_};
      input.data = reserve(inner, input.bytes(precision_));
      add(0, "input", "pack_stem_input", 0,
          [p = precision_, input, rule = layers_.stem->pixels](const Call& call, cudaStream_t s) {
            pack_stem_input(p, call.input, input, rule, s);
          });
      moves(picture_bytes() + input.bytes(precision_));
      const std::int64_t macs = n_ * architecture_.macs(0, h_, w_);
      if (alone) {
        auto* raw = static_cast<float*>(reserve(second, conv.elements() * sizeof(float)));
        add_convolution(0, "conv1", macs, *layers_.stem, input, raw);
      } else {
        add_convolution(watched ? kRelu : kMaxPool, watched ? "conv1" : "stem", macs, *layers_.stem, input,
                        conv);
        moves(input.bytes(precision_) + layers_.stem->conv.weights.bytes() + conv.bytes(precision_));
        if (watched) add_module_output(kRelu, conv, layers_.stem->conv.output_scale);
      }
    }
    if (alone) add_stem_modules(conv);
    if (end <= kMaxPool) return false;
    x = activation(a, stem_side(h), stem_side(w), channels);
    add(kMaxPool, "maxpool", "max_pool", 0,
        [p = precision_, conv, x](const Call&, cudaStream_t s) { max_pool(p, conv, x, s); });
    moves(conv.bytes(precision_) + x.bytes(precision_));
    add_module_output(kMaxPool, x, stem_scale());
    return end > kMaxPool + 1 || add_output(kMaxPool, x, stem_scale());
  }

  // The stem's modules up to relu one by one in fp32, with the bits of the fused ones, and into `conv` where
  // the pool follows.
  void add_stem_modules(const Activation& conv) {
    const int begin = options_.begin, end = options_.end;
    const auto* raw = static_cast<const float*>(reserve(second, conv.elements() * sizeof(float)));
    auto* plain = static_cast<float*>(reserve(c, conv.elements() * sizeof(float)));  // NCHW
    const float* scale = layers_.stem ? layers_.stem->bn_scale.data() : nullptr;
    const float* shift = layers_.stem ? layers_.stem->bn_shift.data() : nullptr;
    const auto add_tail = [&](int module, const char* name, bool bn, bool relu, float* to) {
      const StemTail tail{
          .scale = scale, .shift = shift, .bn = bn, .relu = relu, .channels_last = begin == 0};
      add(module, name, "stem_tail", 0, [=](const Call& call, cudaStream_t s) {
        stem_tail(begin == 0 ? raw : call.input, conv.n, conv.c, conv.h * conv.w, tail,
                  to != nullptr ? to : call.output, s);
      });
    };
    if (options_.module_output != nullptr) {
      for (int m = begin; m < std::min(end, kMaxPool); ++m)
        add_tail(m, "", begin <= kBn1 && m >= kBn1, m >= kRelu, options_.module_output);
    }
    const bool bn = begin <= kBn1 && end > kBn1, relu = begin <= kRelu && end > kRelu;
    const char* name = relu ? "relu" : bn ? "bn1" : "output";
    if (end <= kMaxPool) {
      add_tail(end - 1, name, bn, relu, nullptr);
      return;
    }
    if (bn || relu || begin == 0) add_tail(kRelu, name, bn, relu, plain);
    const bool direct = !(bn || relu || begin == 0);
    add(kMaxPool, "input", "enter", 0,
        [p = precision_, conv, plain, direct](const Call& call, cudaStream_t s) {
          enter(p, direct ? call.input : plain, 1.0f, conv, s);
        });
  }

  Activation add_block(int module, const Activation& x) {
    const Block& block = layers_.blocks[static_cast<std::size_t>(module)];
    const SlotName to = slot_ == a ? b : a;
    Activation t = output_of(block.path[0], x, inner), residual = x;
    if (block.shortcut) {
      residual = output_of(*block.shortcut, x, c);
      add_fork(module, block.path[0], *block.shortcut, x, t, residual);
    } else {
      add_conv(module, block.path[0], x, t, {.relu = true});
    }
    for (std::size_t k = 1; k + 1 < block.path.size(); ++k) {
      const Activation u = output_of(block.path[k], t, second);
      add_conv(module, block.path[k], t, u, {.relu = true});
      t = u;
    }
    const Activation y = output_of(block.path.back(), t, to);
    add_conv(module, block.path.back(), t, y,
             {.relu = true,
              .residual = &residual,
              .residual_signed = block.shortcut.has_value(),
              .residual_multiplier = block.residual_multiplier});
    slot_ = to;
    return y;
  }

  Activation output_of(const Layer& layer, const Activation& in, SlotName to) {
    const ConvSpec& spec = layer.spec;
    const auto side = [&](int of) { return (of + 2 * spec.padding - spec.kernel) / spec.stride + 1; };
    return activation(to, side(in.h), side(in.w), spec.out_channels);
  }

  static std::int64_t macs_of(const ConvSpec& spec, const Activation& out) {
    return out.pixels() * spec.out_channels * spec.in_channels * spec.kernel * spec.kernel;
  }
  std::size_t bytes_of(const Layer& layer, const Activation& in, const Activation& out, bool residual) const {
    // Of its input a 1x1 convolution with a stride reads but some pixels.
    const std::size_t read =
        layer.spec.kernel == 1
            ? out.bytes(precision_) / static_cast<std::size_t>(out.c) * static_cast<std::size_t>(in.c)
            : in.bytes(precision_);
    return read + layer.weights.bytes() + out.bytes(precision_) * (residual ? 2 : 1);
  }

  void add_conv(int module, const Layer& layer, const Activation& in, const Activation& out,
                const Epilogue& epilogue) {
    void* own = reserve(scratch, scratch_bytes(kind_, layer, out.pixels()));
    add_convolution(module, layer.spec.conv, macs_of(layer.spec, out), layer, in, out, epilogue, own);
    moves(bytes_of(layer, in, out, epilogue.residual != nullptr));
  }

  // The two layers that read a block's input.
  void add_fork(int module, const Layer& path, const Layer& shortcut, const Activation& in,
                const Activation& path_out, const Activation& shortcut_out) {
    ConvolutionPointer pair;
    if (!measuring_) pair = make_pair(kind_, path, shortcut, in, path_out, shortcut_out);
    if (pair != nullptr) {
      add_made(module, path.spec.conv + " and shortcut",
               macs_of(path.spec, path_out) + macs_of(shortcut.spec, shortcut_out), std::move(pair));
      moves(bytes_of(path, in, path_out, false) + bytes_of(shortcut, in, shortcut_out, false));
      return;
    }
    add_conv(module, path, in, path_out, {.relu = true});
    add_conv(module, shortcut, in, shortcut_out, {});
  }

  void add_head(int module, const Activation& x) {
    const Activation means = activation(second, 1, 1, x.c);
    const auto multiplier =
        static_cast<float>(static_cast<double>(layers_.pool_multiplier) / (static_cast<double>(x.h) * x.w));
    add(module, "avgpool", "global_average_pool", 0,
        [p = precision_, x, multiplier, means](const Call&, cudaStream_t s) {
          global_average_pool(p, x, multiplier, means, s);
        });
    moves(x.bytes(precision_) + means.bytes(precision_));
    // A row an image is little work, and a long sum: k is split in either plan.
    const ConvolutionKind kind{kind_.family, precision_, Plan::latency};
    void* own = reserve(scratch, scratch_bytes(kind, *layers_.head, x.n));
    if (measuring_) return;
    const std::shared_ptr<const Convolution> fc = make_convolution(kind, *layers_.head, means, own);
    add(module, "fc", fc->kernel_name(), std::int64_t{x.n} * x.c * architecture_.classes(),
        [fc](const Call& call, cudaStream_t s) { fc->run(s, call.output); });
    moves(means.bytes(precision_) + layers_.head->weights.bytes() +
          static_cast<std::size_t>(x.n) * static_cast<std::size_t>(architecture_.classes()) * sizeof(float));
  }

  const Architecture& architecture_;
  const Layers& layers_;
  const PlanOptions& options_;
  Precision precision_;
  ConvolutionKind kind_;
  int n_, h_, w_;
  bool measuring_ = true;
  SlotName slot_ = a;  // where the current block's input lies
  std::array<std::size_t, kSlots> bytes_{};
  std::array<void*, kSlots> slots_{};
  std::vector<Step> steps_;
};

}  // namespace

RunPlan make_plan(const Architecture& architecture, const Layers& layers, const PlanOptions& options,
                  const Shape& input) {
  return Builder(architecture, layers, options, input).build();
}

}  // namespace resnet::cuda
