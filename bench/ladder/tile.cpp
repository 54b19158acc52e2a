#include "ladder/tile.hpp"

#include "cuda/check.hpp"

#include <limits>

#include <resnet/error.hpp>

namespace resnet::ladder {
namespace {

std::int64_t pieces(std::int64_t size, int of) {
  return (size + of - 1) / of;
}

template <class T>
TileChoice cut(const GemmShape& shape) {
  return {.m = T::kM,
          .n = T::kN,
          .k = T::kK,
          .thread_m = T::kThreadM,
          .thread_n = T::kThreadN,
          .threads = T::kThreads,
          .resident = T::kResident,
          .blocks = pieces(shape.m, T::kM) * pieces(shape.columns(), T::kN) * shape.products};
}

}  // namespace

TileChoice choose_tile(const GemmShape& shape, int multiprocessors) {
  if (const TileChoice large = cut<LargeTile>(shape);
      shape.m > WideTile::kM && large.blocks >= multiprocessors)
    return large;
  if (const TileChoice wide = cut<WideTile>(shape); wide.blocks >= multiprocessors) return wide;
  return cut<SmallTile>(shape);
}

int multiprocessors() {
  int device = 0, count = 0;
  RESNET_CUDA_CHECK(cudaGetDevice(&device));
  RESNET_CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device));
  return count;
}

dim3 grid_of(const GemmShape& shape, const TileChoice& choice) {
  if (shape.columns() > std::numeric_limits<int>::max() - choice.n)
    throw Error(ErrorCode::invalid_argument, "a product of more than 2^31 columns: lower the batch");
  return {static_cast<unsigned>(pieces(shape.columns(), choice.n)),
          static_cast<unsigned>(pieces(shape.m, choice.m)), static_cast<unsigned>(shape.products)};
}

}  // namespace resnet::ladder
