// resnet doctor: what this build and this machine can do, for bug reports and first questions.
#include "build_info.hpp"
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "core/cpu_features.hpp"
#include "core/thread_count.hpp"
#include "image/library_versions.hpp"
#include "json_output.hpp"
#include "machine.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>

#include <resnet/image.hpp>
#include <resnet/model.hpp>
#include <resnet/session.hpp>

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
  if (features.avx_vnni) names.emplace_back("AVX-VNNI");
  if (features.avx512_vnni) names.emplace_back("AVX-512 VNNI");
  if (features.amx_int8) names.emplace_back("AMX INT8");
  if (features.amx_bf16) names.emplace_back("AMX BF16");
  if (features.neon) names.emplace_back("NEON");
  if (features.neon_dotprod) names.emplace_back("NEON dot product");
  if (features.neon_i8mm) names.emplace_back("NEON I8MM");
  return names;
}

bool looks_like_model(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return std::filesystem::is_regular_file(path / "manifest.json", ignored);
  return path.extension() == ".pth" || path.extension() == ".pt" || path.extension() == ".safetensors";
}

// What lies on the search path and looks like a model, by folder and name. Nothing is opened.
std::vector<std::filesystem::path> models_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> models;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (looks_like_model(entry->path())) models.push_back(entry->path());
  }
  std::sort(models.begin(), models.end());
  return models;
}

Json backend_list() {
  Json list = Json::array();
  for (const BackendInfo& backend : backends()) {
    Json precisions = Json::array();
    for (const Precision precision : backend.precisions) precisions.push_back(to_string(precision));
    list.push_back({{"name", backend.name},
                    {"device", backend.device},
                    {"precisions", precisions},
                    {"available", backend.available},
                    {"detail", backend.detail}});
  }
  return list;
}

void add_models(Json& report) {
  report["model_folders"] = Json::array();
  report["models"] = Json::array();
  for (const std::filesystem::path& folder : model_search_path()) {
    Json entry;
    set_path(entry, folder);
    report["model_folders"].push_back(entry);
    for (const std::filesystem::path& model : models_in(folder)) {
      Json found;
      set_path(found, model);
      report["models"].push_back(found);
    }
  }
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
  report["isas"] = available_isas();
  report["bf16_isas"] = available_isas(Precision::bf16);
  report["int8_isas"] = available_isas(Precision::int8);
  report["backends"] = backend_list();
  const ThreadBudget budget = thread_budget();
  report["threads"] = {
      {"count", resolve_thread_count(0)}, {"budget", budget.threads}, {"reason", budget.reason}};
  const auto limit = cgroup_memory_limit();
  report["memory_limit_bytes"] = limit ? Json(*limit) : Json(nullptr);
  report["image_formats"] = image_formats();
  report["libraries"] = Json::object();
  for (const image::LibraryVersion& library : image::library_versions()) {
    report["libraries"][library.name] = library.version;
  }
  const GpuReport gpus = find_gpus();
  Json list = Json::array();
  for (const Gpu& gpu : gpus.gpus) list.push_back({{"name", gpu.name}, {"memory_bytes", gpu.memory_bytes}});
  report["gpu"] = {
      {"driver", gpus.kernel_driver}, {"cuda", gpus.library}, {"problem", gpus.problem}, {"gpus", list}};
  add_models(report);
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
  for (const Json& backend : report["backends"]) {
    rows.push_back({"backend", fmt::format("{} ({}): {}{}", backend["name"].get<std::string>(),
                                           joined(backend["precisions"].get<std::vector<std::string>>()),
                                           backend["available"].get<bool>() ? "" : "unavailable, ",
                                           backend["detail"].get<std::string>())});
  }
  rows.push_back({"instruction sets", joined(report["isas"].get<std::vector<std::string>>())});
  rows.push_back({"for bf16", joined(report["bf16_isas"].get<std::vector<std::string>>())});
  rows.push_back({"for int8", joined(report["int8_isas"].get<std::vector<std::string>>())});
  const Json& threads = report["threads"];
  const int count = threads["count"].get<int>();
  std::string why = threads["reason"].get<std::string>();
  if (count != threads["budget"].get<int>()) why = "by RESNET_THREADS; otherwise " + why;
  rows.push_back({"threads", fmt::format("{} ({})", count, why)});
  const Json& limit = report["memory_limit_bytes"];
  rows.push_back({"memory limit", limit.is_null() ? "none" : human_bytes(limit.get<std::uint64_t>())});
  rows.push_back({"image formats", joined(report["image_formats"].get<std::vector<std::string>>())});
  std::vector<std::string> libraries;
  for (const auto& [name, version] : report["libraries"].items()) {
    libraries.push_back(name + ' ' + version.get<std::string>());
  }
  rows.push_back({"libraries", joined(libraries)});
  const Json& gpu = report["gpu"];
  if (const auto problem = gpu["problem"].get<std::string>(); !problem.empty()) {
    rows.push_back({"GPU", problem});
  }
  for (const Json& device : gpu["gpus"]) {
    rows.push_back({"GPU", fmt::format("{}, {}, driver {}, CUDA {}", device["name"].get<std::string>(),
                                       human_bytes(device["memory_bytes"].get<std::uint64_t>()),
                                       gpu["driver"].get<std::string>(), gpu["cuda"].get<std::string>())});
  }
  const char* heading = "models";
  for (const Json& model : report["models"]) {
    rows.push_back({heading, printable(model["path"].get<std::string>())});
    heading = "";
  }
  if (report["models"].empty()) {
    rows.push_back({heading, "none in the folders that are searched:"});
    for (const Json& folder : report["model_folders"])
      rows.push_back({"", printable(folder["path"].get<std::string>())});
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
