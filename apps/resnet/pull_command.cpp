// resnet pull: models from the network into the user's folder of models, where every command finds them by
// name.
#include "command.hpp"
#include "commands.hpp"
#include "common_options.hpp"
#include "fetch/download.hpp"
#include "fetch/fetch_model.hpp"
#include "fetch/model_list.hpp"
#include "interrupt.hpp"
#include "json_output.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "validators.hpp"

#include <filesystem>
#include <memory>
#include <optional>

namespace resnet::cli {
namespace {

struct PullArguments {
  std::string name;
  std::string from;
  bool list = false;
  bool json = false;
  bool force = false;
};

// The address of a listed model's file at the server or a mirror of it.
std::string address(const fetch::ListedModel& model, const std::string& server) {
  return fmt::format("{}{}{}", server, server.ends_with('/') ? "" : "/", model.file);
}

bool is_kept(const std::string& name) {
  std::error_code ignored;
  return std::filesystem::exists(fetch::kept_model(name), ignored);
}

int print_list(const PullArguments& args) {
  std::vector<std::vector<std::string>> rows;
  for (const fetch::ListedModel& model : fetch::listed_models()) {
    const std::string name(model.name), url = address(model, std::string(fetch::kServer));
    if (args.json) {
      print_json({{"name", name},
                  {"url", url},
                  {"sha256_prefix", fetch::hash_in_name(model.file)},
                  {"bytes", model.bytes},
                  {"top1", model.top1},
                  {"resize", model.preprocess.resize.height},
                  {"crop", model.preprocess.center_crop->height},
                  {"description", model.description},
                  {"licence", fetch::kLicence},
                  {"here", is_kept(name)}});
    } else {
      rows.push_back({name, human_bytes(static_cast<std::uint64_t>(model.bytes)),
                      fmt::format("{:.1f} % top-1", 100 * model.top1),
                      fmt::format("resize {}, crop {}", model.preprocess.resize.height,
                                  model.preprocess.center_crop->height),
                      std::string(model.description) + (is_kept(name) ? " (here already)" : "")});
    }
  }
  if (!args.json) print("{}\nLicence: {}\n", align_columns(rows), fetch::kLicence);
  return kAllDone;
}

std::string listed_names() {
  std::string names;
  for (const fetch::ListedModel& model : fetch::listed_models()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", model.name);
  }
  return names;
}

// From the list, from a mirror of it, or the one file that --from names.
fetch::ModelRequest request_of(const PullArguments& args) {
  fetch::ModelRequest request{.name = args.name, .url = args.from};
  const fetch::ListedModel* listed = fetch::find_listed(args.name);
  if (listed != nullptr) request.preprocess = listed->preprocess;
  if (!fetch::hash_in_name(args.from).empty()) return request;
  if (listed == nullptr) {
    throw UsageError(
        fmt::format("\"{}\" is not in the list ({}); for another model, --from must be the address of a file "
                    "whose name ends with "
                    "the first digits of its SHA-256, as in https://example.org/birds-0123abcd.safetensors",
                    printable(args.name), listed_names()));
  }
  request.url = address(*listed, args.from.empty() ? std::string(fetch::kServer) : args.from);
  return request;
}

int run_pull(const PullArguments& args) {
  if (args.list) {
    if (!args.name.empty()) throw UsageError("--list names every model: leave out NAME");
    return print_list(args);
  }
  if (args.json) throw UsageError("--json goes with --list");
  if (args.name.empty()) throw UsageError("no model named; --list shows which there are: " + listed_names());
  fetch::ModelRequest request = request_of(args);
  if (!args.force && is_kept(args.name)) {
    note("{} is here already (--force fetches it again)", printable(args.name));
    print("{}\n", printable(fetch::kept_model(args.name).native()));
    return kAllDone;
  }
  if (!fetch::download_possible()) {
    throw Error(
        ErrorCode::unsupported,
        fmt::format(
            "this build cannot fetch: it is the static program, or was made without libcurl4-openssl-dev "
            "and libssl-dev. Fetch {} in another way and give the file as --model",
            printable(request.url)));
  }
  // Kilobytes, so that the line stays readable.
  constexpr std::int64_t kUnit = 1000;
  std::optional<Progress> progress(std::in_place, "fetching " + args.name, "kB");
  std::int64_t drawn = 0;
  request.on_progress = [&](std::int64_t done, std::int64_t total) {
    progress->set_total(total / kUnit);
    progress->advance(done / kUnit - drawn);
    drawn = done / kUnit;
  };
  request.cancel = &catch_interrupts();
  const std::filesystem::path path = fetch::fetch_model(request);
  progress.reset();
  if (fetch::find_listed(args.name) != nullptr) note("Licence: {}", fetch::kLicence);
  print("{}\n", printable(path.native()));
  return kAllDone;
}

}  // namespace

void add_pull_command(CLI::App& app, Action& action) {
  auto args = std::make_shared<PullArguments>();
  CLI::App* command =
      add_command(app, "pull", "Fetch a model from the network",
                  "  resnet pull --list\n"
                  "  resnet pull resnet50-v2 && resnet classify -m resnet50-v2 cat.jpg\n"
                  "  resnet pull resnet18 --from https://mirror.example.org/models\n"
                  "Models are torchvision's ImageNet weights from download.pytorch.org, checked by\n"
                  "the first digits of their SHA-256. An interrupted download goes on with the\n"
                  "next call. They are kept in ~/.cache/resnet/models\n"
                  "($XDG_CACHE_HOME/resnet/models) with their preprocessing and labels.\n"
                  "Tested against a server of the tests' own; not yet against the real one.\n");
  command->add_option("NAME", args->name, "Which model: " + listed_names())->type_name("");
  command
      ->add_option(
          "--from", args->from,
          "A mirror that has the files under the same names, or the address of one file, of any model, whose "
          "name ends with the first digits of its SHA-256 (birds-0123abcd.pth)")
      ->type_name("URL")
      ->check(not_empty());
  command->add_flag("--list", args->list, "Only tell which models there are");
  command->add_flag("--json", args->json, "With --list: one JSON object a model");
  command->add_flag("--force", args->force, "Fetch it though it is here");
  add_general_options(*command);
  on_run(*command, action, [args] { return run_pull(*args); });
}

}  // namespace resnet::cli
