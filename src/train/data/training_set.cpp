#include "train/data/training_set.hpp"

#include "eval/name_list.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

// The boxes that have an area inside the picture, in fractions of it.
std::vector<ObjectBox> object_boxes(const std::vector<eval::Box>& boxes, Size size, const std::string& name) {
  std::vector<ObjectBox> objects;
  for (const eval::Box& box : boxes) {
    if (!(box.width > 0 && box.height > 0)) continue;
    if (size.width < 1 || size.height < 1) {
      throw Error(
          ErrorCode::bad_format,
          fmt::format("'{}' has boxes but no width and height, so that crops cannot tell what they show",
                      name));
    }
    const auto fraction = [](float place, int side) {
      return std::clamp(place / static_cast<float>(side), 0.0f, 1.0f);
    };
    const ObjectBox object{.label = box.label,
                           .left = fraction(box.left, size.width),
                           .top = fraction(box.top, size.height),
                           .right = fraction(box.left + box.width, size.width),
                           .bottom = fraction(box.top + box.height, size.height)};
    if (object.left < object.right && object.top < object.bottom) objects.push_back(object);
  }
  return objects;
}

}  // namespace

TrainingSet read_training_set(std::string_view spec, const TrainingSetOptions& options) {
  eval::DatasetOptions read_for;
  read_for.classes = static_cast<int>(options.labels.size());
  read_for.labels = options.labels;
  read_for.crowd = options.crowd;
  eval::Dataset dataset = eval::read_dataset(spec, read_for);
  eval::require_pictures(dataset);

  TrainingSet set;
  set.targets = dataset.targets;
  set.labels = options.labels.empty() ? std::move(dataset.class_names) : options.labels;
  set.samples.resize(dataset.size());
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    TrainingSample& sample = set.samples[i];
    sample.path = std::move(dataset.images[i]);
    sample.name = eval::picture_name(sample.path, dataset.directory);
    if (set.targets == eval::Targets::single_label) {
      sample.labels = {dataset.labels[i]};
    } else {
      sample.labels = std::move(dataset.label_sets[i]);
      sample.boxes = object_boxes(dataset.boxes[i], dataset.sizes[i], sample.name);
    }
  }
  return set;
}

eval::Dataset as_dataset(const TrainingSet& set) {
  eval::Dataset dataset;
  dataset.targets = set.targets;
  dataset.classes = set.classes();
  for (const TrainingSample& sample : set.samples) {
    dataset.images.push_back(sample.path);
    if (set.targets == eval::Targets::single_label) {
      dataset.labels.push_back(sample.labels.front());
    } else {
      dataset.label_sets.push_back(sample.labels);
    }
  }
  return dataset;
}

std::vector<int> pictures_of_class(const TrainingSet& set) {
  std::vector<int> pictures(set.labels.size(), 0);
  for (const TrainingSample& sample : set.samples) {
    for (const int label : sample.labels) ++pictures[static_cast<std::size_t>(label)];
  }
  return pictures;
}

}  // namespace resnet::train
