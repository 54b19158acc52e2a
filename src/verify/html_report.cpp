#include "verify/html_report.hpp"

#include "core/counted.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace resnet::verify {
namespace {

constexpr int kRowHeight = 26;  // pixels a module, in charts and labels alike
constexpr int kAxisHeight = 22;

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --page: #fbfbfa; --card: #fff; --ink: #1c1e21; --soft: #62676f; --line: #e3e4e6;
  --ours: #1d63d8; --torch: #b45f06; --exact: #0f7d64; --bad: #c62828; --good: #1d7a3a; --bar: #7d9fd6; }
@media (prefers-color-scheme: dark) { :root { --page: #14161a; --card: #1c1f25; --ink: #e8eaed; --soft: #9aa0a8;
  --line: #31353d; --ours: #78aaff; --torch: #f0a95b; --exact: #56c9a8; --bad: #ff7b72; --good: #6fd08c;
  --bar: #4c6da3; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
p { margin: .2rem 0; } .soft { color: var(--soft); overflow-wrap: anywhere; }
.verdict { display: inline-block; font-weight: 600; padding: .1rem .6rem; border-radius: 1rem; border: 1.5px solid; }
.good { color: var(--good); } .bad { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem;
  margin-top: 1rem; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .85rem; color: var(--soft);
  margin-bottom: .5rem; } .key span { display: flex; align-items: center; gap: .4rem; }
.chart { display: grid; grid-template-columns: max-content 1fr; column-gap: .7rem; }
.chart ol { list-style: none; margin: 0; padding: 0; font-size: .82rem; }
.chart svg { display: block; overflow: visible; }
text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.grid { stroke: var(--line); } .limit { stroke: var(--bad); stroke-dasharray: 4 3; } .bar { fill: var(--bar); }
.ours { fill: var(--ours); } .torch { fill: none; stroke: var(--torch); stroke-width: 2; }
.exact { fill: var(--exact); } .wrong { stroke: var(--bad); stroke-width: 2.5; fill: none; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .82rem; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .55rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); } th:first-child, td:first-child { text-align: left; }
tr.failed td:first-child { color: var(--bad); font-weight: 600; } td.why { white-space: normal; }
)css";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string exponent(int power) {
  return power == 0 ? "1" : fmt::format("1e{}", power);
}

// A logarithmic axis over whole decades. Zero, which has no place on it, sits at the left edge.
struct LogAxis {
  int low, high;  // powers of ten

  double percent(double value) const {
    if (!(value > 0)) return 0;
    const double at = (std::log10(value) - low) / (high - low) * 100;
    return std::clamp(std::isfinite(at) ? at : 100.0, 0.0, 100.0);
  }
};

LogAxis axis_of(const Report& report) {
  LogAxis axis{-7, -4};
  const auto include = [&](double value) {
    if (!(value > 0) || !std::isfinite(value)) return;
    axis.low = std::min(axis.low, static_cast<int>(std::floor(std::log10(value))));
    axis.high = std::max(axis.high, static_cast<int>(std::ceil(std::log10(value))));
  };
  for (const CheckpointResult& r : report.results) {
    include(r.difference.max_abs_rel());
    include(r.tolerance.max_abs_rel);
    if (r.ours_from_float64) include(*r.ours_from_float64);
    if (r.reference_from_float64) include(*r.reference_from_float64);
  }
  return axis;
}

std::string labels(const Report& report) {
  std::string out = "<ol>";
  for (const CheckpointResult& r : report.results) {
    out += fmt::format(R"(<li style="height:{}px;line-height:{}px"{}>{}{}</li>)", kRowHeight, kRowHeight,
                       r.ok ? "" : R"( class="bad")", escaped(r.module), r.ok ? "" : " ✕");
  }
  return out + "</ol>";
}

// Positions along the axis are in percent, so that the picture takes any width while its text keeps its size.
std::string error_chart(const Report& report) {
  const LogAxis axis = axis_of(report);
  const int rows = static_cast<int>(report.results.size()) * kRowHeight;
  std::string svg =
      fmt::format(R"(<svg role="img" aria-label="largest error of each module" width="100%" height="{}">)",
                  rows + kAxisHeight);
  // At most five labelled decades: a phone has no room for more.
  const int step = std::max(1, (axis.high - axis.low + 3) / 4);
  for (int power = axis.low; power <= axis.high; ++power) {
    const double x = axis.percent(std::pow(10.0, power));
    svg += fmt::format(R"(<line class="grid" x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="{1}"/>)", x, rows);
    if ((power - axis.low) % step == 0) {
      const char* anchor = power == axis.low ? "start" : power == axis.high ? "end" : "middle";
      svg += fmt::format(R"(<text x="{:.2f}%" y="{}" text-anchor="{}">{}</text>)", x, rows + 16, anchor,
                         exponent(power));
    }
  }
  int top = 0;
  for (const CheckpointResult& r : report.results) {
    const int y = top + kRowHeight / 2;
    if (r.tolerance.max_abs_rel > 0 && std::isfinite(r.tolerance.max_abs_rel)) {
      svg += fmt::format(R"(<line class="limit" x1="{0:.2f}%" x2="{0:.2f}%" y1="{1}" y2="{2}"/>)",
                         axis.percent(r.tolerance.max_abs_rel), top, top + kRowHeight);
    }
    if (r.reference_from_float64) {
      svg += fmt::format(R"(<circle class="torch" cx="{:.2f}%" cy="{}" r="4.5"/>)",
                         axis.percent(*r.reference_from_float64), y);
    }
    if (r.ours_from_float64) {
      svg += fmt::format(R"(<circle class="exact" cx="{:.2f}%" cy="{}" r="3.5"/>)",
                         axis.percent(*r.ours_from_float64), y);
    }
    const double error = r.difference.not_finite > 0 ? HUGE_VAL : r.difference.max_abs_rel();
    svg += fmt::format(
        R"(<svg x="{:.2f}%" y="{}" width="1" height="1" overflow="visible"><title>{}: {:.2e}</title>)",
        axis.percent(error), y, escaped(r.module), error);
    svg += r.ok ? R"(<rect class="ours" x="-4" y="-4" width="8" height="8" rx="1"/></svg>)"
                : R"(<path class="wrong" d="M-5 -5L5 5M-5 5L5 -5"/></svg>)";
    top += kRowHeight;
  }
  return svg + "</svg>";
}

std::string time_chart(const Report& report) {
  double longest = 0, total = 0;
  for (const CheckpointResult& r : report.results) {
    longest = std::max(longest, r.ms);
    total += r.ms;
  }
  std::string svg =
      fmt::format(R"(<svg role="img" aria-label="time of each module, {:.1f} ms in all" width="100%" )"
                  R"(height="{}">)",
                  total, static_cast<int>(report.results.size()) * kRowHeight);
  int top = 0;
  for (const CheckpointResult& r : report.results) {
    // A quarter of the width is left for the figure behind the longest bar.
    const double width = longest > 0 ? r.ms / longest * 75 : 0;
    svg += fmt::format(R"(<rect class="bar" x="0" y="{}" width="{:.2f}%" height="{}" rx="2"/>)", top + 5,
                       width, kRowHeight - 10);
    svg += fmt::format(R"(<text x="{:.2f}%" dx="6" y="{}">{:.2f} ms</text>)", width, top + kRowHeight / 2 + 4,
                       r.ms);
    top += kRowHeight;
  }
  return svg + "</svg>";
}

std::string optional_figure(const std::optional<double>& value) {
  return value ? fmt::format("{:.2e}", *value) : std::string("–");
}

bool has_float64(const Report& report) {
  return std::any_of(report.results.begin(), report.results.end(),
                     [](const CheckpointResult& r) { return r.ours_from_float64.has_value(); });
}

std::string table(const Report& report) {
  const bool float64 = has_float64(report);
  std::string out =
      "<table><thead><tr><th>module</th><th>shape</th><th>max abs</th><th>of max</th><th>mean abs</th>"
      "<th>1 − cosine</th>";
  if (float64) out += "<th>ours, f64</th><th>reference, f64</th>";
  out += "<th>ms</th><th>verdict</th></tr></thead><tbody>";
  for (const CheckpointResult& r : report.results) {
    const Difference& d = r.difference;
    out += fmt::format(
        "<tr{}><td>{}</td><td>{}</td><td>{:.2e}</td><td>{:.2e}</td><td>{:.2e}</td><td>{:.1e}</td>",
        r.ok ? "" : R"( class="failed")", escaped(r.module), r.shape.to_string(), d.max_abs, d.max_abs_rel(),
        d.mean_abs, std::max(0.0, 1 - d.cosine));
    if (float64) {
      out += fmt::format("<td>{}</td><td>{}</td>", optional_figure(r.ours_from_float64),
                         optional_figure(r.reference_from_float64));
    }
    out += fmt::format("<td>{:.2f}</td><td>{}</td></tr>", r.ms, r.ok ? "OK" : "✕");
    if (r.ok) continue;
    // The reason has a row of its own: beside the figures there is no room for a sentence.
    out += fmt::format(R"(<tr class="failed"><td class="why" colspan="{}">{})", float64 ? 10 : 8,
                       escaped(r.reason));
    if (r.first_wrong) {
      out += fmt::format("; first at {}: {:.9g}, expected {:.9g}", position(r.shape, r.first_wrong->index),
                         r.first_wrong->ours, r.first_wrong->expected);
    }
    out += "</td></tr>";
  }
  return out + "</tbody></table>";
}

std::string key(const Report& report) {
  const auto sample = [](std::string_view shape, std::string_view text) {
    return fmt::format(R"(<span><svg width="14" height="14">{}</svg>{}</span>)", shape, text);
  };
  std::string out = R"(<div class="key">)";
  out += sample(R"(<rect class="ours" x="3" y="3" width="8" height="8" rx="1"/>)", "ours from the reference");
  if (has_float64(report)) {
    out += sample(R"(<circle class="exact" cx="7" cy="7" r="3.5"/>)", "ours from float64");
    out += sample(R"(<circle class="torch" cx="7" cy="7" r="4.5"/>)", "reference from float64");
  }
  out += sample(R"(<line class="limit" x1="7" x2="7" y1="0" y2="14"/>)", "tolerance");
  if (report.first_bad() != nullptr)
    out += sample(R"(<path class="wrong" d="M2 2L12 12M2 12L12 2"/>)", "failed");
  return out + "</div>";
}

std::string verdict(const Report& report) {
  if (report.ok()) {
    return fmt::format(R"(<p><span class="verdict good">✓ {} of {} within tolerance</span></p>)",
                       report.results.size(), report.results.size());
  }
  const CheckpointResult* bad = report.first_bad();
  return fmt::format(R"(<p><span class="verdict bad">✕ first wrong: {}</span></p>)",
                     bad != nullptr ? escaped(bad->module) : "best class");
}

}  // namespace

std::string html_report(const Report& report) {
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{0}: verification</title><style>{1}</style></head><body><main>\n<h1>{0} against {2}</h1>\n",
      escaped(report.model), kStyle, escaped(report.reference_maker));
  page += verdict(report);
  page += fmt::format("<p class=\"soft\">{}</p>\n<p class=\"soft\">reference: {}</p>\n",
                      escaped(report.subject), escaped(report.reference));
  if (report.top1_images > 0) {
    page += fmt::format("<p>Best class equal on {} of {}.</p>\n", report.top1_equal,
                        counted(report.top1_images, "image"));
  }
  page += fmt::format(
      "<section><h2>Largest error of each module, as a part of the module's largest value</h2>{}"
      "<div class=\"chart\">{}{}</div></section>\n",
      key(report), labels(report), error_chart(report));
  page += fmt::format("<section><h2>Time</h2><div class=\"chart\">{}{}</div></section>\n", labels(report),
                      time_chart(report));
  page += fmt::format("<section><h2>Figures</h2><div class=\"scroll\">{}</div></section>\n", table(report));
  return page + "</main></body></html>\n";
}

}  // namespace resnet::verify
