// The thousand classes of ImageNet (ILSVRC 2012) by WordNet id, and the two orders they are numbered in.
//
// A model's class index is the position of the id among the sorted ids (0 is n01440764, tench). ILSVRC's
// own ground-truth file numbers the classes 1…1000 in another order (1 is n02119789, kit fox), which only
// its development kit defines.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace resnet::eval {

inline constexpr int kImageNetClasses = 1000;

// Class index 0…999 of a WordNet id ("n01440764"); none where it is not one of the thousand.
std::optional<int> class_of_wordnet_id(std::string_view id);
// The other way round. Throws Error{invalid_argument} outside 0…999.
std::string wordnet_id_of_class(int index);

// True for 'n' and eight digits.
bool is_wordnet_id(std::string_view text) noexcept;

// Class indices of ILSVRC's numbers: element i belongs to number i + 1. `path` is a development kit
// folder, or one of the files that hold the order: meta.mat, map_clsloc.txt, or a text file with a
// WordNet id in each line (line i is number i, unless a number follows the id). Throws Error: not_found, io,
// bad_format (not all of 1…1000 once each).
std::vector<int> read_ilsvrc_order(const std::filesystem::path& path);

}  // namespace resnet::eval
