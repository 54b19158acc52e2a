#include "session/workspace_pool.hpp"

#include <algorithm>
#include <utility>

#include <resnet/error.hpp>

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

// Called with the mutex held. Among devices with as few runs one that has a workspace free.
std::size_t WorkspacePool::least_busy(const Entry& entry) const {
  const auto cost = [&](std::size_t device) {
    return std::pair(lent_[device], entry.devices[device].free.empty());
  };
  std::size_t best = 0;
  for (std::size_t device = 1; device < lent_.size(); ++device) {
    if (cost(device) < cost(best)) best = device;
  }
  return best;
}

WorkspacePool::Lease WorkspacePool::lend(const Executable& executable, const Shape& input_shape,
                                         std::int64_t output_count) {
  std::size_t device = 0;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entry_for(input_shape, output_count);
    entry.last_used = ++clock_;
    lent_.resize(static_cast<std::size_t>(executable.devices()));
    entry.devices.resize(lent_.size());
    device = least_busy(entry);
    OfDevice& own = entry.devices[device];
    if (!own.free.empty()) {
      std::unique_ptr<Workspace> workspace = std::move(own.free.back());
      own.free.pop_back();
      ++lent_[device];
      return Lease(*this, input_shape, device, std::move(workspace));
    }
    own.free.reserve(++own.made);
    ++lent_[device];
  }
  // Outside the lock: this may touch hundreds of megabytes.
  return Lease(*this, input_shape, device, make(executable, input_shape, device));
}

std::unique_ptr<Workspace> WorkspacePool::make(const Executable& executable, const Shape& input_shape,
                                               std::size_t device) {
  const auto on_device = static_cast<int>(device);
  try {
    try {
      return executable.make_workspace_on(on_device, input_shape);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory || !drop_others(input_shape)) throw;
    }
    return executable.make_workspace_on(on_device, input_shape);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    --lent_[device];
    throw;
  }
}

bool WorkspacePool::drop_others(const Shape& input_shape) {
  Workspaces dropped;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  for (Entry& e : entries_) {
    if (e.input_shape == input_shape) continue;
    for (OfDevice& device : e.devices) {
      for (std::unique_ptr<Workspace>& workspace : device.free) dropped.push_back(std::move(workspace));
      device.free.clear();
    }
  }
  return !dropped.empty();
}

void WorkspacePool::put_back(const Shape& input_shape, std::size_t device,
                             std::unique_ptr<Workspace> workspace) noexcept {
  const std::lock_guard lock(mutex_);
  --lent_[device];
  for (Entry& e : entries_) {
    if (e.input_shape != input_shape) continue;
    Workspaces& free = e.devices[device].free;
    // The capacity can be short only where the shape was dropped and came back in the meantime.
    if (free.size() < free.capacity()) free.push_back(std::move(workspace));
    return;
  }
}

}  // namespace resnet
