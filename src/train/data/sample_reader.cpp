#include "train/data/sample_reader.hpp"

#include "core/counted.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

// Height and width of what a sample becomes.
int sample_size(const LoaderOptions& options) {
  if (!options.preprocess) {
    check_options(options.augment);
    return options.augment.size;
  }
  const Preprocess& preprocess = *options.preprocess;
  const bool fixed = preprocess.center_crop || preprocess.resize_mode == ResizeMode::exact;
  const Size size = fixed ? preprocessed_size(preprocess, {1, 1}) : Size{};
  if (size.height < 1 || size.height != size.width) {
    throw Error(ErrorCode::invalid_argument,
                "batches need a preprocessing that gives square pictures of one size: a square centre crop, "
                "or an exact "
                "square resize without one");
  }
  return size.height;
}

// Whether an error is the picture's own, so that the others can do without it.
bool is_of_picture(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found:
    case ErrorCode::io:
    case ErrorCode::truncated:
    case ErrorCode::bad_format:
    case ErrorCode::unsupported:
    case ErrorCode::too_large:
      return true;
    default:
      return false;
  }
}

void set_all_targets(const TrainingSample& sample, std::span<float> targets) {
  std::fill(targets.begin(), targets.end(), 0.0f);
  for (const int label : sample.labels) targets[static_cast<std::size_t>(label)] = 1;
}

// The generators of one sample: a number for each picture that is tried in its place, and one more for what
// is mixed in.
std::int64_t own_stream(std::int64_t attempt) {
  return 2 * attempt;
}
std::int64_t mixup_stream(std::int64_t attempt) {
  return 2 * attempt + 1;
}

}  // namespace

SampleReader::SampleReader(const TrainingSet& set, const LoaderOptions& options)
    : set_(set), options_(options), size_(sample_size(options)), cache_(set.size(), options.cache_bytes) {}

template <class Read>
bool SampleReader::guarded(std::int64_t sample, Read&& read) {
  if (is_skipped(sample)) return false;
  const std::string path = set_.samples[static_cast<std::size_t>(sample)].path.string();
  std::string reason;
  try {
    read();
    return true;
  } catch (const Error& error) {
    if (!is_of_picture(error.code())) throw;
    reason = error.what();
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("{}: not enough memory to read it; use fewer workers, or a smaller cache", path));
  }
  if (reason.find(path) == std::string::npos) reason = fmt::format("{}: {}", path, reason);
  const std::lock_guard lock(mutex_);
  skipped_.emplace(sample, std::move(reason));
  return false;
}

bool SampleReader::is_skipped(std::int64_t sample) const {
  const std::lock_guard lock(mutex_);
  return skipped_.contains(sample);
}

std::vector<BatchLoader::Skipped> SampleReader::skipped() const {
  const std::lock_guard lock(mutex_);
  std::vector<BatchLoader::Skipped> all;
  for (const auto& [sample, reason] : skipped_) all.push_back({sample, reason});
  return all;
}

bool SampleReader::augment(std::int64_t index, SampleRng& rng, std::uint8_t* pixels,
                           std::span<float> targets) {
  const TrainingSample& sample = set_.samples[static_cast<std::size_t>(index)];
  const AugmentOptions& options = options_.augment;
  const auto crop_whole = [&](const Image& image) {
    const Size full{image.height, image.width};
    const image::Region crop = draw_crop(sample, full, options, rng);
    set_targets(sample, full, crop, options, targets);
    resize_crop({.pixels = image, .full = full}, crop, options, pixels);
  };
  return guarded(index, [&] {
    if (const Image* cached = cache_.find(index)) {
      crop_whole(*cached);
    } else if (cache_.has_room()) {
      Image image = load_image(sample.path, options_.decode);
      crop_whole(image);
      cache_.add(index, std::move(image));
    } else {
      image::Region crop;
      const auto wanted = [&](Size full) {
        crop = draw_crop(sample, full, options, rng);
        return region_of_crop(crop, full, options);
      };
      const ImageWindow window = image::load_region(sample.path, wanted, options_.decode);
      set_targets(sample, window.full, crop, options, targets);
      resize_crop({.pixels = window.pixels, .full = window.full, .left = window.left, .top = window.top},
                  crop, options, pixels);
    }
    change_pixels(pixels, options, rng);
  });
}

// The other picture comes from the whole set, so that it does not depend on which process this is.
void SampleReader::mix_another_in(SampleRng& rng, int epoch, std::int64_t stream, const Slot& slot) {
  const int share = draw_mixup(options_.augment, rng);
  if (share == 0) return;
  const auto all = static_cast<std::int64_t>(set_.size());
  const std::int64_t drawn = rng.below(all);
  const std::size_t bytes = static_cast<std::size_t>(size_) * static_cast<std::size_t>(size_) * 3;
  std::vector<std::uint8_t> pixels(bytes);
  std::vector<float> targets(slot.targets.size());
  for (std::int64_t i = 0; i < all; ++i) {
    const std::int64_t other = (drawn + i) % all;
    SampleRng other_rng(options_.seed, epoch, slot.sample, stream);
    if (!augment(other, other_rng, pixels.data(), targets)) continue;
    mix(std::span(slot.pixels, bytes), pixels, share);
    mix(slot.targets, targets, share);
    return;
  }
}

void SampleReader::read_augmented(std::span<const std::int64_t> order, std::int64_t position, int epoch,
                                  const Slot& slot) {
  const auto all = static_cast<std::int64_t>(order.size());
  for (std::int64_t attempt = 0; attempt < all; ++attempt) {
    const std::int64_t sample = order[static_cast<std::size_t>((position + attempt) % all)];
    SampleRng rng(options_.seed, epoch, sample, own_stream(attempt));
    if (!augment(sample, rng, slot.pixels, slot.targets)) continue;
    slot.sample = sample;
    mix_another_in(rng, epoch, mixup_stream(attempt), slot);
    return;
  }
  const std::vector<BatchLoader::Skipped> reasons = skipped();
  throw Error(ErrorCode::bad_format,
              fmt::format("not one of {} can be read; the first: {}", counted(all, "picture"),
                          reasons.empty() ? "" : reasons.front().reason));
}

bool SampleReader::read_exactly(std::int64_t index, const Slot& slot) {
  const TrainingSample& sample = set_.samples[static_cast<std::size_t>(index)];
  slot.sample = index;
  return guarded(index, [&] {
    const auto take = [&](const Image& pixels) {
      std::memcpy(slot.pixels, pixels.rgb.data(), pixels.rgb.size());
    };
    if (const Image* cached = cache_.find(index)) {
      take(resize_and_crop(*cached, *options_.preprocess));
    } else if (cache_.has_room()) {
      Image image = load_image(sample.path, options_.decode);
      take(resize_and_crop(image, *options_.preprocess));
      cache_.add(index, std::move(image));
    } else {
      take(resize_and_crop(load_window(sample.path, *options_.preprocess, options_.decode),
                           *options_.preprocess));
    }
    set_all_targets(sample, slot.targets);
  });
}

}  // namespace resnet::train
