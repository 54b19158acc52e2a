// The scratch memory of a Session, made once a shape and lent to one run at a time. Where there are several
// GPUs, what it lends decides which of them a run goes to: the one with the fewest runs.
#pragma once

#include "core/executable.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet {

class WorkspacePool {
 public:
  // Shapes kept at a time. Pictures that are resized but not cropped come in many shapes; the memory of
  // the one used longest ago is given back.
  static constexpr std::size_t kMaxShapes = 8;

  // A workspace for the duration of one run. Goes back to the pool when destroyed.
  class Lease {
   public:
    Lease(WorkspacePool& pool, const Shape& input_shape, std::size_t device,
          std::unique_ptr<Workspace> workspace)
        : pool_(pool), input_shape_(input_shape), device_(device), workspace_(std::move(workspace)) {}
    ~Lease() { pool_.put_back(input_shape_, device_, std::move(workspace_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Workspace& operator*() const noexcept { return *workspace_; }

   private:
    WorkspacePool& pool_;
    const Shape& input_shape_;
    std::size_t device_;
    std::unique_ptr<Workspace> workspace_;
  };

  // Elements of the result for this input shape, where the pool knows the shape.
  std::optional<std::int64_t> output_count(const Shape& input_shape) const;

  // A free workspace for a shape, made where there is none; only then is memory taken, and where it does not
  // suffice, that of free workspaces of other shapes is given back first. `input_shape` must outlive the
  // lease.
  Lease lend(const Executable& executable, const Shape& input_shape, std::int64_t output_count);

  // Gives back the memory of free workspaces of other shapes. False where there is none.
  bool drop_others(const Shape& input_shape);

 private:
  using Workspaces = std::vector<std::unique_ptr<Workspace>>;
  struct OfDevice {
    std::size_t made = 0;
    Workspaces free;  // capacity >= made: putting back allocates nothing
  };
  struct Entry {
    Shape input_shape;
    std::int64_t output_count = 0;
    std::uint64_t last_used = 0;
    std::vector<OfDevice> devices;
  };

  Entry& entry_for(const Shape& input_shape, std::int64_t output_count);
  std::size_t least_busy(const Entry& entry) const;
  std::unique_ptr<Workspace> make(const Executable& executable, const Shape& input_shape, std::size_t device);
  void put_back(const Shape& input_shape, std::size_t device, std::unique_ptr<Workspace> workspace) noexcept;

  mutable std::mutex mutex_;
  std::uint64_t clock_ = 0;
  std::vector<Entry> entries_;
  std::vector<int> lent_;  // a device each: runs on it, of every shape
};

}  // namespace resnet
