#include "train/log/curve_svg.hpp"

#include "output/html_text.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include <fmt/format.h>

namespace resnet::train {
namespace {

// The plot inside the picture, in SVG units.
constexpr double kLeft = 52, kTop = 10, kWidth = 416, kHeight = 190, kRight = 12, kBottom = 36;
constexpr int kTicks = 5;
constexpr std::size_t kMostPoints = 240, kMostDots = 80;

// A scale from values to 0–1.
struct Axis {
  double low = 0;
  double high = 1;
  bool logarithmic = false;

  bool shows(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }
  double part(double value) const {
    return logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  }
};

// 1, 2 or 5 times a power of ten, so that at most kTicks of it fill `range`.
double tick_step(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / kTicks)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (range / (factor * power) <= kTicks) return factor * power;
  }
  return 10 * power;
}

std::vector<double> ticks(const Axis& axis) {
  std::vector<double> values;
  if (!axis.logarithmic) {
    const double step = tick_step(axis.high - axis.low);
    for (double i = std::ceil(axis.low / step); i * step <= axis.high * (1 + 1e-9); ++i)
      values.push_back(i * step);
    return values;
  }
  // Over many decades only some powers of ten; over few also what lies between them.
  const double decades = std::log10(axis.high / axis.low);
  const int every = std::max(1, static_cast<int>(std::ceil(decades / kTicks)));
  for (int power = static_cast<int>(std::floor(std::log10(axis.low))); std::pow(10, power) <= axis.high;
       ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * std::pow(10, power);
      const bool wanted = factor == 1.0 ? power % every == 0 : decades < 2;
      if (wanted && value >= axis.low * (1 - 1e-9) && value <= axis.high * (1 + 1e-9))
        values.push_back(value);
    }
  }
  return values;
}

Axis x_axis(const CurveChart& chart) {
  double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();
  for (const Curve& curve : chart.curves) {
    for (const CurvePoint& point : curve.points) {
      low = std::min(low, point.x);
      high = std::max(high, point.x);
    }
  }
  low = std::min(low, 0.0);
  return {.low = low, .high = high > low ? high : low + 1};
}

Axis y_axis(const CurveChart& chart) {
  Axis axis{.logarithmic = chart.logarithmic};
  double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();
  for (const Curve& curve : chart.curves) {
    for (const CurvePoint& point : curve.points) {
      if (!axis.shows(point.y)) continue;
      low = std::min(low, point.y);
      high = std::max(high, point.y);
    }
  }
  if (low > high) return {};
  if (axis.logarithmic) {
    axis.low = low / 1.15;
    axis.high = high * 1.15;
  } else {
    axis.low = std::min(low, 0.0);
    axis.high = high > axis.low ? high + (high - axis.low) * 0.05 : axis.low + 1;
  }
  return axis;
}

struct Plot {
  Axis x;
  Axis y;
  double left(double value) const { return kLeft + x.part(value) * kWidth; }
  double top(double value) const { return kTop + (1 - y.part(value)) * kHeight; }
};

std::string grid(const Plot& plot, const CurveChart& chart) {
  std::string svg;
  for (const double value : ticks(plot.y)) {
    svg += fmt::format(
        R"(<path class="grid" d="M{:.1f} {:.1f}h{:.1f}"/><text x="{:.1f}" y="{:.1f}" text-anchor="end">{:.4g}{}</text>)",
        kLeft, plot.top(value), kWidth, kLeft - 6, plot.top(value) + 4, value, html_escape(chart.unit));
  }
  for (const double value : ticks(plot.x)) {
    svg += fmt::format(
        R"(<path class="grid" d="M{0:.1f} {1:.1f}v{2:.1f}"/><text x="{0:.1f}" y="{3:.1f}" text-anchor="middle">{4:.4g}</text>)",
        plot.left(value), kTop, kHeight, kTop + kHeight + 15, value);
  }
  return svg + fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
                           kLeft + kWidth / 2, kTop + kHeight + 30, html_escape(chart.x_name));
}

std::string curve_path(const Plot& plot, const Curve& curve, std::size_t number, const CurveChart& chart) {
  std::string path, dots;
  bool drawing = false;
  for (const CurvePoint& point : thin_out(curve.points, curve.dots ? kMostDots : kMostPoints)) {
    if (!plot.y.shows(point.y)) {
      drawing = false;
      continue;
    }
    const double x = plot.left(point.x), y = plot.top(point.y);
    path += fmt::format("{}{:.1f} {:.1f}", drawing ? "L" : "M", x, y);
    drawing = true;
    if (curve.dots) {
      dots += fmt::format(
          R"(<circle class="dot{}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{} {:.4g}: {:.4g}{}</title></circle>)",
          number, x, y, html_escape(chart.x_name), point.x, point.y, html_escape(chart.unit));
    }
  }
  return fmt::format(R"(<path class="line line{}" d="{}"/>{})", number, path, dots);
}

}  // namespace

std::vector<CurvePoint> thin_out(std::span<const CurvePoint> points, std::size_t limit) {
  const std::size_t run = (points.size() + limit - 1) / std::max<std::size_t>(limit, 1);
  if (run <= 1) return {points.begin(), points.end()};
  std::vector<CurvePoint> thin;
  for (std::size_t i = 0; i < points.size(); i += run) {
    const auto part = points.subspan(i, std::min(run, points.size() - i));
    CurvePoint mean{0, 0};
    for (const CurvePoint& point : part) {
      mean.x += point.x / static_cast<double>(part.size());
      mean.y += point.y / static_cast<double>(part.size());
    }
    thin.push_back(mean);
  }
  return thin;
}

std::string_view curve_style() {
  return "svg.curves{width:100%;display:block;overflow:visible}svg .line{fill:none;stroke-width:1.8;"
         "stroke-linejoin:round}"
         "@media(max-width:600px){svg.curves text{font-size:15px}}svg .line1{stroke:var(--accent)}svg "
         ".line2{stroke:var(--second)}svg .line3{stroke:var(--soft)}"
         ".dot1{fill:var(--accent);background:var(--accent)}.dot2{fill:var(--second);background:var(--second)"
         "}"
         ".dot3{fill:var(--soft);background:var(--soft)}";
}

std::string curve_svg(const CurveChart& chart) {
  const bool empty = std::all_of(chart.curves.begin(), chart.curves.end(),
                                 [](const Curve& curve) { return curve.points.empty(); });
  if (empty) return "<p>Nothing yet.</p>";
  const Plot plot{.x = x_axis(chart), .y = y_axis(chart)};
  std::string svg = fmt::format(
      R"(<svg class="curves" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{})",
      kLeft + kWidth + kRight, kTop + kHeight + kBottom, html_escape(chart.title), grid(plot, chart));
  std::string key;
  std::size_t number = 0;
  for (const Curve& curve : chart.curves) {
    svg += curve_path(plot, curve, ++number, chart);
    key += fmt::format(R"(<span><i class="dot dot{}"></i>{}</span>)", number, html_escape(curve.name));
  }
  svg += "</svg>";
  return chart.curves.size() > 1 ? svg + "<div class=\"legend\">" + key + "</div>" : svg;
}

}  // namespace resnet::train
