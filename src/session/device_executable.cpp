#include "session/device_executable.hpp"

#include "cuda/devices.hpp"
#include "session/device_name.hpp"
#include "session/mixed_executable.hpp"

#include <optional>
#include <string>
#include <utility>

namespace resnet {
namespace {

struct DeviceWorkspace final : Workspace {
  DeviceWorkspace(const OfDevice& of, std::unique_ptr<Workspace> its_own)
      : device(of), own(std::move(its_own)) {}
  const OfDevice& device;
  std::unique_ptr<Workspace> own;
};

class SharedRuns final : public Executable {
 public:
  explicit SharedRuns(std::vector<OfDevice> devices) : devices_(std::move(devices)) {}

  int devices() const override { return static_cast<int>(devices_.size()); }

  std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const override {
    return make_workspace_on(0, input_shape);
  }

  std::unique_ptr<Workspace> make_workspace_on(int device, const Shape& input_shape) const override {
    const OfDevice& of = devices_[static_cast<std::size_t>(device)];
    const std::string purpose = "a run on " + input_shape.to_string();
    const MemoryScope scope(of.budget, purpose);
    return std::make_unique<DeviceWorkspace>(of, of.executable->make_workspace(input_shape));
  }

  void run(const float* input, const Shape& input_shape, float* output, Workspace& workspace,
           const Trace* trace) const override {
    const auto& of = static_cast<DeviceWorkspace&>(workspace);
    const MemoryScope scope(of.device.budget, kWatching);
    of.device.executable->run(input, input_shape, output, *of.own, trace);
  }

  void prepare_pixels(const PixelTable& table, const Shape& input_shape,
                      Workspace& workspace) const override {
    const auto& of = static_cast<DeviceWorkspace&>(workspace);
    const MemoryScope scope(of.device.budget, "a run on 8-bit pixels");
    of.device.executable->prepare_pixels(table, input_shape, *of.own);
  }

  void run_pixels(const std::uint8_t* rgb, const PixelTable& table, const Shape& input_shape, float* output,
                  Workspace& workspace, const Trace* trace) const override {
    const auto& of = static_cast<DeviceWorkspace&>(workspace);
    const MemoryScope scope(of.device.budget, kWatching);
    of.device.executable->run_pixels(rgb, table, input_shape, output, *of.own, trace);
  }

  std::optional<double> device_ms(Workspace& workspace) const override {
    const auto& of = static_cast<DeviceWorkspace&>(workspace);
    return of.device.executable->device_ms(*of.own);
  }

 private:
  static constexpr std::string_view kWatching = "a run that is watched";

  const std::vector<OfDevice> devices_;
};

}  // namespace

std::unique_ptr<Executable> share_runs(std::vector<OfDevice> devices) {
  return std::make_unique<SharedRuns>(std::move(devices));
}

std::unique_ptr<Executable> compile_on_devices(const Model& model, const Backend& backend,
                                               const SessionOptions& options) {
  const DeviceName name = parse_device(options.device);
  if (name.kind != "cuda") return compile_mixed(model, backend, options);
  cuda::require_alike(cuda::devices(), name.indices);
  const std::string purpose = "the weights of " + model.architecture.name();
  std::vector<OfDevice> devices;
  for (const int index : name.indices) {
    SessionOptions own = options;
    own.device = DeviceName{.kind = name.kind, .indices = {index}}.to_string();
    auto budget = std::make_shared<MemoryBudget>(options.gpu_memory);
    const MemoryScope scope(budget, purpose);
    devices.push_back({budget, compile_mixed(model, backend, own)});
  }
  return share_runs(std::move(devices));
}

}  // namespace resnet
