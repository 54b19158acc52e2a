#include "bench_photos.hpp"

#include "core/thread_count.hpp"
#include "pipeline/photo_list.hpp"
#include "pipeline/photo_pipeline.hpp"
#include "terminal.hpp"

#include <chrono>
#include <span>

namespace resnet::cli {

PhotoSpeed measure_photos(const Model& model, const std::string& folder, int threads) {
  PhotoSpeed speed{.threads = resolve_thread_count(threads)};
  PhotoPipelineOptions options;
  options.workers = speed.threads;
  options.max_batch = 64;
  options.decode.exif = ExifOrientation::apply;
  options.preprocess = model.preprocess;
  options.runners = 2;  // as for one GPU (photo_session.cpp), so that as many photos are on their way
  options.infer_pixels = [](std::span<const std::uint8_t>, const Shape&, std::span<float>) {};
  const InferFunction unused = [](std::span<const float>, const Shape&, std::span<float>) {};
  PhotoList list({folder}, {});
  const auto start = std::chrono::steady_clock::now();
  const PhotoPipelineStats stats = run_photo_pipeline([&] { return list.next(); }, unused,
                                                      [](PhotoResult&& result) {
                                                        if (result.item.error)
                                                          report_error(printable(result.item.error->what()));
                                                      },
                                                      options);
  speed.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  speed.photos = stats.delivered;
  speed.failed = stats.failed;
  return speed;
}

}  // namespace resnet::cli
