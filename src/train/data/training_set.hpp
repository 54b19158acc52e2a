// What is trained on: pictures, the classes they show and, where the annotations tell, where in the picture.
#pragma once

#include "eval/dataset.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace resnet::train {

// Where a picture shows an object, in fractions of its width and height: 0 <= left < right <= 1, so that a
// picture may be stored smaller than it was annotated.
struct ObjectBox {
  int label = 0;
  float left = 0, top = 0, right = 0, bottom = 0;
};

struct TrainingSample {
  std::filesystem::path path;
  std::string name;         // of the file in the folder of pictures, with '/': what lists of a split hold
  std::vector<int> labels;  // ascending, none twice; exactly one where targets are single_label
  std::vector<ObjectBox> boxes;  // a label that has none is shown by every part of the picture
};

struct TrainingSet {
  eval::Targets targets = eval::Targets::single_label;
  std::vector<std::string> labels;  // names of the classes
  std::vector<TrainingSample> samples;

  int classes() const noexcept { return static_cast<int>(labels.size()); }
  std::size_t size() const noexcept { return samples.size(); }
};

struct TrainingSetOptions {
  eval::Crowd crowd = eval::Crowd::positive;
  // Of the model that is trained; empty: those of the data, in its order (eval::DatasetOptions::classes).
  // Give a second set, for validation, the labels of the first.
  std::vector<std::string> labels;
};

// Reads what a user wrote after --data (eval/dataset.hpp has the forms). Throws what eval::read_dataset
// throws, and Error{not_found} where none of the pictures is there, bad_format where a picture has boxes but
// no width and height.
TrainingSet read_training_set(std::string_view spec, const TrainingSetOptions& options = {});

// The same pictures for eval::evaluate(), so that the trainer and `resnet eval` measure with one code.
eval::Dataset as_dataset(const TrainingSet& set);

// How many pictures show each class: [classes].
std::vector<int> pictures_of_class(const TrainingSet& set);

}  // namespace resnet::train
