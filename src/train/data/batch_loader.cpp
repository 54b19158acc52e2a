#include "train/data/batch_loader.hpp"

#include "core/counted.hpp"
#include "core/thread_count.hpp"
#include "train/data/buffer_pool.hpp"
#include "train/data/epoch_plan.hpp"
#include "train/data/sample_reader.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

void check(const LoaderOptions& o) {
  const auto require = [](bool holds, const char* what, int value) {
    if (!holds)
      throw Error(ErrorCode::invalid_argument, fmt::format("batch loader: {}, not {}", what, value));
  };
  require(o.batch >= 1, "batch must be at least 1", o.batch);
  require(o.workers >= 0, "workers must be at least 0", o.workers);
  require(o.prefetch >= 1, "prefetch must be at least 1", o.prefetch);
  require(o.world_size >= 1, "world_size must be at least 1", o.world_size);
  require(o.rank >= 0 && o.rank < o.world_size, "rank must be below world_size", o.rank);
}

EpochPlan make_plan(const TrainingSet& set, const LoaderOptions& options) {
  using Remainder = EpochPlan::Remainder;
  check(options);
  const EpochPlan plan{.samples = static_cast<std::int64_t>(set.size()),
                       .batch = options.batch,
                       .rank = options.rank,
                       .world_size = options.world_size,
                       .remainder = options.preprocess  ? Remainder::keep_all
                                    : options.drop_last ? Remainder::drop
                                                        : Remainder::share};
  if (!options.preprocess && plan.batches() == 0) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{} for batches of {} in {}: make the batch smaller", counted(set.size(), "picture"),
                    options.batch, counted(options.world_size, "process", "processes")));
  }
  return plan;
}

// A batch that workers are at. What the slots point to is theirs, a slot each; the rest is guarded by the
// mutex.
struct OpenBatch {
  Batch batch;
  std::vector<char> is_read;  // [count]; chars, because bits of one byte cannot be written by several threads
  EpochPlan::Part part;
  int next_slot = 0;   // the first that no worker has taken
  int unfinished = 0;  // slots
};

}  // namespace

class BatchLoader::Workers {
 public:
  Workers(const TrainingSet& set, const LoaderOptions& options)
      : set_(set),
        options_(options),
        plan_(make_plan(set, options_)),
        reader_(set, options_),
        buffers_(
            BufferPool::make(static_cast<std::size_t>(options_.batch) * sample_bytes(), options_.allocate)) {
    const int count = options_.workers > 0 ? options_.workers : resolve_thread_count(0);
    try {
      for (int i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      stop();
      throw Error(ErrorCode::out_of_memory,
                  fmt::format("cannot start {} to read pictures ({}): use fewer workers",
                              counted(count, "thread"), error.what()));
    }
  }
  ~Workers() { stop(); }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  std::int64_t batches() const noexcept { return plan_.batches(); }
  std::vector<Skipped> skipped() const { return reader_.skipped(); }
  void start(int epoch, std::int64_t first_batch);
  std::optional<Batch> next();

 private:
  // The order of one epoch; workers that are still at a sample of the one before keep theirs.
  struct Epoch {
    int number;
    std::vector<std::int64_t> order;
  };
  struct Task {
    std::shared_ptr<const Epoch> epoch;
    std::shared_ptr<OpenBatch> batch;
    int slot;
  };

  std::size_t sample_bytes() const {
    const auto size = static_cast<std::size_t>(reader_.size());
    return size * size * 3;
  }
  void stop() noexcept;
  void work();
  std::optional<Task> take_task();
  std::shared_ptr<OpenBatch> open_batch();
  void fill(const Task& task);
  void finish(const Task& task, std::exception_ptr failure);
  std::optional<Batch> close_batch(OpenBatch& open) const;

  const TrainingSet& set_;
  const LoaderOptions options_;
  const EpochPlan plan_;
  SampleReader reader_;
  const std::shared_ptr<BufferPool> buffers_;

  std::mutex mutex_;
  std::condition_variable work_;   // there may be something for workers
  std::condition_variable ready_;  // the oldest batch may be complete
  bool stop_ = false;
  std::shared_ptr<const Epoch> epoch_;
  std::deque<std::shared_ptr<OpenBatch>> open_;  // in order, at most options_.prefetch
  std::int64_t next_batch_ = 0;                  // to open
  std::exception_ptr failure_;                   // of this epoch
  std::vector<std::thread> threads_;
};

void BatchLoader::Workers::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void BatchLoader::Workers::start(int epoch, std::int64_t first_batch) {
  if (first_batch < 0 || first_batch > plan_.batches()) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("an epoch has {} batches; it cannot begin with number {}", plan_.batches(), first_batch));
  }
  auto begun = std::make_shared<Epoch>();
  begun->number = epoch;
  if (!options_.preprocess) begun->order = shuffled(plan_.samples, options_.seed, epoch);
  const std::lock_guard lock(mutex_);
  epoch_ = std::move(begun);
  open_.clear();
  next_batch_ = first_batch;
  failure_ = nullptr;
  work_.notify_all();
}

std::optional<Batch> BatchLoader::Workers::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (failure_) std::rethrow_exception(failure_);
    if (!epoch_ || (open_.empty() && next_batch_ == plan_.batches())) return std::nullopt;
    if (open_.empty() || open_.front()->unfinished > 0) {
      ready_.wait(lock);
      continue;
    }
    const std::shared_ptr<OpenBatch> done = std::move(open_.front());
    open_.pop_front();
    work_.notify_all();
    if (std::optional<Batch> batch = close_batch(*done)) return batch;
  }
}

// Closes the gaps of what could not be read; nothing where nothing is left.
std::optional<Batch> BatchLoader::Workers::close_batch(OpenBatch& open) const {
  Batch& batch = open.batch;
  const std::size_t classes = set_.labels.size();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < open.is_read.size(); ++i) {
    if (!open.is_read[i]) continue;
    if (kept != i) {
      std::copy_n(batch.pixels.get() + i * sample_bytes(), sample_bytes(),
                  batch.pixels.get() + kept * sample_bytes());
      std::copy_n(batch.targets.data() + i * classes, classes, batch.targets.data() + kept * classes);
      batch.samples[kept] = batch.samples[i];
    }
    ++kept;
  }
  if (kept == 0) return std::nullopt;
  batch.count = static_cast<int>(kept);
  batch.targets.resize(kept * classes);
  batch.samples.resize(kept);
  return std::move(batch);
}

void BatchLoader::Workers::work() {
  while (const std::optional<Task> task = take_task()) {
    std::exception_ptr failure;
    try {
      fill(*task);
    } catch (...) {
      failure = std::current_exception();
    }
    finish(*task, std::move(failure));  // so that the exception is only ever let go of under the mutex
  }
}

// Waits for the next slot to fill; empty when the loader ends.
std::optional<BatchLoader::Workers::Task> BatchLoader::Workers::take_task() {
  std::unique_lock lock(mutex_);
  for (; !stop_; work_.wait(lock)) {
    if (!epoch_ || failure_) continue;
    try {
      for (const std::shared_ptr<OpenBatch>& open : open_) {
        if (open->next_slot < open->part.count) return Task{epoch_, open, open->next_slot++};
      }
      if (next_batch_ < plan_.batches() && open_.size() < static_cast<std::size_t>(options_.prefetch)) {
        open_.push_back(open_batch());
        ++next_batch_;
        work_.notify_all();
        return Task{epoch_, open_.back(), open_.back()->next_slot++};
      }
    } catch (...) {  // no memory for another batch
      failure_ = std::current_exception();
      ready_.notify_all();
    }
  }
  return std::nullopt;
}

std::shared_ptr<OpenBatch> BatchLoader::Workers::open_batch() {
  auto open = std::make_shared<OpenBatch>();
  open->part = plan_.part(next_batch_);
  const auto count = static_cast<std::size_t>(open->part.count);
  open->unfinished = open->part.count;
  open->is_read.assign(count, 0);
  open->batch.count = open->part.count;
  open->batch.size = reader_.size();
  open->batch.pixels = buffers_->take();
  open->batch.targets.resize(count * set_.labels.size());
  open->batch.samples.resize(count);
  return open;
}

void BatchLoader::Workers::fill(const Task& task) {
  const auto slot = static_cast<std::size_t>(task.slot);
  const std::size_t classes = set_.labels.size();
  Batch& batch = task.batch->batch;
  const SampleReader::Slot place{.pixels = batch.pixels.get() + slot * sample_bytes(),
                                 .targets = std::span(batch.targets).subspan(slot * classes, classes),
                                 .sample = batch.samples[slot]};
  const std::int64_t position = task.batch->part.first + task.slot;
  if (options_.preprocess) {
    task.batch->is_read[slot] = reader_.read_exactly(position, place) ? 1 : 0;
  } else {
    reader_.read_augmented(task.epoch->order, position, task.epoch->number, place);
    task.batch->is_read[slot] = 1;
  }
}

void BatchLoader::Workers::finish(const Task& task, std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (task.epoch != epoch_) return;  // nobody waits for it any more
  if (failure && !failure_) failure_ = std::move(failure);
  if (--task.batch->unfinished == 0 || failure_) ready_.notify_all();
}

BatchLoader::BatchLoader(const TrainingSet& set, const LoaderOptions& options)
    : workers_(std::make_unique<Workers>(set, options)) {}
BatchLoader::~BatchLoader() = default;

std::int64_t BatchLoader::batches() const noexcept {
  return workers_->batches();
}
void BatchLoader::start(int epoch, std::int64_t first_batch) {
  workers_->start(epoch, first_batch);
}
std::optional<Batch> BatchLoader::next() {
  return workers_->next();
}
std::vector<BatchLoader::Skipped> BatchLoader::skipped() const {
  return workers_->skipped();
}

}  // namespace resnet::train
