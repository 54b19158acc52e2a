#include "session/options.hpp"

#include "core/choices.hpp"
#include "core/thread_count.hpp"
#include "session/device_name.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr std::array kPlans{Plan::latency, Plan::throughput};

// An instruction set of the processor, or on a GPU a family of kernels.
std::string resolve_isa(const SessionOptions& options, const Backend& backend) {
  const std::string& asked = options.isa;
  if (backend.isas == nullptr) {
    if (asked.empty()) return {};
    throw Error(ErrorCode::invalid_argument,
                fmt::format("backend '{}' has no instruction sets to choose from: leave out isa '{}'",
                            backend.name, asked));
  }
  const bool gpu = backend.device == "cuda";
  const char* variable = gpu ? nullptr : std::getenv("RESNET_CPU_ISA");
  const bool from_environment = asked.empty() && variable != nullptr && *variable != '\0';
  const std::string name = from_environment ? variable : asked;
  const std::vector<std::string_view> isas =
      backend.isas(*options.precision, parse_device(options.device).first());
  if (name.empty()) return std::string(isas.front());
  if (std::find(isas.begin(), isas.end(), name) != isas.end()) return name;
  if (gpu) {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("there are no kernels '{}' for {}: give isa {}, or leave it out", name,
                            options.device, fmt::join(isas, ", ")));
  }
  throw Error(ErrorCode::device_unavailable,
              fmt::format("instruction set '{}'{} is not available in {}; this build and processor have {}",
                          name, from_environment ? " (from RESNET_CPU_ISA)" : "",
                          to_string(*options.precision), fmt::join(isas, ", ")));
}

// The input size that the model's own preprocessing gives a square picture.
Size default_size(const Preprocess& preprocess) {
  if (preprocess.center_crop) return *preprocess.center_crop;
  if (preprocess.resize_mode == ResizeMode::exact) return preprocess.resize;
  return {preprocess.resize.height, preprocess.resize.height};
}

}  // namespace

std::string_view to_string(Plan plan) noexcept {
  switch (plan) {
    case Plan::latency:
      return "latency";
    case Plan::throughput:
      return "throughput";
  }
  return "?";
}

Plan parse_plan(std::string_view name) {
  return parse_choice("plan", name, kPlans);
}

int available_threads() {
  return thread_budget().threads;
}

SessionOptions resolve_options(const Model& model, SessionOptions options, const Backend& backend) {
  const int modules = model.architecture.module_count();
  if (options.end == -1) options.end = modules;
  if (options.begin < 0 || options.begin >= options.end || options.end > modules) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("modules {}:{} are no range of {}: give begin < end within 0:{}", options.begin,
                            options.end, model.architecture.name(), modules));
  }
  if (options.max_batch < 1) {
    throw Error(ErrorCode::invalid_argument, fmt::format("max_batch {}: give at least 1", options.max_batch));
  }
  if ((options.height == 0) != (options.width == 0)) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("input {}x{}: give both height and width, or neither", options.height, options.width));
  }
  if (options.height == 0) {
    const Size size = default_size(model.preprocess);
    options.height = size.height;
    options.width = size.width;
  }
  if (options.precision == Precision::int8) {
    const int behind_stem = 4;  // conv1, bn1, relu and maxpool are one step of integers
    for (const int cut : {options.begin, options.end}) {
      if (cut == 0 || cut >= behind_stem) continue;
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("modules {}:{}: an int8 network is cut at 0 or from {} on", options.begin,
                              options.end, behind_stem));
    }
  }
  options.device = DeviceName{std::string(backend.device), parse_device(options.device).indices}.to_string();
  options.backend = backend.name;
  options.isa = resolve_isa(options, backend);
  options.threads = resolve_thread_count(options.threads);
  return options;
}

}  // namespace resnet
