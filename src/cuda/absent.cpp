// In place of the rest of this folder where there was no CUDA compiler.
#include "cuda/devices.hpp"
#include "cuda/executor.hpp"
#include "cuda/roofline.hpp"
#include "cuda/sm90/tune.hpp"
#include "cuda/stepwise/executor.hpp"

#include <resnet/error.hpp>

namespace resnet::cuda {

const DeviceList& devices() {
  static const DeviceList none{
      .devices = {},
      .problem = "this build has no CUDA: it was made without nvcc, or with -DRESNET_CUDA=OFF"};
  return none;
}

std::unique_ptr<Executable> compile(const Model&, const CompileOptions&) {
  throw Error(ErrorCode::device_unavailable, devices().problem);
}

std::unique_ptr<Executable> stepwise::compile(const Model&, const CompileOptions&) {
  throw Error(ErrorCode::device_unavailable, devices().problem);
}

double unit_gflops(int, std::string_view, Precision) {
  return 0;
}

double measure_bandwidth(int) {
  return 0;
}

sm90::TuneResult sm90::tune(int, const std::function<void(std::int64_t, std::int64_t)>&) {
  throw Error(ErrorCode::device_unavailable, devices().problem);
}

}  // namespace resnet::cuda
