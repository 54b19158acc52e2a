// Photos → network outputs, in parallel, in order, in bounded memory.
//
//   source ─▶ [names] ─▶ workers: decode + preprocess ─▶ [tensors] ─▶ workers: infer a batch ─▶ [done] ─▶
//   deliver (own thread) (caller's thread)
//
// The same workers decode and infer, so that no processor is promised twice: a free worker runs a batch
// where a full one is ready, else decodes the next photo, else runs what there is. Nothing ever waits
// for a batch to fill while a worker is idle.
//
// With `runners` (for GPUs) the workers only decode, to 8-bit crops, and threads of their own hand these on
// in full batches; a batch that is not full runs only when nothing more is being decoded.
//
// Each worker holds at most one decoded picture, and at most
// `max_undelivered` photos lie between the first one not delivered and the last one begun.
#pragma once

#include "pipeline/photo_item.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <resnet/image.hpp>
#include <resnet/preprocess.hpp>
#include <resnet/tensor.hpp>

namespace resnet {

struct PhotoResult {
  std::size_t index = 0;      // position in the source's order, from 0
  PhotoItem item;             // as the source gave it; item.error says why this photo failed
  Size picture;               // decoded size, after EXIF where that is applied; 0 x 0 if not decoded
  std::vector<float> output;  // what the network gave; empty unless PhotoNeed::answer succeeded
  std::string attachment;     // what on_picture made
  double decode_ms = 0;       // reading and decoding
  double preprocess_ms = 0;
  double infer_ms = 0;  // the batch's time divided by its photos
};

// Computes a batch: input [N, 3, H, W], output N rows. Is called from up to `concurrent_runs` threads
// at once. What it throws becomes the error of each photo in the batch.
using InferFunction =
    std::function<void(std::span<const float> input, const Shape& shape, std::span<float> output)>;

// The same from 8-bit pixels, rgb [N, H, W, 3]; `shape` is that of the normalised input, [N, 3, H, W].
using InferPixelsFunction =
    std::function<void(std::span<const std::uint8_t> rgb, const Shape& shape, std::span<float> output)>;

// Takes one result; called in the source's order on the thread that called run_photo_pipeline(). An
// exception stops the pipeline and comes out of it.
using DeliverFunction = std::function<void(PhotoResult&&)>;

struct PhotoPipelineOptions {
  int workers = 1;
  int concurrent_runs = 0;  // how many batches may run at once; 0: as many as there are workers
  int max_batch = 1;
  int max_undelivered = 0;  // 0: enough for every worker to fill a batch while another one runs
  // 0: the workers run batches by `infer`. Else as many threads run them by `infer_pixels`, `concurrent_runs`
  // is of no matter, and where `preprocess` gives one size every batch is of max_batch pictures: those behind
  // the last photo's are old ones whose answers nobody reads, so that the network meets one shape only.
  int runners = 0;
  InferPixelsFunction infer_pixels;
  std::size_t outputs = 0;  // floats that infer writes for one photo, e.g. the number of classes
  DecodeOptions decode;
  Preprocess preprocess;
  std::function<Image(const std::filesystem::path&)> load;  // empty: from the file
  // Called on a worker with every decoded picture; what it returns travels in the result.
  std::function<std::string(const Image&)> on_picture;
  // Once true nothing more is begun; everything begun is still delivered. May be set by a signal handler.
  const std::atomic<bool>* cancel = nullptr;
};

struct PhotoPipelineStats {
  std::size_t delivered = 0;  // results handed out, failed ones included
  std::size_t failed = 0;
  std::size_t batches = 0;
  bool cancelled = false;  // it stopped because of `cancel`
  int peak_pictures = 0;   // most decoded pictures in memory at once
  int peak_undelivered = 0;
};

// Returns when the source has ended (or `cancel` was set) and all results are delivered.
// Throws Error{invalid_argument} on impossible options, Error{out_of_memory} where no thread can be
// started, and what the source or `deliver` throw.
PhotoPipelineStats run_photo_pipeline(const PhotoSource& source, const InferFunction& infer,
                                      const DeliverFunction& deliver, const PhotoPipelineOptions& options);

// How to divide `threads` threads. Many photos: each worker runs its own batches on a one-thread
// Session, which needs no synchronisation inside the network. A few photos: all threads work together
// on one, for the shortest wait.
struct ThreadShare {
  int workers;          // PhotoPipelineOptions::workers
  int concurrent_runs;  // PhotoPipelineOptions::concurrent_runs
  int max_batch;        // PhotoPipelineOptions::max_batch and SessionOptions::max_batch
  int session_threads;  // SessionOptions::threads
};
// `photos`: how many there are, as far as known; any number from 2 * threads counts as many.
ThreadShare share_threads(int threads, std::size_t photos);

}  // namespace resnet
