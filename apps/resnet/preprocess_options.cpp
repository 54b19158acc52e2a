#include "preprocess_options.hpp"

#include "command.hpp"
#include "common_options.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace resnet::cli {
namespace {

constexpr const char* kPreprocessGroup = "Preprocessing, where the file does not say or says it wrong";
constexpr const char* kHeadGroup = "Head";
constexpr int kLargestSide = 16384;

// "224" → 224 x 224, "192x256" → height 192, width 256.
Size parse_size(const char* option, const std::string& text) {
  const auto number = [&](std::string_view part) {
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < 1 || value > kLargestSide) {
      throw UsageError(fmt::format("{}: \"{}\" is no size: give N or HxW, 1 to {}", option, printable(text),
                                   kLargestSide));
    }
    return value;
  };
  const std::size_t x = text.find('x');
  if (x == std::string::npos) return {number(text), number(text)};
  return {number(std::string_view(text).substr(0, x)), number(std::string_view(text).substr(x + 1))};
}

std::array<float, 3> three(const std::vector<float>& values) {
  return {values[0], values[1], values[2]};
}

}  // namespace

void add_preprocess_options(CLI::App& command, PreprocessArguments& args) {
  const auto add = [&](const char* name, auto& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->type_name(type)->group(kPreprocessGroup);
  };
  add("--resize", args.resize, "N|HxW", "Shorter side to N, or exactly H x W");
  add("--crop", args.crop, "N|HxW|none", "Centre crop after the resize");
  add("--interpolation", args.interpolation, "I", "bilinear or bicubic")
      ->check(one_of({"bilinear", "bicubic"}));
  add("--mean", args.mean, "R,G,B", "Subtracted from the pixels (0 to 1)")
      ->delimiter(',')
      ->expected(3)
      ->check(number(-1000, 1000));
  add("--std", args.std, "R,G,B", "Then divided by")->delimiter(',')->expected(3)->check(number(0, 1000));
  command.add_option("--head", args.head, "softmax (one label a photo) or sigmoid (any number)")
      ->type_name("KIND")
      ->check(one_of({"softmax", "sigmoid"}))
      ->group(kHeadGroup);
  command.add_option("--threshold", args.threshold, "Probability from which a sigmoid head reports a class")
      ->type_name("T")
      ->check(number(0, 1))
      ->group(kHeadGroup);
}

void apply(const PreprocessArguments& args, Model& model) {
  Preprocess& preprocess = model.preprocess;
  if (!args.resize.empty()) {
    const bool exact = args.resize.find('x') != std::string::npos;
    preprocess.resize_mode = exact ? ResizeMode::exact : ResizeMode::short_side;
    preprocess.resize = parse_size("--resize", args.resize);
  }
  if (args.crop == "none") {
    preprocess.center_crop.reset();
  } else if (!args.crop.empty()) {
    preprocess.center_crop = parse_size("--crop", args.crop);
  }
  if (!args.interpolation.empty()) {
    preprocess.interpolation =
        args.interpolation == "bicubic" ? Interpolation::bicubic : Interpolation::bilinear;
  }
  if (!args.mean.empty()) preprocess.mean = three(args.mean);
  if (!args.std.empty()) {
    if (std::any_of(args.std.begin(), args.std.end(), [](float value) { return !(value > 0); })) {
      throw UsageError("--std: every number must be above 0");
    }
    preprocess.std = three(args.std);
  }
  if (args.head == "softmax") model.head = {.kind = HeadKind::softmax, .thresholds = {}};
  if (args.head == "sigmoid") model.head.kind = HeadKind::sigmoid;
  if (args.threshold >= 0) {
    if (model.head.kind != HeadKind::sigmoid)
      throw UsageError("--threshold belongs to a sigmoid head: add --head sigmoid");
    model.head.thresholds.assign(static_cast<std::size_t>(model.architecture.classes()), args.threshold);
  }
}

}  // namespace resnet::cli
