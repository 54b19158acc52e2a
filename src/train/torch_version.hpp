// All that differs between LibTorch 1.13 (Debian's, on the CPU) and 2.x (PyTorch's, with CUDA), and all that
// differs between a CPU and a GPU beyond the name of the device.
#pragma once

#include "train/version_text.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

namespace resnet::train {

// "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N"; `local_rank` is the GPU of "auto" and "cuda".
// Throws Error: invalid_argument (no such name), device_unavailable.
torch::Device choose_device(const std::string& name, int local_rank);

// Makes a GPU this process's own, and has cuDNN try its algorithms for every shape once: a run has few shapes
// and many steps. Nothing on the CPU.
void use_device(torch::Device device);

// Autocast while it lives: convolutions and matrix products on `device` compute in `type` (bfloat16 or half).
class Autocast {
 public:
  Autocast(torch::DeviceType device, torch::ScalarType type, bool enabled);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType device_;
  bool enabled_;
};

// Throws Error{unsupported} where autocast cannot compute in `type` on `device`.
void require_autocast(torch::DeviceType device, torch::ScalarType type);

// Divides `gradient` by the loss's scale and sets `found_inf` (one fp32 number) to 1 where a value of it is
// NaN or infinite. All on one device.
void unscale_gradient(torch::Tensor& gradient, torch::Tensor& found_inf, const torch::Tensor& inverse_scale);

// Memory that a GPU copies from without a detour ("pinned"), or plain memory for the CPU.
std::shared_ptr<std::uint8_t[]> allocate_for_copying(torch::DeviceType device, std::size_t bytes);

// Brings tensors to a device on a stream of its own, so that a batch travels while the one before is computed
// with.
class Uploads {
 public:
  explicit Uploads(torch::Device device);
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  // `host` on the device; what is queued there from now on waits for it. `host`, whose memory is of
  // allocate_for_copying, is held until it is copied. On the CPU it is `host` itself.
  torch::Tensor upload(torch::Tensor host);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // null on the CPU
};

// One step of AdamW in one pass over the memory of each parameter, where LibTorch has such a kernel: false
// where it has none (1.13, the CPU) and nothing was done. The state is the optimiser's own.
bool step_in_one_pass(torch::optim::AdamW& optimizer);

// Copies each of `from` to its place in `to`; all are fp32, of one dimension, on one device.
void copy_all(std::vector<torch::Tensor>& to, const std::vector<torch::Tensor>& from);

// Where this process stands among those that train together, as torchrun says in RANK, WORLD_SIZE,
// LOCAL_RANK, MASTER_ADDR and MASTER_PORT.
struct ProcessPlace {
  int rank = 0;
  int size = 1;
  int local_rank = 0;
  std::string master_address;
  int master_port = 0;
};

// What processes do together: c10d with NCCL between GPUs, with Gloo between CPUs.
class ProcessGroup {
 public:
  // Waits for all others. Throws Error: unsupported (this LibTorch has no such backend), io.
  ProcessGroup(const ProcessPlace& place, torch::Device device);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  // Each replaced, in place, by its sum over all processes; they travel at the same time.
  void sum(std::vector<torch::Tensor> tensors) const;
  // Replaced by what it is in process 0.
  void broadcast(torch::Tensor& tensor) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace resnet::train
