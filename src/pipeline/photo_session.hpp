// A Session for photos, and how the pipeline feeds it.
//
// On processors every worker decodes and runs (share_threads). GPUs compute faster than any number of
// processors decodes, so there all threads decode, and a few more hand 8-bit crops to the GPUs in batches of
// one size.
#pragma once

#include "pipeline/photo_pipeline.hpp"

#include <cstddef>
#include <optional>

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet {

class PhotoSession {
 public:
  // options.threads are those of everything together; max_batch is chosen here, on a GPU as large as
  // options.gpu_memory allows. `photos` as in share_threads(). The model must outlive this. Throws what
  // Session does.
  PhotoSession(const Model& model, SessionOptions options, std::size_t photos);

  const Session& session() const noexcept { return *session_; }

  // run_photo_pipeline() on the session, which sets what it knows better in `options`: workers, runs, batch,
  // outputs, preprocess, infer_pixels and runners.
  PhotoPipelineStats run(const PhotoSource& source, const DeliverFunction& deliver,
                         PhotoPipelineOptions options) const;

 private:
  void open_on_gpus(SessionOptions options, std::size_t photos);

  const Model& model_;
  ThreadShare share_{};
  int runners_ = 0;  // on GPUs
  std::optional<Session> session_;
};

}  // namespace resnet
