// Dump against dump: two directories of tensor files, name by name.
#pragma once

#include "verify/verifier.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <resnet/session.hpp>

namespace resnet::verify {

struct DirectoryComparison {
  // In the order in which data takes its way where a reference.json tells the architecture, else by name.
  std::vector<CheckpointResult> results;
  std::vector<std::string> only_in_a, only_in_b;

  // All that both have is within tolerance, and at least one thing was compared.
  bool ok() const noexcept;
  const CheckpointResult* first_bad() const noexcept;
};

// Every NAME.bin that both directories have, `a` as ours and `b` as expected, within the tolerance of the
// precision. Shapes come from a reference.json where one is there; otherwise a tensor is a flat list. Throws
// Error: not_found, shape_mismatch, and where nothing in the two has the same name.
DirectoryComparison compare_directories(const std::filesystem::path& a, const std::filesystem::path& b,
                                        Precision precision);

}  // namespace resnet::verify
