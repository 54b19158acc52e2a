// Which pictures are trained on, which are kept to validate with, and which are neither.
//
// A split is fixed by names of files, so it depends neither on the order in which a folder is listed nor on
// what else is in it. eval/name_list.hpp has the form of the lists, which `resnet eval --only` takes too.
#pragma once

#include "eval/name_list.hpp"
#include "train/data/training_set.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace resnet::train {

using eval::read_name_list;

struct Split {
  TrainingSet training, validation;  // both in the order of the set that was split
};

// `exclude` goes to neither part; it may name pictures that the set does not have. Throws Error{not_found}
// where a name of `validation` is not in the set: a list that does not belong to the data would let the
// pictures it was meant to keep apart into the training part.
Split split_by_names(const TrainingSet& set, const std::vector<std::string>& validation,
                     const std::vector<std::string>& exclude = {});

// Names of `count` pictures to validate with, sorted, chosen by a hash of the names. Every class that has at
// least 4 pictures gets its share of the chosen ones, at least one, and keeps at least one to train on; where
// `count` is too small for that, rare classes come first. Pictures of `exclude` are not counted and not
// chosen. Throws Error{invalid_argument} where count is not between 1 and one less than there are pictures.
std::vector<std::string> choose_validation(const TrainingSet& set, std::size_t count,
                                           const std::vector<std::string>& exclude = {});

// FNV-1a, mixed: the same number for a name on every machine.
std::uint64_t hash_of_name(const std::string& name) noexcept;

}  // namespace resnet::train
