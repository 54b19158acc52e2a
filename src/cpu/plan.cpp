#include "cpu/plan.hpp"

#include "cpu/plan_builder.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace resnet::cpu {
namespace {

// How a Winograd layer's tiles are dealt out: in blocks of `tiles`, each member its own blocks
// (`independent`), or all members together on one block, step by step with barriers between.
struct WinogradBlocking {
  int tiles;
  bool independent;
};

// Small blocks keep transformed input and products in L2 but read all weights again for each block; large
// ones read them seldom but spill to L3. The cheaper by bytes moved wins.
WinogradBlocking choose_blocking(std::size_t tile_bytes, std::size_t weight_bytes, int total_tiles,
                                 int threads, std::size_t l2) {
  constexpr std::size_t kSpillLimit = std::size_t{4} << 20;
  const int per_member = (total_tiles + threads - 1) / threads;
  const auto clamped = [&](std::size_t bytes) {
    return std::clamp(static_cast<int>(bytes / tile_bytes), 1, total_tiles);
  };
  const int resident = clamped(l2 * 3 / 8), spilled = clamped(kSpillLimit);
  const double resident_cost = weight_bytes > l2 ? static_cast<double>(weight_bytes) / resident : 0;
  const double spilled_cost =
      static_cast<double>(weight_bytes) / spilled + 2.0 * static_cast<double>(tile_bytes);
  const int tiles = resident_cost <= spilled_cost ? resident : spilled;
  if (tiles <= per_member || threads == 1) {
    // Whole blocks of one size for every member.
    const int blocks = (per_member + tiles - 1) / tiles;
    return {(per_member + blocks - 1) / blocks, true};
  }
  return {tiles, false};
}

class Builder final : public PlanBuilder {
 public:
  Builder(const Architecture& architecture, const PackedLayers& layers, const KernelTable& kernels,
          const PlanOptions& options, const Shape& input)
      : PlanBuilder(architecture, options, input, kernels.element_bytes, kernels.lanes),
        layers_(layers),
        k_(kernels) {}

 private:
  // Direct 3x3 convolutions read a halo around their input; what produces it has to leave room.
  static int halo_for(const ConvLayer& layer) {
    return layer.algorithm == Algorithm::direct ? layer.spec.padding : 0;
  }
  int input_halo(int module) const {
    return module < options_.end && is_block(architecture_.modules()[module])
               ? halo_for(layers_.modules[module][0])
               : 0;
  }

  void add_all() override {
    int module = options_.begin;
    Activation x;
    if (module == 0) {
      std::tie(x, module) = add_stem();
    } else if (module == architecture_.head()) {
      x = add_input(module, 0);
    } else {
      x = add_input(module, input_halo(module));
    }
    for (; module < options_.end; ++module) {
      const Module& m = architecture_.modules()[module];
      if (m.kind == ModuleKind::head) {
        add_head(module, x);
        return;
      }
      if (is_block(m)) {
        x = add_block(module, x);
      } else {
        x = add_stem_module(module, x);
      }
      if (options_.every_module) add_module_output(module, x);
    }
    const int last = options_.end - 1;
    add(last, "output", "from_blocked", 0, [this_k = &k_, x](const Team& team, const Call& call) {
      this_k->from_blocked(x, x.c, call.output, team.rank(), team.size());
    });
  }

  Activation add_input(int module, int halo) {
    const Activation x = activation(a, n_, architecture_.modules()[module].in_channels, h_, w_, halo);
    add(module, "input", "to_blocked", 0, [k = &k_, x](const Team& team, const Call& call) {
      k->zero_halo(x, team.rank(), team.size());
      k->to_blocked(call.input, x, team.rank(), team.size());
    });
    return x;
  }

  void add_module_output(int module, const Activation& x) {
    add(module, "", "from_blocked", 0,
        [k = &k_, x, to = options_.module_output](const Team& team, const Call&) {
          k->from_blocked(x, x.c, to, team.rank(), team.size());
        });
  }

  void add_activation_output(int module, const std::string& layer, const Activation& x) {
    if (!options_.every_activation) return;
    add(module, layer, "from_blocked", 0,
        [k = &k_, x, to = options_.module_output](const Team& team, const Call&) {
          k->from_blocked(x, x.c, to, team.rank(), team.size());
        });
    steps_.back().activation = {x.n, x.c, x.h, x.w};
  }

  // conv1 … maxpool in one step where the range covers them, else conv1 alone. Returns the activation in slot
  // a and the next module.
  std::pair<Activation, int> add_stem() {
    const bool fused = options_.end > kMaxPool && !options_.every_module && !options_.every_activation;
    const int channels = architecture_.modules()[0].out_channels;
    const int conv_h = stem_side(h_), conv_w = stem_side(w_);
    const Members memory = reserve_for_members(n_ * k_.stem_image_bytes(h_, w_), k_.stem_scratch_bytes(w_));
    StemArgs args{.image = memory.shared, .n = n_, .h = h_, .w = w_, .weights = layers_.stem.weights};
    add(0, "input", "stem_input", 0,
        [k = &k_, args, image = memory.shared](const Team& team, const Call& call) {
          k->stem_input(call.input, args.n, args.h, args.w, image, team.rank(), team.size());
        });
    const std::int64_t macs = n_ * architecture_.macs(0, h_, w_);
    if (fused) {
      args.scale = layers_.stem.scale, args.shift = layers_.stem.shift;
      args.out = activation(a, n_, channels, stem_side(conv_h), stem_side(conv_w), input_halo(kMaxPool + 1));
      add(kMaxPool, "stem", fmt::format("{}_fused", k_.stem_kernel), macs,
          [k = &k_, args, memory](const Team& team, const Call&) {
            StemArgs mine = args;
            mine.scratch = memory.of(team);
            k->zero_halo(mine.out, team.rank(), team.size());
            k->stem_fused(mine, team.rank(), team.size());
          });
      return {args.out, kMaxPool + 1};
    }
    args.out = activation(a, n_, channels, conv_h, conv_w, 0);
    add(0, "conv1", std::string(k_.stem_kernel), macs,
        [k = &k_, args, memory](const Team& team, const Call&) {
          StemArgs mine = args;
          mine.scratch = memory.of(team);
          k->stem_conv(mine, team.rank(), team.size());
        });
    if (options_.every_module) add_module_output(0, args.out);
    return {args.out, 1};
  }

  // bn1, relu and maxpool on their own: sessions cut inside the stem, and runs that want every module's
  // output.
  Activation add_stem_module(int module, const Activation& x) {
    const Module& m = architecture_.modules()[module];
    if (m.kind == ModuleKind::bn1) {
      add(module, m.name, "scale_shift", 0, [k = &k_, x, stem = layers_.stem](const Team& team, const Call&) {
        k->scale_shift(x, stem.scale, stem.shift, x, team.rank(), team.size());
      });
      return x;
    }
    if (m.kind == ModuleKind::relu) {
      add(module, m.name, "relu", 0,
          [k = &k_, x](const Team& team, const Call&) { k->relu(x, x, team.rank(), team.size()); });
      add_activation_output(module, "conv1", x);
      return x;
    }
    const SlotName to = slot_ == a ? b : a;
    const Activation y = activation(to, x.n, x.c, stem_side(x.h), stem_side(x.w), input_halo(module + 1));
    add(module, m.name, "max_pool", 0, [k = &k_, x, y](const Team& team, const Call&) {
      k->zero_halo(y, team.rank(), team.size());
      k->max_pool({x, y}, team.rank(), team.size());
    });
    slot_ = to;
    return y;
  }

  Activation add_block(int module, const Activation& x) {
    const Module& m = architecture_.modules()[module];
    const std::vector<ConvLayer>& convs = layers_.modules[module];
    const bool bottleneck = m.kind == ModuleKind::bottleneck;
    const ConvLayer* shortcut = m.downsample ? &convs.back() : nullptr;
    const BlockSlots slots = next_block(bottleneck, m.downsample);

    Activation t = add_conv(module, convs[0], x, {}, slots.first, halo_for(convs[1]), true);
    if (bottleneck) t = add_conv(module, convs[1], t, {}, slots.second, 0, true);
    Activation residual = x;
    if (shortcut) residual = add_conv(module, *shortcut, x, {}, slots.shortcut, 0, false);
    return add_conv(module, convs[bottleneck ? 2 : 1], t, residual, slots.out, input_halo(module + 1), true);
  }

  Activation add_conv(int module, const ConvLayer& layer, const Activation& in, const Activation& residual,
                      SlotName to, int halo, bool relu) {
    const ConvSpec& spec = layer.spec;
    const Activation out = convolved(to, in, spec, halo);
    const Epilogue epilogue{.bias = layer.bias, .residual = residual, .relu = relu};
    const std::int64_t macs = macs_of(spec, out);
    if (layer.algorithm == Algorithm::direct) {
      const bool subsampled = spec.kernel == 1 && spec.stride == 2;
      const Activation from = subsampled ? activation(scratch, in.n, in.c, out.h, out.w, 0) : in;
      const ConvArgs args{.in = from,
                          .out = out,
                          .weights = layer.weights,
                          .kernel = spec.kernel,
                          .stride = subsampled ? 1 : spec.stride,
                          .padding = spec.padding,
                          .epilogue = epilogue,
                          .l2_bytes = l2_};
      add(module, spec.conv, layer.kernel, macs,
          [k = &k_, args, in, subsampled](const Team& team, const Call&) {
            k->zero_halo(args.out, team.rank(), team.size());
            if (subsampled) {
              k->subsample({in, args.in}, team.rank(), team.size());
              team.barrier();
            }
            deal(team, [&](int unit, int units) { k->conv(args, unit, units); });
          });
    } else {
      add_winograd(
          module, layer,
          {in, out, winograd_form(layer.algorithm), static_cast<const float*>(layer.weights), epilogue},
          macs);
    }
    add_activation_output(module, spec.conv, out);
    return out;
  }

  void add_winograd(int module, const ConvLayer& layer, const WinogradArgs& args, std::int64_t macs) {
    const WinogradForm& form = args.form;
    const int m = form.m, ic = args.in.c, oc = args.out.c;
    const int total = args.out.n * ((args.out.h + m - 1) / m) * ((args.out.w + m - 1) / m);
    const auto buffers = [&](int tiles) {
      return std::pair{Arena::padded(k_.winograd.input_bytes(form, tiles, ic)),
                       Arena::padded(k_.winograd.product_bytes(form, tiles, oc))};
    };
    const auto [v_of_one, products_of_one] = buffers(1);
    const WinogradBlocking blocking = choose_blocking(
        v_of_one + products_of_one, k_.winograd.packed_bytes(ic, oc, form), total, options_.threads, l2_);
    const auto [v_bytes, product_bytes] = buffers(blocking.tiles);
    const Members memory = blocking.independent ? reserve_for_members(0, v_bytes + product_bytes)
                                                : reserve_for_members(v_bytes + product_bytes, 0);
    const int blocks = (total + blocking.tiles - 1) / blocking.tiles;

    const auto place = [args, v_bytes = v_bytes, tiles = blocking.tiles, total](int block, std::byte* at) {
      WinogradArgs mine = args;
      mine.v = reinterpret_cast<float*>(at), mine.products = reinterpret_cast<float*>(at + v_bytes);
      mine.tile_begin = block * tiles, mine.tile_end = std::min(total, (block + 1) * tiles);
      return mine;
    };
    if (blocking.independent) {
      add(module, layer.spec.conv, layer.kernel, macs,
          [k = &k_, place, memory, blocks](const Team& team, const Call&) {
            const WinogradArgs first = place(0, memory.of(team));
            if (team.rank() == 0) k->zero_halo(first.out, 0, 1);
            team.deal(blocks, [&](int block) {
              const WinogradArgs mine = place(block, memory.of(team));
              k->winograd.input(mine, 0, 1);
              k->winograd.gemm(mine, 0, 1);
              k->winograd.output(mine, 0, 1);
            });
          });
      return;
    }
    add(module, layer.spec.conv, layer.kernel, macs,
        [k = &k_, place, memory, blocks](const Team& team, const Call&) {
          for (int block = 0; block < blocks; ++block) {
            const WinogradArgs now = place(block, memory.shared);
            // The transform writes what the last block's products no longer need: V is free since the barrier
            // before the output transform.
            if (block == 0) k->zero_halo(now.out, team.rank(), team.size());
            k->winograd.input(now, team.rank(), team.size());
            team.barrier();
            deal(team, [&](int unit, int units) { k->winograd.gemm(now, unit, units); });
            team.barrier();
            k->winograd.output(now, team.rank(), team.size());
          }
        });
  }

  void add_head(int module, const Activation& x) {
    // Images become the pixels of one row, so that a batch shares every weight it loads.
    const Activation means = activation(pooled, 1, x.c, 1, x.n, 0);
    add(module, "avgpool", "global_average_pool", 0, [k = &k_, x, means](const Team& team, const Call&) {
      k->global_average_pool({x, means}, team.rank(), team.size());
    });
    const FullyConnectedArgs args{.in = means,
                                  .outputs = architecture_.classes(),
                                  .weights = layers_.head.weights,
                                  .bias = layers_.head.bias};
    add(module, "fc", "fully_connected", static_cast<std::int64_t>(x.n) * x.c * args.outputs,
        [k = &k_, args](const Team& team, const Call& call) {
          FullyConnectedArgs mine = args;
          mine.out = call.output;
          deal(team, [&](int unit, int units) { k->fully_connected(mine, unit, units); });
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

}  // namespace resnet::cpu
