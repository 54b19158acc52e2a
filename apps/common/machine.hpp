// What the program can find out about the machine it runs on: for `doctor` and for the figures of `bench`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace resnet::cli {

// "Intel(R) Xeon(R) Platinum 8481C", or the architecture's name where the kernel gives no model name.
std::string processor_name();
// The same with the number of processors online: "Intel(R) … (2 processors)". What `bench` calls the machine.
std::string machine_name();
std::string system_name();  // "Linux 6.1.0 x86_64"

// Memory limit of this process's control group in bytes, where there is one. `root` is "/" except in tests.
std::optional<std::uint64_t> cgroup_memory_limit(const std::filesystem::path& root = "/");

struct Gpu {
  std::string name;
  std::uint64_t memory_bytes = 0;
};

struct GpuReport {
  std::string kernel_driver;  // version of the kernel's NVIDIA module, empty without one
  std::string library;        // CUDA version that the driver's library supports ("12.4"), empty without it
  std::string problem;        // why no GPU can be used, empty where one can
  std::vector<Gpu> gpus;
};
// Asks the driver itself (libcuda.so.1), loaded for this question only.
GpuReport find_gpus();

}  // namespace resnet::cli
