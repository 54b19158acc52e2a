#include "output/report_page.hpp"

#include "output/html_text.hpp"

#include <fmt/format.h>

namespace resnet::report {
namespace {

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
svg text{fill:var(--soft);font-size:11px}svg .grid{stroke:var(--line);fill:none}
.dot{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:6px}
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
        const d=head.classList.contains("text")?x.localeCompare(y,undefined,{numeric:true}):x-y;return falling?-d:d;});
      body.append(...rows);});});
  const search=table.closest(".panel").querySelector("input[type=search]");
  if(search)search.addEventListener("input",()=>{const text=search.value.toLowerCase();
    for(const row of body.rows)row.hidden=!row.cells[0].dataset.v.toLowerCase().includes(text);});
}
)";

}  // namespace

std::string page(const Page& content) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">";
  if (content.refresh_seconds > 0) {
    html += fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">", content.refresh_seconds);
  }
  const std::string title = html_escape(content.title);
  html += fmt::format(
      "<title>{0}</title><style>{1}{2}</style></head><body><main><h1>{0}</h1><dl class=\"facts\">", title,
      kStyle, content.style);
  for (const auto& [name, value] : content.facts) {
    html += "<div><dt>" + html_escape(name) + "</dt><dd>" + html_escape(value) + "</dd></div>";
  }
  return html + "</dl>" + content.body + "</main><script>" + kScript + "</script></body></html>\n";
}

std::string percent(double fraction) {
  return fmt::format("{:.2f} %", 100 * fraction);
}

std::string card(const std::string& name, const std::string& value, bool main) {
  return fmt::format("<div class=\"card{}\"><b>{}</b><span>{}</span></div>", main ? " main" : "",
                     html_escape(value), html_escape(name));
}

std::string panel(const std::string& title, const std::string& body) {
  return fmt::format("<section class=\"panel\"><h2>{}</h2>{}</section>", html_escape(title), body);
}

std::string number_cell(double value, const std::string& text) {
  return fmt::format("<td data-v=\"{:.9g}\">{}</td>", value, html_escape(text));
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

std::string table_head(const std::vector<std::string>& titles) {
  std::string html = "<thead><tr>";
  bool first = true;
  for (const std::string& title : titles) {
    html += title.starts_with('<') ? fmt::format("<th>{}</th>", title)
                                   : fmt::format("<th{}><button>{}</button></th>",
                                                 first ? " class=\"text\"" : "", html_escape(title));
    first = false;
  }
  return html + "</tr></thead>";
}

std::string table_panel(const std::string& title, const std::vector<std::string>& columns,
                        const std::string& rows, const std::string& find) {
  std::string body;
  if (!find.empty()) {
    body = fmt::format("<input type=\"search\" placeholder=\"{0}\" aria-label=\"{0}\">", html_escape(find));
  }
  return panel(title, body + "<div class=\"wide\"><table class=\"sort\">" + table_head(columns) + "<tbody>" +
                          rows + "</tbody></table></div>");
}

}  // namespace resnet::report
