// The scratch memory of a Session, made once a shape and lent to one run at a time.
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
    Lease(WorkspacePool& pool, const Shape& input_shape, std::unique_ptr<Workspace> workspace)
        : pool_(pool), input_shape_(input_shape), workspace_(std::move(workspace)) {}
    ~Lease() { pool_.put_back(input_shape_, std::move(workspace_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Workspace& operator*() const noexcept { return *workspace_; }

   private:
    WorkspacePool& pool_;
    const Shape& input_shape_;
    std::unique_ptr<Workspace> workspace_;
  };

  // Elements of the result for this input shape, where the pool knows the shape.
  std::optional<std::int64_t> output_count(const Shape& input_shape) const;

  // A free workspace for a shape, made where there is none; only then is memory taken. `input_shape`
  // must outlive the lease.
  Lease lend(const Executable& executable, const Shape& input_shape, std::int64_t output_count);

 private:
  struct Entry {
    Shape input_shape;
    std::int64_t output_count = 0;
    std::uint64_t last_used = 0;
    std::size_t made = 0;
    std::vector<std::unique_ptr<Workspace>> free;  // capacity >= made: putting back allocates nothing
  };

  Entry& entry_for(const Shape& input_shape, std::int64_t output_count);
  void put_back(const Shape& input_shape, std::unique_ptr<Workspace> workspace) noexcept;

  mutable std::mutex mutex_;
  std::uint64_t clock_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace resnet
