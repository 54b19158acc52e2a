#include "cpu/plan.hpp"

#include "cpu/isa.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace resnet::cpu {
namespace {

int stem_side(int side) {
  return (side - 1) / 2 + 1;
}  // 7x7, stride 2, padding 3 and 3x3, stride 2, padding 1 alike

bool is_block(const Module& module) {
  return module.kind == ModuleKind::basic_block || module.kind == ModuleKind::bottleneck;
}

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

class Builder {
 public:
  Builder(const Architecture& architecture, const PackedLayers& layers, const KernelTable& kernels,
          const PlanOptions& options, const Shape& input)
      : architecture_(architecture),
        layers_(layers),
        k_(kernels),
        options_(options),
        n_(static_cast<int>(input[0])),
        h_(static_cast<int>(input[2])),
        w_(static_cast<int>(input[3])),
        l2_(l2_cache_bytes()) {}

  // Twice over: once to learn the sizes of the slots, once with memory behind them.
  RunPlan build() {
    add_all();
    std::size_t floats = 0;
    for (const Slot& slot : slots_) floats += Arena::padded(slot.floats);
    RunPlan plan;
    plan.memory = Arena(floats);
    for (Slot& slot : slots_) slot.data = plan.memory.take(slot.floats);
    steps_.clear();
    add_all();
    plan.steps = std::move(steps_);
    return plan;
  }

 private:
  // a, b, c hold activations; `scratch` what lives within one step; `pooled` and `logits` the head's.
  enum SlotName { a, b, c, scratch, pooled, logits, kSlots };
  struct Slot {
    std::size_t floats = 0;
    float* data = nullptr;
  };

  float* reserve(SlotName slot, std::size_t floats) {
    slots_[slot].floats = std::max(slots_[slot].floats, floats);
    return slots_[slot].data;
  }

  Activation activation(SlotName slot, int n, int channels, int h, int w, int halo) {
    const std::size_t floats = static_cast<std::size_t>(n) * channels * (h + 2 * halo) * (w + 2 * halo);
    return {reserve(slot, floats), n, channels, h, w, halo};
  }

  using Body = std::function<void(const Team&, const Call&)>;
  void add(int module, std::string layer, std::string kernel, std::int64_t macs, Body body) {
    steps_.push_back({module, std::move(layer), std::move(kernel), macs, {}, std::move(body)});
  }

  // Direct 3x3 convolutions read a halo around their input; what produces it has to leave room.
  static int halo_for(const ConvLayer& layer) {
    return layer.algorithm == Algorithm::direct ? layer.spec.padding : 0;
  }
  int input_halo(int module) const {
    return module < options_.end && is_block(architecture_.modules()[module])
               ? halo_for(layers_.modules[module][0])
               : 0;
  }

  void add_all() {
    int module = options_.begin;
    Activation x;
    if (module == 0) {
      std::tie(x, module) = add_stem();
    } else if (module == architecture_.head()) {
      x = add_input(module, 0);
    } else {
      x = add_input(module, input_halo(module));
    }
    slot_ = a;
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
    constexpr int kMaxPool = 3;
    const bool fused = options_.end > kMaxPool && !options_.every_module && !options_.every_activation;
    const int channels = architecture_.modules()[0].out_channels;
    const int conv_h = stem_side(h_), conv_w = stem_side(w_);
    const std::size_t image_floats =
        Arena::padded(static_cast<std::size_t>(n_) * k_.stem_image_floats(h_, w_));
    const std::size_t member_floats = Arena::padded(k_.stem_scratch_floats(w_));
    float* image = reserve(scratch, image_floats + member_floats * options_.threads);
    float* members = image ? image + image_floats : nullptr;
    StemArgs args{.image = image, .n = n_, .h = h_, .w = w_, .weights = layers_.stem.weights};
    add(0, "input", "stem_input", 0, [k = &k_, args, image](const Team& team, const Call& call) {
      k->stem_input(call.input, args.n, args.h, args.w, image, team.rank(), team.size());
    });
    const std::int64_t macs = n_ * architecture_.macs(0, h_, w_);
    if (fused) {
      args.scale = layers_.stem.scale, args.shift = layers_.stem.shift;
      args.out = activation(a, n_, channels, stem_side(conv_h), stem_side(conv_w), input_halo(kMaxPool + 1));
      add(kMaxPool, "stem", "winograd_f3x3_fused", macs,
          [k = &k_, args, members, member_floats](const Team& team, const Call&) {
            StemArgs mine = args;
            mine.scratch = members + member_floats * team.rank();
            k->zero_halo(mine.out, team.rank(), team.size());
            k->stem_fused(mine, team.rank(), team.size());
          });
      return {args.out, kMaxPool + 1};
    }
    args.out = activation(a, n_, channels, conv_h, conv_w, 0);
    add(0, "conv1", "winograd_f3x3", macs,
        [k = &k_, args, members, member_floats](const Team& team, const Call&) {
          StemArgs mine = args;
          mine.scratch = members + member_floats * team.rank();
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

  // x lies in slot s; p and q are the other two.
  //   basic:       conv1 s→p, (shortcut s→q), conv2 p + (x in s | shortcut in q) → (q | s)
  //   bottleneck:  conv1 s→p, conv2 p→q, (shortcut s→p), conv3 q + (x in s | shortcut in p) → (p | s)
  Activation add_block(int module, const Activation& x) {
    const Module& m = architecture_.modules()[module];
    const std::vector<ConvLayer>& convs = layers_.modules[module];
    const SlotName s = slot_, p = s == a ? b : a, q = s == c ? b : c;
    const bool bottleneck = m.kind == ModuleKind::bottleneck;
    const ConvLayer* shortcut = m.downsample ? &convs.back() : nullptr;
    const int out_halo = input_halo(module + 1);

    Activation t = add_conv(module, convs[0], x, {}, p, halo_for(convs[1]), true);
    if (bottleneck) t = add_conv(module, convs[1], t, {}, q, 0, true);
    Activation residual = x;
    if (shortcut) residual = add_conv(module, *shortcut, x, {}, bottleneck ? p : q, 0, false);
    slot_ = shortcut ? s : bottleneck ? p : q;
    return add_conv(module, convs[bottleneck ? 2 : 1], t, residual, slot_, out_halo, true);
  }

  Activation add_conv(int module, const ConvLayer& layer, const Activation& in, const Activation& residual,
                      SlotName to, int halo, bool relu) {
    const ConvSpec& spec = layer.spec;
    const auto out_side = [&](int side) { return (side + 2 * spec.padding - spec.kernel) / spec.stride + 1; };
    const Activation out = activation(to, in.n, spec.out_channels, out_side(in.h), out_side(in.w), halo);
    const Epilogue epilogue{.bias = layer.bias, .residual = residual, .relu = relu};
    const std::int64_t macs = static_cast<std::int64_t>(out.n) * out.h * out.w * spec.out_channels *
                              spec.in_channels * spec.kernel * spec.kernel;
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
      add(module, spec.conv, layer.kernel_name(), macs,
          [k = &k_, args, in, subsampled](const Team& team, const Call&) {
            k->zero_halo(args.out, team.rank(), team.size());
            if (subsampled) {
              k->subsample({in, args.in}, team.rank(), team.size());
              team.barrier();
            }
            deal(team, [&](int unit, int units) { k->conv(args, unit, units); });
          });
    } else {
      add_winograd(module, layer, {in, out, winograd_form(layer.algorithm), layer.weights, epilogue}, macs);
    }
    add_activation_output(module, spec.conv, out);
    return out;
  }

  void add_winograd(int module, const ConvLayer& layer, const WinogradArgs& args, std::int64_t macs) {
    const WinogradForm& form = args.form;
    const int m = form.m, ic = args.in.c, oc = args.out.c;
    const int total = args.out.n * ((args.out.h + m - 1) / m) * ((args.out.w + m - 1) / m);
    const auto buffers = [&](int tiles) {
      return std::pair{Arena::padded(k_.winograd_input_floats(form, tiles, ic)),
                       Arena::padded(k_.winograd_product_floats(form, tiles, oc))};
    };
    const auto [v_of_one, products_of_one] = buffers(1);
    const WinogradBlocking blocking = choose_blocking(sizeof(float) * (v_of_one + products_of_one),
                                                      sizeof(float) * k_.packed_winograd_floats(ic, oc, form),
                                                      total, options_.threads, l2_);
    const auto [v_floats, product_floats] = buffers(blocking.tiles);
    const std::size_t member_floats = v_floats + product_floats;
    float* memory = reserve(scratch, member_floats * (blocking.independent ? options_.threads : 1));
    const int blocks = (total + blocking.tiles - 1) / blocking.tiles;

    const auto place = [args, v_floats = v_floats, tiles = blocking.tiles, total](int block, float* at) {
      WinogradArgs mine = args;
      mine.v = at, mine.products = at + v_floats;
      mine.tile_begin = block * tiles, mine.tile_end = std::min(total, (block + 1) * tiles);
      return mine;
    };
    if (blocking.independent) {
      add(module, layer.spec.conv, layer.kernel_name(), macs,
          [k = &k_, place, memory, member_floats, blocks](const Team& team, const Call&) {
            const WinogradArgs first = place(0, memory + member_floats * team.rank());
            if (team.rank() == 0) k->zero_halo(first.out, 0, 1);
            team.deal(blocks, [&](int block) {
              const WinogradArgs mine = place(block, memory + member_floats * team.rank());
              k->winograd_input(mine, 0, 1);
              k->winograd_gemm(mine, 0, 1);
              k->winograd_output(mine, 0, 1);
            });
          });
      return;
    }
    add(module, layer.spec.conv, layer.kernel_name(), macs,
        [k = &k_, place, memory, blocks](const Team& team, const Call&) {
          for (int block = 0; block < blocks; ++block) {
            const WinogradArgs now = place(block, memory);
            // The transform writes what the last block's products no longer need: V is free since the barrier
            // before the output transform.
            if (block == 0) k->zero_halo(now.out, team.rank(), team.size());
            k->winograd_input(now, team.rank(), team.size());
            team.barrier();
            deal(team, [&](int unit, int units) { k->winograd_gemm(now, unit, units); });
            team.barrier();
            k->winograd_output(now, team.rank(), team.size());
          }
        });
  }

  void add_head(int module, const Activation& x) {
    const int classes = architecture_.classes();
    const int padded = (classes + k_.tile_channels - 1) / k_.tile_channels * k_.tile_channels;
    // Images become the pixels of one row, so that a batch shares every weight it loads.
    const Activation means = activation(pooled, 1, x.c, 1, x.n, 0);
    const Activation out = activation(logits, 1, padded, 1, x.n, 0);
    add(module, "avgpool", "global_average_pool", 0, [k = &k_, x, means](const Team& team, const Call&) {
      k->global_average_pool({x, means}, team.rank(), team.size());
    });
    const ConvArgs args{.in = means,
                        .out = out,
                        .weights = layers_.head.weights,
                        .kernel = 1,
                        .stride = 1,
                        .padding = 0,
                        .epilogue = {.bias = layers_.head.bias},
                        .l2_bytes = l2_};
    add(module, "fc", "direct_1x1", static_cast<std::int64_t>(x.n) * x.c * classes,
        [k = &k_, args](const Team& team, const Call&) {
          deal(team, [&](int unit, int units) { k->conv(args, unit, units); });
        });
    add(module, "logits", "from_blocked", 0,
        [out, classes, lanes = k_.lanes](const Team& team, const Call& call) {
          const Team::Range share = team.share(out.w);
          for (auto n = share.begin; n < share.end; ++n) {
            for (int i = 0; i < classes; ++i) {
              call.output[n * classes + i] =
                  out.data[(static_cast<std::ptrdiff_t>(i / lanes) * out.w + n) * lanes + i % lanes];
            }
          }
        });
  }

  const Architecture& architecture_;
  const PackedLayers& layers_;
  const KernelTable& k_;
  const PlanOptions& options_;
  int n_, h_, w_;
  std::size_t l2_;
  std::array<Slot, kSlots> slots_;
  SlotName slot_ = a;  // where the current activation lies
  std::vector<Step> steps_;
};

}  // namespace

RunPlan make_plan(const Architecture& architecture, const PackedLayers& layers, const KernelTable& kernels,
                  const PlanOptions& options, const Shape& input) {
  return Builder(architecture, layers, kernels, options, input).build();
}

}  // namespace resnet::cpu
