#include "cpu/int8/plan.hpp"

#include "cpu/plan_builder.hpp"

#include <utility>

#include <fmt/format.h>

namespace resnet::cpu::int8 {
namespace {

class Builder final : public PlanBuilder {
 public:
  Builder(const Architecture& architecture, const PackedLayers& layers, const KernelTable& kernels,
          const PlanOptions& options, const Shape& input)
      : PlanBuilder(architecture, options, input, kernels.element_bytes, kBlock),
        layers_(layers),
        k_(kernels) {}

 private:
  int input_halo(int module) const {
    const bool block = module < options_.end && module > kMaxPool && module != architecture_.head();
    return block ? layers_.blocks[module].path.front().spec.padding : 0;
  }

  void add_all() override {
    int module = options_.begin;
    Activation x;
    float scale = layers_.input_scale;
    if (module == 0) {
      x = add_stem();
      module = kMaxPool + 1;
      scale = layers_.stem.output_scale;
    } else {
      x = add_input(module);
    }
    for (; module < options_.end; ++module) {
      if (module == architecture_.head()) {
        add_head(module, x);
        return;
      }
      x = add_block(module, x);
      scale = layers_.blocks[module].path.back().output_scale;
      if (options_.every_module) add_module_output(module, x, scale);
    }
    const int last = options_.end - 1, channels = architecture_.modules()[last].out_channels;
    add(last, "output", "from_blocked", 0, [k = &k_, x, channels, scale](const Team& team, const Call& call) {
      k->from_blocked(x, channels, scale, call.output, team.rank(), team.size());
    });
  }

  Activation add_input(int module) {
    const int channels = architecture_.modules()[module].in_channels;
    const Activation x = activation(a, n_, channels, h_, w_, input_halo(module));
    add(module, "input", "to_blocked", 0,
        [k = &k_, x, channels, scale = layers_.input_scale](const Team& team, const Call& call) {
          k->zero_halo(x, team.rank(), team.size());
          k->to_blocked(call.input, channels, scale, x, team.rank(), team.size());
        });
    return x;
  }

  void add_module_output(int module, const Activation& x, float scale) {
    const int channels = architecture_.modules()[module].out_channels;
    add(module, "", "from_blocked", 0,
        [k = &k_, x, channels, scale, to = options_.module_output](const Team& team, const Call&) {
          k->from_blocked(x, channels, scale, to, team.rank(), team.size());
        });
  }

  Activation add_stem() {
    const bool fused = !options_.every_module;
    const int channels = layers_.stem.spec.out_channels;
    const int conv_h = stem_side(h_), conv_w = stem_side(w_);
    const Members memory =
        reserve_for_members(n_ * k_.stem_image_bytes(h_, w_), k_.stem_scratch_bytes(w_, channels));
    auto* image = reinterpret_cast<std::uint8_t*>(memory.shared);
    add(0, "input", "stem_input", 0,
        [k = &k_, n = n_, h = h_, w = w_, rule = layers_.pixels, image](const Team& team, const Call& call) {
          k->stem_input(call.input, n, h, w, rule, image, team.rank(), team.size());
        });

    const Activation pooled_out =
        activation(a, n_, channels, stem_side(conv_h), stem_side(conv_w), input_halo(kMaxPool + 1));
    const Activation out = fused ? pooled_out : activation(b, n_, channels, conv_h, conv_w, 0);
    const StemArgs args{.image = image,
                        .n = n_,
                        .h = h_,
                        .w = w_,
                        .weights = layers_.stem.weights,
                        .requantize = {.bias = layers_.stem.bias, .multiplier = layers_.stem.multiplier},
                        .out = out,
                        .pooled = fused};
    add(fused ? kMaxPool : kRelu, fused ? "stem" : "conv1",
        kernel_name(layers_.stem.spec) + (fused ? "_pool" : ""), n_ * architecture_.macs(0, h_, w_),
        [k = &k_, args, memory](const Team& team, const Call&) {
          k->zero_halo(args.out, team.rank(), team.size());
          StemArgs mine = args;
          mine.scratch = memory.of(team);
          k->stem(mine, team.rank(), team.size());
        });
    if (fused) return out;
    add_module_output(kRelu, out, layers_.stem.output_scale);
    add(kMaxPool, "maxpool", "max_pool", 0, [k = &k_, out, pooled_out](const Team& team, const Call&) {
      k->zero_halo(pooled_out, team.rank(), team.size());
      k->max_pool(out, pooled_out, team.rank(), team.size());
    });
    add_module_output(kMaxPool, pooled_out, layers_.stem.output_scale);
    return pooled_out;
  }

  Activation add_block(int module, const Activation& x) {
    const Block& block = layers_.blocks[module];
    const bool bottleneck = block.path.size() == 3;
    const BlockSlots slots = next_block(bottleneck, !block.shortcut.empty());

    Activation t = add_conv(module, block.path[0], x, slots.first, block.path[1].spec.padding, nullptr);
    if (bottleneck) t = add_conv(module, block.path[1], t, slots.second, 0, nullptr);
    Activation residual = x;
    for (const Layer& shortcut : block.shortcut)
      residual = add_conv(module, shortcut, x, slots.shortcut, 0, nullptr, true);
    const Requantize last{.residual = residual, .residual_multiplier = block.residual_multiplier};
    return add_conv(module, block.path.back(), t, slots.out, input_halo(module + 1), &last);
  }

  std::string kernel_name(const ConvSpec& spec) const {
    return fmt::format("{}_{}x{}{}", k_.conv_kernel, spec.kernel, spec.kernel, spec.stride == 2 ? "_s2" : "");
  }

  Activation add_conv(int module, const Layer& layer, const Activation& in, SlotName to, int halo,
                      const Requantize* residual, bool is_signed = false) {
    const ConvSpec& spec = layer.spec;
    Activation out = convolved(to, in, spec, halo);
    out.is_signed = is_signed;
    Requantize requantize = residual != nullptr ? *residual : Requantize{};
    requantize.bias = layer.bias, requantize.multiplier = layer.multiplier;
    const std::int64_t macs = macs_of(spec, out);
    const bool subsampled = spec.kernel == 1 && spec.stride == 2;
    const Activation from = subsampled ? activation(scratch, in.n, in.c, out.h, out.w, 0) : in;
    const ConvArgs args{.in = from,
                        .out = out,
                        .weights = layer.weights,
                        .kernel = spec.kernel,
                        .stride = subsampled ? 1 : spec.stride,
                        .padding = spec.padding,
                        .requantize = requantize,
                        .l2_bytes = l2_};
    if (layer.winograd) {
      const Members memory = reserve_for_members(0, k_.winograd.scratch_bytes(in.c));
      add(module, spec.conv, "winograd_f4x4", macs, [k = &k_, args, memory](const Team& team, const Call&) {
        k->zero_halo(args.out, team.rank(), team.size());
        k->winograd.conv(args, memory.of(team), team.rank(), team.size());
      });
      return out;
    }
    add(module, spec.conv, kernel_name(spec), macs,
        [k = &k_, args, in, subsampled](const Team& team, const Call&) {
          k->zero_halo(args.out, team.rank(), team.size());
          if (subsampled) {
            k->subsample(in, args.in, team.rank(), team.size());
            team.barrier();
          }
          deal(team, [&](int unit, int units) { k->conv(args, unit, units); });
        });
    return out;
  }

  void add_head(int module, const Activation& x) {
    // Images become the pixels of one row, so that a batch shares every weight it loads.
    const Activation means = activation(pooled, 1, x.c, 1, x.n, 0);
    const float multiplier =
        static_cast<float>(static_cast<double>(layers_.pool_multiplier) / (static_cast<double>(x.h) * x.w));
    add(module, "avgpool", "global_average_pool", 0,
        [k = &k_, x, means, multiplier](const Team& team, const Call&) {
          k->global_average_pool(x, multiplier, means, team.rank(), team.size());
        });
    const FullyConnectedArgs args{.in = means,
                                  .outputs = architecture_.classes(),
                                  .weights = layers_.head.weights,
                                  .bias = layers_.head.bias,
                                  .multiplier = layers_.head.multiplier};
    add(module, "fc", "fully_connected", static_cast<std::int64_t>(x.n) * x.c * args.outputs,
        [k = &k_, args](const Team& team, const Call& call) {
          FullyConnectedArgs mine = args;
          mine.out = call.output;
          k->fully_connected(mine, team.rank(), team.size());
        });
  }

  const PackedLayers& layers_;
  const KernelTable& k_;
};

}  // namespace

RunPlan make_plan(const Architecture& architecture, const PackedLayers& layers, const KernelTable& kernels,
                  const PlanOptions& options, const Shape& input) {
  return Builder(architecture, layers, kernels, options, input).build();
}

}  // namespace resnet::cpu::int8
