// resnet quantize: an fp32 model and some pictures → an int8 model.
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "core/atomic_file.hpp"
#include "core/counted.hpp"
#include "eval/evaluate.hpp"
#include "interrupt.hpp"
#include "json_output.hpp"
#include "model_text.hpp"
#include "open_model.hpp"
#include "output.hpp"
#include "output_paths.hpp"
#include "pipeline/photo_list.hpp"
#include "progress.hpp"
#include "quant/html_report.hpp"
#include "quant/quantize.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include <resnet/error.hpp>
#include <resnet/image.hpp>
#include <resnet/preprocess.hpp>

namespace resnet::cli {
namespace {

namespace fs = std::filesystem;

struct QuantizeArguments {
  ModelArguments model;
  std::string calibrate;
  int images = 64;
  std::string out;
  std::string range = "auto";
  int weight_bits = 8;
  std::vector<std::string> keep;
  double gate = -1;  // points that the figure may fall; below 0: not asked for
  std::string data;
  std::string only;
  std::string html;
  int threads = 0;
  bool json = false;
  DecodeArguments decode;
};

// The photos that calibrate. One that cannot be read is named, counted and left out; the others do.
class CalibrationPhotos {
 public:
  // Lists them: those of a folder, or those that a list names, evenly spread over all there are.
  explicit CalibrationPhotos(const QuantizeArguments& args) : args_(args) {
    PhotoListOptions options;
    options.recursive = true;
    std::vector<fs::path> paths;
    if (fs::is_directory(args.calibrate) || has_image_extension(args.calibrate)) {
      paths = {args.calibrate};
    } else {
      options.images_from = args.calibrate;
    }
    std::vector<fs::path> all;
    PhotoList list(paths, options);
    while (auto item = list.next()) {
      if (item->error) {
        leave_out(*item->error);
      } else {
        all.push_back(item->path);
      }
    }
    const auto wanted = std::min(all.size(), static_cast<std::size_t>(args.images));
    for (std::size_t i = 0; i < wanted; ++i) photos_.push_back(all[i * all.size() / wanted]);
    require_some();
    const auto there = [](const fs::path& photo) {
      std::error_code ignored;
      return fs::exists(photo, ignored);
    };
    if (std::none_of(photos_.begin(), photos_.end(), there)) {
      throw Error(ErrorCode::not_found, fmt::format("{}: no such photo, nor is another of {} there",
                                                    photos_.front().string(), args.calibrate));
    }
  }

  // One pass over the network's inputs; later passes are over the same photos as the first.
  template <class Visit>
  void pass(const Preprocess& preprocess, Progress& progress, const Visit& visit) {
    std::vector<float> input;
    std::vector<fs::path> read;
    for (const fs::path& photo : photos_) {
      stop_if_interrupted();
      progress.advance();
      std::optional<ImageWindow> window;
      try {
        window = load_window(photo, preprocess, args_.decode.options());
      } catch (const Error& error) {
        if (passes_ > 0) throw;
        leave_out(error);
        continue;
      }
      const Size size = preprocessed_size(preprocess, window->full);
      input.resize(static_cast<std::size_t>(3) * size.height * size.width);
      preprocess_image(*window, preprocess, input.data());
      visit(input, Shape{1, 3, size.height, size.width});
      read.push_back(photo);
    }
    photos_ = std::move(read);
    ++passes_;
    require_some();
  }

  std::size_t used() const { return photos_.size(); }
  std::size_t left_out() const { return left_out_; }

 private:
  void leave_out(const Error& error) {
    report_error(printable(error.what()));
    ++left_out_;
  }
  void require_some() const {
    if (photos_.empty()) throw Error(ErrorCode::not_found, args_.calibrate + ": no photos to calibrate with");
  }

  const QuantizeArguments& args_;
  std::vector<fs::path> photos_;
  std::size_t left_out_ = 0;
  int passes_ = 0;
};

// The pictures of --gate, none where it is not asked for.
std::optional<eval::Dataset> gate_pictures(const Model& model, const QuantizeArguments& args) {
  if (args.gate < 0) return std::nullopt;
  eval::DatasetOptions options;
  options.classes = model.architecture.classes();
  options.labels = model.labels;
  options.only = args.only;
  eval::Dataset dataset = eval::read_dataset(args.data, options);
  eval::require_pictures(dataset);
  return dataset;
}

// Top-1 or mAP over the data set, in points.
double figure_of(const Model& model, const eval::Dataset& dataset, const QuantizeArguments& args) {
  Progress progress("evaluating " + std::string(to_string(model.precision)), "photos",
                    static_cast<std::int64_t>(dataset.size()));
  eval::EvaluateOptions options;
  options.session.threads = args.threads;
  options.decode = args.decode.options();
  options.cancel = &catch_interrupts();
  options.on_picture = [&](std::size_t, std::span<const float>, const Error* error) {
    if (error != nullptr) report_error(printable(error->what()));
    progress.advance();
  };
  const eval::Evaluation evaluation = eval::evaluate(model, dataset, options);
  stop_if_interrupted();
  if (evaluation.images == 0)
    throw Error(ErrorCode::not_found, args.data + ": none of its pictures could be read");
  return 100 * (evaluation.classification ? evaluation.classification->top1() : evaluation.multilabel->map);
}

// Whether the int8 model keeps within --gate.
bool passes_gate(const Model& model, const Model& quantized, const eval::Dataset& dataset,
                 const QuantizeArguments& args) {
  const double before = figure_of(model, dataset, args), after = figure_of(quantized, dataset, args);
  const char* name = dataset.targets == eval::Targets::single_label ? "top-1" : "mAP";
  const bool ok = before - after <= args.gate;
  const std::string text =
      fmt::format("{} {}: fp32 {:.2f} %, int8 {:.2f} %: {:+.2f} points, {:g} may be lost",
                  ok ? "[OK]" : "[FAIL]", name, before, after, after - before, args.gate);
  if (ok) {
    note("{}", text);
  } else {
    report_error(text + "; nothing was written");
  }
  return ok;
}

void print_layers(const std::vector<quant::LayerReport>& layers) {
  std::vector<std::vector<std::string>> rows{
      {"layer", "weights dB", "output dB", "largest step", "largest seen", "chosen by"}};
  const auto decibels = [](double value) {
    return value == 0 ? std::string("-") : fmt::format("{:.1f}", value);
  };
  for (const quant::LayerReport& layer : layers) {
    const bool output = !layer.range.empty();
    rows.push_back({layer.layer, decibels(layer.weight_sqnr_db), decibels(layer.output_sqnr_db),
                    output ? fmt::format("{:.3f}", layer.output_limit) : "-",
                    output ? fmt::format("{:.3f}", layer.largest) : "-", layer.range});
  }
  print("{}", align_columns(rows, {1, 2, 3, 4}));
}

void write_report(const QuantizeArguments& args, const Model& model, std::size_t photos,
                  const quant::QuantizedNetwork& network) {
  const std::uintmax_t before = stored_bytes(model.path), after = stored_bytes(args.out);
  const quant::ReportContext context{
      .title = fmt::format("{} in int8", model.path.filename().string()),
      .facts = {{"network", model.architecture.name()},
                {"calibrated with", fmt::format("{} of {}", counted(photos, "photo"), args.calibrate)},
                {"ranges", args.range},
                {"precision", precision_text(network.model)},
                {"file", fmt::format("{} → {}, {:.1f} times smaller", human_bytes(before), human_bytes(after),
                                     static_cast<double>(before) / static_cast<double>(after))}}};
  write_file_atomically(args.html, quant::html_report(network.layers, context));
}

int run_quantize(const QuantizeArguments& args) {
  if ((args.gate >= 0) != !args.data.empty()) throw UsageError("--gate and --data go together");
  require_not_pth({"--out", args.out}, "model in int8");
  require_writable({{"--out", args.out}, {"--html", args.html}});
  const Model model = open_model(args.model);
  const std::optional<eval::Dataset> gate = gate_pictures(model, args);
  CalibrationPhotos photos(args);
  catch_interrupts();
  quant::QuantizeOptions options;
  options.range = quant::parse_range_method(args.range);
  options.threads = args.threads;
  options.weight_bits = args.weight_bits;
  options.keep = args.keep;
  const quant::QuantizedNetwork network = [&] {
    constexpr int kPasses = 2;
    Progress progress("calibrating", "photos", static_cast<std::int64_t>(photos.used()) * kPasses);
    return quant::quantize(
        model, [&](const auto& visit) { photos.pass(model.preprocess, progress, visit); }, options);
  }();
  if (gate && !passes_gate(model, network.model, *gate, args)) return kSomeFailed;
  stop_if_interrupted();
  save_model(network.model, args.out, ModelFormat::safetensors);
  if (!args.html.empty()) write_report(args, model, photos.used(), network);
  if (args.json) {
    for (const quant::LayerReport& layer : network.layers) {
      Json object;
      object["layer"] = layer.layer;
      object["weight_sqnr_db"] = layer.weight_sqnr_db;
      object["output_sqnr_db"] = layer.output_sqnr_db;
      object["output_limit"] = layer.output_limit;
      object["largest"] = layer.largest;
      object["range"] = layer.range;
      print_json(object);
    }
  } else {
    print_layers(network.layers);
    if (!quiet()) {
      print("\nQuantised with {} -> {} ({})\n", counted(photos.used(), "photo"), printable(args.out),
            human_bytes(fs::file_size(args.out)));
    }
  }
  if (photos.left_out() == 0) return kAllDone;
  report_error(fmt::format("{} of {} failed; the model is calibrated without", photos.left_out(),
                           counted(photos.left_out() + photos.used(), "photo")));
  return kSomeFailed;
}

}  // namespace

void add_quantize_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<QuantizeArguments>();
  CLI::App* command =
      add_command(app, "quantize", "Make an int8 model from an fp32 one and some photos",
                  "  resnet quantize resnet50.pth --calibrate Pictures/ --out int8.safetensors\n"
                  "  resnet quantize birds.pth --calibrate list.txt --images 500 --gate 0.4 \\\n"
                  "      --data imagenet:val/labels.csv,val --out birds-int8.safetensors\n"
                  "  resnet quantize tagger.safetensors --calibrate Pictures/ --out t8.safetensors\n"
                  "  resnet eval -m t8.safetensors --data coco:val.json,val \\\n"
                  "      --write-thresholds t8.safetensors   # a tagger's, for int8\n");
  command
      ->add_option("MODEL", args->model.model,
                   "fp32 model: file, folder or a name to be found (see `resnet doctor`)")
      ->required();
  command
      ->add_option(
          "--calibrate", args->calibrate,
          "Folder of photos (its subfolders too), or a file with a path a line. They show the network what "
          "it will see; never the pictures it is tested with")
      ->type_name("DIR|LIST")
      ->required();
  command
      ->add_option("--images", args->images, "Photos to calibrate with, spread evenly over all; default: 64")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000));
  add_output_option(*command, "--out,-o", args->out, "M8", "The int8 model to write (.safetensors)")
      ->required();
  command
      ->add_option(
          "--range", args->range,
          "How an activation's range is chosen: minmax, percentile, mse, or auto (default): the one of "
          "them with the least error, for each")
      ->type_name("R")
      ->check(one_of({"auto", "minmax", "percentile", "mse"}));
  command
      ->add_option(
          "--weight-bits", args->weight_bits,
          "8 (default), 4 or 2: of the weights of all layers but conv1 and fc. Fewer make a smaller file and "
          "a less accurate network; it computes as with 8")
      ->type_name("B")
      ->check(one_of({"8", "4", "2"}));
  command
      ->add_option(
          "--keep", args->keep,
          "Modules left in fp32, separated by commas: conv1 (up to maxpool), layer2.0, layer4 (all its "
          "blocks), fc")
      ->type_name("MODULE,…")
      ->delimiter(',');
  command
      ->add_option("--gate", args->gate,
                   "Fail, and write nothing, where top-1 or mAP over --data falls by more than P points")
      ->type_name("P")
      ->check(number(0, 100));
  auto* data =
      command->add_option("--data", args->data, "Labelled pictures for --gate, as `resnet eval` takes them");
  data->type_name("SPEC");
  command
      ->add_option("--only", args->only, "Only the pictures of --data that this text file lists, one a line")
      ->type_name("LIST")
      ->check(not_empty())
      ->needs(data);
  add_output_option(*command, "--html", args->html, "REPORT.html",
                    "Write what it did to each layer as one self-contained page");
  command->add_option("--threads", args->threads, "Threads; default: $RESNET_THREADS, or what there is")
      ->type_name("N")
      ->check(whole_number(1, 1024));
  command->add_flag("--json", args->json, "One JSON object a layer");
  add_labels_option(*command, args->model);
  add_decode_options(*command, args->decode, ExifOrientation::ignore);
  add_general_options(*command);
  on_run(*command, action, [args] { return run_quantize(*args); });
}

}  // namespace resnet::cli
