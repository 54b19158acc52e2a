// What one Preprocess does to a picture of one size: where it resizes to, what it keeps, what it reads.
#pragma once

#include "image/decoders.hpp"
#include "image/resample.hpp"

#include <resnet/preprocess.hpp>

namespace resnet::image {

struct AxisCrop {
  int begin;       // first position kept of the resized axis
  int end;         // one behind the last
  int pad_before;  // zeros in front of it
  int out_size;    // zeros included
};

struct PreprocessPlan {
  Size resized;  // of the whole picture, of which only the crop is computed
  AxisCrop x;
  AxisCrop y;
};

struct Axes {
  ResampleAxis columns;
  ResampleAxis rows;
};

PreprocessPlan make_plan(const Preprocess& preprocess, Size picture);
Axes make_axes(const PreprocessPlan& plan, Size picture, Interpolation interpolation);

// The rectangle of the picture that the axes read.
Region region_read(const Axes& axes);

}  // namespace resnet::image
