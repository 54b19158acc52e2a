// resnet-train: the command line of the trainer.
#include "command.hpp"
#include "core/counted.hpp"
#include "help_formatter.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "program.hpp"
#include "progress.hpp"
#include "terminal.hpp"
#include "train/config.hpp"
#include "train/trainer.hpp"
#include "train/version_text.hpp"

#include <optional>

#include <resnet/error.hpp>

namespace resnet::cli {
namespace {

constexpr const char* kDescription =
    "resnet-train trains ResNet-18/34/50 on labelled pictures, in fp32 or for int8";

constexpr const char* kFooter =
    "Every key of the configuration can be given as section.key=value; later ones win.\n"
    "--print-config shows all keys with their meaning and defaults.\n"
    "\n"
    "Several GPUs or machines: start it with torchrun, which sets RANK, WORLD_SIZE,\n"
    "LOCAL_RANK, MASTER_ADDR and MASTER_PORT; train.batch is then of each process.\n"
    "\n"
    "Exit status: 0 trained, 1 failed, interrupted or pictures were left out, 2 wrong\n"
    "usage. Ctrl-C writes a checkpoint that --resume takes.\n"
    "\n"
    "Examples:\n"
    "  resnet-train --config configs/coco-resnet50-fp32.yaml\n"
    "  resnet-train --config my.yaml train.lr=0.01 train.epochs=5 output.directory=runs/1\n"
    "  resnet-train --config my.yaml --resume checkpoints/resnet50_fp32/checkpoint_epoch_3\n"
    "  resnet-train --print-config > my.yaml\n"
    "  torchrun --no-python --nproc-per-node 2 resnet-train --config my.yaml\n";

constexpr const char* kStopping =
    "\nresnet-train: stopping within this step; a second Ctrl-C stops at once, without a checkpoint\n";

struct Arguments {
  std::string config, resume;
  std::vector<std::string> overrides;
  bool print_config = false;
};

// The library's watch as a progress line and notes.
class Watcher {
 public:
  train::TrainWatch watch() {
    train::TrainWatch watch;
    watch.note = [](const std::string& line) { write_note(line); };
    watch.stage = [this](const std::string& stage, std::int64_t total) {
      progress_.reset();
      if (total > 0) progress_.emplace(stage, "images", total);
    };
    watch.advance = [this](std::int64_t pictures) {
      if (progress_) progress_->advance(pictures);
    };
    watch.cancel = &catch_interrupts(quiet() ? nullptr : kStopping);
    return watch;
  }

 private:
  std::optional<Progress> progress_;
};

int run_training(const Arguments& args) {
  train::Config config;
  try {
    config = train::read_config(args.config, args.overrides);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::invalid_argument) throw UsageError(e.what());
    throw;
  }
  if (args.print_config) {
    print("{}", train::to_yaml(config, true));
    return kAllDone;
  }
  if (args.config.empty()) throw UsageError("--config is required");
  Watcher watcher;
  const train::TrainResult result = train::train(config, args.resume, watcher.watch());
  if (result.interrupted) {
    if (!result.checkpoint.empty()) {
      report_error(fmt::format("interrupted; go on with --resume {}", result.checkpoint.string()));
    }
    return kSomeFailed;
  }
  if (!result.best_model.empty()) {
    note("best epoch {} ({:.2f} %): {}", result.best_epoch, 100 * result.best_score,
         result.best_model.string());
  }
  if (result.skipped > 0) {
    report_error(fmt::format("left out {} that could not be read", counted(result.skipped, "picture")));
    return kSomeFailed;
  }
  return kAllDone;
}

std::string version_text() {
  return fmt::format("resnet-train {}\n{}\n", RESNET_VERSION, train::torch_version_text());
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{kDescription, "resnet-train"};
  Arguments args;
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(kFooter);
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", version_text, "Print version and LibTorch's");
  app.add_option("--config", args.config, "Configuration, a YAML file")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  app.add_option("--resume", args.resume, "Go on from this checkpoint")
      ->type_name("CKPT")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--print-config", args.print_config,
               "Print the resolved configuration with comments, and stop");
  app.add_flag_callback(
      "-q,--quiet", [] { set_verbosity(Verbosity::quiet); }, "Only errors");
  app.add_option("KEY=VALUE", args.overrides, "Keys of the configuration that take the place of the file's");
  try {
    app.parse(argc, argv);
    return run_training(args);
  } catch (const CLI::CallForHelp&) {
    print("{}", app.help());
    return kAllDone;
  } catch (const CLI::CallForVersion&) {
    print("{}", version_text());
    return kAllDone;
  } catch (const CLI::ParseError& error) {
    report_error(error.what());
  } catch (const UsageError& error) {
    report_error(error.what());
  }
  hint("Try `resnet-train --help`.");
  return kWrongUsage;
}

}  // namespace
}  // namespace resnet::cli

int main(int argc, char** argv) {
  return resnet::cli::run_program("resnet-train", [&] { return resnet::cli::parse_and_run(argc, argv); });
}
