#include "machine.hpp"

#include "core/counted.hpp"

#include <fstream>
#include <memory>
#include <sstream>

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace resnet::cli {
namespace {

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of the first "key : value" line of /proc/cpuinfo.
std::string cpuinfo(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    if (begin != std::string::npos) return line.substr(begin);
  }
  return {};
}

// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54  date": the word that begins with a digit and has a
// dot.
std::string kernel_driver_version() {
  std::istringstream words(first_line("/proc/driver/nvidia/version"));
  for (std::string word; words >> word;) {
    if (word.front() >= '0' && word.front() <= '9' && word.find('.') != std::string::npos) return word;
  }
  return {};
}

// The few entry points of the CUDA driver API that answer what is here. Its types are plain ints.
class CudaDriver {
 public:
  CudaDriver() : library_(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (!library_) return;
    init = load<int (*)(unsigned)>("cuInit");
    driver_version = load<int (*)(int*)>("cuDriverGetVersion");
    device_count = load<int (*)(int*)>("cuDeviceGetCount");
    device_name = load<int (*)(char*, int, int)>("cuDeviceGetName");
    device_memory = load<int (*)(std::size_t*, int)>("cuDeviceTotalMem_v2");
  }

  bool usable() const { return init && driver_version && device_count && device_name && device_memory; }

  int (*init)(unsigned) = nullptr;
  int (*driver_version)(int*) = nullptr;
  int (*device_count)(int*) = nullptr;
  int (*device_name)(char*, int, int) = nullptr;
  int (*device_memory)(std::size_t*, int) = nullptr;

 private:
  template <class F>
  F load(const char* name) {
    return reinterpret_cast<F>(dlsym(library_.get(), name));
  }
  struct Close {
    void operator()(void* library) const { dlclose(library); }
  };
  std::unique_ptr<void, Close> library_;
};

}  // namespace

std::string processor_name() {
  for (const char* key : {"model name", "Model", "Hardware"}) {
    if (std::string name = cpuinfo(key); !name.empty()) return name;
  }
  utsname system{};
  uname(&system);
  return system.machine;
}

std::string machine_name() {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return fmt::format("{} ({})", processor_name(), counted(processors, "processor"));
}

std::string system_name() {
  utsname system{};
  uname(&system);
  return fmt::format("{} {} {}", system.sysname, system.release, system.machine);
}

std::optional<std::uint64_t> cgroup_memory_limit(const std::filesystem::path& root) {
  for (const char* file : {"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::istringstream text(first_line(root / file));
    std::uint64_t limit = 0;
    // "max" is no number; version 1 of the interface writes a number near 2^63 for no limit.
    if (text >> limit && limit < (std::uint64_t{1} << 60)) return limit;
  }
  return std::nullopt;
}

GpuReport find_gpus() {
  GpuReport report;
  report.kernel_driver = kernel_driver_version();
  const CudaDriver cuda;
  if (!cuda.usable()) {
    report.problem =
        report.kernel_driver.empty() ? "no NVIDIA driver" : "the driver's library libcuda.so.1 is missing";
    return report;
  }
  int version = 0;
  if (cuda.driver_version(&version) == 0)
    report.library = fmt::format("{}.{}", version / 1000, version % 1000 / 10);
  int count = 0;
  if (const int status = cuda.init(0); status != 0) {
    report.problem = fmt::format("the CUDA driver does not start (error {})", status);
  } else if (cuda.device_count(&count) != 0 || count == 0) {
    report.problem = "the CUDA driver finds no GPU";
  }
  for (int device = 0; device < count; ++device) {
    Gpu gpu;
    char name[256] = {};
    std::size_t bytes = 0;
    if (cuda.device_name(name, sizeof name - 1, device) == 0) gpu.name = name;
    if (cuda.device_memory(&bytes, device) == 0) gpu.memory_bytes = bytes;
    report.gpus.push_back(gpu);
  }
  return report;
}

}  // namespace resnet::cli
