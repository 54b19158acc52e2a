// A model from the network into the user's folder of models.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <resnet/preprocess.hpp>

namespace resnet::fetch {

struct ModelRequest {
  std::string name;                        // under which it is kept and found
  std::string url;                         // its file, whose name ends with the first digits of its SHA-256
  std::optional<Preprocess> preprocess{};  // recorded in the model, where given; otherwise what its file says
  std::function<void(std::int64_t done, std::int64_t total)> on_progress{};  // bytes; total 0: not known
  const std::atomic<bool>* cancel = nullptr;
};

// Where the model of this name is kept: NAME.safetensors in user_model_directory(). Throws Error{not_found}
// where the user has none.
std::filesystem::path kept_model(const std::string& name);

// Fetches the file, going on where an earlier call stopped, checks its SHA-256, and writes the model with its
// preprocessing and labels as NAME.safetensors, which appears only when it is complete. Returns its path.
// Throws what download(), load_model() and save_model() do, and Error: invalid_argument (a URL without digits
// to check by), bad_format (another SHA-256; the file is then removed).
std::filesystem::path fetch_model(const ModelRequest& request);

}  // namespace resnet::fetch
