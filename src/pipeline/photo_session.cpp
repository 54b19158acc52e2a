#include "pipeline/photo_session.hpp"

#include "core/thread_count.hpp"
#include "session/backend_table.hpp"
#include "session/device_name.hpp"

#include <algorithm>

#include <resnet/error.hpp>

namespace resnet {
namespace {

// Enough pictures for a GPU to be busy, few enough that the first results come soon.
constexpr std::size_t kGpuBatch = 64;
// One computes while the other's pictures are on their way.
constexpr int kRunsPerGpu = 2;

bool runs_on_gpus(const Model& model, const SessionOptions& options) {
  try {
    return choose_backend(options, options.precision.value_or(model.precision)).device == "cuda";
  } catch (const Error&) {
    return false;  // making the Session says why
  }
}

}  // namespace

PhotoSession::PhotoSession(const Model& model, SessionOptions options, std::size_t photos) : model_(model) {
  const int threads = resolve_thread_count(options.threads);
  if (runs_on_gpus(model, options)) {
    const auto workers =
        static_cast<int>(std::clamp<std::size_t>(photos, 1, static_cast<std::size_t>(threads)));
    share_ = {.workers = workers, .concurrent_runs = 0, .max_batch = 1, .session_threads = 1};
    open_on_gpus(std::move(options), photos);
    return;
  }
  share_ = share_threads(threads, photos);
  options.threads = share_.session_threads;
  options.max_batch = share_.max_batch;
  session_.emplace(model, std::move(options));
}

void PhotoSession::open_on_gpus(SessionOptions options, std::size_t photos) {
  const auto gpus = static_cast<int>(parse_device(options.device).indices.size());
  options.threads = share_.session_threads;
  for (std::size_t batch = std::clamp<std::size_t>(photos, 1, kGpuBatch);; batch /= 2) {
    share_.max_batch = options.max_batch = static_cast<int>(batch);
    runners_ = photos > batch ? kRunsPerGpu * gpus : 1;
    try {
      session_.emplace(model_, options);
      const SessionOptions& resolved = session_->options();
      session_->reserve_pixels({options.max_batch, 3, resolved.height, resolved.width}, runners_);
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory || batch == 1) throw;
      session_.reset();
    }
  }
}

PhotoPipelineStats PhotoSession::run(const PhotoSource& source, const DeliverFunction& deliver,
                                     PhotoPipelineOptions options) const {
  options.workers = share_.workers;
  options.concurrent_runs = share_.concurrent_runs;
  options.max_batch = share_.max_batch;
  options.outputs = static_cast<std::size_t>(model_.architecture.classes());
  options.preprocess = model_.preprocess;
  options.runners = runners_;
  if (runners_ > 0) {
    options.infer_pixels = [this](std::span<const std::uint8_t> rgb, const Shape& shape,
                                  std::span<float> output) { session_->run_pixels(rgb, shape, output); };
  }
  const InferFunction infer = [this](std::span<const float> input, const Shape& shape,
                                     std::span<float> output) { session_->run(input, shape, output); };
  return run_photo_pipeline(source, infer, deliver, options);
}

}  // namespace resnet
