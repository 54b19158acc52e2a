#include "train/log/html_report.hpp"

#include "output/html_text.hpp"
#include "output/report_page.hpp"
#include "train/log/curve_svg.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace resnet::train {
namespace {

using namespace report;

constexpr int kRefreshSeconds = 30;
constexpr std::size_t kMostSkipped = 200;

std::string duration(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds + 0.5);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

// A figure of the validation: fractions in percent, losses as they are.
bool is_fraction(const std::string& name) {
  return name.find("loss") == std::string::npos;
}
std::string figure_text(const std::string& name, double value) {
  if (!std::isfinite(value)) return "–";
  return is_fraction(name) ? fmt::format("{:.2f}", 100 * value) : fmt::format("{:.4f}", value);
}

// "loss" beside the training's.
std::string full_name(const std::string& name) {
  return name == "loss" ? "validation loss" : name;
}

// Where a step lies between the epochs: 1.5 is the middle of the second. Without a whole epoch, steps are the
// unit.
class EpochScale {
 public:
  explicit EpochScale(const History& history) {
    if (!history.epochs.empty() && history.epochs.back().epoch > 0) {
      steps_ = static_cast<double>(history.epochs.back().step) / history.epochs.back().epoch;
    }
  }
  const char* unit() const { return steps_ > 0 ? "epoch" : "step"; }
  double at(std::int64_t step) const { return static_cast<double>(step) / (steps_ > 0 ? steps_ : 1); }

 private:
  double steps_ = 0;
};

template <class Value>
Curve step_curve(const std::string& name, const History& history, const EpochScale& scale, Value value) {
  Curve curve{.name = name, .points = {}};
  for (const StepRecord& step : history.steps) curve.points.push_back({scale.at(step.step), value(step)});
  return curve;
}

// One figure of every epoch that has it.
Curve epoch_curve(const std::string& name, const History& history, double factor) {
  Curve curve{.name = name, .points = {}, .dots = true};
  for (const EpochRecord& epoch : history.epochs) {
    if (const auto value = figure(epoch, name)) {
      curve.points.push_back({static_cast<double>(epoch.epoch), *value * factor});
    }
  }
  return curve;
}

// A loss that falls far is seen on a logarithmic scale only.
bool spans_decades(const std::vector<Curve>& curves) {
  constexpr double kFar = 20;
  double low = 0, high = 0;
  for (const Curve& curve : curves) {
    for (const CurvePoint& point : curve.points) {
      if (!std::isfinite(point.y) || point.y <= 0) continue;
      low = low == 0 ? point.y : std::min(low, point.y);
      high = std::max(high, point.y);
    }
  }
  return high > kFar * low;
}

CurveChart loss_chart(const History& history, const EpochScale& scale) {
  CurveChart chart{.title = "Loss", .x_name = scale.unit(), .curves = {}};
  chart.curves.push_back(
      step_curve("training", history, scale, [](const StepRecord& step) { return step.loss; }));
  if (Curve validation = epoch_curve("loss", history, 1); !validation.points.empty()) {
    validation.name = "validation";
    chart.curves.push_back(std::move(validation));
  }
  chart.logarithmic = spans_decades(chart.curves);
  return chart;
}

// The score first, then the other fractions.
CurveChart score_chart(const History& history, const std::string& score) {
  CurveChart chart{
      .title = score, .x_name = "epoch", .curves = {epoch_curve(score, history, 100)}, .unit = " %"};
  if (history.epochs.empty()) return chart;
  for (const auto& [name, value] : history.epochs.back().validation) {
    if (name != score && is_fraction(name) && chart.curves.size() < 3) {
      chart.curves.push_back(epoch_curve(name, history, 100));
    }
  }
  return chart;
}

std::string charts(const History& history, const ReportContext& context) {
  const EpochScale scale(history);
  CurveChart rate{.title = "Learning rate", .x_name = scale.unit(), .curves = {}};
  rate.curves.push_back(
      step_curve("learning rate", history, scale, [](const StepRecord& step) { return step.learning_rate; }));
  CurveChart speed{.title = "Images per second", .x_name = scale.unit(), .curves = {}};
  speed.curves.push_back(
      step_curve("images/s", history, scale, [](const StepRecord& step) { return step.images_per_second; }));
  std::string html = "<div class=\"pair\">";
  for (const CurveChart& chart :
       {score_chart(history, context.score), loss_chart(history, scale), rate, speed}) {
    html += panel(chart.title + (chart.logarithmic ? ", logarithmic" : ""), curve_svg(chart));
  }
  return html + "</div>";
}

double seconds_of(const History& history) {
  double seconds = 0;
  for (const EpochRecord& epoch : history.epochs) seconds += epoch.seconds;
  return seconds;
}

std::string cards(const History& history, const ReportContext& context) {
  std::string html = "<div class=\"cards\">";
  if (const EpochRecord* best = history.best()) {
    for (const auto& [name, value] : best->validation) {
      const bool main = name == context.score;
      html += card(main ? fmt::format("{}, epoch {}", name, best->epoch) : full_name(name),
                   figure_text(name, value) + (is_fraction(name) ? " %" : ""), main);
    }
  }
  const int done = history.epochs.empty() ? 0 : history.epochs.back().epoch;
  const bool running = history.end.empty();
  html += card(running ? "epochs, running" : "epochs", fmt::format("{} of {}", done, context.epochs));
  if (done > 0) {
    const double seconds = seconds_of(history);
    html += card("training loss", figure_text("loss", history.epochs.back().loss)) +
            card("images/s", fmt::format("{:.0f}", history.epochs.back().images_per_second)) +
            card("time", duration(seconds));
    if (running) {
      const int left = std::max(context.epochs - done, 0);
      html += card("left", duration(seconds / static_cast<double>(history.epochs.size()) * left));
    }
  }
  return html + (running ? "" : card("how it ended", history.end)) + "</div>";
}

// The latest first: it is what one looks for.
std::string epoch_table(const History& history) {
  if (history.epochs.empty()) return {};
  std::vector<std::string> names;
  for (const EpochRecord& epoch : history.epochs) {
    for (const auto& [name, value] : epoch.validation) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::vector<std::string> columns{"epoch", "training loss"};
  for (const std::string& name : names) {
    columns.push_back(is_fraction(name) ? name + " %" : full_name(name));
  }
  columns.insert(columns.end(), {"images/s", "seconds"});
  const EpochRecord* best = history.best();
  std::string rows;
  for (auto at = history.epochs.rbegin(); at != history.epochs.rend(); ++at) {
    const EpochRecord& epoch = *at;
    rows += &epoch == best ? "<tr class=\"best\">" : "<tr>";
    rows += number_cell(epoch.epoch, fmt::format("{}{}", epoch.epoch, &epoch == best ? " (best)" : ""));
    rows +=
        std::isfinite(epoch.loss) ? number_cell(epoch.loss, figure_text("loss", epoch.loss)) : empty_cell();
    for (const std::string& name : names) {
      const auto value = figure(epoch, name);
      rows += value && std::isfinite(*value) ? number_cell(*value, figure_text(name, *value)) : empty_cell();
    }
    rows += number_cell(epoch.images_per_second, fmt::format("{:.0f}", epoch.images_per_second)) +
            number_cell(epoch.seconds, fmt::format("{:.1f}", epoch.seconds)) + "</tr>";
  }
  return table_panel("Epochs", columns, rows);
}

std::string class_table(const History& history) {
  const EpochRecord* best = history.best();
  if (best == nullptr || best->classes.empty()) return {};
  std::string rows;
  for (const ClassRecord& own : best->classes) {
    rows += "<tr>" + text_cell(own.label) +
            number_cell(static_cast<double>(own.positives), fmt::format("{}", own.positives)) +
            (own.ap && std::isfinite(*own.ap) ? bar_cell(*own.ap) : empty_cell()) + "</tr>";
  }
  return table_panel(fmt::format("Classes at epoch {}, the best", best->epoch),
                     {"class", "pictures", "average precision %"}, rows, "Find a class");
}

std::string config_table(const ReportContext& context) {
  std::string rows;
  for (const auto& [key, value] : context.config) {
    rows +=
        fmt::format("<tr><td>{}</td><td class=\"text\">{}</td></tr>", html_escape(key), html_escape(value));
  }
  return panel("Configuration",
               "<div class=\"wide\"><table class=\"config\"><tbody>" + rows + "</tbody></table></div>");
}

std::string skipped_table(const History& history) {
  if (history.skipped.empty()) return {};
  std::string rows;
  const std::size_t shown = std::min(history.skipped.size(), kMostSkipped);
  for (std::size_t i = 0; i < shown; ++i) {
    rows += "<tr>" + text_cell(history.skipped[i].path) + text_cell(history.skipped[i].reason) + "</tr>";
  }
  if (shown < history.skipped.size()) {
    rows += fmt::format("<tr><td colspan=\"2\">and {} more: the JSON log has them all</td></tr>",
                        history.skipped.size() - shown);
  }
  return panel(fmt::format("Pictures left out: {}", history.skipped.size()),
               "<div class=\"wide\"><table><tbody>" + rows + "</tbody></table></div>");
}

}  // namespace

std::string html_report(const History& history, const ReportContext& context) {
  const std::string style =
      std::string(curve_style()) +
      ".pair{grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr))}"
      "tr.best td{color:var(--accent);font-weight:600}table.config td:first-child{width:1%;"
      "color:var(--soft);white-space:nowrap}";
  return page({.title = context.title,
               .facts = context.facts,
               .body = cards(history, context) + charts(history, context) + class_table(history) +
                       epoch_table(history) + config_table(context) + skipped_table(history),
               .style = style,
               .refresh_seconds = history.end.empty() ? kRefreshSeconds : 0});
}

}  // namespace resnet::train
