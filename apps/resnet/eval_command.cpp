// resnet eval: how accurate a model is on labelled pictures.
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "core/atomic_file.hpp"
#include "core/counted.hpp"
#include "eval/evaluate.hpp"
#include "eval/html_report.hpp"
#include "eval/logits_check.hpp"
#include "eval/npy.hpp"
#include "eval/thresholds.hpp"
#include "interrupt.hpp"
#include "json_output.hpp"
#include "open_model.hpp"
#include "output_paths.hpp"
#include "progress.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <optional>

namespace resnet::cli {
namespace {

struct EvalArguments {
  ModelArguments model;
  ComputeArguments compute;
  DecodeArguments decode;
  std::string data;
  std::int64_t images = 0;
  float threshold = -1;
  std::string only;
  std::string crowd;  // empty: "positive"
  std::string devkit;
  std::string logits;
  std::string expect_logits;
  double tolerance = 1e-4;
  std::string write_thresholds;
  std::string html;
  bool json = false;
};

std::string percent(double fraction) {
  return fmt::format("{:.2f} %", 100 * fraction);
}

// Everything that happens picture by picture.
class Watcher {
 public:
  Watcher(const EvalArguments& args, const eval::Dataset& dataset)
      : progress_("evaluating", "pictures", static_cast<std::int64_t>(dataset.size())) {
    const auto rows = static_cast<std::int64_t>(dataset.size());
    if (!args.logits.empty()) writer_.emplace(args.logits, rows, dataset.classes);
    if (!args.expect_logits.empty()) {
      expected_.emplace(args.expect_logits);
      if (expected_->rows() < rows || expected_->columns() != dataset.classes) {
        throw Error(ErrorCode::shape_mismatch,
                    fmt::format("{}: holds {} x {} logits, needed are {} x {}", args.expect_logits,
                                expected_->rows(), expected_->columns(), rows, dataset.classes));
      }
    }
    failed_row_.assign(static_cast<std::size_t>(dataset.classes), std::numeric_limits<float>::quiet_NaN());
  }

  void take(std::size_t index, std::span<const float> logits, const Error* error) {
    progress_.advance();
    if (error != nullptr) report_error(printable(error->what()));
    if (writer_) writer_->write_row(error != nullptr ? std::span<const float>(failed_row_) : logits);
    if (expected_ && error == nullptr) {
      check_.add(static_cast<std::int64_t>(index), logits, expected_->row(static_cast<std::int64_t>(index)));
    }
  }

  void finish() {
    if (writer_) writer_->commit();
  }
  const eval::LogitsCheck* check() const { return expected_ ? &check_ : nullptr; }

 private:
  Progress progress_;
  std::optional<eval::NpyWriter> writer_;
  std::optional<eval::NpyMatrix> expected_;
  eval::LogitsCheck check_;
  std::vector<float> failed_row_;
};

Json class_json(int index, const std::string& label, const eval::ClassMetrics& own) {
  Json json;
  json["index"] = index;
  json["label"] = label;
  json["positives"] = own.positives;
  json["AP"] = own.ap ? Json(*own.ap) : Json(nullptr);
  json["threshold"] = shortest(own.threshold);
  json["precision"] = own.counts.precision();
  json["recall"] = own.counts.recall();
  json["f1"] = own.counts.f1();
  json["best_threshold"] = own.best ? Json(shortest(own.best->threshold)) : Json(nullptr);
  json["best_f1"] = own.best ? Json(own.best->f1) : Json(nullptr);
  return json;
}

Json evaluation_json(const eval::Evaluation& evaluation, const Model& model) {
  Json json;
  json["images"] = evaluation.images;
  if (evaluation.classification) {
    json["top1"] = evaluation.classification->top1();
    json["top5"] = evaluation.classification->top5();
    return json;
  }
  const eval::MultilabelMetrics& m = *evaluation.multilabel;
  json["classes"] = m.classes_with_positives;
  json["mAP"] = m.map;
  json["precision"] = m.overall.precision();
  json["recall"] = m.overall.recall();
  json["f1"] = m.overall.f1();
  json["CF1"] = m.cf1;
  json["OF1"] = m.overall.f1();
  json["best_threshold"] = m.best ? Json(shortest(m.best->threshold)) : Json(nullptr);
  Json classes = Json::array();
  for (std::size_t c = 0; c < m.per_class.size(); ++c) {
    classes.push_back(class_json(static_cast<int>(c), model.labels[c], m.per_class[c]));
  }
  json["per_class"] = std::move(classes);
  return json;
}

std::string threshold_text(std::span<const float> thresholds) {
  return thresholds.size() == 1 ? fmt::format("threshold {:g}", thresholds[0]) : "the model's own thresholds";
}

void print_multilabel(const eval::MultilabelMetrics& m, const Model& model,
                      std::span<const float> thresholds) {
  std::vector<std::vector<std::string>> rows{
      {"class", "pictures", "AP", "precision", "recall", "F1", "best F1", "at"}};
  for (std::size_t c = 0; c < m.per_class.size(); ++c) {
    const eval::ClassMetrics& own = m.per_class[c];
    const auto figure = [](double value) { return fmt::format("{:.4f}", value); };
    rows.push_back({printable(model.labels[c]), grouped(own.positives), own.ap ? figure(*own.ap) : "-",
                    figure(own.counts.precision()), figure(own.counts.recall()), figure(own.counts.f1()),
                    own.best ? figure(own.best->f1) : "-",
                    own.best ? fmt::format("{:.3g}", own.best->threshold) : "-"});
  }
  print("{}\n", align_columns(rows, {1, 2, 3, 4, 5, 6, 7}));
  rows = {{"images", grouped(m.images)},
          {"mAP", fmt::format("{}  (mean over classes that have a positive: {} of {})", percent(m.map),
                              m.classes_with_positives, m.per_class.size())},
          {"precision", fmt::format("{}  at {}", percent(m.overall.precision()), threshold_text(thresholds))},
          {"recall", percent(m.overall.recall())},
          {"F1 = OF1", percent(m.overall.f1())},
          {"CF1", percent(m.cf1)}};
  if (m.best) {
    rows.push_back({"best threshold",
                    fmt::format("{:.4g}  (OF1 {}: the one value for all classes that maximises it here)",
                                m.best->threshold, percent(m.best->f1))});
  }
  print("{}", align_columns(rows));
}

void print_classification(const eval::ClassificationMetrics& m) {
  print("{}",
        align_columns({{"images", grouped(m.images())},
                       {"top-1", fmt::format("{}  ({})", percent(m.top1()), grouped(m.top1_count()))},
                       {"top-5", fmt::format("{}  ({})", percent(m.top5()), grouped(m.top5_count()))}}));
}

// The verdict goes to standard error with --json, whose line holds the figures alone.
bool report_check(const eval::LogitsCheck& check, const EvalArguments& args, const eval::Dataset& dataset) {
  const bool ok = check.ok(args.tolerance);
  const std::string where =
      check.worst_picture() < 0
          ? std::string("nothing was compared")
          : fmt::format(
                "largest at class {} of {}", check.worst_class(),
                printable(
                    dataset.images[static_cast<std::size_t>(check.worst_picture())].filename().string()));
  const std::string text =
      fmt::format("{} logits against {}: max_abs {:.3g} (limit {:g}, {}); top-1 equal on {} of {}",
                  ok ? "[OK]" : "[FAIL]", args.expect_logits, check.max_abs(), args.tolerance, where,
                  check.top1_equal(), check.pictures());
  if (!args.json) {
    print("{}\n", text);
  } else if (ok) {
    note("{}", text);
  } else {
    report_error(text);
  }
  return ok;
}

void write_report(const EvalArguments& args, const Model& model, const eval::Evaluation& evaluation,
                  std::span<const float> thresholds) {
  eval::ReportContext context;
  const std::string name = model.path.filename().string();
  context.title = fmt::format("{} on {}", name.empty() ? args.model.model : name, args.data);
  context.facts = {
      {"network", fmt::format("{}, {}", model.architecture.name(),
                              counted(model.architecture.classes(), "class", "classes"))},
      {"backend", evaluation.isa.empty() ? evaluation.backend
                                         : fmt::format("{}, {}", evaluation.backend, evaluation.isa)},
      {"precision",
       args.compute.precision.empty() ? std::string(to_string(model.precision)) : args.compute.precision},
      {"EXIF orientation", args.decode.exif},
      {"speed",
       fmt::format("{:.1f} pictures/s", static_cast<double>(evaluation.images) / evaluation.seconds)}};
  if (evaluation.multilabel) context.facts.emplace_back("figures at", threshold_text(thresholds));
  context.labels = model.labels;
  write_file_atomically(args.html, eval::html_report(evaluation, context));
}

// A copy of the model whose thresholds are chosen on these pictures.
void write_thresholds(const EvalArguments& args, Model model, const eval::Evaluation& evaluation) {
  if (!evaluation.multilabel->best) {
    throw Error(ErrorCode::not_found, fmt::format("--write-thresholds {}: no picture has a label to choose "
                                                  "thresholds by, and nothing was written",
                                                  args.write_thresholds));
  }
  model.head.thresholds = eval::choose_class_thresholds(*evaluation.multilabel, evaluation.scores);
  save_model(model, args.write_thresholds, ModelFormat::safetensors);
  const eval::MultilabelMetrics with = eval::multilabel_metrics(
      evaluation.scores, evaluation.targets, model.architecture.classes(), model.head.thresholds);
  note("The model with thresholds chosen on these pictures -> {} (F1 {} with them)",
       printable(args.write_thresholds), percent(with.overall.f1()));
}

// Throws where there is nothing to tell about the model; then no output is written.
void require_figures(const eval::Evaluation& evaluation, std::size_t pictures) {
  const auto count = [](auto value) { return grouped(static_cast<std::int64_t>(value)); };
  if (evaluation.cancelled) {
    throw Error(ErrorCode::cancelled, fmt::format("interrupted after {} of {}; nothing was written",
                                                  count(evaluation.images + evaluation.failed),
                                                  counted(count(pictures), "picture")));
  }
  if (evaluation.images == 0) {
    throw Error(ErrorCode::not_found,
                fmt::format("not one of {} could be evaluated: there are no figures, and nothing was written",
                            counted(count(pictures), "picture")));
  }
}

// Options that mean something for one kind of data only would else be ignored in silence.
void require_fitting_options(const EvalArguments& args) {
  const bool coco = args.data.starts_with("coco:");
  if (!coco && args.threshold >= 0) throw UsageError("--threshold is for --data coco:…");
  if (!coco && !args.crowd.empty()) throw UsageError("--crowd is for --data coco:…");
  if (!coco && !args.write_thresholds.empty()) throw UsageError("--write-thresholds is for --data coco:…");
  if (coco && !args.devkit.empty()) throw UsageError("--devkit is for --data imagenet:…");
  require_not_pth({"--write-thresholds", args.write_thresholds}, "thresholds");
}

int run_eval(const EvalArguments& args) {
  require_fitting_options(args);
  require_writable(
      {{"--logits", args.logits}, {"--write-thresholds", args.write_thresholds}, {"--html", args.html}});
  const Model model = open_model(args.model);
  if (!args.write_thresholds.empty() && model.head.kind != HeadKind::sigmoid) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("--write-thresholds: {} gives one label a picture (a softmax head), which needs no "
                    "thresholds; `resnet export --head sigmoid` makes a tagger of it",
                    args.model.model));
  }
  eval::DatasetOptions dataset_options;
  dataset_options.classes = model.architecture.classes();
  dataset_options.labels = model.labels;
  dataset_options.crowd = args.crowd == "ignore" ? eval::Crowd::ignore : eval::Crowd::positive;
  dataset_options.devkit = args.devkit;
  dataset_options.only = args.only;
  eval::Dataset dataset = eval::read_dataset(args.data, dataset_options);
  if (args.images > 0) truncate(dataset, static_cast<std::size_t>(args.images));
  eval::require_pictures(dataset);

  eval::EvaluateOptions options;
  options.session = session_options(args.compute);
  options.decode = args.decode.options();
  options.cancel = &catch_interrupts();
  if (args.threshold >= 0) options.thresholds = {args.threshold};
  const std::vector<float> thresholds = eval::resolve_thresholds(model.head, options.thresholds);

  std::optional<Watcher> watcher(std::in_place, args, dataset);
  options.on_picture = [&](std::size_t index, std::span<const float> logits, const Error* error) {
    watcher->take(index, logits, error);
  };
  const eval::Evaluation evaluation = eval::evaluate(model, dataset, options);
  require_figures(evaluation, dataset.size());
  watcher->finish();
  std::optional<eval::LogitsCheck> check;
  if (watcher->check() != nullptr) check = *watcher->check();
  watcher.reset();  // takes the progress line away
  // Before anything is printed: a reader of standard output that goes away must not cost the files.
  if (!args.write_thresholds.empty()) write_thresholds(args, model, evaluation);
  if (!args.html.empty()) write_report(args, model, evaluation, thresholds);

  if (args.json) {
    print_json(evaluation_json(evaluation, model));
  } else if (evaluation.classification) {
    print_classification(*evaluation.classification);
  } else {
    print_multilabel(*evaluation.multilabel, model, thresholds);
  }
  bool ok = evaluation.failed == 0;
  if (check) ok = report_check(*check, args, dataset) && ok;
  if (evaluation.failed > 0) {
    report_error(fmt::format("{} of {} failed; the figures are of the others", grouped(evaluation.failed),
                             counted(grouped(static_cast<std::int64_t>(dataset.size())), "picture")));
  }
  return ok ? kAllDone : kSomeFailed;
}

}  // namespace

void add_eval_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<EvalArguments>();
  CLI::App* command = add_command(app, "eval", "Measure accuracy on labelled pictures",
                                  "  resnet eval -m resnet50.pth --data imagenet:val/labels.csv,val\n"
                                  "  resnet eval -m resnet50.pth --data imagenet:ILSVRC2012_img_val\n"
                                  "  resnet eval -m tagger.safetensors --html report.html \\\n"
                                  "              --data coco:instances_val2017.json,val2017\n"
                                  "  resnet eval -m int8.safetensors --data coco:val.json,val \\\n"
                                  "              --write-thresholds tagger-int8.safetensors\n");
  add_model_options(*command, args->model);
  command
      ->add_option("--data", args->data,
                   "csv:LABELS.csv,DIR (a table: file, label_index or wnid), folders:DIR (a folder a class), "
                   "imagenet:DIR (the same, or ILSVRC2012_val_*.JPEG with their ground truth beside them), "
                   "imagenet:TRUTH.txt,DIR, or coco:ANN.json,DIR")
      ->type_name("SPEC")
      ->required();
  command
      ->add_option("--only", args->only,
                   "Only the pictures that this text file lists, one a line, named as in DIR")
      ->type_name("LIST")
      ->check(not_empty());
  command->add_option("--images", args->images, "Only the first N pictures")
      ->type_name("N")
      ->check(whole_number(1));
  command
      ->add_option("--threshold", args->threshold,
                   "coco: one threshold for all classes instead of the model's")
      ->type_name("T")
      ->check(number(0, 1));
  command->add_option("--crowd", args->crowd, "coco: crowd boxes count as positive (default), or ignore them")
      ->type_name("MODE")
      ->check(one_of({"positive", "ignore"}));
  command
      ->add_option(
          "--devkit", args->devkit,
          "imagenet: ILSVRC's development kit, or its meta.mat or map_clsloc.txt, for ground truth in "
          "ILSVRC's own class numbers")
      ->type_name("PATH")
      ->check(not_empty());
  add_output_option(*command, "--logits", args->logits, "OUT.npy",
                    "Write all logits as a NumPy array of float32 [pictures, classes]");
  auto* expected = command->add_option(
      "--expect-logits", args->expect_logits,
      "Compare with such an array: status 1 unless every logit is within the tolerance and every "
      "picture's best class is the same");
  expected->type_name("FILE.npy")->check(not_empty());
  command
      ->add_option("--tolerance", args->tolerance,
                   "Largest difference that --expect-logits allows (default 1e-4)")
      ->type_name("X")
      ->check(number(0))
      ->needs(expected);
  add_output_option(
      *command, "--write-thresholds", args->write_thresholds, "OUT.safetensors",
      "coco: write a copy of the model with the thresholds, one a class, that these pictures suggest "
      "(best F1, those of rare classes drawn towards the one best for all); what a tagger needs "
      "after `resnet quantize`. OUT may be the model itself");
  add_output_option(*command, "--html", args->html, "REPORT.html",
                    "Write a report as one self-contained page");
  command->add_flag("--json", args->json, "One JSON object");
  add_compute_options(*command, args->compute);
  add_decode_options(*command, args->decode, ExifOrientation::ignore);
  add_general_options(*command);
  on_run(*command, action, [args] { return run_eval(*args); });
}

}  // namespace resnet::cli
