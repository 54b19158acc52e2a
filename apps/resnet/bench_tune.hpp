// `resnet bench --tune`: the table of the GPU's kernels, measured.
#pragma once

#include <string>

namespace resnet::cli {

// Measures on `device` (auto or cuda[:N]) and writes the table to `path`; prints what it gains. Returns the
// exit status. Throws UsageError for another device, Error where the GPU cannot be used.
int run_tune(const std::string& device, const std::string& path);

}  // namespace resnet::cli
