// resnet doctor: what this build and this machine can do, for bug reports and first questions.
#include "build_info.hpp"
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "core/cpu_features.hpp"
#include "core/thread_count.hpp"
#include "json_output.hpp"
#include "machine.hpp"
#include "text.hpp"

#include <memory>

namespace resnet::cli {
namespace {

struct DoctorArguments {
  bool json = false;
};

std::vector<std::string> processor_features() {
  const CpuFeatures& features = cpu_features();
  std::vector<std::string> names;
  if (features.avx2_fma) names.emplace_back("AVX2+FMA");
  if (features.avx512) names.emplace_back("AVX-512 F/BW/DQ/VL");
  if (features.neon) names.emplace_back("NEON");
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "none" : text;
}

Json gather() {
  Json report;
  report["version"] = version();
  report["commit"] = commit();
  report["compiler"] = compiler();
  report["system"] = system_name();
  report["processor"] = machine_name();
  report["features"] = processor_features();
  const ThreadBudget budget = thread_budget();
  report["threads"] = {
      {"count", resolve_thread_count(0)}, {"budget", budget.threads}, {"reason", budget.reason}};
  const auto limit = cgroup_memory_limit();
  report["memory_limit_bytes"] = limit ? Json(*limit) : Json(nullptr);
  const GpuReport gpus = find_gpus();
  Json list = Json::array();
  for (const Gpu& gpu : gpus.gpus) list.push_back({{"name", gpu.name}, {"memory_bytes", gpu.memory_bytes}});
  report["gpu"] = {
      {"driver", gpus.kernel_driver}, {"cuda", gpus.library}, {"problem", gpus.problem}, {"gpus", list}};
  return report;
}

void print_report(const Json& report) {
  const auto text = [&](const char* key) { return report[key].get<std::string>(); };
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"resnet", fmt::format("{}, commit {}, built by {}", text("version"), text("commit"),
                                        text("compiler"))});
  rows.push_back({"system", text("system")});
  rows.push_back({"processor", text("processor")});
  rows.push_back({"features", joined(report["features"].get<std::vector<std::string>>())});
  const Json& threads = report["threads"];
  const int count = threads["count"].get<int>();
  std::string why = threads["reason"].get<std::string>();
  if (count != threads["budget"].get<int>()) why = "by RESNET_THREADS; otherwise " + why;
  rows.push_back({"threads", fmt::format("{} ({})", count, why)});
  const Json& limit = report["memory_limit_bytes"];
  rows.push_back({"memory limit", limit.is_null() ? "none" : human_bytes(limit.get<std::uint64_t>())});
  const Json& gpu = report["gpu"];
  if (const auto problem = gpu["problem"].get<std::string>(); !problem.empty()) {
    rows.push_back({"GPU", problem});
  }
  for (const Json& device : gpu["gpus"]) {
    rows.push_back({"GPU", fmt::format("{}, {}, driver {}, CUDA {}", device["name"].get<std::string>(),
                                       human_bytes(device["memory_bytes"].get<std::uint64_t>()),
                                       gpu["driver"].get<std::string>(), gpu["cuda"].get<std::string>())});
  }
  print("{}", align_columns(rows));
}

int run_doctor(const DoctorArguments& args) {
  const Json report = gather();
  if (args.json) {
    print_json(report);
  } else {
    print_report(report);
  }
  return kAllDone;
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<DoctorArguments>();
  CLI::App* command = add_command(app, "doctor", "Tell what this build and this machine can do",
                                  "  resnet doctor\n"
                                  "  resnet doctor --json | jq .threads\n");
  command->add_flag("--json", args->json, "One JSON object");
  add_general_options(*command);
  on_run(*command, action, [args] { return run_doctor(*args); });
}

}  // namespace resnet::cli
