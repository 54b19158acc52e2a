// Prints what this library makes of arrays written by NumPy, for comparison with other implementations.
//
//   eval_metrics_tool multilabel SCORES.npy TARGETS.npy THRESHOLD
//   eval_metrics_tool single SCORES.npy TARGETS.npy            targets [N, 1]: the class
//   eval_metrics_tool order DEVKIT_OR_FILE                     class index of ILSVRC's numbers
#include "eval/classification_metrics.hpp"
#include "eval/multilabel_metrics.hpp"
#include "eval/npy.hpp"
#include "eval/synsets.hpp"

#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

#include <resnet/error.hpp>

namespace {

using namespace resnet::eval;

nlohmann::json multilabel(const char* scores_path, const char* targets_path, const char* threshold) {
  const NpyMatrix scores(scores_path), targets(targets_path);
  std::vector<float> flat;
  std::vector<std::uint8_t> wanted;
  for (std::int64_t i = 0; i < scores.rows(); ++i) {
    flat.insert(flat.end(), scores.row(i).begin(), scores.row(i).end());
    for (const float t : targets.row(i)) wanted.push_back(t != 0);
  }
  const auto m = multilabel_metrics(flat, wanted, static_cast<int>(scores.columns()),
                                    std::vector<float>{std::stof(threshold)});
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
