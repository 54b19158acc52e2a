#include "eval/precision_recall_svg.hpp"

#include "output/html_text.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace resnet::eval {
namespace {

// The plot's square inside the picture, in SVG units.
constexpr double kLeft = 44, kTop = 10, kSide = 300, kRight = 12, kBottom = 40;
constexpr std::size_t kCurvePoints = 300, kSparklinePoints = 24;
constexpr double kSparkWidth = 56, kSparkHeight = 22;

double plot_x(double recall) {
  return kLeft + recall * kSide;
}
double plot_y(double precision) {
  return kTop + (1 - precision) * kSide;
}

// AP is the area under steps, so steps are what is drawn: precision P_k from recall R_k-1 to R_k.
template <class X, class Y>
std::string step_path(std::span<const PrecisionRecall> curve, X x, Y y) {
  std::string path;
  double recall = 0;
  for (const PrecisionRecall& point : curve) {
    path += fmt::format("{}{:.1f} {:.1f}H{:.1f}", path.empty() ? "M" : "L", x(recall), y(point.precision),
                        x(point.recall));
    recall = point.recall;
  }
  return path;
}

// Where 2PR / (P + R) = f1, as far as it lies in the plot.
std::string equal_f1_path(double f1) {
  std::string path;
  const double first = f1 / (2 - f1);
  for (int i = 0; i <= 40; ++i) {
    const double recall = first + (1 - first) * i / 40;
    const double precision = f1 * recall / (2 * recall - f1);
    path +=
        fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : "L", plot_x(recall), plot_y(std::min(precision, 1.0)));
  }
  return path;
}

std::string grid() {
  std::string svg;
  for (int i = 0; i <= 5; ++i) {
    const double v = i / 5.0;
    svg += fmt::format(
        "<path class=\"grid\" d=\"M{0:.1f} {1:.1f}V{2:.1f}M{3:.1f} {4:.1f}H{5:.1f}\"/>"
        "<text x=\"{0:.1f}\" y=\"{6:.1f}\" text-anchor=\"middle\">{7:.1f}</text>"
        "<text x=\"{8:.1f}\" y=\"{9:.1f}\" text-anchor=\"end\">{7:.1f}</text>",
        plot_x(v), kTop, kTop + kSide, kLeft, plot_y(v), kLeft + kSide, kTop + kSide + 15, v, kLeft - 6,
        plot_y(v) + 4);
  }
  for (const double f1 : {0.2, 0.4, 0.6, 0.8}) {
    svg += fmt::format(
        "<path class=\"equal\" d=\"{}\"/><text class=\"equal\" x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"end\">F1 {:.1f}</text>",
        equal_f1_path(f1), plot_x(1) - 3, plot_y(f1 / (2 - f1)) - 4, f1);
  }
  return svg;
}

}  // namespace

std::vector<PrecisionRecall> thin_curve(std::span<const PrecisionRecall> curve, std::size_t limit) {
  std::vector<PrecisionRecall> steps;
  for (const PrecisionRecall& point : curve) {
    if (point.recall > (steps.empty() ? 0.0 : steps.back().recall)) steps.push_back(point);
  }
  if (steps.size() <= limit) return steps;
  std::vector<PrecisionRecall> kept;
  const auto slice = [limit](const PrecisionRecall& p) {
    return std::floor(p.recall * static_cast<double>(limit));
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (i + 1 == steps.size() || slice(steps[i]) != slice(steps[i + 1])) kept.push_back(steps[i]);
  }
  return kept;
}

std::string precision_recall_svg(std::span<const PrecisionRecall> curve, std::span<const CurveMark> marks) {
  std::string svg = fmt::format(
      "<svg class=\"pr\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"Precision against "
      "recall\">{}"
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">recall</text>"
      "<text transform=\"translate(12 {:.1f}) rotate(-90)\" text-anchor=\"middle\">precision</text>",
      kLeft + kSide + kRight, kTop + kSide + kBottom, grid(), plot_x(0.5), kTop + kSide + 33, plot_y(0.5));
  const std::vector<PrecisionRecall> thin = thin_curve(curve, kCurvePoints);
  svg += fmt::format("<path class=\"curve\" d=\"{}\"/>", step_path(thin, plot_x, plot_y));
  int number = 0;
  for (const CurveMark& mark : marks) {
    svg += fmt::format(
        "<circle class=\"mark m{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\"><title>{}: precision {:.3f}, "
        "recall {:.3f}"
        "</title></circle>",
        ++number, plot_x(mark.recall), plot_y(mark.precision), html_escape(mark.name), mark.precision,
        mark.recall);
  }
  return svg + "</svg>";
}

std::string precision_recall_sparkline(std::span<const PrecisionRecall> curve) {
  const auto x = [](double recall) { return 1 + recall * (kSparkWidth - 2); };
  const auto y = [](double precision) { return 1 + (1 - precision) * (kSparkHeight - 2); };
  return fmt::format(
      "<svg class=\"spark\" viewBox=\"0 0 {:.0f} {:.0f}\" aria-hidden=\"true\"><path d=\"{}\"/></svg>",
      kSparkWidth, kSparkHeight, step_path(thin_curve(curve, kSparklinePoints), x, y));
}

}  // namespace resnet::eval
