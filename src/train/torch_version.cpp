#include "train/torch_version.hpp"

#include "core/counted.hpp"
#include "core/log.hpp"

#include <deque>
#include <exception>
#include <utility>

#include <ATen/autocast_mode.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/Types.hpp>
#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <torch/version.h>

#include <resnet/error.hpp>

#if TORCH_VERSION_MAJOR >= 2
#include <torch/csrc/distributed/c10d/Backend.hpp>
#else
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#endif

namespace resnet::train {
namespace {

#if TORCH_VERSION_MAJOR >= 2
using Collectives = c10d::Backend;

void set_autocast(torch::DeviceType device, torch::ScalarType type, bool enabled) {
  at::autocast::set_autocast_dtype(device, type);
  at::autocast::set_autocast_enabled(device, enabled);
}
#else
using Collectives = c10d::ProcessGroup;

void set_autocast(torch::DeviceType device, torch::ScalarType type, bool enabled) {
  if (device == torch::kCPU) {
    at::autocast::set_autocast_cpu_dtype(type);
    at::autocast::set_cpu_enabled(enabled);
  } else {
    at::autocast::set_autocast_gpu_dtype(type);
    at::autocast::set_enabled(enabled);
  }
}
#endif

c10::intrusive_ptr<Collectives> make_collectives(const c10::intrusive_ptr<c10d::Store>& store,
                                                 const ProcessPlace& place, torch::Device device) {
  if (device.is_cuda()) {
#ifdef USE_C10D_NCCL
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, place.rank, place.size);
#else
    throw Error(ErrorCode::unsupported,
                "this program was built without NCCL: train on one GPU, or with train.device=cpu");
#endif
  }
#ifdef USE_C10D_GLOO
  const auto options = c10d::ProcessGroupGloo::Options::create();
  const bool one_machine = place.master_address == "127.0.0.1" || place.master_address == "localhost";
  options->devices.push_back(one_machine ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                         : c10d::ProcessGroupGloo::createDefaultDevice());
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, place.rank, place.size, options);
#else
  throw Error(
      ErrorCode::unsupported,
      "this program was built without Gloo: several processes need GPUs, or a build with the distribution's "
      "LibTorch");
#endif
}

}  // namespace

std::string torch_version_text() {
  return fmt::format("LibTorch {}, {}", TORCH_VERSION,
                     torch::cuda::is_available() ? counted(torch::cuda::device_count(), "CUDA device")
                                                 : std::string("CPU only"));
}

torch::Device choose_device(const std::string& name, int local_rank) {
  const bool there = torch::cuda::is_available();
  if (name == "cpu" || (name == "auto" && !there)) return torch::kCPU;
  const auto gpus = static_cast<int>(torch::cuda::device_count());
  int index = local_rank;
  if (name.starts_with("cuda:")) {
    const std::string digits = name.substr(5);
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("no device '{}': give auto, cpu, cuda or cuda:N", name));
    }
    index = std::stoi(digits);
  } else if (name != "auto" && name != "cuda") {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("no device '{}': give auto, cpu, cuda or cuda:N", name));
  }
  if (index >= gpus) {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("device {}: LibTorch can use {} here; train.device=cpu trains without", name,
                            counted(gpus, "GPU")));
  }
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(index)};
}

void use_device(torch::Device device) {
  if (!device.is_cuda()) return;
  c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
  at::globalContext().setBenchmarkCuDNN(true);
}

Autocast::Autocast(torch::DeviceType device, torch::ScalarType type, bool enabled)
    : device_(device), enabled_(enabled) {
  if (!enabled_) return;
  at::autocast::increment_nesting();
  set_autocast(device_, type, true);
}

Autocast::~Autocast() {
  if (!enabled_) return;
  // The casts of weights are kept until the outermost leaves: they must not outlive a step.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  set_autocast(device_, device_ == torch::kCPU ? torch::kBFloat16 : torch::kHalf, false);
}

void require_autocast(torch::DeviceType device, torch::ScalarType type) {
  if (device == torch::kCPU && type == torch::kHalf) {
    throw Error(ErrorCode::unsupported, "train.precision=fp16 needs a GPU; on the CPU use bf16 or fp32");
  }
}

void unscale_gradient(torch::Tensor& gradient, torch::Tensor& found_inf, const torch::Tensor& inverse_scale) {
  if (gradient.is_cuda()) {
    at::_amp_foreach_non_finite_check_and_unscale_(gradient, found_inf, inverse_scale);
    return;
  }
  // 1.13 has this kernel for CUDA alone.
  found_inf.logical_or_(torch::isfinite(gradient).all().logical_not());
  gradient.mul_(inverse_scale);
}

std::shared_ptr<std::uint8_t[]> allocate_for_copying(torch::DeviceType device, std::size_t bytes) {
  if (device == torch::kCPU) return std::shared_ptr<std::uint8_t[]>(new std::uint8_t[bytes]);
  const auto memory = std::make_shared<torch::Tensor>(torch::empty(
      {static_cast<std::int64_t>(bytes)}, torch::TensorOptions(torch::kByte).pinned_memory(true)));
  return {memory, memory->data_ptr<std::uint8_t>()};
}

struct Uploads::Impl {
  explicit Impl(torch::Device on) : device(on), guard(on.type()), stream(guard.getStreamFromGlobalPool(on)) {}

  torch::Device device;
  c10::impl::VirtualGuardImpl guard;
  c10::Stream stream;
  std::deque<std::pair<c10::Event, torch::Tensor>> copying;  // and when the copy is done
};

Uploads::Uploads(torch::Device device) {
  if (!device.is_cpu()) impl_ = std::make_unique<Impl>(device);
}

Uploads::~Uploads() = default;

torch::Tensor Uploads::upload(torch::Tensor host) {
  if (!impl_) return host;
  auto& copying = impl_->copying;
  while (!copying.empty() && copying.front().first.query()) copying.pop_front();
  const c10::Stream computing = impl_->guard.getStream(impl_->device);
  torch::Tensor there;
  c10::Event copied(impl_->device.type());
  {
    const c10::StreamGuard on_stream(impl_->stream);
    there = host.to(impl_->device, host.scalar_type(), /*non_blocking=*/true);
    copied.record(impl_->stream);
  }
  copied.block(computing);
  // Its memory belongs to the stream that it was made on, which must not use it again before the other is
  // done.
  impl_->guard.recordDataPtrOnStream(there.storage().data_ptr(), computing);
  copying.emplace_back(std::move(copied), std::move(host));
  return there;
}

#if TORCH_VERSION_MAJOR >= 2
bool step_in_one_pass(torch::optim::AdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  for (torch::optim::OptimizerParamGroup& group : optimizer.param_groups()) {
    const auto& options = static_cast<torch::optim::AdamWOptions&>(group.options());
    const auto [beta1, beta2] = options.betas();
    for (torch::Tensor& values : group.params()) {
      if (!values.is_cuda()) return false;
      auto& kept = optimizer.state()[values.unsafeGetTensorImpl()];
      if (!kept) {
        auto fresh = std::make_unique<torch::optim::AdamWParamState>();
        fresh->exp_avg(torch::zeros_like(values)).exp_avg_sq(torch::zeros_like(values));
        kept = std::move(fresh);
      }
      auto& state = static_cast<torch::optim::AdamWParamState&>(*kept);
      state.step(state.step() + 1);
      const auto steps = torch::full({}, static_cast<double>(state.step()), values.options());
      at::_fused_adamw_({values}, {values.grad()}, {state.exp_avg()}, {state.exp_avg_sq()}, {}, {steps},
                        options.lr(), beta1, beta2, options.weight_decay(), options.eps(), /*amsgrad=*/false,
                        /*maximize=*/false);
    }
  }
  return true;
}

void copy_all(std::vector<torch::Tensor>& to, const std::vector<torch::Tensor>& from) {
  at::_foreach_copy_(to, from);
}
#else
bool step_in_one_pass(torch::optim::AdamW&) {
  return false;
}

void copy_all(std::vector<torch::Tensor>& to, const std::vector<torch::Tensor>& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
}
#endif

struct ProcessGroup::Impl {
  c10::intrusive_ptr<Collectives> collectives;
};

ProcessGroup::ProcessGroup(const ProcessPlace& place, torch::Device device) {
  try {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(place.master_port);
    options.isServer = place.rank == 0;
    options.numWorkers = static_cast<std::size_t>(place.size);
    // torchrun's own store listens on that port already, except where this is started without it.
#if TORCH_VERSION_MAJOR >= 2
    options.multiTenant = true;
#endif
    const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
    if (agent != nullptr && std::string_view(agent) == "True") options.isServer = false;
    const auto store = c10::make_intrusive<c10d::TCPStore>(place.master_address, options);
    impl_ = std::make_unique<Impl>(
        Impl{make_collectives(c10::make_intrusive<c10d::PrefixStore>("resnet-train", store), place, device)});
  } catch (const c10::Error& e) {
    throw Error(ErrorCode::io,
                fmt::format("process {} of {} cannot reach the others at {}:{}: {}", place.rank, place.size,
                            place.master_address, place.master_port, e.what_without_backtrace()));
  }
}

ProcessGroup::~ProcessGroup() {
#ifdef USE_C10D_NCCL
  auto* nccl = dynamic_cast<c10d::ProcessGroupNCCL*>(impl_->collectives.get());
  if (nccl == nullptr) return;
  try {
    // At the end of a run all processes are here, and NCCL lets go of its connections; left to the end of the
    // program it would warn. After a failure of this process alone the others do not come: there is nothing
    // to wait for.
    if (std::uncaught_exceptions() > 0) {
      nccl->abort();
    } else {
      nccl->shutdown();
    }
  } catch (const std::exception& e) {
    log(LogLevel::warning, fmt::format("NCCL did not end properly: {}", e.what()));
  }
#endif
}

void ProcessGroup::sum(std::vector<torch::Tensor> tensors) const {
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  for (const torch::Tensor& tensor : tensors) {
    std::vector<torch::Tensor> one{tensor};
    works.push_back(impl_->collectives->allreduce(one));
  }
  for (const auto& work : works) work->wait();
}

void ProcessGroup::broadcast(torch::Tensor& tensor) const {
  std::vector<torch::Tensor> one{tensor};
  c10d::BroadcastOptions options;
  options.rootRank = 0;
  impl_->collectives->broadcast(one, options)->wait();
}

}  // namespace resnet::train
