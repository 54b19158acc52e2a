#include "pipeline/photo_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace resnet {
namespace {

using Clock = std::chrono::steady_clock;

// Names are read this far ahead of the workers, which hides a slow directory or network share.
constexpr std::size_t kNamesAhead = 256;
// A flag set by a signal handler wakes nobody, so waits look at it this often.
constexpr auto kCancelPoll = std::chrono::milliseconds(50);
// More photos in one batch than this gain nothing on a CPU and delay the first result.
constexpr int kBatchTogether = 4;
constexpr int kTensorsTogether = 64;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Job {
  PhotoResult result;
  std::vector<float> tensor;         // 3 x H x W; or
  std::vector<std::uint8_t> pixels;  // H x W x 3, where there are runners
  Size size;                         // H x W
};
using JobPtr = std::unique_ptr<Job>;

// What a runner keeps from batch to batch: memory of this size is expensive to take.
struct BatchMemory {
  std::vector<std::uint8_t> rgb;
  std::vector<float> output;
};

// The error that the exception being handled amounts to for one photo. It names the photo.
Error current_error(const std::filesystem::path& path, const char* action) {
  try {
    throw;
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.find(path.string()) != std::string::npos) return error;
    return {error.code(), path.string() + ": " + message, error.file(), error.line()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::out_of_memory,
            path.string() + ": not enough memory to " + action +
                " it; use fewer threads, or refuse large pictures with --max-pixels"};
  } catch (const std::exception& error) {
    return {ErrorCode::internal, path.string() + ": cannot " + action + " it: " + error.what()};
  }
}

class Pipeline {
 public:
  Pipeline(const PhotoSource& source, const InferFunction& infer, const PhotoPipelineOptions& options)
      : source_(source), infer_(infer), options_(options) {
    if (options.workers < 1 || options.max_batch < 1 || options.concurrent_runs < 0 || options.runners < 0 ||
        options.max_undelivered < 0) {
      throw Error(ErrorCode::invalid_argument,
                  "a photo pipeline needs at least one worker and a batch of one");
    }
    const int runs = options.concurrent_runs == 0 ? options.workers : options.concurrent_runs;
    max_runs_ = std::min(runs, options.workers);
    // Everyone who runs can hold a running batch, and another one can fill meanwhile.
    const int enough = 2 * (has_runners() ? options.runners : options.workers) * options.max_batch +
                       (has_runners() ? options.workers : 0);
    max_undelivered_ =
        static_cast<std::size_t>(options.max_undelivered > 0 ? options.max_undelivered : enough);
    active_threads_ = options.workers + options.runners;
  }

  PhotoPipelineStats run(const DeliverFunction& deliver);

 private:
  // Everything below is guarded by mutex_ where it changes, except inside decode() and infer_batch(),
  // which work on jobs that one worker owns.
  bool cancelled() const {
    return options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed);
  }
  bool halting() const { return failure_ != nullptr || cancelled(); }
  bool may_decode() const { return !names_.empty() && begun_ - delivered_ < max_undelivered_ && !halting(); }
  bool has_runners() const { return options_.runners > 0; }
  bool may_run() const { return !has_runners() && !prepared_.empty() && running_ < max_runs_; }
  bool batch_full() const { return prepared_.size() >= static_cast<std::size_t>(options_.max_batch); }
  // For runners: a batch that is full, or that nobody is about to add to.
  bool batch_ready() const {
    return !prepared_.empty() && (batch_full() || (pictures_ == 0 && !may_decode()));
  }
  // No photo will be decoded any more.
  bool drained() const { return halting() || (listed_ && names_.empty()); }

  void list();
  // `loop` as the life of a thread of run().
  void live(void (Pipeline::*loop)());
  void work_loop();
  void run_loop();
  void decode(Job& job);
  // From an Image or an ImageWindow what the network takes.
  template <class Picture>
  void prepare(Job& job, const Picture& picture);
  std::vector<JobPtr> take_batch();
  void infer_batch(std::vector<JobPtr>& batch);
  void infer_pixels(std::vector<JobPtr>& batch, BatchMemory& memory);
  void answer(std::vector<JobPtr>& batch, const std::vector<float>& output, Clock::time_point start);
  void fail(std::vector<JobPtr>& batch);
  void finish(JobPtr job) {
    const std::size_t index = job->result.index;
    done_.emplace(index, std::move(job));
    deliver_.notify_one();
  }
  void wake_all() {
    work_.notify_all();
    ready_.notify_all();
    names_low_.notify_all();
  }
  void wait(std::condition_variable& condition, std::unique_lock<std::mutex>& lock) {
    if (options_.cancel != nullptr) {
      condition.wait_for(lock, kCancelPoll);
    } else {
      condition.wait(lock);
    }
  }

  const PhotoSource& source_;
  const InferFunction& infer_;
  const PhotoPipelineOptions& options_;
  int max_runs_ = 1;
  std::size_t max_undelivered_ = 1;

  std::mutex mutex_;
  std::condition_variable work_;     // something for workers may have come up
  std::condition_variable ready_;    // something for runners may have come up
  std::condition_variable deliver_;  // something is done, or the last thread has gone
  std::condition_variable names_low_;
  std::deque<PhotoItem> names_;
  bool listed_ = false;        // nothing more will come into names_
  bool source_ended_ = false;  // because there is nothing more, rather than because of a stop
  std::deque<JobPtr> prepared_;
  std::map<std::size_t, JobPtr> done_;  // by index; at most max_undelivered_
  std::size_t begun_ = 0;
  std::size_t delivered_ = 0;
  int running_ = 0;
  int pictures_ = 0;
  int active_threads_ = 0;  // workers and runners
  std::exception_ptr failure_;
  PhotoPipelineStats stats_;
};

void Pipeline::list() {
  std::unique_lock lock(mutex_);
  while (!halting()) {
    if (names_.size() >= kNamesAhead) {
      wait(names_low_, lock);
      continue;
    }
    lock.unlock();
    std::optional<PhotoItem> item;
    std::exception_ptr failure;
    try {
      item = source_();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure && !failure_) failure_ = failure;
    if (!item) {
      source_ended_ = !halting();
      break;
    }
    names_.push_back(std::move(*item));
    work_.notify_one();
  }
  listed_ = true;
  work_.notify_all();
  ready_.notify_all();
}

void Pipeline::live(void (Pipeline::*loop)()) {
  std::exception_ptr failure;
  try {
    (this->*loop)();
  } catch (...) {  // no memory for the bookkeeping itself
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  if (failure && !failure_) failure_ = failure;
  --active_threads_;
  deliver_.notify_one();
  wake_all();
}

void Pipeline::work_loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (failure_) prepared_.clear();  // nobody will take the answers
    if (may_run() && (batch_full() || !may_decode())) {
      std::vector<JobPtr> batch = take_batch();
      ++running_;
      ++stats_.batches;
      lock.unlock();
      infer_batch(batch);
      lock.lock();
      --running_;
      for (JobPtr& job : batch) finish(std::move(job));
      work_.notify_all();
    } else if (may_decode()) {
      auto job = std::make_unique<Job>();
      job->result.item = std::move(names_.front());
      names_.pop_front();
      if (names_.size() <= kNamesAhead / 2) names_low_.notify_one();
      job->result.index = begun_++;
      stats_.peak_undelivered = std::max(stats_.peak_undelivered, static_cast<int>(begun_ - delivered_));
      const bool has_picture = !job->result.item.error && job->result.item.need != PhotoNeed::nothing;
      if (has_picture) {
        stats_.peak_pictures = std::max(stats_.peak_pictures, ++pictures_);
        lock.unlock();
        decode(*job);
        lock.lock();
        --pictures_;
      }
      if (!job->result.item.error && job->result.item.need == PhotoNeed::answer) {
        prepared_.push_back(std::move(job));
        if (!has_runners()) work_.notify_one();
      } else {
        finish(std::move(job));
      }
      if (has_runners() && (batch_ready() || drained())) ready_.notify_one();
    } else if (drained() && (prepared_.empty() || has_runners())) {
      break;  // a worker that is still decoding runs its own photo
    } else {
      wait(work_, lock);
    }
  }
}

void Pipeline::run_loop() {
  BatchMemory memory;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (failure_) prepared_.clear();
    if (batch_ready()) {
      std::vector<JobPtr> batch = take_batch();
      ++stats_.batches;
      lock.unlock();
      infer_pixels(batch, memory);
      lock.lock();
      for (JobPtr& job : batch) finish(std::move(job));
    } else if (drained() && prepared_.empty() && pictures_ == 0) {
      ready_.notify_all();  // for the others it is over, too
      break;
    } else {
      wait(ready_, lock);
    }
  }
}

void Pipeline::decode(Job& job) {
  PhotoResult& result = job.result;
  const char* action = "decode";
  try {
    Clock::time_point start = Clock::now();
    const auto take = [&](const auto& picture, Size size) {
      result.decode_ms = ms_since(start);
      result.picture = size;
      if (result.item.need != PhotoNeed::answer) return;
      action = "prepare";
      start = Clock::now();
      prepare(job, picture);
      result.preprocess_ms = ms_since(start);
    };
    // The margins that a centre crop leaves out need no decoding where nobody looks at the picture itself.
    if (!options_.load && !options_.on_picture && result.item.need == PhotoNeed::answer) {
      const ImageWindow window = load_window(result.item.path, options_.preprocess, options_.decode);
      take(window, window.full);
      return;
    }
    const Image image =
        options_.load ? options_.load(result.item.path) : load_image(result.item.path, options_.decode);
    take(image, Size{image.height, image.width});
    if (options_.on_picture) {
      action = "make a thumbnail of";
      result.attachment = options_.on_picture(image);
    }
  } catch (...) {
    result.item.error = current_error(result.item.path, action);
    job.tensor = {};
    job.pixels = {};
  }
}

template <class Picture>
void Pipeline::prepare(Job& job, const Picture& picture) {
  if (has_runners()) {
    Image crop = resize_and_crop(picture, options_.preprocess);
    job.size = {crop.height, crop.width};
    job.pixels = std::move(crop.rgb);
    return;
  }
  job.size = preprocessed_size(options_.preprocess, job.result.picture);
  job.tensor.resize(std::size_t{3} * static_cast<std::size_t>(job.size.height) *
                    static_cast<std::size_t>(job.size.width));
  preprocess_image(picture, options_.preprocess, job.tensor.data());
}

// The oldest prepared photo and, up to a full batch, those after it of the same tensor size.
std::vector<JobPtr> Pipeline::take_batch() {
  std::vector<JobPtr> batch;
  const Size size = prepared_.front()->size;
  for (auto it = prepared_.begin();
       it != prepared_.end() && batch.size() < static_cast<std::size_t>(options_.max_batch);) {
    if ((*it)->size == size) {
      batch.push_back(std::move(*it));
      it = prepared_.erase(it);
    } else {
      ++it;
    }
  }
  return batch;
}

void Pipeline::infer_batch(std::vector<JobPtr>& batch) {
  const std::size_t count = batch.size();
  try {
    const Shape shape{static_cast<std::int64_t>(count), 3, batch[0]->size.height, batch[0]->size.width};
    std::vector<float> output(count * options_.outputs);
    const Clock::time_point start = Clock::now();
    if (count == 1) {
      infer_(batch[0]->tensor, shape, output);
    } else {
      std::vector<float> input;
      input.reserve(count * batch[0]->tensor.size());
      for (const JobPtr& job : batch) input.insert(input.end(), job->tensor.begin(), job->tensor.end());
      infer_(input, shape, output);
    }
    answer(batch, output, start);
  } catch (...) {
    fail(batch);
  }
  for (const JobPtr& job : batch) job->tensor = {};  // results may wait for their turn without it
}

void Pipeline::infer_pixels(std::vector<JobPtr>& batch, BatchMemory& memory) {
  try {
    const Preprocess& preprocess = options_.preprocess;
    const bool one_size = preprocess.center_crop || preprocess.resize_mode == ResizeMode::exact;
    const std::size_t places = one_size ? static_cast<std::size_t>(options_.max_batch) : batch.size();
    const std::size_t picture = batch[0]->pixels.size();
    const Shape shape{static_cast<std::int64_t>(places), 3, batch[0]->size.height, batch[0]->size.width};
    memory.rgb.resize(places * picture);
    memory.output.resize(places * options_.outputs);
    const Clock::time_point start = Clock::now();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      std::copy(batch[i]->pixels.begin(), batch[i]->pixels.end(), memory.rgb.data() + i * picture);
      batch[i]->pixels = {};
    }
    options_.infer_pixels(memory.rgb, shape, memory.output);
    answer(batch, memory.output, start);
  } catch (...) {
    fail(batch);
  }
}

// Each photo its row, and its part of the time since `start`.
void Pipeline::answer(std::vector<JobPtr>& batch, const std::vector<float>& output, Clock::time_point start) {
  const double ms = ms_since(start) / static_cast<double>(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const float* row = output.data() + i * options_.outputs;
    batch[i]->result.output.assign(row, row + options_.outputs);
    batch[i]->result.infer_ms = ms;
  }
}

// With the exception that is being handled.
void Pipeline::fail(std::vector<JobPtr>& batch) {
  for (const JobPtr& job : batch) {
    job->result.item.error = current_error(job->result.item.path, "run the network on");
    job->result.output.clear();
  }
}

PhotoPipelineStats Pipeline::run(const DeliverFunction& deliver) {
  std::vector<std::thread> threads;
  try {
    threads.reserve(static_cast<std::size_t>(active_threads_) + 1);
    threads.emplace_back([this] { list(); });
    for (int i = 0; i < options_.workers; ++i) threads.emplace_back([this] { live(&Pipeline::work_loop); });
    for (int i = 0; i < options_.runners; ++i) threads.emplace_back([this] { live(&Pipeline::run_loop); });
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    failure_ = std::make_exception_ptr(
        Error(ErrorCode::out_of_memory, std::string("cannot start the threads that read photos (") +
                                            error.what() + "): use fewer with --threads"));
    active_threads_ -=
        options_.workers + options_.runners - std::max(0, static_cast<int>(threads.size()) - 1);
    wake_all();
  }

  std::unique_lock lock(mutex_);
  while (!failure_) {
    if (done_.empty() || done_.begin()->first != delivered_) {
      if (active_threads_ == 0) break;
      deliver_.wait(lock);
      continue;
    }
    JobPtr job = std::move(done_.begin()->second);
    done_.erase(done_.begin());
    if (job->result.item.error) ++stats_.failed;
    lock.unlock();
    try {
      deliver(std::move(job->result));
      job.reset();
      lock.lock();
      ++stats_.delivered;
    } catch (...) {
      lock.lock();
      if (!failure_) failure_ = std::current_exception();
    }
    ++delivered_;
    work_.notify_one();
    if (failure_) wake_all();
  }
  stats_.cancelled = cancelled() && !(source_ended_ && names_.empty());
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  if (failure_) std::rethrow_exception(failure_);
  return stats_;
}

}  // namespace

PhotoPipelineStats run_photo_pipeline(const PhotoSource& source, const InferFunction& infer,
                                      const DeliverFunction& deliver, const PhotoPipelineOptions& options) {
  return Pipeline(source, infer, options).run(deliver);
}

ThreadShare share_threads(int threads, std::size_t photos) {
  threads = std::max(1, threads);
  const auto team = static_cast<std::size_t>(threads);
  if (threads == 1 || photos >= 2 * team) {
    const int batch = photos <= 1 ? 1 : std::clamp(kTensorsTogether / threads, 1, kBatchTogether);
    return {threads, threads, batch, 1};
  }
  return {static_cast<int>(std::clamp<std::size_t>(photos, 1, team)), 1, 1, threads};
}

}  // namespace resnet
