// What quantisation did to each layer as one self-contained HTML page: signal-to-noise ratios and ranges as
// bars, and the figures. No script, no external file; follows the reader's light or dark scheme and the width
// of a phone.
#pragma once

#include "quant/quantize.hpp"

#include <string>
#include <utility>
#include <vector>

namespace resnet::quant {

struct ReportContext {
  std::string title;                                       // "resnet18.pth in int8"
  std::vector<std::pair<std::string, std::string>> facts;  // "photos" → "128", shown in order
};

std::string html_report(const std::vector<LayerReport>& layers, const ReportContext& context);

}  // namespace resnet::quant
