// Running a Session on 8-bit pixels, and beside it on what they are normalised to.
#pragma once

#include "support/session_run.hpp"

#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/image.hpp>
#include <resnet/model.hpp>
#include <resnet/preprocess.hpp>
#include <resnet/session.hpp>

namespace resnet::test {

// Not the default, so that nobody can have taken that for granted.
inline Preprocess pixel_preprocess() {
  Preprocess preprocess;
  preprocess.mean = {0.5f, 0.25f, 0.406f};
  preprocess.std = {0.25f, 0.3f, 0.0625f};
  return preprocess;
}

// [N, H, W, 3] for [N, 3, H, W].
inline std::vector<std::uint8_t> random_pixels(const Shape& shape, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(shape.numel()));
  for (std::uint8_t& value : rgb) value = static_cast<std::uint8_t>(generator() >> 24);
  return rgb;
}

// What preprocess_image() makes of each picture, which it neither resizes nor crops.
inline std::vector<float> normalised(const std::vector<std::uint8_t>& rgb, const Shape& shape,
                                     Preprocess preprocess) {
  Image image;
  image.height = static_cast<int>(shape[2]);
  image.width = static_cast<int>(shape[3]);
  preprocess.resize_mode = ResizeMode::exact;
  preprocess.resize = {image.height, image.width};
  preprocess.center_crop = std::nullopt;
  const std::size_t picture = rgb.size() / static_cast<std::size_t>(shape[0]);
  std::vector<float> values(rgb.size());
  for (std::size_t at = 0; at < rgb.size(); at += picture) {
    const auto first = rgb.begin() + static_cast<std::ptrdiff_t>(at);
    image.rgb.assign(first, first + static_cast<std::ptrdiff_t>(picture));
    preprocess_image(image, preprocess, values.data() + at);
  }
  return values;
}

inline std::vector<float> run_pixels(const Session& session, const std::vector<std::uint8_t>& rgb,
                                     const Shape& shape, const Trace* trace = nullptr) {
  std::vector<float> output(static_cast<std::size_t>(session.output_shape(shape).numel()));
  session.run_pixels(rgb, shape, output, trace);
  return output;
}

// The second call of each has a workspace that the other has used.
inline void expect_pixels_equal_floats(const Session& session, const Model& model, const Shape& shape,
                                       const Trace* trace = nullptr) {
  const std::vector<std::uint8_t> rgb = random_pixels(shape, 3);
  const std::vector<float> input = normalised(rgb, shape, model.preprocess);
  const std::vector<float> expected = run(session, input, shape);
  EXPECT_EQ(run_pixels(session, rgb, shape, trace), expected) << session.backend() << shape.to_string();
  EXPECT_EQ(run(session, input, shape), expected) << session.backend() << shape.to_string();
  EXPECT_EQ(run_pixels(session, rgb, shape), expected) << session.backend() << shape.to_string();
}

}  // namespace resnet::test
