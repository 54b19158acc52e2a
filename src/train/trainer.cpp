#include "train/trainer.hpp"

#include "core/counted.hpp"
#include "train/batch_input.hpp"
#include "train/evaluation.hpp"
#include "train/losses.hpp"
#include "train/network_factory.hpp"
#include "train/run_data.hpp"
#include "train/run_output.hpp"
#include "train/schedule.hpp"
#include "train/teacher.hpp"
#include "train/training_state.hpp"

#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

HeadKind head_of(const TrainingSet& set) {
  return set.targets == eval::Targets::multi_label ? HeadKind::sigmoid : HeadKind::softmax;
}

torch::ScalarType autocast_type(const std::string& precision) {
  return precision == "bf16" ? torch::kBFloat16 : torch::kHalf;
}

class Trainer {
 public:
  Trainer(const Config& config, const std::filesystem::path& resume, const TrainWatch& watch);
  TrainResult run();

 private:
  enum class End { whole, interrupted };
  enum class StepEnd { done, no_batch, abandoned };
  End run_epoch(int epoch);
  // A batch on the device, or on its way there.
  struct Arrival {
    torch::Tensor pixels, targets;
  };
  std::optional<Arrival> fetch();
  StepEnd run_step();
  void record_step(int epoch);
  End finish_epoch(int epoch, double seconds);
  void require_sound_loss(double loss) const;
  bool cancelled() const { return watch_.cancel != nullptr && *watch_.cancel; }
  // Whether to leave what is under way. Several processes do not: all of them must stop at the same place.
  bool abandon() const { return processes_.size() == 1 && cancelled(); }
  bool stop_wanted(bool ask_others) const;
  void report_skipped();
  void calibrate_if_new(const torch::Tensor& images);

  bool first() const { return processes_.first(); }
  void note(const std::string& line) const {
    if (first()) watch_.note(line);
  }
  std::int64_t images_a_step() const {
    return std::int64_t{config_.train.batch} * config_.train.micro_batches * processes_.size();
  }

  const Config& config_;
  const TrainWatch& watch_;
  ProcessPlace place_ = place_from_environment();
  torch::Device device_;
  DataParallel processes_;
  Split data_;
  Loss loss_;
  TrainingState state_;
  Teacher teacher_;
  BatchInput input_;
  Normalisation normalise_;
  std::unique_ptr<BatchLoader> loader_;
  std::optional<Arrival> ahead_;  // the next batch: it travels while the one before is computed with
  Evaluator evaluator_;
  std::unique_ptr<RunOutput> output_;  // of the first process
  Schedule schedule_;
  std::int64_t steps_per_epoch_ = 0;
  bool fresh_;  // not resumed, and no step is done

  // Of the steps since the last record and since the beginning of the epoch. Sums stay on the device: asking
  // for a number waits for all that is queued there.
  torch::Tensor recent_loss_, epoch_loss_;
  std::int64_t recent_steps_ = 0, epoch_steps_ = 0;
  Clock::time_point recent_begin_;
  TrainResult result_;
};

torch::Device device_for(const Config& config, const ProcessPlace& place) {
  if (config.train.threads > 0) torch::set_num_threads(config.train.threads);
  const torch::Device device = choose_device(config.train.device, place.local_rank);
  use_device(device);
  if (config.train.precision != "fp32")
    require_autocast(device.type(), autocast_type(config.train.precision));
  return device;
}

Trainer::Trainer(const Config& config, const std::filesystem::path& resume, const TrainWatch& watch)
    : config_(config),
      watch_(watch),
      device_(device_for(config, place_)),
      processes_(place_, device_),
      data_(read_run_data(config.data)),
      loss_(config.loss, config.distill, head_of(data_.training)),
      state_(make_network(config, data_.training, resume.empty(), [this](const auto& line) { note(line); }),
             config, device_, processes_),
      teacher_(config.distill, data_.training.labels, device_, config.train.channels_last),
      input_(device_, config.train.channels_last),
      normalise_(preprocess_of(config.preprocess), device_),
      evaluator_(data_.validation, config, device_, processes_),
      fresh_(resume.empty()) {
  LoaderOptions options = training_loader(config, processes_.rank(), processes_.size());
  options.allocate = [type = device_.type()](std::size_t bytes) { return allocate_for_copying(type, bytes); };
  loader_ = std::make_unique<BatchLoader>(data_.training, options);
  steps_per_epoch_ = loader_->batches() / config.train.micro_batches;
  if (steps_per_epoch_ == 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} to train on, but a step takes {}: lower train.batch or train.micro_batches",
                            counted(data_.training.size(), "picture"), images_a_step()));
  }
  schedule_ = {.kind = config.train.schedule,
               .steps = steps_per_epoch_ * config.train.epochs,
               .final_scale = config.train.final_lr_scale};
  const double warmup = config.train.warmup_epochs >= 0        ? config.train.warmup_epochs
                        : config.train.schedule == "one_cycle" ? 0.3 * config.train.epochs
                                                               : 0;
  schedule_.warmup = std::llround(warmup * static_cast<double>(steps_per_epoch_));
  if (config.train.sync_batchnorm && processes_.size() > 1) {
    state_.statistics.synchronise([this](torch::Tensor& tensor) { processes_.sum(tensor); });
  }
  if (!resume.empty()) read_checkpoint(resume, state_);

  if (!first()) return;
  const std::vector<std::pair<std::string, std::string>> facts{
      {"device", fmt::format("{} ({}), {}", device_.str(), torch_version_text(),
                             counted(processes_.size(), "process", "processes"))},
      {"pictures",
       fmt::format("{} to train on, {} to validate with, {}", data_.training.size(), data_.validation.size(),
                   counted(data_.training.classes(), "class", "classes"))}};
  for (const auto& [name, value] : facts) note(fmt::format("{}: {}", name, value));
  if (!resume.empty()) {
    note(fmt::format("going on after epoch {}, step {}", state_.position.epoch, state_.position.step));
    const auto theirs = to_pairs(read_config(resume / "config.yaml")), ours = to_pairs(config);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (ours[i].second != theirs[i].second) {
        note(fmt::format("{} is {}; the checkpoint's run had {}", ours[i].first, ours[i].second,
                         theirs[i].second));
      }
    }
  }
  output_ = std::make_unique<RunOutput>(config, data_.validation, facts,
                                        resume.empty() ? std::nullopt : std::optional(state_.position));
}

TrainResult Trainer::run() {
  try {
    while (state_.position.epoch < config_.train.epochs) {
      const auto begin = Clock::now();
      const int epoch = state_.position.epoch + 1;
      if (run_epoch(epoch) == End::interrupted ||
          finish_epoch(epoch, seconds_since(begin)) == End::interrupted) {
        result_.interrupted = true;
        break;
      }
    }
  } catch (const Error& e) {
    if (output_) output_->log().end(fmt::format("stopped: {}", e.what()));
    throw;
  }
  report_skipped();
  if (output_) {
    if (result_.interrupted) {
      // What is exported has not been validated, so its thresholds are not known.
      const std::optional<Model> model =
          output_->model_of(state_.network(), Head{.kind = head_of(data_.training), .thresholds = {}});
      result_.checkpoint = output_->write_interrupted(state_, model);
    }
    output_->log().end(result_.interrupted ? "interrupted" : "done");
    if (state_.position.best_epoch > 0 && state_.network().exportable())
      result_.best_model = output_->checkpoints() / "best_model.safetensors";
  }
  result_.best_epoch = state_.position.best_epoch;
  result_.best_score = state_.position.best_score;
  return result_;
}

Trainer::End Trainer::run_epoch(int epoch) {
  const int freeze = config_.train.freeze_batchnorm_epoch;
  state_.statistics.freeze(freeze >= 0 && epoch >= freeze);
  recent_loss_ = torch::zeros({}, torch::TensorOptions(torch::kFloat).device(device_));
  epoch_loss_ = torch::full_like(recent_loss_, state_.position.epoch_loss);
  recent_steps_ = epoch_steps_ = 0;
  recent_begin_ = Clock::now();

  Position& position = state_.position;
  loader_->start(epoch, position.batch);
  ahead_.reset();
  std::int64_t done = position.batch / config_.train.micro_batches;
  if (first()) {
    watch_.stage(fmt::format("epoch {}/{}", epoch, config_.train.epochs),
                 (steps_per_epoch_ - done) * images_a_step());
  }
  End end = End::whole;
  while (done < steps_per_epoch_) {
    const StepEnd step = run_step();
    if (step == StepEnd::abandoned) end = End::interrupted;
    if (step != StepEnd::done) break;
    ++done;
    if (first()) watch_.advance(images_a_step());
    const bool record = recent_steps_ == config_.output.log_every || done == steps_per_epoch_;
    if (record) record_step(epoch);
    if (stop_wanted(record) && done < steps_per_epoch_) {
      end = End::interrupted;
      break;
    }
  }
  processes_.mean(epoch_loss_);
  position.epoch_loss = epoch_loss_.item<double>();
  if (first()) watch_.stage("", 0);
  return end;
}

// A step that is abandoned has changed nothing that a checkpoint holds: the position, the weights and the
// statistics move at the end. What comes before the first step of all (calibrate_if_new) is part of a
// checkpoint and not done again, so a step is not left before that.
Trainer::StepEnd Trainer::run_step() {
  const int parts = config_.train.micro_batches;
  state_.parameters.forget_gradients();
  state_.statistics.begin_step();
  const bool autocast = config_.train.precision != "fp32";
  torch::Tensor step_loss;
  for (int part = 0; part < parts; ++part) {
    const std::optional<Arrival> batch = ahead_ ? std::exchange(ahead_, {}) : fetch();
    if (!batch) return StepEnd::no_batch;  // pictures that could not be read may leave an epoch short
    const torch::Tensor& pixels = batch->pixels;
    const torch::Tensor images = normalise_(pixels);
    calibrate_if_new(images);
    torch::Tensor logits, positions, teacher, teachers_positions;
    {
      const Autocast guard(device_.type(), autocast_type(config_.train.precision), autocast);
      if (teacher_.enabled() && config_.distill.positions > 0) {
        positions = state_.network().forward_positions(images);
        teachers_positions = teacher_.positions(pixels);
        logits = positions.mean(1);
        teacher = teachers_positions.mean(1);
      } else {
        logits = state_.network().forward(images);
        if (teacher_.enabled()) teacher = teacher_.logits(pixels);
      }
    }
    torch::Tensor loss = loss_(logits, batch->targets, teacher);
    if (positions.defined()) loss = loss + loss_.at_positions(positions, teachers_positions);
    if (parts > 1) loss = loss / parts;
    if (abandon()) return StepEnd::abandoned;
    state_.scaler.scale(loss).backward();
    if (abandon()) return StepEnd::abandoned;
    step_loss = step_loss.defined() ? step_loss + loss.detach() : loss.detach();
  }
  state_.parameters.gather_gradients();
  processes_.mean_in_buckets(state_.parameters.gradient());

  Position& position = state_.position;
  state_.optimizer.set_learning_rate(config_.train.lr * schedule_factor(schedule_, position.step));
  if (state_.scaler.unscale(state_.parameters.gradient())) {
    state_.optimizer.step();
    state_.statistics.end_step(processes_.size(), [this](torch::Tensor& tensor) { processes_.sum(tensor); });
    state_.average.update(position.step);
  }
  ++position.step;
  position.batch += parts;
  recent_loss_ += step_loss;
  epoch_loss_ += step_loss;
  ++recent_steps_;
  ++epoch_steps_;
  ahead_ = fetch();
  return StepEnd::done;
}

std::optional<Trainer::Arrival> Trainer::fetch() {
  const std::optional<Batch> batch = loader_->next();
  if (!batch) return std::nullopt;
  return Arrival{.pixels = input_.pixels(*batch), .targets = input_.targets(*batch)};
}

void Trainer::calibrate_if_new(const torch::Tensor& images) {
  if (!fresh_) return;
  fresh_ = false;
  if (config_.model.adapt_batchnorm) {
    const torch::NoGradGuard no_grad;
    state_.network().module().eval();
    state_.statistics.adopt(true);
    state_.network().forward(images);
    state_.statistics.adopt(false);
    state_.network().module().train();
    processes_.broadcast(state_.statistics.values());
  }
  state_.network().calibrate(images);
  state_.restart_average();
  processes_.broadcast(state_.parameters.values());
}

void Trainer::record_step(int epoch) {
  torch::Tensor mean = recent_loss_ / recent_steps_;
  processes_.mean(mean);
  Position& position = state_.position;
  const StepRecord record{.step = position.step,
                          .epoch = epoch,
                          .loss = mean.item<double>(),
                          .learning_rate = config_.train.lr * schedule_factor(schedule_, position.step - 1),
                          .images_per_second = static_cast<double>(recent_steps_ * images_a_step()) /
                                               seconds_since(recent_begin_)};
  if (output_) output_->log().write(record);
  require_sound_loss(record.loss);
  if (position.first_loss == 0) position.first_loss = record.loss;
  recent_loss_.zero_();
  recent_steps_ = 0;
  recent_begin_ = Clock::now();
}

void Trainer::require_sound_loss(double loss) const {
  // A loss begins at what guessing costs. Ten times that is no noise.
  constexpr double kDiverged = 10;
  const bool finite = std::isfinite(loss);
  if (finite && (state_.position.first_loss == 0 || loss <= kDiverged * state_.position.first_loss)) return;
  const std::string what =
      finite ? fmt::format("the loss grew from {:.4g} to {:.4g}", state_.position.first_loss, loss)
             : "the loss is not a number";
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("{} at step {}: try a lower train.lr ({:g} now), train.clip_gradient=1, a longer "
                  "train.warmup_epochs{}; the last checkpoint is of epoch {}",
                  what, state_.position.step, config_.train.lr,
                  config_.train.precision == "fp16" ? ", train.precision=bf16" : "", state_.position.epoch));
}

bool Trainer::stop_wanted(bool ask_others) const {
  const bool mine = cancelled();
  if (processes_.size() == 1) return mine;
  if (!ask_others)
    return false;  // all must stop at the same step, and asking at every one would slow them down
  torch::Tensor wanted = torch::full({1}, mine ? 1 : 0, torch::TensorOptions(torch::kFloat).device(device_));
  processes_.sum(wanted);
  return wanted.item<float>() > 0;
}

Trainer::End Trainer::finish_epoch(int epoch, double seconds) {
  Position& position = state_.position;
  const auto steps = static_cast<double>(position.batch) / config_.train.micro_batches;
  const double loss = position.epoch_loss / std::max(steps, 1.0);
  const double images_per_second = static_cast<double>(epoch_steps_ * images_a_step()) / seconds;

  const auto begin = Clock::now();
  if (first()) watch_.stage("validating", static_cast<std::int64_t>(data_.validation.size()));
  state_.average.swap();
  const std::optional<Validation> validated =
      evaluator_.run(state_.network(), loss_, [this] { return abandon(); });
  if (first()) watch_.stage("", 0);
  if (!validated) {
    state_.average.swap();
    return End::interrupted;
  }
  const Validation& validation = *validated;
  position.epoch = epoch;
  position.batch = 0;
  position.epoch_loss = 0;

  EpochRecord record{.epoch = epoch,
                     .step = position.step,
                     .seconds = seconds + seconds_since(begin),
                     .images_per_second = images_per_second,
                     .loss = loss,
                     .validation = validation.figures()};
  record.best = position.best_epoch == 0 || validation.score() > position.best_score;
  if (record.best) {
    position.best_epoch = epoch;
    position.best_score = validation.score();
  }
  if (output_) {
    const std::optional<Model> model = output_->model_of(state_.network(), validation.head);
    if (record.best && model) output_->write_best(*model);
    if (validation.multilabel) {
      for (std::size_t c = 0; c < validation.multilabel->per_class.size(); ++c) {
        const eval::ClassMetrics& own = validation.multilabel->per_class[c];
        record.classes.push_back({data_.validation.labels[c], own.positives, own.ap});
      }
    }
    output_->log().write(record);
    output_->write_details(state_.network(), validation, position);
    state_.average.swap();
    output_->write_epoch(state_, model);
  } else {
    state_.average.swap();
  }
  note(fmt::format("epoch {}/{}: loss {:.4f}, {} {:.2f} %{}, {:.0f} images/s, {:.0f} s", epoch,
                   config_.train.epochs, record.loss, validation.multilabel ? "mAP" : "top-1",
                   100 * validation.score(), record.best ? " (best)" : "", images_per_second,
                   record.seconds));
  return End::whole;
}

void Trainer::report_skipped() {
  const auto report = [&](const std::vector<BatchLoader::Skipped>& skipped, const TrainingSet& set) {
    result_.skipped += static_cast<std::int64_t>(skipped.size());
    for (const BatchLoader::Skipped& s : skipped) {
      note("left out: " + s.reason);
      const std::filesystem::path& path = set.samples[static_cast<std::size_t>(s.sample)].path;
      if (output_) output_->log().write(SkippedRecord{.path = path.string(), .reason = s.reason});
    }
  };
  report(loader_->skipped(), data_.training);
  report(evaluator_.skipped(), evaluator_.part());
}

}  // namespace

TrainResult train(const Config& config, const std::filesystem::path& resume, const TrainWatch& watch) {
  return Trainer(config, resume, watch).run();
}

}  // namespace resnet::train
