#include "eval/evaluate.hpp"

#include "pipeline/photo_session.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <resnet/predictions.hpp>

namespace resnet::eval {
namespace {

// Takes the results of the pipeline, one picture after the other.
class Collector {
 public:
  Collector(const Model& model, const Dataset& dataset, const EvaluateOptions& options,
            Evaluation& evaluation)
      : head_(model.head), dataset_(dataset), options_(options), evaluation_(evaluation) {
    if (dataset.targets == Targets::single_label) evaluation.classification.emplace(dataset.classes);
  }

  void take(const PhotoResult& result) {
    std::optional<Error> error = result.item.error;
    if (!error &&
        std::any_of(result.output.begin(), result.output.end(), [](float v) { return std::isnan(v); })) {
      error = Error(ErrorCode::bad_format,
                    result.item.path.string() + ": the network gives NaN: are the weights damaged?");
    }
    if (error) {
      ++evaluation_.failed;
      report(result.index, {}, &*error);
      return;
    }
    ++evaluation_.images;
    if (evaluation_.classification) {
      evaluation_.classification->add(result.output, dataset_.labels[result.index]);
    } else {
      add_multilabel(result);
    }
    report(result.index, result.output, nullptr);
  }

 private:
  void add_multilabel(const PhotoResult& result) {
    const std::vector<float> scores = probabilities(head_, result.output);
    evaluation_.scores.insert(evaluation_.scores.end(), scores.begin(), scores.end());
    const std::size_t row = evaluation_.targets.size();
    evaluation_.targets.resize(row + scores.size(), 0);
    for (const int c : dataset_.label_sets[result.index])
      evaluation_.targets[row + static_cast<std::size_t>(c)] = 1;
  }

  void report(std::size_t index, std::span<const float> logits, const Error* error) const {
    if (options_.on_picture) options_.on_picture(index, logits, error);
  }

  const Head& head_;
  const Dataset& dataset_;
  const EvaluateOptions& options_;
  Evaluation& evaluation_;
};

}  // namespace

std::vector<float> resolve_thresholds(const Head& head, std::span<const float> wanted) {
  if (!wanted.empty()) return {wanted.begin(), wanted.end()};
  if (!head.thresholds.empty()) return head.thresholds;
  return {0.5f};
}

Evaluation evaluate(const Model& model, const Dataset& dataset, const EvaluateOptions& options) {
  const int classes = model.architecture.classes();
  if (dataset.classes != classes) {
    throw Error(
        ErrorCode::shape_mismatch,
        fmt::format("the data set was read for {} classes, the model has {}", dataset.classes, classes));
  }
  const PhotoSession session(model, options.session, dataset.size());

  Evaluation evaluation;
  evaluation.backend = session.session().backend();
  evaluation.isa = session.session().isa();
  Collector collector(model, dataset, options, evaluation);

  PhotoPipelineOptions pipeline;
  pipeline.decode = options.decode;
  pipeline.cancel = options.cancel;
  std::size_t next = 0;
  const auto source = [&]() -> std::optional<PhotoItem> {
    if (next == dataset.size()) return std::nullopt;
    PhotoItem item;
    item.path = dataset.images[next++];
    return item;
  };
  const auto start = std::chrono::steady_clock::now();
  const PhotoPipelineStats stats = session.run(
      source, [&](PhotoResult&& result) { collector.take(result); }, std::move(pipeline));
  evaluation.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  evaluation.cancelled = stats.cancelled;
  if (dataset.targets == Targets::multi_label && !stats.cancelled) {
    evaluation.multilabel = multilabel_metrics(evaluation.scores, evaluation.targets, classes,
                                               resolve_thresholds(model.head, options.thresholds));
  }
  return evaluation;
}

}  // namespace resnet::eval
