// resnet tag: a folder of photos in, tags out: on the screen, as JSON or CSV, as XMP keywords, as a web page.
#include "command.hpp"
#include "commands.hpp"
#include "core/counted.hpp"
#include "interrupt.hpp"
#include "model/labels.hpp"
#include "open_model.hpp"
#include "output/contact_sheet.hpp"
#include "output/tag_store.hpp"
#include "output/thumbnail.hpp"
#include "output_paths.hpp"
#include "photo_run.hpp"
#include "tag_options.hpp"
#include "tag_printer.hpp"
#include "tag_selection.hpp"
#include "tag_xmp.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

namespace resnet::cli {
namespace {

// The models that ship: the one that `resnet tag` takes where none is named, and the one for --model small.
constexpr const char* kDefaultModel = "tagger-resnet50-int8";
constexpr const char* kSmallName = "small";
constexpr const char* kSmallModel = "tagger-resnet18-int8";

// What is known of a photo when it is listed; travels with it through the pipeline.
struct Known {
  std::optional<PhotoStamp> stamp;
  std::optional<StoredTags> tags;  // of an earlier run, the photo being unchanged
};

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
  return {text, size};
}

class Tagger {
 public:
  Tagger(const TagArguments& args, const Model& model);
  int run();

 private:
  void prepare(PhotoItem& item) const;
  void take(const PhotoResult& photo);
  void take_failure(const PhotoResult& photo);
  // Runs `action` on the web page. Where that fails, the page is given up, and everything else goes on.
  template <class F>
  void on_sheet(F&& action);

  const TagArguments& args_;
  const Model& model_;
  TagPrinter printer_;
  std::optional<TagStore> store_;
  std::optional<TagXmp> xmp_;
  std::unique_ptr<ContactSheet> sheet_;
  bool sheet_failed_ = false;
  std::size_t tagged_ = 0;
  std::size_t unchanged_ = 0;
};

Tagger::Tagger(const TagArguments& args, const Model& model)
    : args_(args), model_(model), printer_(model, args) {
  const std::filesystem::path memory =
      args.no_cache ? std::filesystem::path() : default_tag_store_directory();
  if (!memory.empty() || !args.xmp.empty()) {
    const std::string fingerprint = tag_fingerprint(model, args);
    if (!memory.empty()) store_.emplace(memory, fingerprint, model.architecture.classes());
    if (!args.xmp.empty()) xmp_.emplace(args, fingerprint);
  }
  if (!args.html.empty()) {
    const std::string name = model.path.empty() ? model.architecture.name() : model.path.filename().string();
    sheet_ = std::make_unique<ContactSheet>(args.html, "Photo tags", fmt::format("{} · {}", name, today()));
  }
}

void Tagger::prepare(PhotoItem& item) const {
  Known known;
  known.stamp = photo_stamp(item.path);
  if (store_ && !args_.force && known.stamp) known.tags = store_->find(item.path, *known.stamp);
  if (known.tags) item.need = args_.html.empty() ? PhotoNeed::nothing : PhotoNeed::picture;
  item.context = std::move(known);
}

template <class F>
void Tagger::on_sheet(F&& action) {
  if (!sheet_) return;
  try {
    action(*sheet_);
  } catch (const Error& error) {
    report_error(printable(error.what()));
    sheet_.reset();
    sheet_failed_ = true;
  }
}

void Tagger::take(const PhotoResult& photo) {
  const auto& known = std::any_cast<const Known&>(photo.item.context);
  StoredTags tags;
  if (known.tags) {
    tags = *known.tags;
    ++unchanged_;
  } else {
    tags = {photo.picture.width, photo.picture.height, select_tags(model_.head, photo.output, args_)};
    ++tagged_;
  }
  printer_.print(photo.item.path, {tags.height, tags.width}, tags.predictions,
                 {photo.decode_ms, photo.preprocess_ms, photo.infer_ms});
  std::optional<PhotoStamp> stamp = known.tags ? std::nullopt : known.stamp;
  if (xmp_ && xmp_->write(photo.item.path, tags.predictions, model_.labels))
    stamp = photo_stamp(photo.item.path);
  if (store_ && stamp) store_->put(photo.item.path, *stamp, tags);
  on_sheet([&](ContactSheet& sheet) {
    std::vector<SheetTag> chips;
    for (const Prediction& tag : tags.predictions) {
      chips.push_back({model_.labels[static_cast<std::size_t>(tag.index)], tag.score});
    }
    sheet.add({photo.item.path, tags.width, tags.height, photo.attachment, chips});
  });
}

void Tagger::take_failure(const PhotoResult& photo) {
  printer_.print_failure(photo.item.path, *photo.item.error);
  on_sheet([&](ContactSheet& sheet) { sheet.add_failure(photo.item.path, *photo.item.error); });
}

int Tagger::run() {
  PhotoRun run{.model = model_,
               .photos = args_.photos,
               .decode = args_.decode,
               .compute = args_.compute,
               .verb = "tagging",
               .on_photo = [this](const PhotoResult& photo) { take(photo); }};
  run.prepare = [this](PhotoItem& item) { prepare(item); };
  run.on_failure = [this](const PhotoResult& photo) { take_failure(photo); };
  if (sheet_) run.on_picture = [](const Image& image) { return make_thumbnail(image); };
  const auto start = std::chrono::steady_clock::now();
  int status = run_photos(run);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  on_sheet([](ContactSheet& sheet) { sheet.finish(catch_interrupts() ? "The run was stopped early" : ""); });
  if (store_) {
    store_->flush();
    if (const std::string problem = store_->problem(); !problem.empty()) {
      note("{}; the next run cannot skip these photos", printable(problem));
    }
  }
  if (tagged_ + unchanged_ > 1) {
    const auto count = [](std::size_t n) { return grouped(static_cast<std::int64_t>(n)); };
    std::string text = counted(count(tagged_), "photo") + " tagged";
    if (unchanged_ > 0)
      text += fmt::format(", {} unchanged since an earlier run (--force redoes them)", count(unchanged_));
    note("{} in {:.1f} s, {:.1f} photos/s", text, seconds,
         static_cast<double>(tagged_ + unchanged_) / seconds);
  }
  if (xmp_) xmp_->report_counts();
  if (sheet_failed_ || (xmp_ && xmp_->failed() > 0)) status = kSomeFailed;
  return status;
}

// A model that ships by the name that it is found by; another one as it was written. Throws UsageError where
// the one that ships is not there.
std::string tag_model_name(const std::string& model) {
  if (!model.empty() && model != kSmallName) return model;
  const std::string name = model.empty() ? kDefaultModel : kSmallModel;
  try {
    return find_model(name).string();
  } catch (const Error&) {
    std::string places;
    for (const std::filesystem::path& place : model_search_path())
      places += "\n  " + printable(place.native());
    throw UsageError(
        fmt::format("{} means the tagger {}, which is not installed. Name another model, as --model MODEL: a "
                    ".pth or .safetensors "
                    "file or a manifest folder of a ResNet-18, -34 or -50. Or put {}.safetensors into one of "
                    "the folders that are "
                    "searched:{}",
                    model.empty() ? "no --model given, which" : "--model small", name, name, places));
  }
}

Model open_tag_model(const TagArguments& args) {
  Model model = open_model({.model = tag_model_name(args.model.model), .labels = args.model.labels});
  model.labels = translate_labels(std::move(model.labels), parse_language(args.language));
  return model;
}

int run_tag(const TagArguments& args) {
  if (args.json && args.csv) throw UsageError("--json and --csv exclude each other");
  if (args.dry_run && args.xmp.empty() && !args.xmp_remove) {
    throw UsageError("--dry-run goes with --xmp or --xmp-remove: it tells what they would change");
  }
  if (!args.xmp_parent.empty() && args.xmp.empty()) {
    throw UsageError("--xmp-parent goes with --xmp: it tells under which keyword the tags are put");
  }
  if (args.xmp_remove) {
    if (!args.html.empty() || args.json || args.csv) {
      throw UsageError("--xmp-remove makes no tags: leave out --html, --json and --csv");
    }
    return run_xmp_remove(args);
  }
  require_photos(args.photos);
  require_writable({{"--html", args.html}});
  const Model model = open_tag_model(args);
  return Tagger(args, model).run();
}

void add_output_options(CLI::App& command, TagArguments& args) {
  command.add_flag("--json", args.json, "One JSON object a photo and line");
  command.add_flag("--csv", args.csv, "A table: path, rank, index, label, score");
  add_output_option(
      command, "--html", args.html, "REPORT.html",
      "Also write a web page of thumbnails with tags to search and filter by: one file, no network");
  const char* group = "XMP keywords (dc:subject and lr:hierarchicalSubject)";
  command
      .add_option(
          "--xmp", args.xmp,
          "sidecar: into photo.jpg.xmp, or photo.xmp where that exists; embed: into the JPEG, PNG, TIFF or "
          "WebP itself, through a copy whose picture data is compared. Other keywords and properties stay")
      ->type_name("WHERE")
      ->check(one_of({"sidecar", "embed"}))
      ->group(group);
  command.add_option("--xmp-parent", args.xmp_parent, "Put hierarchical keywords under NAME (\"NAME|tag\")")
      ->type_name("NAME")
      ->group(group);
  command
      .add_flag("--xmp-remove", args.xmp_remove,
                "Take out the keywords that earlier runs put in, and only those; with --xmp only there. No "
                "model needed")
      ->group(group);
  command.add_flag("--dry-run", args.dry_run, "Only tell what --xmp or --xmp-remove would change")
      ->group(group);
}

}  // namespace

void add_tag_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<TagArguments>();
  CLI::App* command =
      add_command(app, "tag", "Tag photos and folders of photos",
                  "  resnet tag -r Pictures\n"
                  "  resnet tag -r Pictures --model small --lang ko\n"
                  "  resnet tag -m resnet50.pth -r Pictures --html report.html --xmp sidecar\n"
                  "  resnet tag -m resnet50.pth holiday.jpg --top 3 --json\n"
                  "  resnet tag -r Pictures --xmp-remove --dry-run\n"
                  "A photo that is unchanged (path, size, time of modification) since an\n"
                  "earlier run with the same model and options is not computed again; its\n"
                  "tags come from ~/.cache/resnet/tags ($XDG_CACHE_HOME/resnet/tags).\n");
  add_photo_options(*command, args->photos);
  command
      ->add_option("--threshold", args->threshold,
                   "Least score of a tag (default: the model's own; none for a one-label model)")
      ->type_name("T")
      ->check(number(0, 1));
  command
      ->add_option(
          "--top", args->top,
          "The K best tags of each photo (default: those over the threshold; 5 for a one-label model)")
      ->type_name("K")
      ->check(whole_number(1, 1000000));
  add_output_options(*command, *args);
  command->add_option("--lang", args->language, "Language of the tags: en (default) or ko (COCO's names)")
      ->type_name("LANG")
      ->check(one_of({"en", "ko"}));
  command->add_flag("--force", args->force, "Redo photos that an earlier run has done");
  command->add_flag("--no-cache", args->no_cache, "Neither use nor keep what earlier runs found out");
  add_model_options(*command, args->model, false);
  command->get_option("--model")->description(
      "Model file or folder, or a name to be found (see `resnet doctor`); default: tagger-resnet50-int8; "
      "small: "
      "tagger-resnet18-int8");
  add_decode_options(*command, args->decode, ExifOrientation::apply);
  add_compute_options(*command, args->compute);
  add_general_options(*command);
  on_run(*command, action, [args] { return run_tag(*args); });
}

}  // namespace resnet::cli
