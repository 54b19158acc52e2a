#include "quant/html_report.hpp"

#include "output/html_text.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace resnet::quant {
namespace {

constexpr int kRowHeight = 26;  // pixels a layer, in charts and labels alike
constexpr int kAxisHeight = 22;

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --page: #fbfbfa; --card: #fff; --ink: #1c1e21; --soft: #62676f;
  --line: #e3e4e6; --weights: #1d63d8; --output: #e08a2e; --range: #2f9e7d; --rest: #d9dcdf; }
@media (prefers-color-scheme: dark) { :root { --page: #14161a; --card: #1c1f25; --ink: #e8eaed; --soft: #9aa0a8;
  --line: #31353d; --weights: #78aaff; --output: #f0a95b; --range: #56c9a8; --rest: #3a3f48; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .3rem; }
dl { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; margin: .3rem 0 0; font-size: .87rem;
  color: var(--soft); }
dl div { display: flex; gap: .4rem; } dd { margin: 0; color: var(--ink); overflow-wrap: anywhere; }
p { margin: 0 0 .6rem; font-size: .85rem; color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem;
  margin-top: 1rem; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .85rem; color: var(--soft);
  margin-bottom: .5rem; } .key span { display: flex; align-items: center; gap: .4rem; }
.key i { width: .9rem; height: .6rem; border-radius: 2px; }
.chart { display: grid; grid-template-columns: max-content 1fr; column-gap: .7rem; }
.chart ol { list-style: none; margin: 0; padding: 0; font-size: .82rem; }
.chart svg { display: block; overflow: visible; }
text { font: 11px system-ui, sans-serif; fill: var(--soft); } .grid { stroke: var(--line); }
.weights { fill: var(--weights); background: var(--weights); }
.output { fill: var(--output); background: var(--output); }
.range { fill: var(--range); background: var(--range); }
.rest { fill: var(--rest); background: var(--rest); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .82rem; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .55rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); } th:first-child, td:first-child { text-align: left; }
)css";

// A tensor without noise, or a layer without such a tensor, has no ratio.
std::string decibels(double value) {
  return value == 0 ? "–" : fmt::format("{:.1f}", value);
}

std::string kilobytes(std::int64_t bits) {
  return bits == 0 ? "–" : fmt::format("{:.1f}", static_cast<double>(bits) / 8 / 1000);
}

using Layers = std::vector<LayerReport>;

std::string labels(const Layers& layers) {
  std::string out = "<ol>";
  for (const LayerReport& layer : layers) {
    out += fmt::format(R"(<li style="height:{0}px;line-height:{0}px">{1}</li>)", kRowHeight,
                       html_escape(layer.layer));
  }
  return out + "</ol>";
}

std::string bar(std::string_view kind, double percent, int top, int height, const std::string& title) {
  return fmt::format(R"(<rect class="{}" width="{:.2f}%" y="{}" height="{}" rx="2"><title>{}</title></rect>)",
                     kind, std::clamp(percent, 0.0, 100.0), top, height, html_escape(title));
}

// Widths are in percent, so that the picture takes any width while its text keeps its size.
std::string noise_chart(const Layers& layers) {
  constexpr double kTick = 20;  // a phone has no room for more
  double most = kTick;
  for (const LayerReport& layer : layers) most = std::max({most, layer.weight_sqnr_db, layer.output_sqnr_db});
  most = std::ceil(most / kTick) * kTick;
  const int rows = static_cast<int>(layers.size()) * kRowHeight;
  std::string svg = fmt::format(
      R"(<svg role="img" aria-label="signal to noise of each layer in decibels" width="100%" height="{}">)",
      rows + kAxisHeight);
  for (double tick = 0; tick <= most; tick += kTick) {
    const double x = tick / most * 100;
    const char* anchor = tick == 0 ? "start" : tick == most ? "end" : "middle";
    svg += fmt::format(R"(<line class="grid" x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="{1}"/>)", x, rows);
    svg += fmt::format(R"(<text x="{:.2f}%" y="{}" text-anchor="{}">{:g}{}</text>)", x, rows + 16, anchor,
                       tick, tick == most ? " dB" : "");
  }
  int top = 0;
  for (const LayerReport& layer : layers) {
    const auto add = [&](std::string_view kind, double value, int y) {
      if (value != 0)
        svg +=
            bar(kind, value / most * 100, y, 9, fmt::format("{}, {}: {:.1f} dB", layer.layer, kind, value));
    };
    add("weights", layer.weight_sqnr_db, top + 3);
    add("output", layer.output_sqnr_db, top + 14);
    top += kRowHeight;
  }
  return svg + "</svg>";
}

std::string range_chart(const Layers& layers) {
  std::string svg = fmt::format(
      R"(<svg role="img" aria-label="range of each output as a part of the largest value seen" width="100%" )"
      R"(height="{}">)",
      static_cast<int>(layers.size()) * kRowHeight);
  int top = 0;
  for (const LayerReport& layer : layers) {
    // The rest of the width is left for the figures behind the longest bar.
    constexpr double kWidth = 52;
    if (!layer.range.empty()) {
      const double part = layer.largest > 0 ? layer.output_limit / layer.largest : 1;
      const std::string text =
          fmt::format("{:.3g} of {:.3g}, {}", layer.output_limit, layer.largest, layer.range);
      svg += bar("rest", kWidth, top + 6, kRowHeight - 12, text);
      svg += bar("range", std::min(part, 1.0) * kWidth, top + 6, kRowHeight - 12, text);
      svg += fmt::format(R"(<text x="{}%" dx="6" y="{}">{:.3g} of {:.3g}</text>)", kWidth,
                         top + kRowHeight / 2 + 4, layer.output_limit, layer.largest);
    }
    top += kRowHeight;
  }
  return svg + "</svg>";
}

std::string table(const Layers& layers) {
  std::string out =
      "<table><thead><tr><th>layer</th><th>weights dB</th><th>output dB</th><th>largest step</th>"
      "<th>largest seen</th><th>chosen by</th><th>bits</th><th>weights kB, fp32</th><th>now</th></tr></thead>"
      "<tbody>";
  std::int64_t before = 0, after = 0;
  for (const LayerReport& layer : layers) {
    const bool output = !layer.range.empty();
    before += 32 * layer.weights;
    after += layer.weight_bits * layer.weights;
    out += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>", html_escape(layer.layer),
        decibels(layer.weight_sqnr_db), decibels(layer.output_sqnr_db),
        output ? fmt::format("{:.3f}", layer.output_limit) : "–",
        output ? fmt::format("{:.3f}", layer.largest) : "–", output ? html_escape(layer.range) : "–");
    out += fmt::format("<td>{}</td><td>{}</td><td>{}</td></tr>",
                       layer.weights == 0 ? "–" : std::to_string(layer.weight_bits),
                       kilobytes(32 * layer.weights), kilobytes(layer.weight_bits * layer.weights));
  }
  out += fmt::format(R"(<tr><th>all quantised</th><td colspan="6"></td><td>{}</td><td>{}</td></tr>)",
                     kilobytes(before), kilobytes(after));
  return out + "</tbody></table>";
}

std::string section(std::string_view title, std::string_view note, const std::string& body) {
  return fmt::format("<section><h2>{}</h2><p>{}</p>{}</section>\n", title, note, body);
}

std::string chart(const Layers& layers, const std::string& picture) {
  return "<div class=\"chart\">" + labels(layers) + picture + "</div>";
}

}  // namespace

std::string html_report(const Layers& layers, const ReportContext& context) {
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{0}</title><style>{1}</style></head><body><main>\n<h1>{0}</h1>\n<dl>",
      html_escape(context.title), kStyle);
  for (const auto& [name, value] : context.facts) {
    page += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", html_escape(name), html_escape(value));
  }
  page += "</dl>\n";
  page += section("Signal to quantisation noise of each layer",
                  "In decibels, longer is better; 6 dB are one bit. Of the output: of rounding and clipping "
                  "what the exact network leaves there, without the noise of the layers before it.",
                  R"(<div class="key"><span><i class="weights"></i>weights</span>)"
                  R"(<span><i class="output"></i>output</span></div>)" +
                      chart(layers, noise_chart(layers)));
  page += section("The range of each output",
                  "Its largest step against the largest value that calibration saw. What lies between them "
                  "is clipped, so that all other values get finer steps.",
                  R"(<div class="key"><span><i class="range"></i>within the range</span>)"
                  R"(<span><i class="rest"></i>clipped</span></div>)" +
                      chart(layers, range_chart(layers)));
  page += fmt::format("<section><h2>Figures</h2><div class=\"scroll\">{}</div></section>\n", table(layers));
  return page + "</main></body></html>\n";
}

}  // namespace resnet::quant
