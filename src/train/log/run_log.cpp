#include "train/log/run_log.hpp"

#include "core/atomic_file.hpp"

#include <utility>

namespace resnet::train {
namespace {

constexpr const char* kLogName = "log.jsonl";
constexpr const char* kReportName = "report.html";

// TensorBoard drops what older files say of the steps that come now.
std::int64_t first_step(const std::optional<RunPosition>& resumed) {
  return resumed ? resumed->step + 1 : 0;
}

}  // namespace

RunLog::RunLog(const std::filesystem::path& directory, ReportContext context,
               std::optional<RunPosition> resumed)
    : directory_(directory),
      context_(std::move(context)),
      log_(directory / kLogName),
      events_(directory, first_step(resumed)) {
  if (resumed) {
    log_.resume(resumed->epoch, resumed->step);
  } else {
    log_.start(context_.config);
  }
  history_ = read_history(directory / kLogName);
  write_report();
}

void RunLog::write(const StepRecord& step) {
  log_.write(step);
  events_.add_scalar("train/loss", step.step, step.loss);
  events_.add_scalar("train/learning_rate", step.step, step.learning_rate);
  events_.add_scalar("train/images_per_s", step.step, step.images_per_second);
  history_.steps.push_back(step);
}

void RunLog::write(const EpochRecord& epoch) {
  log_.write(epoch);
  for (const auto& [name, value] : epoch.validation) {
    events_.add_scalar("validation/" + name, epoch.step, value);
  }
  history_.epochs.push_back(epoch);
  write_report();
}

void RunLog::write(const SkippedRecord& skipped) {
  log_.write(skipped);
  history_.skipped.push_back(skipped);
}

void RunLog::end(const std::string& how) {
  log_.end(how);
  history_.end = how;
  write_report();
}

void RunLog::write_report() const {
  write_file_atomically(directory_ / kReportName, html_report(history_, context_));
}

}  // namespace resnet::train
