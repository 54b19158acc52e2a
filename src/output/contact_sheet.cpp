#include "output/contact_sheet.hpp"

#include "core/counted.hpp"
#include "output/contact_sheet_page.hpp"
#include "output/html_text.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <fmt/format.h>

namespace resnet {
namespace {

// Only the script that carries this may run: what a hostile name might smuggle in cannot know it.
std::string make_nonce() {
  std::random_device random;
  std::string nonce;
  for (int i = 0; i < 4; ++i) nonce += fmt::format("{:08x}", random());
  return nonce;
}

// 0.934 → "93"; what is not zero is not shown as zero.
std::string percent(float score) {
  const float value = std::clamp(score, 0.0f, 1.0f) * 100.0f;
  if (value > 0 && value < 1) return "&lt;1";
  return fmt::format("{:.0f}", value);
}

}  // namespace

ContactSheet::ContactSheet(const std::filesystem::path& page, const std::string& title,
                           const std::string& note)
    : directory_(page.parent_path().empty() ? "." : page.parent_path()), file_(page) {
  const std::string nonce = make_nonce();
  const std::string safe_title = html_escape(title);
  file_.write(
      fmt::format("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                  "style-src 'unsafe-inline'; script-src 'nonce-{}'; base-uri 'none'; form-action 'none'\">\n"
                  "<title>{}</title>\n<style>{}</style>\n",
                  nonce, safe_title, kSheetStyle));
  // The script stands in the head, deferred by hand: at the end of the body it would have to wait for the
  // last photo, and "defer" is for scripts of their own file only.
  file_.write(
      fmt::format("<script nonce=\"{}\">addEventListener('DOMContentLoaded', () => {{{}}});</script>\n",
                  nonce, kSheetScript));
  file_.write(fmt::format(
      "</head>\n<body>\n<header>\n<div class=\"bar\">\n<div class=\"title\"><h1>{}</h1><p "
      "class=\"note\">{}</p></div>\n"
      "<span id=\"count\" role=\"status\"></span>\n"
      "<input id=\"search\" type=\"search\" placeholder=\"Search names and tags\" aria-label=\"Search names "
      "and tags\" "
      "autocomplete=\"off\">\n</div>\n<nav id=\"cloud\" aria-label=\"Tags\"></nav>\n</header>\n<main>\n"
      "<p id=\"empty\" hidden></p>\n",
      safe_title, html_escape(note)));
}

void ContactSheet::add(const SheetPhoto& photo) {
  ++photos_;
  const std::string path = html_escape(photo.path.native());
  const std::string link = html_link(photo.path, directory_);
  std::string alt;
  std::string chips;
  for (const SheetTag& tag : photo.tags) {
    const std::string label = html_escape(tag.label);
    alt += (alt.empty() ? "" : ", ") + label;
    chips += fmt::format(
        "<button type=\"button\" data-tag=\"{}\" style=\"--s:{:.3f}\" title=\"{:.1f} "
        "%\">{}<i>{}</i></button>",
        label, std::clamp(tag.score, 0.0f, 1.0f), std::clamp(tag.score, 0.0f, 1.0f) * 100.0f, label,
        percent(tag.score));
  }
  std::string card = fmt::format("<figure><a class=\"well\" href=\"{}\" title=\"{}\">", link, path);
  if (!photo.thumbnail.empty()) {
    card +=
        fmt::format("<img loading=\"lazy\" decoding=\"async\" alt=\"{}\" src=\"data:image/jpeg;base64,{}\">",
                    alt.empty() ? path : alt, base64(photo.thumbnail));
  }
  const std::string place = html_escape(photo.path.parent_path().native());
  card += fmt::format("</a><figcaption><div class=\"name\"><bdi title=\"{} · {} × {}\">{}</bdi>", path,
                      photo.width, photo.height, html_escape(photo.path.filename().native()));
  if (!place.empty()) card += fmt::format(" <span class=\"place\"><bdi>{}</bdi></span>", place);
  card += chips.empty() ? "</div><div class=\"none\">no tags</div>"
                        : fmt::format("</div><div class=\"tags\">{}</div>", chips);
  file_.write(card + "</figcaption></figure>\n");
}

void ContactSheet::add_failure(const std::filesystem::path& path, const Error& error) {
  failures_.emplace_back(html_escape(path.native()), html_escape(error.what()));
}

void ContactSheet::finish(const std::string& remark) {
  file_.write("</main>\n");
  if (!failures_.empty()) {
    file_.write(fmt::format("<details id=\"failed\" open><summary>{} could not be read</summary><dl>\n",
                            counted(failures_.size(), "photo")));
    for (const auto& [path, message] : failures_) {
      file_.write(fmt::format("<dt><bdi>{}</bdi></dt><dd><bdi>{}</bdi></dd>\n", path, message));
    }
    file_.write("</dl></details>\n");
  }
  std::string summary = counted(photos_, "photo");
  if (!failures_.empty()) summary += fmt::format(", {} failed", failures_.size());
  if (!remark.empty()) summary += ". " + html_escape(remark);
  file_.write(fmt::format(
      "<footer>{}. Figures on tags are the network's confidence in percent.</footer>\n</body>\n</html>\n",
      summary));
  file_.commit();
}

}  // namespace resnet
