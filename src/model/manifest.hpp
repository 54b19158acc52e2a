// The manifest directory: weights as plain files that any language reads in three lines.
//
//   DIR/manifest.json                 model, dtype "fp32", layout "NCHW", version 1, preprocess, head,
//   labels,
//                                     quant (null: nothing is quantised), and
//                                     tensors {NAME: {path, shape, layout, kind}}
//   DIR/layer1.0.conv1.weight.bin …   one file a tensor: fp32, little-endian, row-major, nothing else in it
//
// layout names the dimensions: OIHW (convolution), OI (fully connected), O (a value a channel).
// kind: conv_weight | bn_param | bn_buffer | fc_weight | fc_bias.
#pragma once

#include "model/file_view.hpp"
#include "model/raw_model.hpp"

#include <filesystem>

namespace resnet::formats {

inline constexpr const char* kManifestName = "manifest.json";

// True for JSON; `file` is the manifest.json itself.
bool is_manifest(const FileView& file);

// Maps the tensors' files, which must lie in the manifest's own directory. Throws Error: unsafe (a path
// that leaves it), not_found, bad_format (a file's size is not shape * 4 bytes), unsupported.
RawModel read_manifest(const FileView& file);

// Writes into a new directory that then takes the place of `directory`, which may exist only if it is
// empty or an earlier export. Throws Error: invalid_argument, io.
void write_manifest(const Model& model, const std::filesystem::path& directory, const SaveObserver& observer);

}  // namespace resnet::formats
