#include "cpu/roofline.hpp"

#include "core/thread_pool.hpp"
#include "cpu/isa.hpp"

#include <chrono>

namespace resnet::cpu {

double measure_fma_gflops(std::string_view isa, int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kIterations = 200'000;
  constexpr int kRounds = 25;
  const KernelTable& table = kernels_for(isa);
  std::int64_t best_ns = 0;  // rank 0's alone
  double operations = 0;
  ThreadPool::shared().run(threads, [&](const Team& team) {
    table.fma_operations(kIterations);  // lets the clock settle
    for (int round = 0; round < kRounds; ++round) {
      team.barrier();
      const auto start = Clock::now();
      const double done = table.fma_operations(kIterations);
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
