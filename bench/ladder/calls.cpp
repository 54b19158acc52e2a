#include "ladder/calls.hpp"

#include "cuda/stream.hpp"
#include "ladder/measure.hpp"

#include <algorithm>
#include <array>

#include <resnet/error.hpp>

namespace resnet::ladder {
namespace {

// Foretold: taking and giving back a buffer of device memory; bytes a second from ordinary memory, which the
// driver copies to memory of its own first, and from page-locked memory, over PCIe 5.0 with 16 lanes.
constexpr double kBufferMs = 0.1;
constexpr double kPageableRate = 8e9, kPinnedRate = 50e9;

// A network with a stream and its ends in page-locked memory.
struct Lane {
  Lane(const Weights& weights, const Shape& shape, std::span<const float> values, const Gpu& gpu)
      : network(weights, shape, gpu), input(values.size()), output(network.output_bytes() / sizeof(float)) {
    std::ranges::copy(values, input.data());
  }

  void queue() {
    cuda::copy_bytes(network.input(), input.data(), network.input_bytes(), stream.get());
    network.launch(stream.get());
    cuda::copy_bytes(output.data(), network.output(), network.output_bytes(), stream.get());
  }

  Network network;
  cuda::PinnedBuffer<float> input, output;
  cuda::Stream stream;
};

}  // namespace

CallTimes time_calls(const Weights& weights, const Shape& shape, std::span<const float> input, const Gpu& gpu,
                     double compute_ms, int runs) {
  CallTimes result{};
  std::vector<float> first;
  const auto check = [&](std::span<const float> logits) {
    if (first.empty()) first.assign(logits.begin(), logits.end());
    if (!std::ranges::equal(logits, first))
      throw Error(ErrorCode::internal, "the ways to call a network do not give the same bits");
  };
  const auto copy_ms = [&](double rate) { return static_cast<double>(input.size_bytes()) / rate * 1e3; };

  const cuda::Stream stream;
  std::vector<float> logits;
  const auto call = [&](const Network& network) {
    logits.resize(network.output_bytes() / sizeof(float));
    cuda::copy_bytes(network.input(), input.data(), network.input_bytes(), stream.get());
    network.launch(stream.get());
    cuda::copy_bytes(logits.data(), network.output(), network.output_bytes(), stream.get());
    stream.synchronize();
  };

  const double workspace_ms = compute_ms + copy_ms(kPageableRate);
  int buffers = 0;
  const double each_ms = call_ms(runs, [&] {
    const Network network(weights, shape, gpu, false);
    buffers = network.memory().buffers();
    result.own_bytes = network.memory().bytes();
    call(network);
  });
  check(logits);
  result.times.push_back({"memory for each call",
                          "a buffer for every layer, taken at the call and given back", each_ms,
                          workspace_ms + buffers * kBufferMs});
  {
    const Network network(weights, shape, gpu);
    result.reused_bytes = network.memory().bytes();
    const double ms = call_ms(runs, [&] { call(network); });
    check(logits);
    result.times.push_back(
        {"one workspace", "taken once, a buffer reused when its layer is done with it", ms, workspace_ms});
  }
  std::vector<Lane> lanes;
  lanes.reserve(2);
  for (int i = 0; i < 2; ++i) lanes.emplace_back(weights, shape, input, gpu);
  const auto logits_of = [](const Lane& lane) { return std::span(lane.output.data(), lane.output.size()); };
  const double pinned_ms = call_ms(runs, [&] {
    lanes.front().queue();
    lanes.front().stream.synchronize();
  });
  check(logits_of(lanes.front()));
  result.times.push_back({"page-locked memory",
                          "input and output where the GPU can fetch and put them itself", pinned_ms,
                          compute_ms + copy_ms(kPinnedRate)});
  // One stream copies while the other computes; a lane is filled again when its call before is done.
  constexpr int kCalls = 8;
  const double two_ms = call_ms(runs,
                                [&] {
                                  for (int i = 0; i < kCalls; ++i) {
                                    Lane& lane = lanes[static_cast<std::size_t>(i) % lanes.size()];
                                    lane.stream.synchronize();
                                    lane.queue();
                                  }
                                  for (const Lane& lane : lanes) lane.stream.synchronize();
                                }) /
                        kCalls;
  for (const Lane& lane : lanes) check(logits_of(lane));
  result.times.push_back({"two streams", "one call's copies while another's kernels run", two_ms,
                          std::max(compute_ms, copy_ms(kPinnedRate))});
  return result;
}

}  // namespace resnet::ladder
