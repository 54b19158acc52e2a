#include "model/formats.hpp"

#include "model/manifest.hpp"
#include "model/pth_reader.hpp"
#include "model/pth_writer.hpp"
#include "model/safetensors.hpp"

#include <array>

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

}  // namespace

std::span<const Format> formats() noexcept {
  return kFormats;
}

}  // namespace resnet::formats
