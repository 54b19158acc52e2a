#include "tag_xmp.hpp"

#include "command.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "pipeline/photo_list.hpp"
#include "progress.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <utility>

namespace resnet::cli {
namespace {

std::string listed(const char* sign, const std::vector<std::string>& keywords) {
  std::string text;
  for (const std::string& keyword : keywords) text += fmt::format("  {}{}", sign, printable(keyword));
  return text;
}

const char* verb(XmpAction action) {
  switch (action) {
    case XmpAction::created:
      return "create";
    case XmpAction::updated:
      return "change";
    case XmpAction::deleted:
      return "delete";
    case XmpAction::unchanged:
      break;
  }
  return "leave";
}

}  // namespace

TagXmp::TagXmp(const TagArguments& args, std::string fingerprint)
    : args_(args),
      fingerprint_(std::move(fingerprint)),
      options_{.dry_run = args.dry_run, .force = args.force} {
  if (!xmp_available()) {
    throw Error(
        ErrorCode::unsupported,
        "this build cannot write XMP: it was made without Exempi (install libexempi-dev, build again)");
  }
}

void TagXmp::tell(const XmpOutcome& outcome) {
  if (outcome.action == XmpAction::unchanged) {
    ++unchanged_;
    return;
  }
  ++changed_;
  if (!args_.dry_run) return;
  const std::string line =
      fmt::format("would {} {}{}{}", verb(outcome.action), printable(outcome.file.native()),
                  listed("+", outcome.change.added), listed("-", outcome.change.removed));
  // Standard output belongs to the photos' lines where a program reads it.
  if (args_.json || args_.csv) {
    hint("{}", line);
  } else {
    write_output(line + '\n');
  }
}

void TagXmp::fail(const std::exception& error) {
  ++failed_;
  report_error(printable(error.what()));
}

bool TagXmp::write(const std::filesystem::path& photo, std::span<const Prediction> tags,
                   const std::vector<std::string>& labels) {
  std::vector<std::string> names;
  for (const Prediction& tag : tags) names.push_back(labels[static_cast<std::size_t>(tag.index)]);
  const XmpTags wanted{.tags = names, .parent = args_.xmp_parent, .fingerprint = fingerprint_};
  try {
    const bool embed = args_.xmp == "embed";
    const XmpOutcome outcome =
        embed ? write_embedded(photo, wanted, options_) : write_sidecar(photo, wanted, options_);
    tell(outcome);
    return embed && !args_.dry_run && outcome.action != XmpAction::unchanged;
  } catch (const std::exception& error) {
    fail(error);
    return false;
  }
}

void TagXmp::remove(const std::filesystem::path& photo) {
  try {
    if (args_.xmp != "embed") tell(remove_from_sidecar(photo, options_));
  } catch (const std::exception& error) {
    fail(error);
  }
  try {
    if (args_.xmp != "sidecar") tell(remove_embedded(photo, options_));
  } catch (const Error& error) {
    // Where both places were meant, a format that has no place inside is no failure: nothing of ours is in
    // it.
    if (args_.xmp == "embed" || error.code() != ErrorCode::unsupported) fail(error);
  }
}

void TagXmp::report_counts() const {
  const auto count = [](std::size_t n) { return grouped(static_cast<std::int64_t>(n)); };
  if (args_.xmp_remove) {
    note("XMP: {} {}", count(changed_), args_.dry_run ? "would be cleaned" : "cleaned");
  } else {
    note("XMP: {} {}, {} already as they should be", count(changed_),
         args_.dry_run ? "would be changed" : "written", count(unchanged_));
  }
}

int run_xmp_remove(const TagArguments& args) {
  require_photos(args.photos);
  TagXmp xmp(args, "");
  const std::atomic<bool>& interrupted = catch_interrupts();
  PhotoList list(
      {args.photos.paths.begin(), args.photos.paths.end()},
      {.recursive = args.photos.recursive, .images_from = args.photos.images_from, .cancel = &interrupted});
  std::size_t unlisted = 0;
  {
    Progress progress("cleaning", "photos");
    while (const auto item = list.next()) {
      if (item->error) {
        ++unlisted;
        report_error(printable(item->error->what()));
      } else {
        xmp.remove(item->path);
      }
      progress.advance();
    }
  }
  xmp.report_counts();
  if (interrupted) report_error("interrupted; what was begun is complete");
  return interrupted || unlisted + xmp.failed() > 0 ? kSomeFailed : kAllDone;
}

}  // namespace resnet::cli
