// A training run as one HTML page that is written anew at every epoch, to be watched and kept: curves, the
// figures of each epoch, average precision of each class, the configuration, and what was left out. No
// picture is in it.
#pragma once

#include "train/log/history.hpp"

#include <string>
#include <utility>
#include <vector>

namespace resnet::train {

struct ReportContext {
  std::string title;                                        // "resnet50 on COCO, fp32"
  std::vector<std::pair<std::string, std::string>> facts;   // "device" → "cuda:0", shown in order
  std::vector<std::pair<std::string, std::string>> config;  // every key with its value in use
  std::string score;  // the validation figure that decides which epoch is best: "mAP"
  int epochs = 0;     // planned
};

// While the run has not ended the page loads itself anew every half minute.
std::string html_report(const History& history, const ReportContext& context);

}  // namespace resnet::train
