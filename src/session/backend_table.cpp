#include "session/backend_table.hpp"

#include "core/log.hpp"
#include "cpu/executor.hpp"
#include "cpu/isa.hpp"
#include "cpu/reference/executor.hpp"
#include "cpu/reference/int8_executor.hpp"
#include "cuda/devices.hpp"
#include "cuda/executor.hpp"
#include "cuda/stepwise/executor.hpp"
#include "session/device_name.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

// "reference (cpu; fp32)" for every row that runs here.
std::string describe_available() {
  std::vector<std::string> rows;
  for (const Backend& b : backend_table()) {
    if (!b.available()) continue;
    std::vector<std::string_view> precisions;
    for (const Precision p : b.precisions) precisions.push_back(to_string(p));
    rows.push_back(fmt::format("{} ({}; {})", b.name, b.device, fmt::join(precisions, ", ")));
  }
  return fmt::format("{}", fmt::join(rows, ", "));
}

// bf16 only where there are instructions for it: without, it is slower than fp32 and serves comparison.
std::vector<Precision> cpu_precisions() {
  std::vector<Precision> precisions{Precision::fp32, Precision::int8};
  if (cpu::available_isas(Precision::bf16).front() != "portable") precisions.push_back(Precision::bf16);
  return precisions;
}

// The same for every precision that the backend has.
std::vector<std::string_view> cuda_isas(Precision precision, int device) {
  if (precision == Precision::tf32) return {};
  std::vector<std::string_view> names;
  for (const cuda::Family family : cuda::require_families(cuda::devices(), device))
    names.push_back(cuda::to_string(family));
  return names;
}

}  // namespace

bool Backend::supports(Precision precision, std::string_view isa, int index) const {
  if (std::find(precisions.begin(), precisions.end(), precision) != precisions.end()) return true;
  return !isa.empty() && has_isa(isa, precision, index);
}

bool Backend::has_isa(std::string_view isa, Precision precision, int index) const {
  if (isas == nullptr) return false;
  const std::vector<std::string_view> names = isas(precision, index);
  return std::find(names.begin(), names.end(), isa) != names.end();
}

std::span<const Backend> backend_table() {
  static const std::array table{
      Backend{
          .name = "cuda",
          .device = "cuda",
          .automatic = true,
          .precisions = {Precision::fp32, Precision::fp16, Precision::bf16, Precision::int8},
          .available = [] { return cuda::has_families(cuda::devices()); },
          .detail =
              [] {
                const cuda::DeviceList& list = cuda::devices();
                if (list.devices.empty()) return cuda::describe(list);
                return fmt::format("{}; kernels: {}", cuda::describe(list), cuda::describe_families(list));
              },
          .isas = cuda_isas,
          .compile =
              [](const Model& model, const SessionOptions& o) {
                return cuda::compile(model, {.begin = o.begin,
                                             .end = o.end,
                                             .precision = *o.precision,
                                             .plan = o.plan,
                                             .device = parse_device(o.device).first(),
                                             .family = cuda::parse_family(o.isa),
                                             .threads = o.threads});
              },
      },
      Backend{
          .name = "cpu",
          .device = "cpu",
          .automatic = true,
          .precisions = cpu_precisions(),
          .available = [] { return true; },
          .detail =
              [] {
                return fmt::format("instruction sets: {}; for bf16: {}; for int8: {}",
                                   fmt::join(cpu::available_isas(Precision::fp32), ", "),
                                   fmt::join(cpu::available_isas(Precision::bf16), ", "),
                                   fmt::join(cpu::available_isas(Precision::int8), ", "));
              },
          .isas = [](Precision precision, int) { return cpu::available_isas(precision); },
          .compile =
              [](const Model& model, const SessionOptions& o) {
                return cpu::compile(model, {.begin = o.begin,
                                            .end = o.end,
                                            .precision = *o.precision,
                                            .plan = o.plan,
                                            .isa = o.isa,
                                            .threads = o.threads});
              },
      },
      Backend{
          .name = "reference",
          .device = "cpu",
          .automatic = true,
          .precisions = {Precision::fp32, Precision::int8},
          .available = [] { return true; },
          .detail = [] { return std::string("plain loops, double or int32 accumulators: the oracle"); },
          .isas = nullptr,
          .compile =
              [](const Model& model, const SessionOptions& o) {
                const reference::CompileOptions options{.begin = o.begin, .end = o.end, .threads = o.threads};
                return *o.precision == Precision::int8 ? reference::compile_int8(model, options)
                                                       : reference::compile(model, options);
              },
      },
      Backend{
          .name = "cuda_stepwise",
          .device = "cuda",
          .automatic = false,  // for reading and proving; the processor is often faster
          .precisions = {Precision::fp32},
          .available = [] { return cuda::devices().problem.empty(); },
          .detail = [] { return cuda::describe(cuda::devices()); },
          .isas = nullptr,
          .compile =
              [](const Model& model, const SessionOptions& o) {
                return cuda::stepwise::compile(
                    model, {.begin = o.begin, .end = o.end, .device = parse_device(o.device).first()});
              },
      },
  };
  return table;
}

const Backend& choose_backend(const SessionOptions& options, Precision precision) {
  const DeviceName device = parse_device(options.device);
  bool backend_known = options.backend.empty();
  const Backend *unavailable = nullptr, *passed_over = nullptr;
  bool wrong_precision = false;
  for (const Backend& b : backend_table()) {
    const bool named = options.backend == b.name;
    const bool device_fits = device.kind == b.device || (device.kind == "auto" && (named || b.automatic));
    backend_known |= named;
    if (!device_fits || !(named || options.backend.empty())) continue;
    if (!b.available()) {
      unavailable = &b;
    } else if (!b.supports(precision, options.isa, device.first())) {
      wrong_precision = true;
    } else if (!named && !options.isa.empty() && !b.has_isa(options.isa, precision, device.first())) {
      if (passed_over == nullptr) passed_over = &b;
    } else {
      if (unavailable != nullptr)
        log(LogLevel::debug, fmt::format("device auto: {}, because {}", b.device, unavailable->detail()));
      return b;
    }
  }
  if (passed_over != nullptr) return *passed_over;  // whose refusal of the name lists what it has
  const std::string there = "available here: " + describe_available();
  if (!backend_known) {
    throw Error(ErrorCode::invalid_argument, fmt::format("no backend '{}'; {}", options.backend, there));
  }
  const std::string asked = options.backend.empty() ? fmt::format("device '{}'", options.device)
                                                    : fmt::format("backend '{}'", options.backend);
  if (wrong_precision) {
    throw Error(ErrorCode::unsupported,
                fmt::format("{} does not compute in {}; {}", asked, to_string(precision), there));
  }
  if (unavailable != nullptr) {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("{} is unavailable: {}; {}", asked, unavailable->detail(), there));
  }
  throw Error(ErrorCode::invalid_argument, fmt::format("backend '{}' does not run on device '{}'; {}",
                                                       options.backend, options.device, there));
}

std::vector<BackendInfo> backends() {
  std::vector<BackendInfo> infos;
  for (const Backend& b : backend_table()) {
    infos.push_back({b.name, b.device, b.precisions, b.available(), b.detail()});
  }
  return infos;
}

std::vector<std::string_view> available_isas(Precision precision) {
  return cpu::available_isas(precision);
}

}  // namespace resnet
