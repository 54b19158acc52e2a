// resnet quantize: an fp32 model and some pictures → an int8 model.
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "interrupt.hpp"
#include "json_output.hpp"
#include "open_model.hpp"
#include "output.hpp"
#include "pipeline/photo_list.hpp"
#include "progress.hpp"
#include "quant/quantize.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <filesystem>
#include <memory>

#include <resnet/error.hpp>
#include <resnet/preprocess.hpp>

namespace resnet::cli {
namespace {

namespace fs = std::filesystem;

struct QuantizeArguments {
  ModelArguments model;
  std::string calibrate;
  int images = 128;
  std::string out;
  std::string range = "auto";
  int threads = 0;
  bool json = false;
  DecodeArguments decode;
};

// Photos of a folder, or those that a list names, evenly spread over all there are.
std::vector<fs::path> calibration_photos(const QuantizeArguments& args) {
  PhotoListOptions options;
  options.recursive = true;
  std::vector<fs::path> paths;
  if (fs::is_directory(args.calibrate)) {
    paths = {args.calibrate};
  } else {
    options.images_from = args.calibrate;
  }
  std::vector<fs::path> all;
  PhotoList list(paths, options);
  while (auto item = list.next()) {
    if (item->error) throw Error(item->error->code(), item->error->what());
    all.push_back(item->path);
  }
  if (all.empty()) throw Error(ErrorCode::not_found, args.calibrate + ": no photos to calibrate with");
  const auto wanted = std::min(all.size(), static_cast<std::size_t>(args.images));
  std::vector<fs::path> chosen;
  for (std::size_t i = 0; i < wanted; ++i) chosen.push_back(all[i * all.size() / wanted]);
  return chosen;
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

int run_quantize(const QuantizeArguments& args) {
  const Model model = open_model(args.model);
  const std::vector<fs::path> photos = calibration_photos(args);
  quant::QuantizeOptions options;
  options.range = quant::parse_range_method(args.range);
  options.threads = args.threads;
  constexpr int kPasses = 2;
  Progress progress("calibrating", "photos", static_cast<std::int64_t>(photos.size()) * kPasses);
  const auto data = [&](const std::function<void(std::span<const float>, const Shape&)>& visit) {
    std::vector<float> input;
    for (const fs::path& photo : photos) {
      const ImageWindow window = load_window(photo, model.preprocess, args.decode.options());
      const Size size = preprocessed_size(model.preprocess, window.full);
      input.resize(static_cast<std::size_t>(3) * size.height * size.width);
      preprocess_image(window, model.preprocess, input.data());
      visit(input, Shape{1, 3, size.height, size.width});
      progress.advance();
    }
  };
  const quant::QuantizedNetwork network = quant::quantize(model, data, options);
  save_model(network.model, args.out, ModelFormat::safetensors);
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
    print("\nQuantised with {} photos -> {} ({})\n", photos.size(), args.out,
          human_bytes(fs::file_size(args.out)));
  }
  return kAllDone;
}

}  // namespace

void add_quantize_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<QuantizeArguments>();
  CLI::App* command =
      add_command(app, "quantize", "Make an int8 model from an fp32 one and some photos",
                  "  resnet quantize resnet50.pth --calibrate Pictures/ --out resnet50-int8.safetensors\n"
                  "  resnet quantize resnet18.pth --calibrate list.txt --images 500 \\\n"
                  "      --out resnet18-int8.safetensors --json\n");
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
      ->add_option("--images", args->images, "Photos to calibrate with, spread evenly over all; default: 128")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000).description(""));
  command->add_option("--out,-o", args->out, "The int8 model to write (.safetensors)")
      ->type_name("M8")
      ->required();
  command
      ->add_option(
          "--range", args->range,
          "How an activation's range is chosen: minmax, percentile, mse, or auto (default): the one of "
          "them with the least error, for each")
      ->type_name("R")
      ->check(one_of({"auto", "minmax", "percentile", "mse"}));
  command->add_option("--threads", args->threads, "Threads; default: $RESNET_THREADS, or what there is")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""));
  command->add_flag("--json", args->json, "One JSON object a layer");
  add_labels_option(*command, args->model);
  add_decode_options(*command, args->decode, ExifOrientation::ignore);
  add_general_options(*command);
  on_run(*command, action, [args] { return run_quantize(*args); });
}

}  // namespace resnet::cli
