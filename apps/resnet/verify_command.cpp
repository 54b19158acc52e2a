// resnet verify: does every module compute what PyTorch does?
#include "checkpoint_text.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "core/atomic_file.hpp"
#include "core/counted.hpp"
#include "open_model.hpp"
#include "output.hpp"
#include "output_paths.hpp"
#include "step_text.hpp"
#include "terminal.hpp"
#include "verify/checkpoints.hpp"
#include "verify/dump.hpp"
#include "verify/html_report.hpp"
#include "verify/photo_input.hpp"
#include "verify/tensor_file.hpp"
#include "verify/verifier.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace resnet::cli {
namespace {

namespace fs = std::filesystem;

struct VerifyArguments {
  ModelArguments model;
  ComputeArguments compute;
  std::string reference, step, modules, input, expect, dump, html;
  std::vector<std::int64_t> shape;
  bool json = false;
};

verify::ModuleRange range_of(const VerifyArguments& args, const Architecture& architecture) {
  if (!args.step.empty()) return verify::step_range(architecture, args.step);
  if (!args.modules.empty()) return verify::parse_modules(architecture, args.modules);
  return {0, architecture.module_count()};
}

// "layer2", "modules 4:6", or "e2e": what the last line is about.
std::string name_of_check(const VerifyArguments& args) {
  if (!args.step.empty()) return args.step;
  return args.modules.empty() ? "e2e" : "modules " + args.modules;
}

// A step is shown by its kernels' times and its output's distance instead of a table of its modules.
bool in_stages(const VerifyArguments& args) {
  return !args.step.empty() && !args.json;
}

// A row of the table or a JSON line, as soon as it is known.
void print_result(const VerifyArguments& args, const Session& session,
                  const verify::CheckpointResult& result) {
  if (in_stages(args)) return;
  if (!args.json) return write_output(checkpoint_row(result, true));
  Json object = checkpoint_json(result, true);
  object["backend"] = session.backend();
  object["isa"] = session.isa();
  print_json(object);
}

// The last line: for people on standard output, beside JSON on standard error.
int conclude(const VerifyArguments& args, bool ok, const std::string& text) {
  const std::string name = in_stages(args) ? "" : name_of_check(args) + ' ';
  const std::string line = fmt::format("[{}] {}{}\n", ok ? "OK" : "FAIL", name, text);
  if (args.json) {
    (ok ? write_note : write_hint)(line.substr(0, line.size() - 1));
  } else {
    write_output(line);
  }
  return ok ? kAllDone : kSomeFailed;
}

int conclude(const VerifyArguments& args, const verify::Report& report) {
  if (const verify::CheckpointResult* bad = report.first_bad()) {
    return conclude(args, false, fmt::format("first wrong at {}: {}", bad->module, failure_text(*bad)));
  }
  const std::string top1 = report.top1_images == 0 ? std::string()
                                                   : fmt::format(", best class equal on {} of {}",
                                                                 report.top1_equal, report.top1_images);
  if (!report.ok()) return conclude(args, false, "every module is within tolerance" + top1);
  if (in_stages(args)) return conclude(args, true, "within " + limit_text(report.results.back().tolerance));
  // Of the modules: the input, where it was compared, is held to the same bits.
  const std::size_t modules = report.results.size() - (report.results.front().module == "input" ? 1 : 0);
  return conclude(args, true,
                  fmt::format("within {} at {}{}", tolerance_text(report.results.back().tolerance),
                              counted(modules, "module"), top1));
}

// The session for modules [begin, end) and a network input of height x width.
Session make_session(const VerifyArguments& args, const Model& model, verify::ModuleRange range,
                     std::int64_t batch, std::int64_t height, std::int64_t width) {
  SessionOptions options = session_options(args.compute);
  options.begin = range.begin;
  options.end = range.end;
  options.max_batch = static_cast<int>(batch);
  options.height = static_cast<int>(height);
  options.width = static_cast<int>(width);
  return Session(model, options);
}

// The same run a second time: the first loads kernels and takes memory, which is not what a stage's time is
// about.
decltype(verify::Subject::run) warmed_up(decltype(verify::Subject::run) run) {
  return [run = std::move(run)](std::span<const float> input, const Shape& shape, std::span<float> output,
                                const Trace* trace) {
    run(input, shape, output, nullptr);
    run(input, shape, output, trace);
  };
}

std::optional<verify::DumpWriter> make_dump(const VerifyArguments& args, const Model& model,
                                            const Session& session) {
  if (args.dump.empty()) return std::nullopt;
  return verify::DumpWriter(args.dump, model, "resnet.cpp " + verify::Subject::of(session).description);
}

void check_same_network(const Model& model, const verify::ReferenceDirectory& reference) {
  const Architecture &ours = model.architecture, &theirs = reference.architecture();
  if (ours.depth() != theirs.depth() || ours.classes() != theirs.classes()) {
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("the model is {} with {} classes, but {} is of {} with {}", ours.name(),
                            ours.classes(), reference.path().string(), theirs.name(), theirs.classes()));
  }
  if (!reference.weights_crc32().empty() && reference.weights_crc32() != verify::crc32_of(model)) {
    note("note: {} was made from other weights than these", reference.path().string());
  }
}

// Our own preparation of the reference's photos against its input.bin; nothing for a random input.
std::optional<verify::CheckpointResult> check_photos(const Model& model,
                                                     const verify::ReferenceDirectory& reference) {
  const std::vector<fs::path>& photos = reference.images();
  if (photos.empty()) return std::nullopt;
  const auto missing =
      std::find_if_not(photos.begin(), photos.end(), [](const fs::path& p) { return fs::exists(p); });
  if (missing != photos.end()) {
    note("note: {} is not there: preprocessing is not compared", missing->string());
    return std::nullopt;
  }
  const auto start = std::chrono::steady_clock::now();
  const std::vector<float> ours = verify::prepare_photos(photos, model.preprocess);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return verify::check_input(reference, ours, took.count());
}

int verify_against_reference(const VerifyArguments& args, const Model& model) {
  const verify::ReferenceDirectory reference(args.reference);
  check_same_network(model, reference);
  const verify::ModuleRange range = range_of(args, model.architecture);
  const Shape& network_input = reference.shape("input");
  const Session session =
      make_session(args, model, range, network_input[0], network_input[2], network_input[3]);
  verify::Subject subject = verify::Subject::of(session);
  if (in_stages(args)) subject.run = warmed_up(subject.run);
  note("{} on {}, against {} ({})", model.architecture.name(), subject.description, args.reference,
       reference.made_by());
  if (!args.json && !in_stages(args)) write_output(checkpoint_header(true));

  std::optional<verify::CheckpointResult> photos;
  if (range.begin == 0) photos = check_photos(model, reference);
  if (photos) print_result(args, session, *photos);

  std::optional<verify::DumpWriter> dump = make_dump(args, model, session);
  if (dump && range.begin == 0) dump->input(network_input, reference.read("input"));
  verify::VerifyHooks hooks;
  hooks.on_result = [&](const verify::CheckpointResult& result) { print_result(args, session, result); };
  if (dump) {
    hooks.on_module_output = [&](int module, const Shape& shape, std::span<const float> values) {
      dump->module(module, shape, values);
    };
  }
  StageTimes stages;
  if (in_stages(args)) hooks.on_layer = [&](const LayerTrace& layer) { stages.add(layer); };
  verify::Report report = verify::verify(reference, subject, hooks);
  if (in_stages(args)) write_output(stages.text() + difference_text(report.results.back()));
  if (photos) report.results.insert(report.results.begin(), std::move(*photos));
  if (dump) dump->finish();
  if (!args.html.empty()) write_file_atomically(args.html, verify::html_report(report));
  return conclude(args, report);
}

// The shape of a bare tensor file that feeds module `begin`: as given, or the model's own size with as many
// images as the file holds.
Shape input_shape(const VerifyArguments& args, const Model& model, int begin, std::int64_t count) {
  if (!args.shape.empty()) return Shape(args.shape);
  const Size size =
      preprocessed_size(model.preprocess, {model.preprocess.resize.height, model.preprocess.resize.height});
  const Shape one = model.architecture.output_shape(begin - 1, 1, size.height, size.width);
  if (count == 0 || count % one.numel() != 0) {
    throw UsageError(fmt::format("{} holds {} values, no multiple of {}: give its --shape N C H W",
                                 args.input, count, one.to_string()));
  }
  return Shape{count / one.numel(), one[1], one[2], one[3]};
}

int verify_single_tensors(const VerifyArguments& args, const Model& model) {
  const verify::ModuleRange range = range_of(args, model.architecture);
  const std::vector<float> input = verify::read_f32(args.input);
  const Shape shape = input_shape(args, model, range.begin, static_cast<std::int64_t>(input.size()));
  SessionOptions options = session_options(args.compute);
  options.begin = range.begin;
  options.end = range.end;
  const Session session(model, options);
  const Shape output_shape = session.output_shape(shape);
  std::vector<float> output(static_cast<std::size_t>(output_shape.numel()));
  std::optional<verify::DumpWriter> dump = make_dump(args, model, session);

  double ms = 0;
  Trace trace;
  trace.on_module = [&](int module, const Shape& s, const float* values, double took) {
    ms += took;
    if (dump) dump->module(module, s, {values, static_cast<std::size_t>(s.numel())});
  };
  StageTimes stages;
  if (in_stages(args)) {
    trace.on_layer = [&](const LayerTrace& layer) { stages.add(layer); };
    session.run(input, shape, output);  // warms up, as above
  }
  session.run(input, shape, output, &trace);
  if (dump && range.begin == 0) dump->input(shape, input);
  if (dump) dump->finish();
  if (args.expect.empty()) return kAllDone;

  const std::string& module = model.architecture.modules()[static_cast<std::size_t>(range.end) - 1].name;
  verify::CheckpointResult result = verify::judge(
      module, output_shape, output, verify::read_f32(args.expect, output_shape),
      verify::tolerance({.precision = *session.options().precision, .model = {}, .module = module}));
  result.ms = ms;
  if (in_stages(args)) {
    write_output(stages.text() + difference_text(result));
  } else if (!args.json) {
    write_output(checkpoint_header(true));
  }
  print_result(args, session, result);
  if (!result.ok) return conclude(args, false, "wrong at " + module + ": " + failure_text(result));
  return conclude(
      args, true,
      "within " + (in_stages(args) ? limit_text(result.tolerance) : tolerance_text(result.tolerance)));
}

int run_verify(const VerifyArguments& args) {
  if (args.reference.empty() == args.input.empty()) {
    throw UsageError("give either --reference DIR (made by tools/make_reference.py), or --input F.bin");
  }
  if (!args.input.empty() && args.expect.empty() && args.dump.empty()) {
    throw UsageError("--input needs --expect F.bin to compare with, or --dump DIR to write to");
  }
  std::error_code ignored;
  if (!args.dump.empty() && fs::equivalent(args.dump, args.reference, ignored)) {
    throw UsageError("--dump would overwrite what --reference names: give another folder");
  }
  require_writable({{"--html", args.html}});
  require_writable_folder("--dump", args.dump);
  const Model model = open_model(args.model);
  return args.input.empty() ? verify_against_reference(args, model) : verify_single_tensors(args, model);
}

}  // namespace

void add_verify_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<VerifyArguments>();
  CLI::App* command =
      add_command(app, "verify", "Prove that every module computes what PyTorch does",
                  "  tools/make_reference.py --model resnet18.pth --images cat.jpg --out ref\n"
                  "  resnet verify --model resnet18.pth --reference ref\n"
                  "  resnet verify --model resnet18.pth --reference ref --step layer2\n"
                  "  resnet verify --model resnet18.pth --reference ref --html report.html\n"
                  "  resnet verify --model resnet18.pth --modules 4:6 --input x.bin --expect y.bin\n");
  add_model_options(*command, args->model);
  auto* reference =
      command->add_option("--reference", args->reference, "Directory with what PyTorch computed");
  reference->type_name("DIR");
  auto* step = command->add_option("--step", args->step,
                                   "One classic check, fed with the reference's input of it: stem, layer1\n"
                                   "to layer4, head, or e2e (all); shows the time of each kind of kernel");
  step->type_name("NAME")->check(one_of({"stem", "layer1", "layer2", "layer3", "layer4", "head", "e2e"}));
  command
      ->add_option("--modules", args->modules, "Modules a to b-1, by number or name (4:6, layer1.0:layer2.0)")
      ->type_name("a:b")
      ->excludes(step);
  auto* input =
      command->add_option("--input", args->input, "A tensor (fp32, row-major) instead of a reference");
  input->type_name("F.bin")->excludes(reference);
  command->add_option("--expect", args->expect, "What the modules should make of --input")
      ->type_name("F.bin")
      ->check(not_empty())
      ->needs(input);
  command->add_option("--shape", args->shape, "Shape of --input; default: the model's own input size")
      ->type_name("N C H W")
      ->expected(4)
      ->check(whole_number(1))
      ->needs(input);
  add_output_option(*command, "--dump", args->dump, "DIR",
                    "Write our module outputs to DIR, named as the reference's");
  add_output_option(*command, "--html", args->html, "REPORT.html", "Write the report as a page")
      ->needs(reference);
  command->add_flag("--json", args->json, "One JSON object a module");
  add_compute_options(*command, args->compute);
  add_general_options(*command);
  on_run(*command, action, [args] { return run_verify(*args); });
}

}  // namespace resnet::cli
