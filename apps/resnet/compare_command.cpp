// resnet compare: dump against dump.
#include "checkpoint_text.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "output.hpp"
#include "terminal.hpp"
#include "verify/directory_comparison.hpp"

#include <memory>

namespace resnet::cli {
namespace {

struct CompareArguments {
  std::string a, b;
  std::string precision = "fp32";
  bool json = false;
};

int run_compare(const CompareArguments& args) {
  const verify::DirectoryComparison comparison =
      verify::compare_directories(args.a, args.b, parse_precision(args.precision));
  for (const std::string& name : comparison.only_in_a) note("note: {} is only in {}", name, args.a);
  for (const std::string& name : comparison.only_in_b) note("note: {} is only in {}", name, args.b);

  if (!args.json) write_output(checkpoint_header(false));
  for (const verify::CheckpointResult& result : comparison.results) {
    if (args.json) {
      print_json(checkpoint_json(result, false));
    } else {
      write_output(checkpoint_row(result, false));
    }
  }
  const verify::CheckpointResult* bad = comparison.first_bad();
  const std::string line =
      bad != nullptr
          ? fmt::format("[FAIL] first bad checkpoint {}: {}", bad->module, failure_text(*bad))
          : fmt::format("[OK] within {} at {} checkpoints",
                        tolerance_text(comparison.results.back().tolerance), comparison.results.size());
  if (args.json) {
    (bad != nullptr ? write_hint : write_note)(line);
  } else {
    write_output(line + '\n');
  }
  return bad != nullptr ? kSomeFailed : kAllDone;
}

}  // namespace

void add_compare_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<CompareArguments>();
  CLI::App* command = add_command(app, "compare", "Compare two directories of module outputs",
                                  "  resnet verify --model m.pth --reference ref --dump ours\n"
                                  "  resnet compare ours ref\n");
  command->add_option("DIR_A", args->a, "Directory with NAME.bin files")->type_name("")->required();
  command->add_option("DIR_B", args->b, "Directory to compare with")->type_name("")->required();
  command
      ->add_option("--precision", args->precision,
                   "Whose tolerance counts: fp32 (default), tf32, bf16 or fp16")
      ->type_name("P")
      ->check(one_of({"fp32", "tf32", "bf16", "fp16"}));
  command->add_flag("--json", args->json, "One JSON object a checkpoint");
  add_general_options(*command);
  on_run(*command, action, [args] { return run_compare(*args); });
}

}  // namespace resnet::cli
