#include "train/run_output.hpp"

#include "core/atomic_file.hpp"
#include "output/thumbnail.hpp"

#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/image.hpp>
#include <resnet/predictions.hpp>

namespace resnet::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEpochPrefix = "checkpoint_epoch_";
constexpr const char* kInterrupted = "checkpoint_interrupted";

ReportContext report_context(const Config& config, const TrainingSet& set,
                             std::vector<std::pair<std::string, std::string>> facts) {
  return {.title = fmt::format("{} on {}", run_name(config), config.data.train),
          .facts = std::move(facts),
          .config = to_pairs(config),
          .score = set.targets == eval::Targets::multi_label ? "mAP" : "top1",
          .epochs = config.train.epochs};
}

std::optional<RunPosition> run_position(const std::optional<Position>& position) {
  if (!position) return std::nullopt;
  return RunPosition{.epoch = position->epoch, .step = position->step};
}

// Width and height of the pictures that TensorBoard shows: thumbnails of squares.
constexpr int kThumbnail = 256;

}  // namespace

RunOutput::RunOutput(const Config& config, const TrainingSet& validation,
                     std::vector<std::pair<std::string, std::string>> facts,
                     const std::optional<Position>& resumed)
    : config_(config),
      validation_(validation),
      checkpoints_(fs::path(config.output.directory) / "checkpoints" / run_name(config)),
      config_yaml_(to_yaml(config, false)),
      log_(fs::path(config.output.directory) / "logs" / run_name(config),
           report_context(config, validation, std::move(facts)), run_position(resumed)) {
  make_directories(checkpoints_);
  write_file_atomically(checkpoints_ / "config.yaml", to_yaml(config, true));
}

std::optional<Model> RunOutput::model_of(const TrainableNetwork& network, const Head& head) const {
  if (!network.exportable()) return std::nullopt;
  return network.export_model(
      {.preprocess = preprocess_of(config_.preprocess), .head = head, .labels = validation_.labels});
}

void RunOutput::write_best(const Model& model) const {
  save_model(model, checkpoints_ / "best_model.safetensors", ModelFormat::safetensors);
  if (model.precision == Precision::fp32)
    save_model(model, checkpoints_ / "best_model.pth", ModelFormat::pth);
}

void RunOutput::write_epoch(const TrainingState& state, const std::optional<Model>& model) const {
  const int epoch = state.position.epoch, keep = config_.output.keep_checkpoints;
  write_checkpoint(checkpoints_ / fmt::format("{}{}", kEpochPrefix, epoch), state, model, config_yaml_);
  if (keep > 0) fs::remove_all(checkpoints_ / fmt::format("{}{}", kEpochPrefix, epoch - keep));
  // A run that has gone on past it does not need it.
  fs::remove_all(checkpoints_ / kInterrupted);
}

fs::path RunOutput::write_interrupted(const TrainingState& state, const std::optional<Model>& model) const {
  write_checkpoint(checkpoints_ / kInterrupted, state, model, config_yaml_);
  return checkpoints_ / kInterrupted;
}

void RunOutput::write_details(TrainableNetwork& network, const Validation& validation,
                              const Position& position) {
  const int every = config_.output.histograms_every;
  if (every == 0 || position.epoch % every != 0) return;
  for (const TrainedParameter& parameter : network.trained_parameters()) {
    if (!parameter.decayed) continue;  // BatchNorm and biases would be twice as many curves again
    const torch::Tensor values = parameter.value.detach().cpu().contiguous();
    const std::span all(values.data_ptr<float>(), static_cast<std::size_t>(values.numel()));
    log_.events().add_histogram("weights/" + parameter.name, position.step, make_histogram(all));
  }
  write_pictures(validation, position.step);
}

void RunOutput::write_pictures(const Validation& validation, std::int64_t step) {
  const auto classes = static_cast<std::size_t>(validation_.classes());
  const std::size_t count = std::min(validation_.size(), static_cast<std::size_t>(config_.output.images));
  for (std::size_t i = 0; i < count; ++i) {
    const TrainingSample& sample = validation_.samples[i];
    const std::span scores = std::span(validation.scores).subspan(i * classes, classes);
    std::vector<std::string> found, wanted;
    for (const Prediction& p : top_k(scores, 5)) {
      if (p.score < 0.1f) break;
      found.push_back(
          fmt::format("{} {:.2f}", validation_.labels[static_cast<std::size_t>(p.index)], p.score));
    }
    for (const int label : sample.labels)
      wanted.push_back(validation_.labels[static_cast<std::size_t>(label)]);
    const std::string text =
        fmt::format("**{}**: {}. Labels: {}", sample.name, fmt::join(found, ", "), fmt::join(wanted, ", "));
    const std::string tag = fmt::format("validation/picture {}", i);
    try {
      const Image picture = resize_and_crop(load_image(sample.path), preprocess_of(config_.preprocess));
      const std::string jpeg = make_thumbnail(picture, kThumbnail);
      const int side = std::min(kThumbnail, picture.width);
      log_.events().add_image(tag, step, {.file = jpeg, .width = side, .height = side}, text);
    } catch (const Error&) {
      continue;  // a picture that cannot be read is named at the end of the run
    }
    log_.events().add_text(tag, step, text);
  }
}

}  // namespace resnet::train
