// What the dataset readers share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace resnet::eval {

// directory / name. Throws Error: bad_format (empty), unsafe (absolute, or with ".."). `where` names
// the place in the list, for messages.
std::filesystem::path picture_path(const std::filesystem::path& directory, const std::string& name,
                                   const std::string& where);

// What lies in a folder, in no order. Throws Error{io}, naming it, where it cannot be read.
std::vector<std::filesystem::directory_entry> entries_of(const std::filesystem::path& directory);

// 17 for "ILSVRC2012_val_00000017.JPEG"; 0 for any other name.
int flat_validation_number(const std::filesystem::path& path);

}  // namespace resnet::eval
