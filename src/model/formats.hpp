// The table of file formats. It is what load_model recognises files by, what save_model writes by, and
// what messages list: a format is in the table or it does not exist.
//
// To add one: write `bool is_x(const FileView&)` (look at a few bytes, never throw),
// `RawModel read_x(const FileView&)` (check every number before use; leave tensors where they lie; name
// the file and the tensor in every error) and, if it can be written, `void write_x(model, path, observer)`
// (through AtomicFile; call the observer once the file is in place). Add a row in formats.cpp, a ModelFormat
// if it is written, tests like tests/model/safetensors_test.cpp, and a fuzz target like fuzz/model/.
#pragma once

#include "model/file_view.hpp"
#include "model/raw_model.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <resnet/model.hpp>

namespace resnet::formats {

struct Format {
  std::string_view name;         // what Model::format says
  std::string_view description;  // for messages
  bool (*recognise)(const FileView&);
  RawModel (*read)(const FileView&);
  std::optional<ModelFormat> id;  // empty, and write null, where the format is only read
  void (*write)(const Model&, const std::filesystem::path&, const SaveObserver&);
};

// In the order in which they are tried.
std::span<const Format> formats() noexcept;

// What a file holds, before anyone asks whether it makes a network.
struct RawFile {
  std::string name;         // for messages: the path
  std::string_view format;  // Format::name
  RawModel raw;
};
// Throws Error: not_found, io, and what the format's reader throws; bad_format where no format fits.
RawFile read_raw_model(const std::filesystem::path& path);

}  // namespace resnet::formats
