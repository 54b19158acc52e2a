// Copies through page-locked pieces: every size and memory, by one thread and by several.
#include "cuda/staging.hpp"

#include "support/gpu.hpp"
#include "support/random_values.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace resnet::cuda {
namespace {

TEST(Staging, BringsAndFetchesEverySize) {
  RESNET_REQUIRE_GPU();
  constexpr std::size_t kLargest = (std::size_t{33} << 20) / sizeof(float) + 5;  // more pieces than slots
  const std::vector<float> values = test::random_values(kLargest, 1);
  const DeviceBuffer<float> device(kLargest);
  const Stream stream;
  for (const int threads : {1, 3, 8}) {
    Staging staging(kLargest * sizeof(float), threads);
    for (const std::size_t count : {std::size_t{1}, std::size_t{1000}, std::size_t{150'528}, kLargest}) {
      std::vector<float> from(values.end() - static_cast<std::ptrdiff_t>(count), values.end());
      const std::vector<float> expected = from;
      std::vector<float> back(count);
      staging.to_device(device.data(), from.data(), count * sizeof(float), stream.get());
      std::fill(from.begin(), from.end(), 0.0f);  // the caller's again
      staging.to_host(back.data(), device.data(), count * sizeof(float), stream.get());
      EXPECT_EQ(back, expected) << count << " values, " << threads << " threads";
    }
  }
}

// Where processors are busy with something else, a few threads bring what all were to bring, and come back to
// slots whose copies are still on their way.
TEST(Staging, BringsEverythingWhileProcessorsAreBusy) {
  RESNET_REQUIRE_GPU();
  constexpr std::size_t kCount = (std::size_t{9} << 20) / sizeof(float);  // fewer pieces than slots
  const std::vector<float> values = test::random_values(2 * kCount, 3);
  const DeviceBuffer<float> device(kCount);
  const Stream stream;
  Staging staging(kCount * sizeof(float), 8);
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (unsigned i = 0; i < 4 * std::thread::hardware_concurrency(); ++i) {
    busy.emplace_back([&] {
      while (!stop) {
      }
    });
  }
  int wrong = 0;
  for (std::size_t round = 0; round < 50; ++round) {
    const float* from = values.data() + round * 1000;
    std::vector<float> back(kCount);
    staging.to_device(device.data(), from, kCount * sizeof(float), stream.get());
    staging.to_host(back.data(), device.data(), kCount * sizeof(float), stream.get());
    wrong += std::equal(back.begin(), back.end(), from) ? 0 : 1;
  }
  stop = true;
  for (std::thread& thread : busy) thread.join();
  EXPECT_EQ(wrong, 0) << "of 50 rounds";
}

TEST(Staging, LockedMemoryGoesByItself) {
  RESNET_REQUIRE_GPU();
  const std::vector<float> values = test::random_values(100'000, 2);
  PinnedBuffer<float> from(values.size()), back(values.size());
  std::copy(values.begin(), values.end(), from.data());
  const DeviceBuffer<float> device(values.size());
  const Stream stream;
  Staging staging(1024, 1);  // its ring would not hold it
  staging.to_device(device.data(), from.data(), from.bytes(), stream.get());
  staging.to_host(back.data(), device.data(), back.bytes(), stream.get());
  EXPECT_EQ(std::vector<float>(back.data(), back.data() + back.size()), values);
}

}  // namespace
}  // namespace resnet::cuda
