#include "model/formats.hpp"

#include "model/manifest.hpp"
#include "model/pth_reader.hpp"
#include "model/pth_writer.hpp"
#include "model/safetensors.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

constexpr std::array kFormats{
    Format{"pth", "PyTorch .pth", is_zip, read_pth, ModelFormat::pth, write_pth},
    Format{"pth", "PyTorch .pth of before 1.6", is_legacy_pth, read_legacy_pth, std::nullopt, nullptr},
    Format{"manifest", "manifest directory", is_manifest, read_manifest, ModelFormat::manifest,
           write_manifest},
    Format{"safetensors", ".safetensors", is_safetensors, read_safetensors, ModelFormat::safetensors,
           write_safetensors},
};

std::string known_formats() {
  std::string text;
  for (const Format& format : kFormats) {
    if (!text.empty()) text += ", ";
    text += format.description;
  }
  return text;
}

FileView open_model(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return map_file(path);
  if (!std::filesystem::exists(path / kManifestName, error)) {
    throw Error(ErrorCode::not_found, path.string() + ": a directory without " + kManifestName +
                                          "; give a model file or an exported directory");
  }
  return map_file(path / kManifestName);
}

const Format& recognise(const FileView& file) {
  if (file.bytes.empty()) throw Error(ErrorCode::truncated, file.name + ": the file is empty");
  const auto it =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& f) { return f.recognise(file); });
  if (it == kFormats.end()) {
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: not a model of a known format (read are: {})", file.name, known_formats()));
  }
  return *it;
}

}  // namespace

std::span<const Format> formats() noexcept {
  return kFormats;
}

RawFile read_raw_model(const std::filesystem::path& path) {
  const FileView file = open_model(path);
  const Format& format = recognise(file);
  return {.name = file.name, .format = format.name, .raw = format.read(file)};
}

}  // namespace resnet::formats
