// resnet info: what a model file holds.
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "json_output.hpp"
#include "model_text.hpp"
#include "open_model.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <memory>

namespace resnet::cli {
namespace {

constexpr std::size_t kFirstLabels = 5;

struct InfoArguments {
  ModelArguments model;
  bool json = false;
};

// Trainable parameters of one module, by the names of its tensors.
std::int64_t module_parameters(const Architecture& architecture, int module) {
  const bool head = module == architecture.head();
  const std::string prefix =
      (head ? "fc" : architecture.modules()[static_cast<std::size_t>(module)].name) + ".";
  std::int64_t count = 0;
  for (const TensorSpec& tensor : architecture.tensors()) {
    if (tensor.name.starts_with(prefix) && tensor.kind != TensorKind::bn_buffer)
      count += tensor.shape.numel();
  }
  return count;
}

std::string kind_name(ModuleKind kind) {
  switch (kind) {
    case ModuleKind::conv1:
      return "convolution";
    case ModuleKind::bn1:
      return "batch norm";
    case ModuleKind::relu:
      return "relu";
    case ModuleKind::maxpool:
      return "max pool";
    case ModuleKind::basic_block:
      return "basic block";
    case ModuleKind::bottleneck:
      return "bottleneck";
    case ModuleKind::head:
      return "head";
  }
  return {};
}

Json module_json(const Architecture& architecture, int module, Size input) {
  const Shape shape = architecture.output_shape(module, 1, input.height, input.width);
  Json object;
  object["index"] = module;
  object["name"] = architecture.modules()[static_cast<std::size_t>(module)].name;
  object["kind"] = kind_name(architecture.modules()[static_cast<std::size_t>(module)].kind);
  object["output"] = std::vector<std::int64_t>(shape.dims().begin() + 1, shape.dims().end());
  object["parameters"] = module_parameters(architecture, module);
  object["macs"] = architecture.macs(module, input.height, input.width);
  return object;
}

Json describe(const Model& model) {
  const Architecture& architecture = model.architecture;
  const Size input = network_input(model.preprocess);
  Json report;
  set_path(report, model.path);
  report["format"] = model.format;
  report["bytes"] = stored_bytes(model.path);
  report["architecture"] = architecture.name();
  report["precision"] = to_string(model.precision);
  if (model.precision == Precision::int8) {
    report["quant"] = {{"weight_bits", model.quantization.weight_bits}, {"keep", model.quantization.keep}};
  }
  report["parameters"] = architecture.parameters();
  report["classes"] = architecture.classes();
  const auto shown = std::min(model.labels.size(), kFirstLabels);
  report["labels"] = {
      {"count", model.labels.size()},
      {"first", std::vector<std::string>(model.labels.begin(), model.labels.begin() + shown)}};
  report["preprocess"] = preprocess_json(model.preprocess);
  report["head"] = {{"kind", model.head.kind == HeadKind::softmax ? "softmax" : "sigmoid"}};
  if (model.head.kind == HeadKind::sigmoid) {
    Json thresholds = Json::array();
    for (const float threshold : model.head.thresholds) thresholds.push_back(shortest(threshold));
    report["head"]["thresholds"] = thresholds;
  }
  Json modules = Json::array();
  for (int i = 0; i < architecture.module_count(); ++i)
    modules.push_back(module_json(architecture, i, input));
  report["input"] = {3, input.height, input.width};
  report["modules"] = std::move(modules);
  return report;
}

std::string label_line(const std::vector<std::string>& labels) {
  std::string text = grouped(static_cast<std::int64_t>(labels.size())) + ":";
  for (std::size_t i = 0; i < std::min(labels.size(), kFirstLabels); ++i) {
    text += (i == 0 ? " " : ", ") + printable(labels[i]);
  }
  return text + (labels.size() > kFirstLabels ? ", …" : "");
}

std::string head_line(const Head& head) {
  if (head.kind == HeadKind::softmax) return "softmax: one label a photo";
  std::string text = "sigmoid: any number of labels a photo, ";
  if (head.thresholds.empty()) return text + "each from a probability of 0.5";
  const auto [low, high] = std::minmax_element(head.thresholds.begin(), head.thresholds.end());
  if (*low == *high) return text + fmt::format("each from a probability of {}", *low);
  return text + fmt::format("thresholds a class, {} to {}", *low, *high);
}

void print_report(const Model& model, const Json& report) {
  std::int64_t macs = 0;
  for (const Json& module : report["modules"]) macs += module["macs"].get<std::int64_t>();
  const Json& input = report["input"];
  const auto bytes = report["bytes"].get<std::uint64_t>();
  print("{}", align_columns({
                  {"model", fmt::format("{} ({}, {})", printable(model.path.native()), model.format,
                                        human_bytes(bytes))},
                  {"architecture",
                   fmt::format("{}: {} modules, {} parameters, {:.2f} G multiply-adds at {} x {}",
                               model.architecture.name(), model.architecture.module_count(),
                               grouped(model.architecture.parameters()), static_cast<double>(macs) * 1e-9,
                               input[1].get<int>(), input[2].get<int>())},
                  {"precision", precision_text(model)},
                  {"labels", label_line(model.labels)},
                  {"preprocessing", preprocess_text(model.preprocess)},
                  {"head", head_line(model.head)},
              }));
  std::vector<std::vector<std::string>> rows{{"#", "module", "kind", "output", "parameters", "M mult-adds"}};
  for (const Json& module : report["modules"]) {
    rows.push_back({std::to_string(module["index"].get<int>()), module["name"].get<std::string>(),
                    module["kind"].get<std::string>(),
                    Shape(module["output"].get<std::vector<std::int64_t>>()).to_string(),
                    grouped(module["parameters"].get<std::int64_t>()),
                    fmt::format("{:.1f}", module["macs"].get<double>() * 1e-6)});
  }
  print("\n{}", align_columns(rows, {0, 4, 5}));
}

int run_info(const InfoArguments& args) {
  const Model model = open_model(args.model);
  const Json report = describe(model);
  if (args.json) {
    print_json(report);
  } else {
    print_report(model, report);
  }
  return kAllDone;
}

}  // namespace

void add_info_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<InfoArguments>();
  CLI::App* command = add_command(app, "info", "Describe a model: modules, labels, preprocessing, head",
                                  "  resnet info resnet18.pth\n"
                                  "  resnet info exports/resnet50 --json | jq .preprocess\n");
  command
      ->add_option("MODEL", args->model.model,
                   "Model file or folder, or a name to be found (see `resnet doctor`)")
      ->required();
  add_labels_option(*command, args->model);
  command->add_flag("--json", args->json, "One JSON object");
  add_general_options(*command);
  on_run(*command, action, [args] { return run_info(*args); });
}

}  // namespace resnet::cli
