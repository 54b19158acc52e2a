#include "fetch/fetch_model.hpp"

#include "core/atomic_file.hpp"
#include "fetch/download.hpp"
#include "fetch/model_list.hpp"
#include "model/model_store.hpp"

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet::fetch {
namespace {

namespace fs = std::filesystem;

// Ten times ResNet-50 in fp32.
constexpr std::int64_t kMostBytes = 1'000'000'000;

bool has_hash(const fs::path& file, std::string_view hash) {
  std::error_code ignored;
  return fs::exists(file, ignored) && fs::file_size(file, ignored) > 0 && checksum(file).starts_with(hash);
}

}  // namespace

fs::path kept_model(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos || name.front() == '.') {
    throw Error(ErrorCode::invalid_argument, "\"" + name + "\" is no name for a model");
  }
  const fs::path folder = user_model_directory();
  if (folder.empty()) {
    throw Error(ErrorCode::not_found, "there is no folder to keep models in: set HOME or XDG_CACHE_HOME");
  }
  return folder / (name + ".safetensors");
}

fs::path fetch_model(const ModelRequest& request) {
  const std::string_view hash = hash_in_name(request.url);
  if (hash.empty()) {
    throw Error(ErrorCode::invalid_argument,
                request.url +
                    ": its name must end with the first digits of its SHA-256, as in "
                    "resnet18-f37072fd.pth: they are what it is checked by");
  }
  const fs::path target = kept_model(request.name);
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) throw_cannot_create(target.parent_path(), error.value());

  fs::path part = target.parent_path() / fs::path(request.url).filename();
  part += ".part";
  // A run that was ended between fetching and writing has left a whole file.
  if (!has_hash(part, hash)) {
    download({.url = request.url,
              .file = part,
              .most_bytes = kMostBytes,
              .on_progress = request.on_progress,
              .cancel = request.cancel});
    if (const std::string sum = checksum(part); !sum.starts_with(hash)) {
      fs::remove(part, error);
      throw Error(
          ErrorCode::bad_format,
          fmt::format(
              "{}: its SHA-256 is {} and not {}…: it was damaged on the way or is another file; it is "
              "removed, run this again to fetch it anew",
              request.url, sum, hash));
    }
  }
  Model model = load_model(part);
  if (request.preprocess) model.preprocess = *request.preprocess;
  save_model(model, target, ModelFormat::safetensors);
  fs::remove(part, error);
  return target;
}

}  // namespace resnet::fetch
