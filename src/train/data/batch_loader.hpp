// Threads that read, decode and augment pictures ahead of the trainer.
//
//   start(epoch) ─▶ order of the epoch ─▶ workers: a sample each, written into its batch's pixels ─▶ next():
//   in order
//
// What a batch holds depends on the set, the seed, the epoch, rank and world_size alone: neither the number
// of workers, nor prefetch, nor the cache changes a bit of it.
#pragma once

#include "train/data/augment.hpp"
#include "train/data/training_set.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <resnet/image.hpp>
#include <resnet/preprocess.hpp>

namespace resnet::train {

// What one step of the trainer sees.
struct Batch {
  int count = 0;  // samples
  int size = 0;   // height and width, in pixels
  // [count][size][size][3], 8-bit RGB, not normalised. The memory is used again once the last copy of this
  // pointer is gone, so it must not be kept longer than needed; it outlives the loader.
  std::shared_ptr<std::uint8_t[]> pixels;
  std::vector<float> targets;         // [count][classes]: 0, 1 or kIgnored, fractions with mixup
  std::vector<std::int64_t> samples;  // index of each sample in its TrainingSet
};

struct LoaderOptions {
  int batch = 32;    // samples
  int workers = 0;   // threads; 0: one a processor
  int prefetch = 3;  // batches that are prepared or ready before next() asks for them
  std::uint64_t seed = 0;

  // This process's place among those that train together.
  int rank = 0;
  int world_size = 1;

  // An incomplete last batch is left out. Without it all processes together still see no sample twice and
  // equally many; fewer than world_size may be left out.
  bool drop_last = true;

  AugmentOptions augment;
  // To validate: every sample of the set once, in its order, with exactly the pixels that preprocess_image
  // would normalise. Nothing is shuffled, augmented, left out or replaced; `drop_last` and `augment` have no
  // effect; a batch has fewer samples where some cannot be read. Must give pictures of one square size.
  std::optional<Preprocess> preprocess;

  DecodeOptions decode;
  // Decoded pictures are kept in memory up to this many bytes, those read first; the others are read every
  // time.
  std::int64_t cache_bytes = 0;

  // Memory for the pixels of a batch, e.g. pinned for the device; empty: from the heap. Called from any
  // thread, a few times a run: at most prefetch times and once for each batch that the trainer holds.
  std::function<std::shared_ptr<std::uint8_t[]>(std::size_t bytes)> allocate;
};

class BatchLoader {
 public:
  // `set` must outlive the loader and stay as it is. Throws Error{invalid_argument} for options out of their
  // range and for a set too small for one batch.
  BatchLoader(const TrainingSet& set, const LoaderOptions& options);
  ~BatchLoader();  // stops the threads; what they were at is thrown away
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // How many batches an epoch of this process has (when validating: at most).
  std::int64_t batches() const noexcept;

  // Begins an epoch (ends one that runs) with its batch number `first_batch`: a trainer that resumes within
  // an epoch goes on as if it had not stopped.
  //
  // The set's samples are shuffled by (seed, epoch). Of world_size * batch samples in that order the process
  // of rank r takes the r-th part of `batch`, and so on: W processes see in a step what one would see in W
  // batches.
  void start(int epoch, std::int64_t first_batch = 0);

  // The next batch; empty at the end of the epoch and before start(). Waits for the workers. Throws what
  // stopped them: Error{out_of_memory}, or bad_format where not one picture can be read. Called from one
  // thread.
  std::optional<Batch> next();

  struct Skipped {
    std::int64_t sample;
    std::string reason;  // names the picture
  };
  // Pictures that could not be read so far, each once, by index. In training the next sample of the process's
  // order that can be read has taken their place.
  std::vector<Skipped> skipped() const;

 private:
  class Workers;
  std::unique_ptr<Workers> workers_;
};

}  // namespace resnet::train
