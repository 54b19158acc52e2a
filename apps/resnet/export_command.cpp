// resnet export: a model in another format, with the labels, preprocessing and head it should have from now
// on.
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "interrupt.hpp"
#include "open_model.hpp"
#include "output.hpp"
#include "output_paths.hpp"
#include "preprocess_options.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>

namespace resnet::cli {
namespace {

struct ExportArguments {
  ModelArguments model;
  std::string out;
  std::string format;
  PreprocessArguments preprocess;
};

// The format that the name of the output asks for.
std::string format_by_name(const std::filesystem::path& out) {
  if (out.extension() == ".safetensors") return "safetensors";
  if (out.extension() == ".pth" || out.extension() == ".pt") return "pth";
  // "exports/v1.2" is a folder's name; "model.onnx" is a format that is not written.
  const std::string ending = out.extension().string();
  if (ending.size() > 1 &&
      std::all_of(ending.begin() + 1, ending.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
    throw UsageError(printable(ending) +
                     " is no ending of a format that models are written in (.safetensors, .pth); "
                     "to write a folder of that name, give --format manifest");
  }
  return "manifest";
}

int run_export(const ExportArguments& args) {
  const std::filesystem::path out = args.out;
  const ModelFormat format = parse_model_format(args.format.empty() ? format_by_name(out) : args.format);
  if (format != ModelFormat::manifest) require_writable({{"--out", args.out}});
  Model model = open_model(args.model);
  apply(args.preprocess, model);
  catch_interrupts();  // from here on Ctrl-C waits for the whole model
  SaveObserver tell = [](const std::string& name, const Shape& shape, const std::filesystem::path& file) {
    print("saved: {}  {} -> {}\n", name, shape.to_string(), printable(file.native()));
  };
  save_model(model, out, format, quiet() ? SaveObserver() : tell);
  if (quiet()) return kAllDone;
  const std::filesystem::path complete = format == ModelFormat::manifest ? out / "manifest.json" : out;
  print("Export complete -> {}\n", printable(complete.native()));
  return kAllDone;
}

}  // namespace

void add_export_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<ExportArguments>();
  CLI::App* command = add_command(app, "export", "Write a model in another format",
                                  "  resnet export resnet18.pth --out resnet18-manifest\n"
                                  "  resnet export resnet18.pth --out resnet18.safetensors\n"
                                  "  resnet export birds.pth --labels birds.txt --head sigmoid \\\n"
                                  "      --out birds.safetensors\n");
  command
      ->add_option("MODEL", args->model.model,
                   "Model file or folder, or a name to be found (see `resnet doctor`)")
      ->required();
  add_output_option(*command, "--out,-o", args->out, "PATH", "File or, for a manifest, folder to write")
      ->required();
  command
      ->add_option(
          "--format", args->format,
          "manifest (a folder with a .bin a tensor), safetensors or pth (for PyTorch); default: by the "
          "ending of PATH, manifest where it has none of theirs")
      ->type_name("F")
      ->check(one_of({"manifest", "safetensors", "pth"}));
  add_labels_option(*command, args->model);
  add_preprocess_options(*command, args->preprocess);
  add_general_options(*command);
  on_run(*command, action, [args] { return run_export(*args); });
}

}  // namespace resnet::cli
