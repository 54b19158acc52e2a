// Any processor. Compiled with -ffp-contract=off: whether a product and a sum are fused would otherwise
// depend on the compiler.

#include "cpu/generic/table.hpp"
#include "cpu/portable/simd.hpp"

namespace resnet::cpu {
namespace {

constexpr KernelTable kTable = generic::make_table<Portable>("portable");

}  // namespace

const KernelTable* portable_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu
