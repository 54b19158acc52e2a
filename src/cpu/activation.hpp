// Activations as the cpu backend's kernels see them, at every precision.
//
// They are blocked, [N][C/B][H][W][B] with B channels a block, so that a pixel's block is read as whole
// vectors and neighbouring pixels are neighbours in memory. B and the type of an element are the kernel
// table's. A halo of zero pixels on all four sides lets a padded convolution read without looking at borders.
#pragma once

#include <cstddef>

namespace resnet::cpu {

// `data` points at the block including the halo.
struct Activation {
  void* data = nullptr;
  int n = 0, c = 0, h = 0, w = 0;  // c: a multiple of the block
  int halo = 0;                    // zero pixels around each channel block's plane: 0 or 1
  bool is_signed = false;          // int8 only: -127 … 127 instead of 0 … 255
};

// A kernel may read, never use, this much behind an activation's last pixel.
inline constexpr std::size_t kSlackBytes = 4096;

}  // namespace resnet::cpu
