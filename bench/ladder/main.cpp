// ladder: times every rung of docs/kernels.md in one run, each checked before it is timed.
//
//   build/release/ladder [--markdown docs/kernels.md] [--runs N]
#include "command.hpp"
#include "cuda/devices.hpp"
#include "help_formatter.hpp"
#include "ladder/report.hpp"
#include "machine.hpp"
#include "output.hpp"
#include "program.hpp"
#include "terminal.hpp"

#include <ctime>

namespace resnet::ladder {
namespace {

struct Arguments {
  std::string markdown;
  int runs = 50;
};

// "One NVIDIA H200, driver 580.65.06, CUDA 13.0, 2026-11-21, fp32, 224 x 224, …: `build/release/ladder …`."
std::string caption(const Arguments& arguments) {
  const std::time_t now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  const cli::GpuReport report = cli::find_gpus();
  return fmt::format(
      "One {}, driver {}, CUDA {}, {:04}-{:02}-{:02}, fp32, {} x {}, medians of up to {} runs: "
      "`build/release/ladder --markdown docs/kernels.md`.\n",
      cuda::require_device(cuda::devices(), 0).name,
      report.kernel_driver.empty() ? "unknown" : report.kernel_driver, report.library, day.tm_year + 1900,
      day.tm_mon + 1, day.tm_mday, kSide, kSide, arguments.runs);
}

int run(const Arguments& arguments) {
  const cuda::Device& device = cuda::require_device(cuda::devices(), 0);
  const Gpu gpu = Gpu::of_device(device.index);
  cli::hint("foretold for {} multiprocessors at {:.2f} GHz and {:.2f} TB/s", gpu.multiprocessors,
            gpu.hertz * 1e-9, gpu.bytes_per_second * 1e-12);
  Report report(!device.families.empty());
  bool failed = false;
  for (const int depth : {18, 50}) {
    Climb climb(depth, gpu, arguments.runs);
    report.add(climb);
    failed = failed || climb.failed();
  }
  report.add(time_boundaries(gpu, arguments.runs));
  const std::string text = caption(arguments) + '\n' + report.markdown();
  cli::print("{}", text);
  if (!arguments.markdown.empty() && !failed) write_between_marks(arguments.markdown, text);
  return failed ? cli::kSomeFailed : cli::kAllDone;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{
      "Times every rung of docs/kernels.md on GPU 0, each checked against the reference backend first",
      "ladder"};
  app.formatter(std::make_shared<cli::HelpFormatter>());
  app.footer(
      "Tables go to standard output, the rest to standard error.\n"
      "Exit status: 0 all done, 1 a rung's logits are wrong or there is no GPU, 2 wrong usage.\n");
  Arguments arguments;
  app.add_option("--markdown", arguments.markdown,
                 "Also write the tables into this file, between its lines <!-- ladder --> and\n"
                 "<!-- end of ladder -->, unless a rung is wrong");
  app.add_option("--runs", arguments.runs, "Runs of which the median is taken; fewer where they take long")
      ->check(CLI::Range(5, 1000000))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    cli::print("{}", app.help());
    return cli::kAllDone;
  } catch (const CLI::ParseError& error) {
    cli::report_error(error.what());
    return cli::kWrongUsage;
  }
  return run(arguments);
}

}  // namespace
}  // namespace resnet::ladder

int main(int argc, char** argv) {
  return resnet::cli::run_program("ladder", [&] { return resnet::ladder::parse_and_run(argc, argv); });
}
