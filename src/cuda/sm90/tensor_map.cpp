#include "cuda/sm90/tensor_map.hpp"

#include "cuda/check.hpp"

#include <array>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::cuda::sm90 {
namespace {

constexpr unsigned kFirstVersion = 12000;  // of the driver's interface that has these functions

template <class Function>
Function* driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result{};
  RESNET_CUDA_CHECK(
      cudaGetDriverEntryPointByVersion(name, &function, kFirstVersion, cudaEnableDefault, &result));
  if (result != cudaDriverEntryPointSuccess) {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("the NVIDIA driver has no {}: update it to one for CUDA 12 or later", name));
  }
  return reinterpret_cast<Function*>(function);
}

CUtensorMapSwizzle swizzle(int row_bytes) {
  return row_bytes == 128 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B;
}

void require(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  throw Error(ErrorCode::internal,
              fmt::format("the driver refused a tensor map ({}): status {}", what, static_cast<int>(result)));
}

template <std::size_t kDims>
CUtensorMap encode_tiled(CUtensorMapDataType type, void* data, const std::array<cuuint64_t, kDims>& dims,
                         const std::array<cuuint64_t, kDims - 1>& strides,
                         const std::array<cuuint32_t, kDims>& box, int row_bytes) {
  static const auto encode = driver_function<decltype(cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
  std::array<cuuint32_t, kDims> steps;
  steps.fill(1);
  CUtensorMap map;
  require(encode(&map, type, kDims, data, dims.data(), strides.data(), box.data(), steps.data(),
                 CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle(row_bytes), CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                 CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
          "tiles");
  return map;
}

}  // namespace

CUtensorMap encode(const TileMap& m) {
  const auto row = static_cast<cuuint64_t>(m.width * m.element_bytes);
  const std::array<cuuint64_t, 3> dims{static_cast<cuuint64_t>(m.width), static_cast<cuuint64_t>(m.rows),
                                       static_cast<cuuint64_t>(m.planes)};
  const std::array<cuuint64_t, 2> strides{row, row * static_cast<cuuint64_t>(m.rows)};
  const std::array<cuuint32_t, 3> box{static_cast<cuuint32_t>(m.box_x), static_cast<cuuint32_t>(m.box_y), 1};
  return encode_tiled(m.type, m.data, dims, strides, box, m.box_x * m.element_bytes);
}

CUtensorMap encode(const PatchMap& m) {
  const auto pixel = static_cast<cuuint64_t>(m.c * m.element_bytes), w = static_cast<cuuint64_t>(m.w),
             h = static_cast<cuuint64_t>(m.h);
  const std::array<cuuint64_t, 4> dims{static_cast<cuuint64_t>(m.c), w, h, static_cast<cuuint64_t>(m.n)};
  const std::array<cuuint64_t, 3> strides{pixel, pixel * w, pixel * w * h};
  const std::array<cuuint32_t, 4> box{static_cast<cuuint32_t>(m.c), static_cast<cuuint32_t>(m.w + 2),
                                      static_cast<cuuint32_t>(m.box_h), 1};
  return encode_tiled(m.type, m.data, dims, strides, box, m.c * m.element_bytes);
}

CUtensorMap encode(const Im2colMap& m) {
  static const auto encode_im2col =
      driver_function<decltype(cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  const std::array<cuuint64_t, 4> dims{static_cast<cuuint64_t>(m.c), static_cast<cuuint64_t>(m.w),
                                       static_cast<cuuint64_t>(m.h), static_cast<cuuint64_t>(m.n)};
  const std::array<cuuint64_t, 3> strides{static_cast<cuuint64_t>(m.stride_w),
                                          static_cast<cuuint64_t>(m.stride_h),
                                          static_cast<cuuint64_t>(m.stride_n)};
  const std::array<int, 2> lower{-m.padding, -m.padding};
  const std::array<int, 2> upper{m.padding - (m.filter_w - 1), m.padding - (m.filter_h - 1)};
  const std::array<cuuint32_t, 4> steps{1, static_cast<cuuint32_t>(m.step_w),
                                        static_cast<cuuint32_t>(m.step_h), 1};
  CUtensorMap map;
  require(encode_im2col(&map, m.type, 4, m.data, dims.data(), strides.data(), lower.data(), upper.data(),
                        static_cast<cuuint32_t>(m.box_c), static_cast<cuuint32_t>(m.pixels), steps.data(),
                        CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle(m.box_c * m.element_bytes),
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
          "im2col");
  return map;
}

}  // namespace resnet::cuda::sm90
