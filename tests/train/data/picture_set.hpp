// A folder of small JPEGs and the TrainingSet over it.
#pragma once

#include "output/thumbnail.hpp"
#include "support/temporary_directory.hpp"
#include "train/data/sample_rng.hpp"
#include "train/data/training_set.hpp"

#include <string>

#include <resnet/image.hpp>

namespace resnet::train {

// Colours that change smoothly, different for every seed.
inline Image make_picture(int width, int height, std::uint64_t seed) {
  Image image{.width = width, .height = height, .rgb = {}};
  SampleRng rng(seed);
  const std::uint64_t colours = rng.next();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const int slope = static_cast<int>(colours >> (8 * c) & 7) - 3;
        const int level = static_cast<int>(colours >> (24 + 8 * c) & 255);
        image.rgb.push_back(static_cast<std::uint8_t>(level + slope * x + (7 - slope) * y / 2 + x * y / 40));
      }
    }
  }
  return image;
}

class PictureSet {
 public:
  // Pictures of different sizes, of classes in turn; each has a box of its class in the middle.
  explicit PictureSet(int count, int classes = 3) {
    set_.targets = eval::Targets::multi_label;
    for (int c = 0; c < classes; ++c) set_.labels.push_back("class " + std::to_string(c));
    for (int i = 0; i < count; ++i) {
      TrainingSample sample;
      sample.name = std::to_string(i) + ".jpg";
      const Image picture = make_picture(40 + 7 * (i % 5), 40 + 5 * (i % 7), static_cast<std::uint64_t>(i));
      sample.path = folder_.write(sample.name, make_thumbnail(picture, 1000, 90));
      sample.labels = {i % classes};
      sample.boxes = {{.label = i % classes, .left = 0.2f, .top = 0.3f, .right = 0.7f, .bottom = 0.8f}};
      set_.samples.push_back(std::move(sample));
    }
  }

  const TrainingSet& set() const { return set_; }
  const TrainingSample& sample(std::size_t i) const { return set_.samples[i]; }
  void damage(std::size_t i) { folder_.write(set_.samples[i].name, "\xff\xd8\xff no picture"); }

 private:
  test::TemporaryDirectory folder_;
  TrainingSet set_;
};

}  // namespace resnet::train
