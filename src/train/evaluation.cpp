#include "train/evaluation.hpp"

#include "eval/thresholds.hpp"
#include "train/run_data.hpp"

#include <algorithm>

#include <resnet/predictions.hpp>

namespace resnet::train {
namespace {

// Every size-th sample, from the rank-th on.
TrainingSet share_of(const TrainingSet& set, const DataParallel& processes) {
  TrainingSet part{.targets = set.targets, .labels = set.labels, .samples = {}};
  for (auto i = static_cast<std::size_t>(processes.rank()); i < set.size();
       i += static_cast<std::size_t>(processes.size())) {
    part.samples.push_back(set.samples[i]);
  }
  return part;
}

// What output.thresholds asks for.
std::vector<float> choose_thresholds(const eval::MultilabelMetrics& metrics, std::span<const float> scores,
                                     const std::string& thresholds) {
  if (thresholds == "none") return {};
  if (thresholds == "per_class") return eval::choose_class_thresholds(metrics, scores);
  return std::vector<float>(metrics.per_class.size(), eval::choose_threshold(metrics, scores));
}

}  // namespace

double Validation::score() const {
  return multilabel ? multilabel->map : classification->top1();
}

std::vector<std::pair<std::string, double>> Validation::figures() const {
  if (classification)
    return {{"top1", classification->top1()}, {"top5", classification->top5()}, {"loss", loss}};
  return {{"mAP", multilabel->map},
          {"OF1", multilabel->overall.f1()},
          {"CF1", multilabel->cf1},
          {"precision", multilabel->overall.precision()},
          {"recall", multilabel->overall.recall()},
          {"loss", loss}};
}

Evaluator::Evaluator(const TrainingSet& set, const Config& config, torch::Device device,
                     const DataParallel& processes)
    : set_(set),
      config_(config),
      device_(device),
      processes_(processes),
      part_(share_of(set, processes)),
      input_(device, config.train.channels_last) {
  if (part_.size() == 0) return;
  LoaderOptions options = validation_loader(config);
  options.allocate = [type = device.type()](std::size_t bytes) { return allocate_for_copying(type, bytes); };
  loader_ = std::make_unique<BatchLoader>(part_, options);
}

Evaluator::~Evaluator() = default;

std::vector<BatchLoader::Skipped> Evaluator::skipped() const {
  return loader_ ? loader_->skipped() : std::vector<BatchLoader::Skipped>{};
}

std::optional<Validation> Evaluator::run(TrainableNetwork& network, const Loss& loss,
                                         const std::function<bool()>& stop) {
  const torch::NoGradGuard no_grad;
  const Normalisation normalise(preprocess_of(config_.preprocess), device_);
  const auto samples = static_cast<std::int64_t>(set_.size());
  const std::int64_t classes = set_.classes();

  // Each process fills in its rows; the sum puts them together. The last column says which rows are there,
  // the one before holds the losses.
  torch::Tensor rows = torch::zeros({samples, classes + 2});
  network.module().eval();
  if (loader_) {
    loader_->start(0);
    while (const std::optional<Batch> batch = loader_->next()) {
      const torch::Tensor logits = network.forward(normalise(input_.pixels(*batch))).to(torch::kFloat);
      const double batch_loss = loss(logits, input_.targets(*batch)).item<double>();
      const torch::Tensor here = logits.cpu();
      for (int i = 0; i < batch->count; ++i) {
        const std::int64_t row =
            batch->samples[static_cast<std::size_t>(i)] * processes_.size() + processes_.rank();
        rows[row].narrow(0, 0, classes).copy_(here[i]);
        rows[row][classes] = batch_loss;
        rows[row][classes + 1] = 1;
      }
      if (stop()) {
        network.module().train();
        return std::nullopt;
      }
    }
  }
  network.module().train();
  torch::Tensor everywhere = rows.to(device_);
  processes_.sum(everywhere);
  rows = everywhere.cpu().contiguous();

  Validation result;
  result.head.kind = set_.targets == eval::Targets::multi_label ? HeadKind::sigmoid : HeadKind::softmax;
  if (result.head.kind == HeadKind::softmax) result.classification.emplace(set_.classes());
  result.scores.resize(static_cast<std::size_t>(samples * classes));
  std::vector<float> scores;  // of pictures that were read, and their targets
  std::vector<std::uint8_t> targets;
  for (std::int64_t i = 0; i < samples; ++i) {
    const float* row = rows.data_ptr<float>() + i * (classes + 2);
    if (row[classes + 1] == 0) continue;
    ++result.images;
    result.loss += static_cast<double>(row[classes]);
    const std::span logits(row, static_cast<std::size_t>(classes));
    const std::vector<float> p = probabilities(result.head, logits);
    std::copy(p.begin(), p.end(), result.scores.begin() + i * classes);
    const TrainingSample& sample = set_.samples[static_cast<std::size_t>(i)];
    if (result.classification) {
      result.classification->add(logits, sample.labels.front());
      continue;
    }
    scores.insert(scores.end(), p.begin(), p.end());
    const std::size_t first = targets.size();
    targets.resize(first + static_cast<std::size_t>(classes), 0);
    for (const int label : sample.labels) targets[first + static_cast<std::size_t>(label)] = 1;
  }
  if (result.images > 0) result.loss /= static_cast<double>(result.images);
  if (!result.classification) {
    const std::vector<float> half{0.5f};
    result.multilabel = eval::multilabel_metrics(scores, targets, set_.classes(), half);
    result.head.thresholds = choose_thresholds(*result.multilabel, scores, config_.output.thresholds);
    if (!result.head.thresholds.empty()) {
      result.multilabel = eval::multilabel_metrics(scores, targets, set_.classes(), result.head.thresholds);
    }
  }
  return result;
}

}  // namespace resnet::train
