// Prints what this library makes of arrays written by NumPy, for comparison with other implementations.
//
//   eval_metrics_tool multilabel SCORES.npy TARGETS.npy THRESHOLD
//   eval_metrics_tool thresholds SCORES.npy TARGETS.npy
//   eval_metrics_tool single SCORES.npy TARGETS.npy            targets [N, 1]: the class
//   eval_metrics_tool order DEVKIT_OR_FILE                     class index of ILSVRC's numbers
#include "eval/classification_metrics.hpp"
#include "eval/multilabel_metrics.hpp"
#include "eval/npy.hpp"
#include "eval/synsets.hpp"
#include "eval/thresholds.hpp"

#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

#include <resnet/error.hpp>

namespace {

using namespace resnet::eval;

struct Labelled {
  int classes;
  std::vector<float> scores;
  std::vector<std::uint8_t> targets;

  Labelled(const char* scores_path, const char* targets_path) {
    const NpyMatrix rows(scores_path), wanted(targets_path);
    classes = static_cast<int>(rows.columns());
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      scores.insert(scores.end(), rows.row(i).begin(), rows.row(i).end());
      for (const float t : wanted.row(i)) targets.push_back(t != 0);
    }
  }
  MultilabelMetrics metrics(float threshold) const {
    return multilabel_metrics(scores, targets, classes, std::vector<float>{threshold});
  }
};

nlohmann::json thresholds(const char* scores_path, const char* targets_path) {
  const Labelled all(scores_path, targets_path);
  const MultilabelMetrics m = all.metrics(0.5f);
  return {{"common", choose_threshold(m, all.scores)}, {"per_class", choose_class_thresholds(m, all.scores)}};
}

nlohmann::json multilabel(const char* scores_path, const char* targets_path, const char* threshold) {
  const MultilabelMetrics m = Labelled(scores_path, targets_path).metrics(std::stof(threshold));
  nlohmann::json ap = nlohmann::json::array();
  for (const ClassMetrics& c : m.per_class)
    ap.push_back(c.ap ? nlohmann::json(*c.ap) : nlohmann::json(nullptr));
  return {{"mAP", m.map},
          {"classes", m.classes_with_positives},
          {"ap", ap},
          {"precision", m.overall.precision()},
          {"recall", m.overall.recall()},
          {"f1", m.overall.f1()},
          {"CF1", m.cf1},
          {"best_f1", m.best ? m.best->f1 : 0.0},
          {"best_threshold", m.best ? static_cast<double>(m.best->threshold) : 0.0}};
}

nlohmann::json single(const char* scores_path, const char* targets_path) {
  const NpyMatrix scores(scores_path), targets(targets_path);
  ClassificationMetrics m(static_cast<int>(scores.columns()));
  for (std::int64_t i = 0; i < scores.rows(); ++i) m.add(scores.row(i), static_cast<int>(targets.row(i)[0]));
  return {{"top1", m.top1()}, {"top5", m.top5()}};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  try {
    nlohmann::json out;
    if (what == "multilabel" && argc == 5) {
      out = multilabel(argv[2], argv[3], argv[4]);
    } else if (what == "thresholds" && argc == 4) {
      out = thresholds(argv[2], argv[3]);
    } else if (what == "single" && argc == 4) {
      out = single(argv[2], argv[3]);
    } else if (what == "order" && argc == 3) {
      out = read_ilsvrc_order(argv[2]);
    } else {
      std::fputs("wrong arguments\n", stderr);
      return 2;
    }
    std::puts(out.dump().c_str());
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
