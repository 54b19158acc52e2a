// Curves over the epochs of a run as an SVG picture.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace resnet::train {

struct CurvePoint {
  double x;
  double y;  // one that is no finite number (or, on a logarithmic scale, not above 0) is a gap in the curve
};

struct Curve {
  std::string name;
  std::vector<CurvePoint> points;  // x ascending
  bool dots = false;               // a dot on each point that tells its value
};

struct CurveChart {
  std::string title;
  std::string x_name;         // "epoch"
  std::vector<Curve> curves;  // at most three, each with a colour of its own
  std::string unit = {};      // behind the figures of the y axis: "%"
  bool logarithmic = false;   // the y axis; otherwise linear, from 0
};

// The picture, with a key below it where there are several curves. Without any point a word that there is
// none yet.
std::string curve_svg(const CurveChart& chart);

// The CSS that the picture needs beside that of report_page.hpp.
std::string_view curve_style();

// At most `limit` points: means of runs of as many points each, so that noise is seen less and spikes still
// count.
std::vector<CurvePoint> thin_out(std::span<const CurvePoint> points, std::size_t limit);

}  // namespace resnet::train
