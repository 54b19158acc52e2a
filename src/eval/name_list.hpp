// Lists that pick pictures of a data set by name: text files with a name a line, relative to the folder of
// pictures, with '/'. Empty lines and lines that begin with '#' are passed over.
#pragma once

#include "eval/dataset.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace resnet::eval {

// Throws Error: not_found, io, bad_format (a name listed twice).
std::vector<std::string> read_name_list(const std::filesystem::path& path);

// How a list names a picture: "sub/a.jpg" for DIR/sub/a.jpg.
std::string picture_name(const std::filesystem::path& picture, const std::filesystem::path& directory);

// Keeps the pictures that are listed, in the data set's order. Throws Error{not_found} where one that is
// listed is not in the data set: figures on the others would pass for those of the list.
void keep_listed(Dataset& dataset, const std::vector<std::string>& names);

}  // namespace resnet::eval
