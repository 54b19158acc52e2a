// A page about an evaluation that needs nothing but itself: no network, no other file.
#pragma once

#include "eval/evaluate.hpp"

#include <string>
#include <utility>
#include <vector>

namespace resnet::eval {

struct ReportContext {
  std::string title;                                       // "resnet18.pth on labels.csv"
  std::vector<std::pair<std::string, std::string>> facts;  // "backend" → "cpu, avx2", shown in order
  std::vector<std::string> labels;                         // one a class
};

// Top-1 and top-5, the most frequent confusions, the worst classes, a table of all that had pictures.
// Or mAP, precision, recall and F1, the precision-recall picture, a table of all classes.
std::string html_report(const Evaluation& evaluation, const ReportContext& context);

}  // namespace resnet::eval
