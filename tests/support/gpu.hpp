// Tests that need a GPU. They carry the ctest label `gpu` and skip, saying why, where there is none.
#pragma once

#include "cuda/devices.hpp"

#include <gtest/gtest.h>

#define RESNET_REQUIRE_GPU()                                                              \
  do {                                                                                    \
    if (const std::string& problem = ::resnet::cuda::devices().problem; !problem.empty()) \
      GTEST_SKIP() << "needs a GPU: " << problem;                                         \
  } while (false)
