// resnet classify: the most probable classes of each photo.
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "json_output.hpp"
#include "open_model.hpp"
#include "photo_run.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <memory>

#include <resnet/predictions.hpp>

namespace resnet::cli {
namespace {

struct ClassifyArguments {
  ModelArguments model;
  PhotoArguments photos;
  DecodeArguments decode;
  ComputeArguments compute;
  int top = 5;
  bool json = false;
  bool csv = false;
};

using Predictions = std::vector<Prediction>;

const std::string& label_of(const Model& model, const Prediction& prediction) {
  return model.labels[static_cast<std::size_t>(prediction.index)];
}

void print_text(const Model& model, const PhotoResult& photo, const Predictions& predictions) {
  std::string text = printable(photo.item.path.native()) + '\n';
  for (const Prediction& prediction : predictions) {
    text += fmt::format("{:7.2f} %  {}\n", prediction.score * 100, printable(label_of(model, prediction)));
  }
  write_output(text);
}

void print_csv(const Model& model, const PhotoResult& photo, const Predictions& predictions) {
  std::string text;
  for (std::size_t rank = 0; rank < predictions.size(); ++rank) {
    const Prediction& prediction = predictions[rank];
    text += csv_line({photo.item.path.native(), std::to_string(rank + 1), std::to_string(prediction.index),
                      label_of(model, prediction), fmt::format("{}", prediction.score)});
  }
  write_output(text);
}

void print_json_line(const Model& model, const PhotoResult& photo, const Predictions& predictions) {
  print_json(prediction_json(photo.item.path, photo.picture.width, photo.picture.height, predictions,
                             model.labels, {photo.decode_ms, photo.preprocess_ms, photo.infer_ms}));
}

int run_classify(const ClassifyArguments& args) {
  if (args.json && args.csv) throw UsageError("--json and --csv exclude each other");
  require_photos(args.photos);
  const Model model = open_model(args.model);
  if (args.csv) write_output("path,rank,index,label,score\n");
  PhotoRun run{.model = model,
               .photos = args.photos,
               .decode = args.decode,
               .compute = args.compute,
               .verb = "classifying",
               .on_photo = {}};
  run.on_photo = [&](const PhotoResult& photo) {
    const Predictions predictions = top_k(probabilities(model.head, photo.output), args.top);
    const auto print_photo = args.json ? print_json_line : args.csv ? print_csv : print_text;
    print_photo(model, photo, predictions);
  };
  if (args.json) {
    run.on_failure = [](const PhotoResult& photo) {
      print_json(failure_json(photo.item.path, photo.item.error->code(), photo.item.error->what()));
    };
  }
  return run_photos(run);
}

}  // namespace

void add_classify_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<ClassifyArguments>();
  CLI::App* command =
      add_command(app, "classify", "Print the most probable classes of each photo",
                  "  resnet classify --model resnet50.pth cat.jpg dog.heic\n"
                  "  resnet classify --model resnet50.pth -r Pictures --json > labels.jsonl\n"
                  "  find . -name '*.jpg' -print0 |\n"
                  "      resnet classify --model resnet50.pth --images-from - --csv --top 1\n");
  add_photo_options(*command, args->photos);
  add_model_options(*command, args->model);
  command->add_option("--top", args->top, "How many classes a photo (default 5)")
      ->type_name("K")
      ->check(whole_number(1, 1000000));
  command->add_flag("--json", args->json, "One JSON object a photo and line");
  command->add_flag("--csv", args->csv, "A table: path, rank, index, label, score");
  add_decode_options(*command, args->decode, ExifOrientation::ignore);
  add_compute_options(*command, args->compute);
  add_general_options(*command);
  on_run(*command, action, [args] { return run_classify(*args); });
}

}  // namespace resnet::cli
