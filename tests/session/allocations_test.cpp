// run() allocates nothing after the first call of a shape: the global operator new of this program counts.
#include "support/pixel_run.hpp"
#include "support/quantized_model.hpp"
#include "support/random_values.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include <resnet/session.hpp>

namespace {
std::atomic<long> allocations{0};
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
// Not inlined: g++ would warn of free() behind the new that it knows.
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

namespace resnet {
namespace {

void expect_none(const Model& model, std::string_view backend) {
  SessionOptions options;
  options.backend = backend;
  options.height = options.width = 32;
  options.threads = 2;
  const Session session(model, options);
  const Shape first{1, 3, 32, 32}, other{2, 3, 40, 33};
  const std::vector<float> input = test::random_values(other.numel(), 1);
  std::vector<float> output(10);
  // The first shape's memory is taken by the Session, but the pool's threads start with the first run.
  session.run({input.data(), 3 * 32 * 32}, first, {output.data(), 5});
  session.run(input, other, output);
  const std::vector<std::uint8_t> rgb = test::random_pixels(other, 1);
  session.run_pixels(rgb, other, output);
  const long before = allocations;
  for (int i = 0; i < 3; ++i) {
    session.run({input.data(), 3 * 32 * 32}, first, {output.data(), 5});
    session.run(input, other, output);
    session.run_pixels(rgb, other, output);
  }
  EXPECT_EQ(allocations - before, 0) << backend << ", " << to_string(model.precision);
}

TEST(Allocations, RunMakesNoneAfterTheFirstCallOfAShape) {
  const Model model = make_random_model(50, 5, 1);
  const Model mixed = test::quantized_random_model(18, 5, {.keep = {"layer1.0", "fc"}});
  for (const BackendInfo& backend : backends()) {
    if (!backend.available) continue;
    expect_none(model, backend.name);
    expect_none(mixed, backend.name);
  }
}

}  // namespace
}  // namespace resnet
