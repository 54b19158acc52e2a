#include "cpu/roofline.hpp"

#include "core/thread_pool.hpp"
#include "cpu/isa.hpp"

#include <chrono>

namespace resnet::cpu {

double measure_roof(Precision precision, std::string_view isa, int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kIterations = 200'000;
  constexpr int kRounds = 25;
  const auto operations_of = precision == Precision::int8
                                 ? int8_kernels_for(isa).multiply_add_operations
                                 : kernels_for(isa, precision).multiply_add_operations;
  std::int64_t best_ns = 0;  // rank 0's alone
  double operations = 0;
  ThreadPool::shared().run(threads, [&](const Team& team) {
    operations_of(kIterations);  // lets the clock settle
    for (int round = 0; round < kRounds; ++round) {
      team.barrier();
      const auto start = Clock::now();
      const double done = operations_of(kIterations);
      team.barrier();
      const std::int64_t ns = std::chrono::nanoseconds(Clock::now() - start).count();
      if (team.rank() == 0) {
        operations = done * team.size();
        if (best_ns == 0 || ns < best_ns) best_ns = ns;
      }
    }
  });
  return operations / static_cast<double>(best_ns);
}

}  // namespace resnet::cpu
