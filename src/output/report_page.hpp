// What the HTML reports have in common: one look, light or dark as the reader has it, on a phone as well;
// cards with figures, tables that sort and filter. A page needs nothing but itself: no network, no other
// file.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace resnet::report {

struct Page {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  // "backend" → "cpu, avx2", shown in order
  std::string body;                                        // HTML
  std::string_view style = {};                             // CSS beside the common one
  int refresh_seconds = 0;                                 // the page loads itself anew so often; 0: never
};
// The whole document. Everything but `body` and `style` is escaped.
std::string page(const Page& content);

// 0.1234 → "12.34 %".
std::string percent(double fraction);

// A figure with its name below it; `main` stands out.
std::string card(const std::string& name, const std::string& value, bool main = false);

// A titled part of the page around `body`, which is HTML.
std::string panel(const std::string& title, const std::string& body);

// Cells that sort: by the value, by the text (which is escaped). A bar of `fraction` in 0–1 is labelled in
// percent.
std::string number_cell(double value, const std::string& text);
std::string bar_cell(double fraction);
std::string empty_cell();
std::string text_cell(const std::string& text);

// Column titles; one that begins with '<' is put in as it is and does not sort. The first is text.
std::string table_head(const std::vector<std::string>& titles);

// A panel with a table that sorts by a click on its column titles; `find`, where given, is what its search
// field asks for. `rows` are <tr> of the cells above.
std::string table_panel(const std::string& title, const std::vector<std::string>& columns,
                        const std::string& rows, const std::string& find = {});

}  // namespace resnet::report
