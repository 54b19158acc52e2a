// How fast a GPU could be: the roofs that `bench --layers` compares with. Free of CUDA's headers.
#pragma once

#include <string_view>

#include <resnet/precision.hpp>

namespace resnet::cuda {

// Dense multiply-adds of the units that a family of kernels (empty: cuda_stepwise) computes with at a
// precision, in billions of operations a second: NVIDIA's figures for the H100 SXM and H200, by the number of
// multiprocessors. On tensor cores an fp32 product is three fp16 ones. 0 where nothing is known of the
// device.
double unit_gflops(int device, std::string_view family, Precision precision);

// Bytes that a copy within the device's memory reads and writes, in billions a second: the median of several
// of 1 GiB, or of less where no more is free. Takes a fraction of a second. Throws Error{out_of_memory}.
double measure_bandwidth(int device);

}  // namespace resnet::cuda
