#include "bench_tune.hpp"

#include "build_info.hpp"
#include "command.hpp"
#include "core/atomic_file.hpp"
#include "cuda/devices.hpp"
#include "cuda/sm90/tune.hpp"
#include "machine.hpp"
#include "output.hpp"
#include "output_paths.hpp"
#include "progress.hpp"
#include "session/device_name.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <vector>

#include <fmt/format.h>

namespace resnet::cli {
namespace {

// Of the batches that were measured, those that are printed.
constexpr std::array kPrinted{1, 8, 64, 256};

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

std::string heading(const std::string& gpu) {
  return fmt::format(
      "// Made by `resnet bench --tune`: do not edit. {}, {}, driver {},\n"
      "// commit {}.\n"
      "//\n"
      "// precision, kernel, stride, input channels, output channels, split of k in the plan latency, and "
      "where k\n"
      "// is not split {{from so many output pixels on, this tile}}.\n",
      today(), gpu, find_gpus().kernel_driver, commit());
}

void print_sums(const std::vector<cuda::sm90::TuneSum>& sums) {
  std::vector<std::vector<std::string>> rows{
      {"network", "precision", "plan", "batch", "rule", "before", "now"}};
  for (const auto& sum : sums) {
    if (std::ranges::find(kPrinted, sum.batch) == kPrinted.end()) continue;
    rows.push_back({fmt::format("resnet{}", sum.depth), std::string(to_string(sum.precision)),
                    std::string(to_string(sum.plan)), std::to_string(sum.batch),
                    fmt::format("{:.4f}", sum.rule_ms), fmt::format("{:.4f}", sum.before_ms),
                    fmt::format("{:.4f}", sum.now_ms)});
  }
  print("The convolutions of a run in milliseconds, by the rule, the table before, and the new one:\n\n{}",
        align_columns(rows));
}

}  // namespace

int run_tune(const std::string& device, const std::string& path) {
  const DeviceName name = parse_device(device);
  if (name.kind == "cpu") throw UsageError("--tune measures a GPU's kernels: give --device cuda or cuda:N");
  if (name.indices.size() > 1) throw UsageError("--tune measures one GPU: give --device cuda:N");
  const cuda::Device& gpu = cuda::require_device(cuda::devices(), name.first());
  require_writable({{"--tune", path}});
  cuda::sm90::TuneResult result;
  {
    Progress progress("tuning", "layers");
    result = cuda::sm90::tune(gpu.index, [&](std::int64_t, std::int64_t all) {
      progress.set_total(all);
      progress.advance();
    });
  }
  write_file_atomically(path, heading(gpu.name) + result.rows);
  print_sums(result.sums);
  return kAllDone;
}

}  // namespace resnet::cli
