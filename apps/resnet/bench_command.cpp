// resnet bench: how fast a model runs here, as a whole and kernel by kernel.
#include "bench_photos.hpp"
#include "bench_table.hpp"
#include "bench_tune.hpp"
#include "build_info.hpp"
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "core/counted.hpp"
#include "core/mapped_file.hpp"
#include "cuda/devices.hpp"
#include "json_output.hpp"
#include "machine.hpp"
#include "open_model.hpp"
#include "output_paths.hpp"
#include "session/device_name.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "verify/tensor_file.hpp"

#include <memory>

namespace resnet::cli {
namespace {

constexpr int kRandomClasses = 1000;
constexpr std::uint64_t kRandomSeed = 1;

struct BenchArguments {
  ModelArguments model;
  int random_depth = 0;
  ComputeArguments compute;
  MeasureOptions measure;
  std::string input_type = "f32", input, output;
  std::string photos;  // folder: time the decoding of its photos instead
  bool json = false;
  std::string tune;
};

std::string_view to_string(InputType type) {
  return type == InputType::u8 ? "u8" : "f32";
}

struct Report {
  std::string model;
  int batch = 1;
  int calls = 1;  // at once
  InputType input_type = InputType::f32;
  Measurement measurement;
  Roofs roofs{};  // empty: not asked for, or not known
};

bool on_gpu(const Session& session) {
  return parse_device(session.options().device).kind == "cuda";
}

// "NVIDIA H200, driver 580.65.06; Intel(R) Xeon(R) Processor (16 processors)"
std::string machine_of(const Session& session) {
  if (!on_gpu(session)) return machine_name();
  const GpuReport report = find_gpus();
  const std::string driver =
      report.kernel_driver.empty() ? "of CUDA " + report.library : report.kernel_driver;
  const DeviceName device = parse_device(session.options().device);
  const std::string& name = cuda::require_device(cuda::devices(), device.first()).name;
  const std::string several =
      device.indices.size() > 1 ? fmt::format("{} times ", device.indices.size()) : std::string();
  return fmt::format("{}{}, driver {}; {}", several, name, driver, machine_name());
}

Json report_json(const Session& session, const Report& report) {
  const SessionOptions& options = session.options();
  const Measurement& m = report.measurement;
  Json object;
  object["model"] = report.model;
  object["device"] = options.device;
  object["backend"] = session.backend();
  object["isa"] = session.isa();
  object["precision"] = to_string(*options.precision);
  object["plan"] = to_string(options.plan);
  object["batch"] = report.batch;
  object["calls"] = report.calls;
  object["input_type"] = to_string(report.input_type);
  object["threads"] = session.threads();
  object["ms_median"] = m.ms_median;
  object["ms_min"] = m.ms_min;
  object["ms_p99"] = m.ms_p99;
  object["clock"] = m.device_clock ? "device" : "wall";
  object["call_ms_median"] = m.call_ms_median;
  object["images_per_s"] = m.images_per_s;
  object["gflops"] = m.gflops;
  Json layers = Json::array();
  for (const LayerTime& layer : m.layers) {
    layers.push_back(
        {{"module", layer.layer}, {"ms", layer.ms}, {"kernel", layer.kernel}, {"gflops", layer.gflops}});
    if (report.roofs.known()) layers.back()["roof_ms"] = least_ms(layer, report.roofs);
  }
  object["layers"] = std::move(layers);
  if (report.roofs.known()) object["roof_ms"] = network_least_ms(m, report.roofs);
  object["machine"] = machine_of(session);
  object["commit"] = commit();
  return object;
}

// " (fp32 104.2, int8 401.9)" of a network that computes in both.
std::string roofs_text(const Roofs& roofs) {
  if (roofs.gflops.size() < 2) return {};
  std::string text;
  for (const auto& [precision, roof] : roofs.gflops) {
    text += fmt::format("{}{} {:.1f}", text.empty() ? " (" : ", ", to_string(precision), roof);
  }
  return text + ")";
}

void print_report(const Session& session, const Report& report) {
  const SessionOptions& options = session.options();
  const Measurement& m = report.measurement;
  std::string backend(session.backend());
  if (!session.isa().empty()) backend += fmt::format(" ({})", session.isa());
  std::string speed = fmt::format("{:.1f} images/s, {:.1f} GFLOP/s", m.images_per_s, m.gflops);
  if (const double roof = network_roof(m, report.roofs); roof > 0) {
    speed += fmt::format(", {:.0f} % of the roof of {:.1f}{}", m.gflops / roof * 100, roof,
                         roofs_text(report.roofs));
  }
  std::vector<std::vector<std::string>> rows{
      {"model", report.model},
      {"machine", machine_of(session)},
      {"backend",
       fmt::format("{}, {}, plan {}", backend, to_string(*options.precision), to_string(options.plan))},
      {"batch", fmt::format("{} of 3 x {} x {}{}{}", report.batch, options.height, options.width,
                            report.input_type == InputType::u8 ? ", 8-bit pixels" : "",
                            report.calls > 1 ? fmt::format(", {} calls at once", report.calls) : "")}};
  if (!on_gpu(session)) rows.push_back({"threads", std::to_string(session.threads())});
  rows.push_back({"time", fmt::format("{:.3f} ms median, {:.3f} least, {:.3f} 99th percentile, of {} runs{}",
                                      m.ms_median, m.ms_min, m.ms_p99, m.runs,
                                      m.device_clock ? " by the GPU's clock" : "")});
  if (m.device_clock) {
    rows.push_back(
        {"call", fmt::format("{:.3f} ms median, with the copies to the GPU and back", m.call_ms_median)});
  }
  rows.push_back({"speed", speed});
  print("{}", align_columns(rows));
  if (!m.layers.empty()) print("\n{}", layer_table(m, report.roofs));
}

Model bench_model(const BenchArguments& args) {
  if (args.random_depth != 0) return make_random_model(args.random_depth, kRandomClasses, kRandomSeed);
  if (args.model.model.empty()) throw UsageError("no model given: use --model M, or --random 18, 34 or 50");
  return open_model(args.model);
}

// The values of a file's pictures, over and over until they fill the batch.
template <class Value>
std::vector<Value> fill_batch(const std::vector<Value>& file, const std::string& path, const Session& session,
                              int batch) {
  const SessionOptions& options = session.options();
  const Shape one{1, 3, options.height, options.width};
  const auto picture = static_cast<std::size_t>(one.numel());
  if (file.empty() || file.size() % picture != 0) {
    throw UsageError(
        fmt::format("--input {} holds {} values, no multiple of {}", path, file.size(), one.to_string()));
  }
  std::vector<Value> input(picture * static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = file[i % file.size()];
  return input;
}

void read_input(const BenchArguments& args, const Session& session, MeasureOptions& measuring) {
  if (measuring.input_type == InputType::f32) {
    measuring.input = fill_batch(verify::read_f32(args.input), args.input, session, measuring.batch);
    return;
  }
  const auto file = MappedFile::open(args.input);
  const auto* first = reinterpret_cast<const std::uint8_t*>(file->bytes().data());
  const std::vector<std::uint8_t> pixels(first, first + file->bytes().size());
  measuring.pixels = fill_batch(pixels, args.input, session, measuring.batch);
}

int bench_photos(const BenchArguments& args, const Model& model) {
  const PhotoSpeed speed = measure_photos(model, args.photos, args.compute.threads);
  const double photos_per_s = static_cast<double>(speed.photos) / speed.seconds;
  if (args.json) {
    Json object;
    object["photos"] = speed.photos;
    object["failed"] = speed.failed;
    object["threads"] = speed.threads;
    object["seconds"] = speed.seconds;
    object["photos_per_s"] = photos_per_s;
    object["machine"] = machine_name();
    object["commit"] = commit();
    print_json(object);
  } else {
    print("{}", align_columns({{"machine", machine_name()},
                               {"threads", std::to_string(speed.threads)},
                               {"decoding", fmt::format("{} in {:.2f} s, without a network",
                                                        counted(speed.photos, "photo"), speed.seconds)},
                               {"speed", fmt::format("{:.1f} photos/s", photos_per_s)}}));
  }
  if (speed.photos == 0) report_error("no photos found in " + printable(args.photos));
  return speed.photos == 0 || speed.failed > 0 ? kSomeFailed : kAllDone;
}

int run_bench(const BenchArguments& args) {
  require_writable({{"--output", args.output}});
  const Model model = bench_model(args);
  if (!args.photos.empty()) return bench_photos(args, model);
  SessionOptions options = session_options(args.compute);
  options.max_batch = args.measure.batch;
  const Session session(model, options);
  MeasureOptions measuring = args.measure;
  measuring.input_type = args.input_type == "u8" ? InputType::u8 : InputType::f32;
  if (!args.input.empty()) read_input(args, session, measuring);
  Report report{.model = model.architecture.name(),
                .batch = measuring.batch,
                .calls = measuring.calls,
                .input_type = measuring.input_type,
                .measurement = measure(model, session, measuring)};
  // A processor's take long to find, and are left to people.
  if (!args.json || on_gpu(session)) report.roofs = measure_roofs(session, report.measurement);
  if (!args.output.empty()) verify::write_f32(args.output, report.measurement.output);
  if (args.json) {
    print_json(report_json(session, report));
  } else {
    print_report(session, report);
  }
  return kAllDone;
}

}  // namespace

void add_bench_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<BenchArguments>();
  CLI::App* command = add_command(app, "bench", "Measure how fast a model runs here",
                                  "  resnet bench --model resnet18.pth\n"
                                  "  resnet bench --model resnet50.pth --batch 8 --plan throughput --layers\n"
                                  "  resnet bench --random 34 --threads 1 --json\n"
                                  "  resnet bench --random 50 --device cuda --precision fp16 --batch 256 \\\n"
                                  "    --plan throughput --layers\n"
                                  "  resnet bench --tune src/cuda/sm90/tuned_h200.inc\n");
  add_model_options(*command, args->model, false);
  command
      ->add_option("--random", args->random_depth,
                   "No model file: a ResNet-18, -34 or -50 with random weights")
      ->type_name("DEPTH")
      ->check(one_of({"18", "34", "50"}))
      ->group("Model")
      ->excludes(command->get_option("--model"));
  command->add_option("--batch", args->measure.batch, "Photos a run (default 1)")
      ->type_name("N")
      ->check(whole_number(1, 4096));
  command
      ->add_option(
          "--calls", args->measure.calls,
          "Calls at once, each from a thread of its own (default 1): on a GPU one copies while another "
          "computes, and several GPUs share them")
      ->type_name("N")
      ->check(whole_number(1, 256));
  command
      ->add_option(
          "--input-type", args->input_type,
          "What a call hands over: f32 (the network's input, default) or u8 (8-bit pixels, normalised on "
          "the device)")
      ->type_name("TYPE")
      ->check(one_of({"f32", "u8"}));
  command->add_flag("--layers", args->measure.layers, "Also time each kernel, and compare it with its roof");
  command
      ->add_option("--seconds", args->measure.seconds,
                   "How long to measure (default 2; at least 10 runs); on a GPU for each of its clock and "
                   "the wall clock")
      ->type_name("S")
      ->check(number(0, 3600));
  command
      ->add_option("--input", args->input,
                   "Photos to run on as a tensor (fp32, N x 3 x H x W; u8: bytes, N x H x W x 3), repeated "
                   "to fill the "
                   "batch; default: noise")
      ->type_name("F.bin")
      ->check(not_empty());
  command
      ->add_option("--photos", args->photos,
                   "Instead: how fast the photos in DIR are decoded and cropped for the model, which is the "
                   "most that tag can reach")
      ->type_name("DIR")
      ->check(not_empty());
  add_output_option(*command, "--output", args->output, "F.bin",
                    "Write what the timed runs computed (fp32, batch x classes)");
  command->add_flag("--json", args->json, "One JSON object");
  CLI::Option* tune =
      add_output_option(*command, "--tune", args->tune, "FILE",
                        "Instead of a model, measure every kernel of the backend cuda on every layer of "
                        "every network, and write "
                        "the table by which layers get theirs (src/cuda/sm90/tuned_h200.inc)");
  add_compute_options(*command, args->compute);
  for (CLI::Option* other : command->get_options()) {
    if (other != tune && !other->check_lname("device") && !other->check_lname("help")) tune->excludes(other);
  }
  add_general_options(*command);
  on_run(*command, action, [args] {
    return args->tune.empty() ? run_bench(*args) : run_tune(args->compute.device, args->tune);
  });
}

}  // namespace resnet::cli
