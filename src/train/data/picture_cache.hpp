// Decoded pictures kept in memory, up to a limit. Nothing is ever thrown out: an epoch reads every picture
// once, so that those read last are no likelier to be read next.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <resnet/image.hpp>

namespace resnet::train {

// All functions may be called from several threads at once.
class PictureCache {
 public:
  PictureCache(std::size_t samples, std::int64_t bytes)
      : pictures_(samples), left_(bytes), full_(bytes <= 0) {}

  // Null where it is not there. What is there stays as long as the cache.
  const Image* find(std::int64_t sample) const;

  // Whether there may be room for another picture; once there is none there is none for good.
  bool has_room() const noexcept { return !full_.load(std::memory_order_relaxed); }
  void add(std::int64_t sample, Image picture);

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<const Image>> pictures_;
  std::int64_t left_;
  std::atomic<bool> full_;
};

}  // namespace resnet::train
