#include "output_paths.hpp"

#include "command.hpp"
#include "core/atomic_file.hpp"
#include "terminal.hpp"
#include "validators.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include <resnet/error.hpp>
#include <resnet/image.hpp>

namespace resnet::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* option, const Error& error) {
  throw Error(error.code(), fmt::format("{} {}", option, printable(error.what())));
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::weakly_canonical(fs::absolute(a), ignored) == fs::weakly_canonical(fs::absolute(b), ignored);
}

void require_own_name(const OutputFile& file, std::initializer_list<OutputFile> files) {
  if (has_image_extension(file.path)) {
    throw UsageError(fmt::format("{} {}: is the name of a picture; give the name of the file to write",
                                 file.option, printable(file.path)));
  }
  for (const OutputFile& other : files) {
    if (&other == &file || other.path.empty() || !same_file(file.path, other.path)) continue;
    throw UsageError(
        fmt::format("{} and {} name the same file, {}", file.option, other.option, printable(file.path)));
  }
}

}  // namespace

CLI::Option* add_output_option(CLI::App& command, const std::string& names, std::string& path,
                               const std::string& type, const std::string& help) {
  return command.add_option(names, path, help)->type_name(type)->check(not_empty());
}

void require_writable(std::initializer_list<OutputFile> files) {
  for (const OutputFile& file : files) {
    if (file.path.empty()) continue;
    require_own_name(file, files);
    try {
      AtomicFile probe(file.path);  // leaves nothing behind where it is not committed
    } catch (const Error& error) {
      fail(file.option, error);
    }
  }
}

void require_not_pth(const OutputFile& file, const char* what) {
  const fs::path ending = fs::path(file.path).extension();
  if (ending != ".pth" && ending != ".pt") return;
  throw UsageError(
      fmt::format("a .pth holds no {}: give {} a name that ends in .safetensors", what, file.option));
}

void require_writable_folder(const char* option, const std::string& path) {
  if (path.empty()) return;
  fs::path folder = fs::absolute(path).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "dump/"
  std::error_code ignored;
  while (folder.has_relative_path() && !fs::exists(fs::symlink_status(folder, ignored)))
    folder = folder.parent_path();
  try {
    if (!fs::is_directory(folder, ignored)) {
      throw Error(ErrorCode::io, fmt::format("{}: {} is no folder", path, folder.string()));
    }
    if (::access(folder.c_str(), W_OK | X_OK) != 0) throw_cannot_create(path, errno);
  } catch (const Error& error) {
    fail(option, error);
  }
}

}  // namespace resnet::cli
