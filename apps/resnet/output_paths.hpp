// The files and folders that commands write, checked before the work whose results they are to hold.
#pragma once

#include <initializer_list>
#include <string>

#include <CLI/CLI.hpp>

namespace resnet::cli {

// An option that names a file or folder to write. An empty name, which would read as "not given", is wrong
// usage.
CLI::Option* add_output_option(CLI::App& command, const std::string& names, std::string& path,
                               const std::string& type, const std::string& help);

struct OutputFile {
  const char* option;       // "--html"
  const std::string& path;  // empty: not asked for
};

// Throws the Error{io} with which writing a file would end, now instead of after the work: its folder is not
// there or may not be written to, a folder or a device has its name. Throws UsageError where two are one
// file, or one has the name of a picture (`--html *.jpg` takes the first photo for the report, and would
// replace it).
void require_writable(std::initializer_list<OutputFile> files);

// Throws UsageError where the name ends as PyTorch's files do, which cannot hold `what`: "model in int8".
void require_not_pth(const OutputFile& file, const char* what);

// The same of a folder, which is made with the folders above it, or is there already.
void require_writable_folder(const char* option, const std::string& path);

}  // namespace resnet::cli
