#include "eval/html_report.hpp"

#include "core/counted.hpp"
#include "eval/precision_recall_svg.hpp"
#include "output/html_text.hpp"
#include "output/report_page.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace resnet::eval {
namespace {

using namespace report;

constexpr std::size_t kWorstClasses = 20, kConfusions = 20;

// Of the precision-recall pictures.
constexpr const char* kCurveStyle = R"(
svg.pr{width:100%;max-width:520px;display:block;margin:0 auto}svg path.equal{stroke:var(--soft);stroke-dasharray:2 4;opacity:.6;fill:none}
svg text.equal{font-size:9px}svg .curve,svg.spark path{stroke:var(--accent);fill:none;stroke-width:2;stroke-linejoin:round}
svg.spark{width:56px;height:22px;vertical-align:middle;border-bottom:1px solid var(--line);border-left:1px solid var(--line)}
svg.spark path{stroke-width:1.3}.mark{stroke:var(--card);stroke-width:1.5}.m1,.dot.m1{fill:var(--ink);background:var(--ink)}
.m2,.dot.m2{fill:var(--second);background:var(--second)}
)";

std::string label_of(const ReportContext& context, int index) {
  return index < static_cast<int>(context.labels.size()) ? context.labels[static_cast<std::size_t>(index)]
                                                         : fmt::format("class {}", index);
}

std::string class_rows(const ClassificationMetrics& metrics, const std::vector<int>& classes,
                       const ReportContext& context) {
  std::string html;
  for (const int c : classes) {
    const ClassAccuracy& own = metrics.per_class()[static_cast<std::size_t>(c)];
    const auto images = static_cast<double>(own.images);
    html += "<tr>" + text_cell(label_of(context, c)) + number_cell(images, fmt::format("{}", own.images)) +
            bar_cell(static_cast<double>(own.top1) / images) +
            bar_cell(static_cast<double>(own.top5) / images) + "</tr>";
  }
  return html;
}

std::string classification_body(const ClassificationMetrics& metrics, const ReportContext& context) {
  std::string html = "<div class=\"cards\">" + card("top-1", percent(metrics.top1()), true) +
                     card("top-5", percent(metrics.top5()), true) +
                     card("images", fmt::format("{}", metrics.images())) +
                     card("wrong", fmt::format("{}", metrics.images() - metrics.top1_count())) + "</div>";
  const auto confusions = metrics.worst_confusions(kConfusions);
  const auto worst = metrics.worst_classes(kWorstClasses);
  std::string rows;
  for (const Confusion& confusion : confusions) {
    rows += fmt::format("<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td><td>{}</td></tr>",
                        html_escape(label_of(context, confusion.actual)),
                        html_escape(label_of(context, confusion.predicted)), confusion.count,
                        metrics.per_class()[static_cast<std::size_t>(confusion.actual)].images);
  }
  if (confusions.empty()) rows = "<tr><td class=\"text\" colspan=\"4\">none</td></tr>";
  html +=
      "<div class=\"pair\">" +
      panel(
          "Most frequent confusions",
          "<div class=\"wide\"><table><thead><tr><th class=\"text\">is</th><th class=\"text\">taken for</th>"
          "<th>pictures</th><th>of</th></tr></thead><tbody>" +
              rows + "</tbody></table></div>") +
      table_panel("Worst classes", {"class", "pictures", "top-1 %", "top-5 %"},
                  class_rows(metrics, worst, context)) +
      "</div>";
  std::vector<int> all = metrics.worst_classes(static_cast<std::size_t>(metrics.classes()));
  std::sort(all.begin(), all.end());
  return html + table_panel(fmt::format("All classes with pictures: {}", all.size()),
                            {"class", "pictures", "top-1 %", "top-5 %"}, class_rows(metrics, all, context),
                            "Find a class");
}

// Precision-recall of one class.
std::vector<PrecisionRecall> class_curve(const Evaluation& evaluation, std::size_t c, std::size_t classes) {
  std::vector<float> scores;
  std::vector<std::uint8_t> targets;
  for (std::size_t i = c; i < evaluation.scores.size(); i += classes) {
    scores.push_back(evaluation.scores[i]);
    targets.push_back(evaluation.targets[i]);
  }
  return precision_recall_curve(scores, targets);
}

std::string class_table(const Evaluation& evaluation, const MultilabelMetrics& metrics,
                        const ReportContext& context) {
  std::string rows;
  for (std::size_t c = 0; c < metrics.per_class.size(); ++c) {
    const ClassMetrics& own = metrics.per_class[c];
    rows += "<tr>" + text_cell(label_of(context, static_cast<int>(c))) +
            number_cell(static_cast<double>(own.positives), fmt::format("{}", own.positives));
    if (own.ap) {
      rows += bar_cell(*own.ap) + "<td>" +
              precision_recall_sparkline(class_curve(evaluation, c, metrics.per_class.size())) + "</td>";
    } else {
      rows += empty_cell() + "<td></td>";
    }
    rows += number_cell(static_cast<double>(own.threshold), fmt::format("{:.3g}", own.threshold));
    for (const double value : {own.counts.precision(), own.counts.recall(), own.counts.f1()}) {
      rows += number_cell(value, fmt::format("{:.1f}", 100 * value));
    }
    rows += own.best ? number_cell(own.best->f1, fmt::format("{:.1f}", 100 * own.best->f1)) +
                           number_cell(static_cast<double>(own.best->threshold),
                                       fmt::format("{:.3g}", own.best->threshold))
                     : empty_cell() + empty_cell();
    rows += "</tr>";
  }
  return table_panel("Classes",
                     {"class", "pictures", "AP %", "<span>curve</span>", "threshold", "precision %",
                      "recall %", "F1 %", "best F1 %", "at"},
                     rows, "Find a class");
}

std::string multilabel_body(const Evaluation& evaluation, const ReportContext& context) {
  const MultilabelMetrics& m = *evaluation.multilabel;
  std::string html =
      "<div class=\"cards\">" +
      card("mAP of " + counted(m.classes_with_positives, "class", "classes"), percent(m.map), true) +
      card("OF1 (micro F1)", percent(m.overall.f1())) + card("CF1", percent(m.cf1)) +
      card("precision", percent(m.overall.precision())) + card("recall", percent(m.overall.recall())) +
      card("images", fmt::format("{}", m.images));
  if (m.best)
    html += card(fmt::format("best OF1, at threshold {:.3g}", m.best->threshold), percent(m.best->f1));
  html += "</div><section class=\"panel\"><h2>Precision and recall, all classes together</h2>";
  const auto curve = precision_recall_curve(evaluation.scores, evaluation.targets);
  std::vector<CurveMark> marks{{"at the thresholds in use", m.overall.precision(), m.overall.recall()}};
  if (m.best) {
    const auto at = std::find_if(curve.begin(), curve.end(),
                                 [&](const PrecisionRecall& p) { return p.threshold == m.best->threshold; });
    marks.push_back(
        {fmt::format("at the best single threshold, {:.3g}", m.best->threshold), at->precision, at->recall});
  }
  html += precision_recall_svg(curve, marks) + "<div class=\"legend\">";
  for (std::size_t i = 0; i < marks.size(); ++i) {
    html += fmt::format("<span><i class=\"dot m{}\"></i>{}</span>", i + 1, html_escape(marks[i].name));
  }
  return html +
         "</div><p class=\"note\">AP is the area under the steps of a class's curve, not interpolated; mAP "
         "its mean over the "
         "classes that have a positive picture. The best threshold is the one value for all classes that "
         "maximises OF1 "
         "on these pictures: chosen and measured on the same data, so expect a little less "
         "elsewhere.</p></section>" +
         class_table(evaluation, m, context);
}

}  // namespace

std::string html_report(const Evaluation& evaluation, const ReportContext& context) {
  std::string html;
  if (evaluation.failed > 0) {
    html += fmt::format("<p>Figures leave out {} that could not be evaluated.</p>",
                        counted(evaluation.failed, "picture"));
  }
  html += evaluation.classification ? classification_body(*evaluation.classification, context)
                                    : multilabel_body(evaluation, context);
  return page({.title = context.title, .facts = context.facts, .body = html, .style = kCurveStyle});
}

}  // namespace resnet::eval
