// Hugging Face's .safetensors:
//
//   u64 N | N bytes of JSON, space-padded | data
//   JSON: {"__metadata__": {text: text}, NAME: {"dtype": "F32", "shape": […], "data_offsets": [begin, end]}}
//
// Offsets count from the start of the data, which the tensors cover without holes or overlaps. Labels,
// head and preprocessing stand in the metadata under the keys of facts.hpp, each value as JSON text
// (but "model": plain text).
#pragma once

#include "model/file_view.hpp"
#include "model/raw_model.hpp"

#include <filesystem>

namespace resnet::formats {

bool is_safetensors(const FileView& file);

// Throws Error: truncated, bad_format, unsupported (element types without a DType), too_large.
RawModel read_safetensors(const FileView& file);

void write_safetensors(const Model& model, const std::filesystem::path& path, const SaveObserver& observer);

}  // namespace resnet::formats
