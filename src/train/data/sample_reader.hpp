// From an index to what a batch holds of that sample.
#pragma once

#include "train/data/batch_loader.hpp"
#include "train/data/picture_cache.hpp"

#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace resnet::train {

// May be called from several threads at once.
class SampleReader {
 public:
  SampleReader(const TrainingSet& set, const LoaderOptions& options);

  int size() const noexcept { return size_; }  // height and width of a sample

  // Where one sample of a batch is written.
  struct Slot {
    std::uint8_t* pixels;      // [size][size][3]
    std::span<float> targets;  // [classes]
    std::int64_t& sample;      // its index
  };

  // The sample at a position of the epoch's order, augmented; where it cannot be read, the next one that can.
  // Throws Error{bad_format} where none can.
  void read_augmented(std::span<const std::int64_t> order, std::int64_t position, int epoch,
                      const Slot& slot);

  // A sample as it is validated with. False where it cannot be read.
  bool read_exactly(std::int64_t sample, const Slot& slot);

  std::vector<BatchLoader::Skipped> skipped() const;

 private:
  bool is_skipped(std::int64_t sample) const;
  // Runs `read`; false, with the reason noted, where the picture is at fault.
  template <class Read>
  bool guarded(std::int64_t sample, Read&& read);
  bool augment(std::int64_t sample, SampleRng& rng, std::uint8_t* pixels, std::span<float> targets);
  void mix_another_in(SampleRng& rng, int epoch, std::int64_t stream, const Slot& slot);

  const TrainingSet& set_;
  const LoaderOptions& options_;
  int size_;
  PictureCache cache_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::string> skipped_;
};

}  // namespace resnet::train
