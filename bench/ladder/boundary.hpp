// What it takes to go from one layer to the next, whatever the layers compute: the price that a photo alone
// pays once a layer, and that decides between many kernels and one.
#pragma once

#include "ladder/prediction.hpp"

#include <string>
#include <vector>

namespace resnet::ladder {

struct Boundary {
  std::string way;
  double us;  // a layer
};

// Layers that do nothing but hand a number on, each block to its neighbour, a block for each multiprocessor:
// as kernels in a stream, in a graph, in a graph with dependent launches (where the GPU knows them), and as
// rounds of one kernel whose blocks wait for one another. Throws Error{internal} where a number is lost.
std::vector<Boundary> time_boundaries(const Gpu& gpu, int runs);

}  // namespace resnet::ladder
