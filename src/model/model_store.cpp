// find_model: from what a user wrote after --model to a path.
#include "model/model_store.hpp"

#include "model/manifest.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kExtensions{".safetensors", ".pth", ".pt"};

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// The model of this name in `place`, with or without its extension; empty where there is none.
fs::path look_in(const fs::path& place, const std::string& name) {
  std::error_code ignored;
  const fs::path exact = place / name;
  if (fs::is_regular_file(exact, ignored) || fs::is_regular_file(exact / formats::kManifestName, ignored)) {
    return exact;
  }
  for (const std::string_view extension : kExtensions) {
    fs::path file = exact;
    file += extension;
    if (fs::is_regular_file(file, ignored)) return file;
  }
  return {};
}

}  // namespace

fs::path user_model_directory() {
  const fs::path models = fs::path("resnet") / "models";
  // The XDG rule: a relative $XDG_CACHE_HOME counts as none.
  if (const fs::path cache = environment("XDG_CACHE_HOME"); cache.is_absolute()) return cache / models;
  if (const fs::path home = environment("HOME"); !home.empty()) return home / ".cache" / models;
  return {};
}

std::vector<fs::path> model_search_path() {
  std::vector<fs::path> places;
  std::string_view list = environment("RESNET_MODELS");
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(':'), list.size());
    if (end > 0) places.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  std::error_code error;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", error); !error) {
    const fs::path beside = program.parent_path();
    places.push_back(beside);
    places.push_back(beside / "models");
    places.push_back(beside.parent_path() / "share" / "resnet" / "models");
  }
  if (fs::path own = user_model_directory(); !own.empty()) places.push_back(std::move(own));
  return places;
}

fs::path find_model(const std::string& path_or_name) {
  if (path_or_name.empty()) throw Error(ErrorCode::invalid_argument, "the model's name is empty");
  std::error_code error;
  if (fs::exists(path_or_name, error)) return path_or_name;
  if (path_or_name.find('/') != std::string::npos) {
    if (error) throw Error(ErrorCode::io, path_or_name + ": " + error.message());
    throw Error(ErrorCode::not_found, path_or_name + ": no such file or directory");
  }
  std::vector<std::string> tried;
  for (const fs::path& place : model_search_path()) {
    if (fs::path found = look_in(place, path_or_name); !found.empty()) return found;
    tried.push_back(place.string());
  }
  throw Error(
      ErrorCode::not_found,
      fmt::format("no model named {} (also tried with {}) in the current directory, {}; give a path, or set "
                  "RESNET_MODELS to the folder that holds it",
                  path_or_name, fmt::join(kExtensions, ", "), fmt::join(tried, ", ")));
}

}  // namespace resnet
