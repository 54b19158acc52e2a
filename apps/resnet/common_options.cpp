#include "common_options.hpp"

#include "command.hpp"
#include "terminal.hpp"

#include <fmt/format.h>

namespace resnet::cli {
namespace {

constexpr const char* kModelGroup = "Model";
constexpr const char* kComputeGroup = "Computation";
constexpr const char* kPhotoGroup = "Photos";

}  // namespace

void add_general_options(CLI::App& command) {
  auto* verbose = command.add_flag_callback(
      "--verbose", [] { set_verbosity(Verbosity::verbose); },
      "Log decisions (threads, kernels, files) to standard error");
  auto* quiet = command.add_flag_callback(
      "--quiet", [] { set_verbosity(Verbosity::quiet); },
      "No progress and no notes: only results, errors and warnings");
  quiet->excludes(verbose);
}

void add_model_options(CLI::App& command, ModelArguments& args, bool required) {
  command
      .add_option("--model,-m", args.model,
                  "Model file or folder, or a name to be found (see `resnet doctor`)")
      ->type_name("M")
      ->required(required)
      ->group(kModelGroup);
  add_labels_option(command, args);
}

void add_labels_option(CLI::App& command, ModelArguments& args) {
  command.add_option("--labels", args.labels, "Class names, one a line, instead of the model's")
      ->type_name("FILE")
      ->check(not_empty())
      ->group(kModelGroup);
}

void add_compute_options(CLI::App& command, ComputeArguments& args) {
  const auto add = [&](const char* name, auto& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->type_name(type)->group(kComputeGroup);
  };
  add("--device", args.device, "D",
      "auto (default), cpu, cuda (the first GPU), cuda:N, or several GPUs as in cuda:0,cuda:1");
  add("--gpu-memory", args.gpu_memory, "SIZE",
      "Most memory to take of each GPU, as in 4GiB or 500MB; default: as much as is needed")
      ->check(memory_size());
  add("--backend", args.backend, "B",
      "cpu, cuda, cuda_stepwise (textbook kernels) or reference (plain loops in double precision); default: "
      "the fastest of the device");
  add("--precision", args.precision, "P",
      "fp32, tf32, bf16, fp16 or int8, where a backend has it (see `resnet doctor`); default: the model's "
      "own")
      ->check(one_of({"fp32", "tf32", "bf16", "fp16", "int8"}));
  add("--threads", args.threads, "N",
      "Threads; default: $RESNET_THREADS, or what affinity and cgroup quota allow")
      ->check(whole_number(1, 1024));
  add("--isa", args.isa, "NAME",
      "Instruction set of the processor (default: $RESNET_CPU_ISA, or the best it has), or family of kernels "
      "of a "
      "GPU: sm90, mma, simt (default: the fastest that it runs)");
  add("--plan", args.plan, "PLAN", "latency (default) or throughput")
      ->check(one_of({"latency", "throughput"}));
}

void add_photo_options(CLI::App& command, PhotoArguments& args) {
  command.add_option("PATH", args.paths, "Photos, or folders with photos")->type_name("");
  command.add_flag("--recursive,-r", args.recursive, "Look into folders inside folders, too")
      ->group(kPhotoGroup);
  command
      .add_option("--images-from", args.images_from,
                  "Also take the paths in FILE, one a line (- for standard input)")
      ->type_name("FILE")
      ->check(not_empty())
      ->group(kPhotoGroup);
}

void require_photos(const PhotoArguments& args) {
  if (args.paths.empty() && args.images_from.empty()) {
    throw UsageError("no photos given: name files or folders");
  }
}

DecodeOptions DecodeArguments::options() const {
  return {.exif = exif == "apply" ? ExifOrientation::apply : ExifOrientation::ignore,
          .max_pixels = max_pixels};
}

void add_decode_options(CLI::App& command, DecodeArguments& args, ExifOrientation default_orientation) {
  const bool apply = default_orientation == ExifOrientation::apply;
  args.exif = apply ? "apply" : "ignore";
  command
      .add_option("--exif", args.exif,
                  apply ? "EXIF orientation: apply (default, photos upright) or ignore"
                        : "EXIF orientation: ignore (default, as PyTorch sees them) or apply")
      ->type_name("MODE")
      ->check(one_of({"apply", "ignore"}))
      ->group(kPhotoGroup);
  command
      .add_option("--max-pixels", args.max_pixels,
                  fmt::format("Refuse photos of more pixels (default {})", args.max_pixels))
      ->type_name("N")
      ->check(whole_number(1))
      ->group(kPhotoGroup);
}

}  // namespace resnet::cli
