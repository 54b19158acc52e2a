#include "photo_run.hpp"

#include "command.hpp"
#include "core/counted.hpp"
#include "interrupt.hpp"
#include "open_model.hpp"
#include "pipeline/photo_list.hpp"
#include "pipeline/photo_session.hpp"
#include "progress.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <atomic>
#include <filesystem>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include <resnet/session.hpp>

namespace resnet::cli {
namespace {

std::vector<std::filesystem::path> as_paths(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

// How many photos there will be, where that can be told at once; else many.
std::size_t expected_photos(const PhotoArguments& photos) {
  if (!photos.images_from.empty()) return std::numeric_limits<std::size_t>::max();
  for (const std::string& name : photos.paths) {
    std::error_code ignored;
    if (std::filesystem::is_directory(name, ignored)) return std::numeric_limits<std::size_t>::max();
  }
  return photos.paths.size();
}

// Counts the photos beside the work, so that the progress line knows the time left. Nothing to do where there
// is no progress line.
class Counter {
 public:
  Counter(const PhotoArguments& photos, Progress& progress) {
    if (!status_line_possible()) return;
    thread_ = std::thread([this, &photos, &progress] {
      std::atomic<std::size_t> count{0};
      const PhotoListOptions options{
          .recursive = photos.recursive, .images_from = photos.images_from, .cancel = &stop_};
      try {
        if (count_photos(as_paths(photos.paths), options, count)) {
          progress.set_total(static_cast<std::int64_t>(count.load()));
        }
      } catch (const std::exception&) {
        // The run itself meets the same trouble and reports it.
      }
    });
  }
  ~Counter() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

int sum_up(const PhotoPipelineStats& stats, const PhotoArguments& photos) {
  const auto count = [](std::size_t value) { return grouped(static_cast<std::int64_t>(value)); };
  if (stats.cancelled) {
    report_error("interrupted after " + counted(count(stats.delivered - stats.failed), "photo"));
    return kSomeFailed;
  }
  if (stats.delivered == 0) {
    if (photos.paths.empty()) {
      report_error("no photos are named in " +
                   (photos.images_from == "-" ? "standard input" : printable(photos.images_from)));
      return kSomeFailed;
    }
    const std::string where = photos.paths.size() == 1 ? " in " + printable(photos.paths.front()) : "";
    report_error("no photos found" + where +
                 (photos.recursive ? "" : " (folders inside folders are read with -r)"));
    return kSomeFailed;
  }
  if (stats.failed == 0) return kAllDone;
  if (stats.delivered > 1) {
    report_error(fmt::format("{} of {} photos failed", count(stats.failed), count(stats.delivered)));
  }
  return kSomeFailed;
}

}  // namespace

int run_photos(const PhotoRun& run) {
  require_photos(run.photos);
  const std::atomic<bool>& interrupted = catch_interrupts();
  const PhotoSession session(run.model, session_options(run.compute), expected_photos(run.photos));

  PhotoList list(
      as_paths(run.photos.paths),
      {.recursive = run.photos.recursive, .images_from = run.photos.images_from, .cancel = &interrupted});
  const PhotoSource source = [&]() -> std::optional<PhotoItem> {
    std::optional<PhotoItem> item = list.next();
    if (item && !item->error && run.prepare) run.prepare(*item);
    return item;
  };
  Progress progress(run.verb, "photos");
  const Counter counter(run.photos, progress);
  const DeliverFunction deliver = [&](PhotoResult&& result) {
    if (result.item.error) {
      report_error(printable(result.item.error->what()));
      if (run.on_failure) run.on_failure(result);
    } else {
      run.on_photo(result);
    }
    progress.advance();
  };

  PhotoPipelineOptions options;
  options.decode = run.decode.options();
  options.on_picture = run.on_picture;
  options.cancel = &interrupted;
  return sum_up(session.run(source, deliver, std::move(options)), run.photos);
}

}  // namespace resnet::cli
