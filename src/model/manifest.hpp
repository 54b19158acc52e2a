// The manifest directory: weights as plain files that any language reads in three lines.
//
//   DIR/manifest.json                 model, dtype "fp32" | "int8", layout "NCHW", version 1, preprocess,
//   head,
//                                     labels, quant, and tensors {NAME: {path, shape, layout, kind, dtype}}
//   DIR/layer1.0.conv1.weight.bin …   one file a tensor: little-endian, row-major, nothing else in it
//
// layout names the dimensions: OIHW (convolution), OI (fully connected, and weights packed into bytes),
// O (a value a channel). kind: conv_weight | bn_param | bn_buffer | fc_weight | fc_bias | quant_param.
// dtype: f32 (and so where it is absent) | i32 | i8 | u8.
// quant: null in fp32; in int8 {"weight_bits", "keep", "scales": {NAME: number}}, where the scales are the
// tensors of one number, which have no files of their own.
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
