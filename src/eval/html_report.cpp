#include "eval/html_report.hpp"

#include "eval/precision_recall_svg.hpp"
#include "output/html_text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace resnet::eval {
namespace {

constexpr std::size_t kWorstClasses = 20, kConfusions = 20;

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2330;--soft:#5c6879;--line:#dfe4ea;--accent:#1f6feb;--second:#d9480f;--bar:#cfe0fc}
@media(prefers-color-scheme:dark){:root{--bg:#11151b;--card:#1a2029;--ink:#e6ebf2;--soft:#98a4b5;--line:#2c3542;--accent:#5aa2ff;--second:#ff9250;--bar:#24406b}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 16px 48px}
h1{font-size:1.35rem;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:0 0 10px}
p{margin:0 0 10px;color:var(--soft)}p.note{font-size:.85rem;margin:10px 0 0}
dl.facts{display:flex;flex-wrap:wrap;gap:2px 18px;margin:0 0 16px;color:var(--soft);font-size:.87rem}
dl.facts div{display:flex;gap:6px}dl.facts dd{margin:0;color:var(--ink);overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:10px;margin-bottom:16px}
.card,.panel{background:var(--card);border:1px solid var(--line);border-radius:10px}
.card{padding:12px 14px}.card b{display:block;font-size:1.5rem;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:.85rem}.card.main b{color:var(--accent)}
.panel{padding:16px;margin-bottom:16px}.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:0 16px}
.wide{overflow-x:auto;margin:0 -16px;padding:0 16px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:5px 8px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child,.text{text-align:left}td:first-child,td.text{white-space:normal;min-width:7em;overflow-wrap:anywhere}
th{color:var(--soft);font-weight:600;font-size:.82rem}
th button{all:unset;cursor:pointer;padding:4px 0}th button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
th[aria-sort=ascending] button:after{content:" \25B2";font-size:.7em}th[aria-sort=descending] button:after{content:" \25BC";font-size:.7em}
td.bar{background:linear-gradient(var(--bar),var(--bar)) no-repeat left/calc(var(--v)*100%) 70%;min-width:5.5em}
td.none{color:var(--soft)}
svg.pr{width:100%;max-width:520px;display:block;margin:0 auto}svg text{fill:var(--soft);font-size:11px}
svg .grid{stroke:var(--line);fill:none}svg path.equal{stroke:var(--soft);stroke-dasharray:2 4;opacity:.6;fill:none}
svg text.equal{font-size:9px}svg .curve,svg.spark path{stroke:var(--accent);fill:none;stroke-width:2;stroke-linejoin:round}
svg.spark{width:56px;height:22px;vertical-align:middle;border-bottom:1px solid var(--line);border-left:1px solid var(--line)}
svg.spark path{stroke-width:1.3}.mark{stroke:var(--card);stroke-width:1.5}.m1,.dot.m1{fill:var(--ink);background:var(--ink)}
.m2,.dot.m2{fill:var(--second);background:var(--second)}.dot{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:6px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;justify-content:center;font-size:.87rem;color:var(--soft);margin-top:6px}
input[type=search]{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:8px;padding:6px 10px;width:100%;max-width:320px;margin-bottom:10px}
)";

// Sorting and filtering; without scripts the page shows the same figures in class order.
constexpr const char* kScript = R"(
for(const table of document.querySelectorAll("table.sort")){
  const body=table.tBodies[0],heads=[...table.tHead.rows[0].cells];
  heads.forEach((head,column)=>{const button=head.querySelector("button");if(!button)return;
    button.addEventListener("click",()=>{
      const falling=head.getAttribute("aria-sort")==="ascending"||(!head.hasAttribute("aria-sort")&&!head.classList.contains("text"));
      heads.forEach(h=>h.removeAttribute("aria-sort"));head.setAttribute("aria-sort",falling?"descending":"ascending");
      const key=row=>row.cells[column].dataset.v;
      const rows=[...body.rows].sort((a,b)=>{const x=key(a),y=key(b);
        if(x===""||y==="")return(x==="")-(y==="");
        const d=head.classList.contains("text")?x.localeCompare(y):x-y;return falling?-d:d;});
      body.append(...rows);});});
  const search=table.closest(".panel").querySelector("input[type=search]");
  if(search)search.addEventListener("input",()=>{const text=search.value.toLowerCase();
    for(const row of body.rows)row.hidden=!row.cells[0].dataset.v.toLowerCase().includes(text);});
}
)";

std::string percent(double fraction) {
  return fmt::format("{:.2f} %", 100 * fraction);
}

std::string card(const std::string& name, const std::string& value, bool main = false) {
  return fmt::format("<div class=\"card{}\"><b>{}</b><span>{}</span></div>", main ? " main" : "", value,
                     name);
}

// A cell that sorts by `value`.
std::string number_cell(double value, const std::string& text) {
  return fmt::format("<td data-v=\"{:.9g}\">{}</td>", value, text);
}
std::string bar_cell(double fraction) {
  return fmt::format("<td class=\"bar\" data-v=\"{0:.9g}\" style=\"--v:{0:.4f}\">{1:.1f}</td>", fraction,
                     100 * fraction);
}
std::string empty_cell() {
  return "<td class=\"none\" data-v=\"\">–</td>";
}
std::string text_cell(const std::string& text) {
  return fmt::format("<td class=\"text\" data-v=\"{0}\">{0}</td>", html_escape(text));
}

// Column titles; one that begins with '<' is put in as it is and does not sort. The first is text.
std::string table_head(std::initializer_list<const char*> titles) {
  std::string html = "<thead><tr>";
  bool first = true;
  for (const std::string title : titles) {
    html += title.starts_with('<')
                ? fmt::format("<th>{}</th>", title)
                : fmt::format("<th{}><button>{}</button></th>", first ? " class=\"text\"" : "", title);
    first = false;
  }
  return html + "</tr></thead>";
}

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
  html +=
      "<div class=\"pair\"><section class=\"panel\"><h2>Most frequent confusions</h2><div "
      "class=\"wide\"><table><thead><tr>"
      "<th class=\"text\">is</th><th class=\"text\">taken "
      "for</th><th>pictures</th><th>of</th></tr></thead><tbody>";
  for (const Confusion& confusion : confusions) {
    html += fmt::format("<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td><td>{}</td></tr>",
                        html_escape(label_of(context, confusion.actual)),
                        html_escape(label_of(context, confusion.predicted)), confusion.count,
                        metrics.per_class()[static_cast<std::size_t>(confusion.actual)].images);
  }
  if (confusions.empty()) html += "<tr><td class=\"text\" colspan=\"4\">none</td></tr>";
  html +=
      "</tbody></table></div></section><section class=\"panel\"><h2>Worst classes</h2><div "
      "class=\"wide\"><table class=\"sort\">" +
      table_head({"class", "pictures", "top-1 %", "top-5 %"}) + "<tbody>" +
      class_rows(metrics, worst, context) + "</tbody></table></div></section></div>";
  std::vector<int> all = metrics.worst_classes(static_cast<std::size_t>(metrics.classes()));
  std::sort(all.begin(), all.end());
  return html + fmt::format("<section class=\"panel\"><h2>All {} classes with pictures</h2>", all.size()) +
         "<input type=\"search\" placeholder=\"Find a class\" aria-label=\"Find a class\"><div "
         "class=\"wide\"><table class=\"sort\">" +
         table_head({"class", "pictures", "top-1 %", "top-5 %"}) + "<tbody>" +
         class_rows(metrics, all, context) + "</tbody></table></div></section>";
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
  std::string html =
      "<section class=\"panel\"><h2>Classes</h2><input type=\"search\" placeholder=\"Find a class\" "
      "aria-label=\"Find a "
      "class\"><div class=\"wide\"><table class=\"sort\">" +
      table_head({"class", "pictures", "AP %", "<span>curve</span>", "threshold", "precision %", "recall %",
                  "F1 %", "best F1 %", "at"}) +
      "<tbody>";
  for (std::size_t c = 0; c < metrics.per_class.size(); ++c) {
    const ClassMetrics& own = metrics.per_class[c];
    html += "<tr>" + text_cell(label_of(context, static_cast<int>(c))) +
            number_cell(static_cast<double>(own.positives), fmt::format("{}", own.positives));
    if (own.ap) {
      html += bar_cell(*own.ap) + "<td>" +
              precision_recall_sparkline(class_curve(evaluation, c, metrics.per_class.size())) + "</td>";
    } else {
      html += empty_cell() + "<td></td>";
    }
    html += number_cell(static_cast<double>(own.threshold), fmt::format("{:.3g}", own.threshold));
    for (const double value : {own.counts.precision(), own.counts.recall(), own.counts.f1()}) {
      html += number_cell(value, fmt::format("{:.1f}", 100 * value));
    }
    html += own.best ? number_cell(own.best->f1, fmt::format("{:.1f}", 100 * own.best->f1)) +
                           number_cell(static_cast<double>(own.best->threshold),
                                       fmt::format("{:.3g}", own.best->threshold))
                     : empty_cell() + empty_cell();
    html += "</tr>";
  }
  return html + "</tbody></table></div></section>";
}

std::string multilabel_body(const Evaluation& evaluation, const ReportContext& context) {
  const MultilabelMetrics& m = *evaluation.multilabel;
  std::string html = "<div class=\"cards\">" +
                     card(fmt::format("mAP of {} classes", m.classes_with_positives), percent(m.map), true) +
                     card("OF1 (micro F1)", percent(m.overall.f1())) + card("CF1", percent(m.cf1)) +
                     card("precision", percent(m.overall.precision())) +
                     card("recall", percent(m.overall.recall())) +
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
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>" +
      html_escape(context.title) + "</title><style>" + kStyle + "</style></head><body><main><h1>" +
      html_escape(context.title) + "</h1><dl class=\"facts\">";
  for (const auto& [name, value] : context.facts) {
    html += "<div><dt>" + html_escape(name) + "</dt><dd>" + html_escape(value) + "</dd></div>";
  }
  html += "</dl>";
  if (evaluation.failed > 0) {
    html += fmt::format("<p>{} pictures could not be evaluated and are left out of every figure.</p>",
                        evaluation.failed);
  }
  html += evaluation.classification ? classification_body(*evaluation.classification, context)
                                    : multilabel_body(evaluation, context);
  return html + "</main><script>" + kScript + "</script></body></html>\n";
}

}  // namespace resnet::eval
