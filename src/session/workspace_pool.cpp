#include "session/workspace_pool.hpp"

#include <algorithm>
#include <utility>

namespace resnet {

std::optional<std::int64_t> WorkspacePool::output_count(const Shape& input_shape) const {
  const std::lock_guard lock(mutex_);
  for (const Entry& e : entries_) {
    if (e.input_shape == input_shape) return e.output_count;
  }
  return std::nullopt;
}

// Called with the mutex held.
WorkspacePool::Entry& WorkspacePool::entry_for(const Shape& input_shape, std::int64_t output_count) {
  for (Entry& e : entries_) {
    if (e.input_shape == input_shape) return e;
  }
  if (entries_.size() == kMaxShapes) {
    const auto by_use = [](const Entry& a, const Entry& b) { return a.last_used < b.last_used; };
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), by_use));
  }
  Entry& entry = entries_.emplace_back();
  entry.input_shape = input_shape;
  entry.output_count = output_count;
  return entry;
}

WorkspacePool::Lease WorkspacePool::lend(const Executable& executable, const Shape& input_shape,
                                         std::int64_t output_count) {
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entry_for(input_shape, output_count);
    entry.last_used = ++clock_;
    if (!entry.free.empty()) {
      std::unique_ptr<Workspace> workspace = std::move(entry.free.back());
      entry.free.pop_back();
      return Lease(*this, input_shape, std::move(workspace));
    }
    entry.free.reserve(++entry.made);
  }
  // Outside the lock: this may touch hundreds of megabytes.
  return Lease(*this, input_shape, executable.make_workspace(input_shape));
}

void WorkspacePool::put_back(const Shape& input_shape, std::unique_ptr<Workspace> workspace) noexcept {
  const std::lock_guard lock(mutex_);
  for (Entry& e : entries_) {
    // The capacity can be short only where the shape was dropped and came back in the meantime.
    if (e.input_shape == input_shape && e.free.size() < e.free.capacity()) {
      e.free.push_back(std::move(workspace));
      return;
    }
  }
}

}  // namespace resnet
