// Descriptors that tell the TMA how a tensor lies in memory (cuTensorMapEncode…). The driver's functions are
// looked up at run time, so that nothing links the driver's library.
#pragma once

#include <cstdint>

#include <cuda.h>

namespace resnet::cuda::sm90 {

// Planes of rows: element (x, y, plane) at x + y · width + plane · width · rows. A box is box_x × box_y of
// one plane. What lies outside reads as zero and is not written. Swizzled by the box's row of 128 or 64
// bytes. Throw Error{internal} where the driver refuses, device_unavailable where it is too old.
struct TileMap {
  void* data;
  CUtensorMapDataType type;
  int element_bytes;
  std::int64_t width, rows, planes;
  int box_x, box_y;
};
CUtensorMap encode(const TileMap& map);

// An NHWC tensor read in im2col order: `pixels` base pixels at a time of the convolution's own grid, `box_c`
// channels of each. Strides in bytes; 16 divides them. Corners and steps as the filter's size, stride and
// padding make them.
struct Im2colMap {
  void* data;
  CUtensorMapDataType type;
  int element_bytes;
  int c, w, h, n;
  std::int64_t stride_w, stride_h, stride_n;
  int filter_h, filter_w;
  int padding;
  int step_h, step_w;
  int box_c, pixels;
};
CUtensorMap encode(const Im2colMap& map);

// The same tensor read by whole rows with a column of zeros on either side: box_h rows of w + 2 pixels at a
// time.
struct PatchMap {
  void* data;
  CUtensorMapDataType type;
  int element_bytes;
  int c, w, h, n;
  int box_h;
};
CUtensorMap encode(const PatchMap& map);

}  // namespace resnet::cuda::sm90
