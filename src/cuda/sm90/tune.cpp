// How a layer is measured. In a network a layer finds its input where the layer before it has just written
// it, and weights that were last used one run ago. So the launches of a candidate share input, residual and
// output, but walk through copies of the weights, and before them the memory of the other weights of the
// network is written; what the cache keeps of them is then what it keeps in a network. The launches lie in
// one graph, each a programmatic dependent of the one before, as in a run. Candidates take turns, so that the
// clock is the same for all. Values are as a network has them, because zeros would draw less power.
#include "cuda/sm90/tune.hpp"

#include "cuda/check.hpp"
#include "cuda/devices.hpp"
#include "cuda/graph.hpp"
#include "cuda/layers.hpp"
#include "cuda/sm90/choose.hpp"
#include "cuda/sm90/convolution.hpp"
#include "cuda/stream.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <tuple>
#include <utility>

#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet::cuda::sm90 {
namespace {

constexpr int kSide = 224, kStem = 4;  // modules before the first block
constexpr std::array kDepths{18, 34, 50};
constexpr std::array kPrecisions{Precision::fp32, Precision::fp16, Precision::int8};
constexpr std::array kBatches{1, 2, 4, 8, 16, 32, 64, 128, 256};
static_assert(kBatches.size() <= TunedLayer::kMostTiles);
constexpr std::array kTiles{TileShape::resident, TileShape::m256n128,      TileShape::m192n128,
                            TileShape::m256n64,  TileShape::m128n128,      TileShape::m128n64,
                            TileShape::m64n64,   TileShape::m64n64_cluster};
constexpr std::array kSplits{2, 3, 4, 6, 8, 16};
constexpr double kClose = 1.01;  // not worth another row
constexpr double kCloseSplit = 1.02;
constexpr int kLaunches = 24;  // of a graph
constexpr int kRounds = 7;     // that count; one more warms up

// A convolution that several networks and places may share.
struct Work {
  ConvSpec spec;
  int in_side, out_side;
  bool residual;
  std::int64_t network;                    // parameters of the smallest network that has it
  std::array<int, kDepths.size()> uses{};  // in each network

  std::int64_t pixels(int batch) const { return std::int64_t{batch} * out_side * out_side; }
};

bool same_layer(const ConvSpec& a, const ConvSpec& b) {
  return std::tie(a.kernel, a.stride, a.in_channels, a.out_channels) ==
         std::tie(b.kernel, b.stride, b.in_channels, b.out_channels);
}

std::vector<Work> all_works() {
  std::vector<Work> works;
  for (std::size_t d = 0; d < kDepths.size(); ++d) {
    const Architecture network(kDepths[d], 1000);
    for (int m = kStem; m < network.head(); ++m) {
      const auto specs = network.convolutions(m);
      const bool shortcut = network.modules()[static_cast<std::size_t>(m)].downsample;
      const std::size_t path = specs.size() - (shortcut ? 1 : 0);
      const auto block_side = static_cast<int>(network.output_shape(m - 1, 1, kSide, kSide)[2]);
      int side = block_side;
      for (std::size_t i = 0; i < specs.size(); ++i) {
        const int in = i < path ? side : block_side, out = (in - 1) / specs[i].stride + 1;
        if (i < path) side = out;
        auto at = std::ranges::find_if(works, [&](const Work& w) { return same_layer(w.spec, specs[i]); });
        if (at == works.end()) at = works.insert(at, {specs[i], in, out, false, network.parameters()});
        at->residual |= i + 1 == path;
        ++at->uses[d];
      }
    }
  }
  return works;
}

// What fills the memory: 2 MiB of seeded noise in a precision's format. fp32's second plane has the first's
// values; only the sums would show it.
std::vector<std::byte> noise(Precision precision, bool weights) {
  std::vector<std::byte> bytes(std::size_t{2} << 20);
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  const auto element = static_cast<std::size_t>(element_bytes_of(precision));
  for (std::size_t at = 0; at < bytes.size(); at += element) {
    // Activations have passed a ReLU.
    const float x = weights ? 0.05f * normal(generator) : std::max(normal(generator), 0.0f);
    if (precision == Precision::int8) {
      const float limit = weights ? 127.0f : 255.0f;
      const auto whole = std::clamp(std::rint(x * (weights ? 600.0f : 60.0f)), -limit, limit);
      bytes[at] = static_cast<std::byte>(static_cast<int>(whole));
    } else {
      const __half value = __float2half_rn(x);
      std::memcpy(&bytes[at], &value, sizeof value);
    }
  }
  return bytes;
}

// The pattern over and over.
DeviceBuffer<std::byte> filled(std::size_t bytes, const DeviceBuffer<std::byte>& pattern) {
  DeviceBuffer<std::byte> buffer(bytes);
  for (std::size_t at = 0; at < bytes; at += pattern.bytes())
    copy_bytes(buffer.data() + at, pattern.data(), std::min(pattern.bytes(), bytes - at), nullptr);
  return buffer;
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

struct Time {
  Choice choice;
  double ms;  // a launch
};
using Times = std::array<std::vector<Time>, kBatches.size()>;

// All layers at one precision share the memory of their activations.
class Bench {
 public:
  Bench(Precision precision, std::span<const Work> works)
      : precision_(precision), weight_noise_(upload(std::span<const std::byte>(noise(precision, true)))) {
    std::size_t in = 0, out = 0;
    for (const Work& work : works) {
      in = std::max(in, input(work, kBatches.back()).bytes(precision));
      out = std::max(out, output(work, kBatches.back()).bytes(precision));
    }
    const DeviceBuffer<std::byte> pattern = upload(std::span<const std::byte>(noise(precision, false)));
    in_ = filled(in, pattern), residual_ = filled(out, pattern);
    out_ = DeviceBuffer<std::byte>(out);
    std::size_t flush = 0;
    for (const Work& work : works) flush = std::max(flush, network_bytes(work));
    others_ = DeviceBuffer<std::byte>(flush);
    RESNET_CUDA_CHECK(cudaDeviceSynchronize());
  }

  // As many copies of a layer's weights as a graph has launches, or as would be all of the network.
  void take(const Work& work) {
    copies_.clear();
    const std::size_t one = weight_bytes(work.spec), all = network_bytes(work);
    const std::size_t copies = std::clamp<std::size_t>(all / one, 1, kLaunches);
    for (std::size_t i = 0; i < copies; ++i) copies_.push_back(layer(work.spec));
    flush_ = all - std::min(all, copies * one);
    RESNET_CUDA_CHECK(cudaStreamSynchronize(nullptr));
  }

  // Each of `choices` on the layer taken last.
  std::vector<Time> measure(const Work& work, int batch, std::span<const Choice> choices) const {
    std::vector<Graph> graphs;
    for (const Choice choice : choices)
      graphs.emplace_back(stream_.get(), [&] { launch_all(work, batch, choice); });
    const std::size_t count = choices.size();
    std::vector<Event> starts(count * (kRounds + 1)), stops(starts.size());
    for (std::size_t i = 0; i < starts.size(); ++i) {
      if (flush_ > 0) RESNET_CUDA_CHECK(cudaMemsetAsync(others_.data(), 0, flush_, stream_.get()));
      starts[i].record(stream_.get());
      graphs[i % count].launch(stream_.get());
      stops[i].record(stream_.get());
    }
    stream_.synchronize();
    std::vector<Time> times;
    for (std::size_t c = 0; c < count; ++c) {
      std::vector<double> ms;
      for (std::size_t i = count + c; i < starts.size(); i += count)
        ms.push_back(stops[i].ms_since(starts[i]));
      times.push_back({choices[c], median(std::move(ms)) / kLaunches});
    }
    return times;
  }

 private:
  Activation input(const Work& work, int batch) const {
    return {in_.data(), batch, work.in_side, work.in_side, work.spec.in_channels};
  }
  Activation output(const Work& work, int batch) const {
    return {out_.data(), batch, work.out_side, work.out_side, work.spec.out_channels};
  }

  std::size_t bytes_of(std::int64_t parameters) const {
    return static_cast<std::size_t>(parameters * planes_of(precision_) * element_bytes_of(precision_));
  }
  std::size_t network_bytes(const Work& work) const { return bytes_of(work.network); }
  std::size_t weight_bytes(const ConvSpec& spec) const {
    return bytes_of(std::int64_t{spec.kernel} * spec.kernel * spec.in_channels * spec.out_channels);
  }

  Layer layer(const ConvSpec& spec) const {
    const auto channels = static_cast<std::size_t>((spec.out_channels + kPaddedChannels - 1) /
                                                   kPaddedChannels * kPaddedChannels);
    const std::vector<float> scale(channels, precision_ == Precision::int8 ? 1e-3f : 1.0f), shift(channels);
    return {.spec = spec,
            .k = spec.kernel * spec.kernel * spec.in_channels,
            .rows = spec.out_channels,
            .weights = filled(weight_bytes(spec), weight_noise_),
            .scale = upload(std::span<const float>(scale)),
            .shift = upload(std::span<const float>(shift))};
  }

  void launch_all(const Work& work, int batch, Choice choice) const {
    const Activation in = input(work, batch), out = output(work, batch);
    Activation residual = out;
    residual.data = residual_.data();
    const Epilogue epilogue{
        .relu = true, .residual = work.residual ? &residual : nullptr, .residual_multiplier = 0.5f};
    for (std::size_t i = 0; i < kLaunches; ++i) {
      const Layer& weights = copies_[i % copies_.size()];
      Convolution(precision_, choice, weights, in, out, epilogue).run(stream_.get());
    }
  }

  Precision precision_;
  Stream stream_;
  DeviceBuffer<std::byte> weight_noise_, in_, out_, residual_, others_;
  std::vector<Layer> copies_;
  std::size_t flush_ = 0;  // bytes of others_
};

double ms_of(std::span<const Time> times, Choice choice) {
  const auto time = std::ranges::find(times, choice, &Time::choice);
  if (time == times.end()) {
    throw Error(ErrorCode::internal,
                fmt::format("{} split {} was not measured", to_string(choice.shape), choice.split));
  }
  return time->ms;
}

// The fastest; of those that do not split k, or of all. `before`: kept where it is hardly slower, null where
// there is none.
Choice best(std::span<const Time> times, bool whole, const Choice* before) {
  const Time* fastest = nullptr;
  for (const Time& t : times) {
    if (whole && t.choice.split > 1) continue;
    if (fastest == nullptr || t.ms < fastest->ms) fastest = &t;
  }
  return before != nullptr && ms_of(times, *before) <= fastest->ms * kClose ? *before : fastest->choice;
}

// Where splits are close, the one over most multiprocessors: whole networks were faster with it.
int best_split(std::span<const Time> times) {
  const Choice fastest = best(times, false, nullptr);
  int split = fastest.split;
  for (const Time& t : times) {
    const bool close = split > 1 && t.choice.split > split && t.ms <= ms_of(times, fastest) * kCloseSplit;
    if (close) split = t.choice.split;
  }
  return split;
}

std::string row_text(const TunedLayer& l) {
  std::vector<std::string> tiles;
  for (const TileFrom& t : l.tiles) {
    if (tiles.empty() || t.pixels > 0)
      tiles.push_back(fmt::format("{{{}, {}}}", t.pixels, to_string(t.shape)));
  }
  return fmt::format("{{{}, {}, {}, {:4}, {:4}, {}, {{{}}}}},\n", to_string(l.precision), l.kernel, l.stride,
                     l.in_channels, l.out_channels, l.split, fmt::join(tiles, ", "));
}

// Fills one precision's rows, and its sums.
class Tuner {
 public:
  Tuner(Precision precision, std::span<const Work> works, TuneResult& result)
      : precision_(precision), bench_(precision, works), result_(result) {
    for (std::size_t d = 0; d < kDepths.size(); ++d) {
      for (const int batch : kBatches) {
        result_.sums.push_back({kDepths[d], precision, plan_of(batch), batch, 0, 0, 0});
      }
    }
    first_sum_ = result_.sums.size() - kDepths.size() * kBatches.size();
  }

  void tune(const Work& work) {
    const ConvSpec& spec = work.spec;
    bench_.take(work);
    Times times;
    for (std::size_t b = 0; b < kBatches.size(); ++b)
      times[b] = bench_.measure(work, kBatches[b], candidates(spec, plan_of(kBatches[b])));
    TunedLayer row{precision_, spec.kernel, spec.stride, spec.in_channels, spec.out_channels, 1, {}};
    row.split = best_split(times.front());
    set_tiles(work, times, row);
    result_.rows += row_text(row);
    add_up(work, row, times);
  }

 private:
  static Plan plan_of(int batch) { return batch == 1 ? Plan::latency : Plan::throughput; }

  std::vector<Choice> candidates(const ConvSpec& spec, Plan plan) const {
    std::vector<Choice> all;
    for (const TileShape tile : kTiles) all.push_back({tile, 1});
    if (plan == Plan::latency) {
      for (const int split : kSplits) all.push_back({TileShape::m64n64_cluster, split});
    }
    std::erase_if(all, [&](Choice c) { return !possible(precision_, c, spec); });
    return all;
  }

  // From the largest size down, where a tile's milliseconds count most; the same tile for as long as it will
  // do.
  void set_tiles(const Work& work, const Times& times, TunedLayer& row) const {
    std::vector<TileFrom> tiles;  // pixels descending
    for (std::size_t b = kBatches.size(); b-- > 0;) {
      const Choice before{tiles.empty() ? TileShape{} : tiles.back().shape, 1};
      const Choice choice = best(times[b], true, tiles.empty() ? nullptr : &before);
      if (!tiles.empty() && choice.shape == before.shape) continue;
      // Between two sizes that differ, the nearer one by ratio.
      if (!tiles.empty())
        tiles.back().pixels = std::llround(std::sqrt(static_cast<double>(work.pixels(kBatches[b])) *
                                                     static_cast<double>(work.pixels(kBatches[b + 1]))));
      tiles.push_back({0, choice.shape});
    }
    std::reverse_copy(tiles.begin(), tiles.end(), row.tiles);
  }

  void add_up(const Work& work, const TunedLayer& row, const Times& times) {
    for (std::size_t d = 0; d < kDepths.size(); ++d) {
      for (std::size_t b = 0; b < kBatches.size(); ++b) {
        TuneSum& sum = result_.sums[first_sum_ + d * kBatches.size() + b];
        const std::int64_t pixels = work.pixels(sum.batch);
        const auto ms = [&](Choice c) { return work.uses[d] * ms_of(times[b], c); };
        sum.rule_ms += ms(choose_by_rule(precision_, sum.plan, work.spec, pixels));
        sum.before_ms += ms(choose(precision_, sum.plan, work.spec, pixels));
        sum.now_ms += ms(choice_of(row, sum.plan, pixels));
      }
    }
  }

  Precision precision_;
  Bench bench_;
  TuneResult& result_;
  std::size_t first_sum_ = 0;
};

}  // namespace

TuneResult tune(int device, const std::function<void(std::int64_t done, std::int64_t all)>& progress) {
  const Device& d = require_device(devices(), device);
  if (std::ranges::find(d.families, Family::sm90) == d.families.end()) {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("the table is of the kernels sm90, for Hopper, which cuda:{} {} (sm_{}{}) is not",
                            d.index, d.name, d.major, d.minor));
  }
  const DeviceScope scope(device);
  const std::vector<Work> works = all_works();
  TuneResult result;
  std::int64_t done = 0;
  for (const Precision precision : kPrecisions) {
    Tuner tuner(precision, works, result);
    for (const Work& work : works) {
      tuner.tune(work);
      progress(++done, static_cast<std::int64_t>(works.size() * kPrecisions.size()));
    }
  }
  return result;
}

}  // namespace resnet::cuda::sm90
