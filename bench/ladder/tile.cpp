#include "ladder/tile.hpp"

#include "cuda/check.hpp"

#include <algorithm>
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
          .threads = T::kThreads,
          .resident = T::kResident,
          .instructions = T::kInstructions,
          .blocks = pieces(shape.m, T::kM) * pieces(shape.columns(), T::kN) * shape.products};
}

}  // namespace

TileChoice choose_tile(const GemmShape& shape, int multiprocessors) {
  const auto instructions = [&](const TileChoice& t) {
    const auto steps = pieces(shape.k, t.k), blocks = (t.blocks + multiprocessors - 1) / multiprocessors;
    return blocks * steps * t.instructions * t.threads;
  };
  return std::min(
      {cut<LargeTile>(shape), cut<WideTile>(shape), cut<SmallTile>(shape)},
      [&](const TileChoice& a, const TileChoice& b) { return instructions(a) < instructions(b); });
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
