#include "train/data/picture_cache.hpp"

#include <utility>

namespace resnet::train {

const Image* PictureCache::find(std::int64_t sample) const {
  const std::lock_guard lock(mutex_);
  return pictures_[static_cast<std::size_t>(sample)].get();
}

void PictureCache::add(std::int64_t sample, Image picture) {
  const auto bytes = static_cast<std::int64_t>(picture.rgb.size());
  const std::lock_guard lock(mutex_);
  std::unique_ptr<const Image>& place = pictures_[static_cast<std::size_t>(sample)];
  if (place) return;  // two threads read it at the same time
  if (bytes > left_) {
    full_.store(true, std::memory_order_relaxed);
    return;
  }
  left_ -= bytes;
  place = std::make_unique<const Image>(std::move(picture));
}

}  // namespace resnet::train
