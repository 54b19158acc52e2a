// How `verify` and `compare` print what they compared.
#pragma once

#include "json_output.hpp"
#include "verify/verifier.hpp"

#include <string>

namespace resnet::cli {

// The table's head and one line a checkpoint, in columns of fixed width, so that lines can appear one by one.
std::string checkpoint_header(bool with_time);
std::string checkpoint_row(const verify::CheckpointResult& result, bool with_time);

// {"module", "shape", "max_abs", "max_abs_rel", "mean_abs", "cosine", ["ms",] "ok"}, where float64 is there
// "max_abs_rel_float64" and "reference_max_abs_rel_float64", and where it failed "reason" and
// "first_wrong": {"index": [n, c, y, x], "ours", "expected"}.
Json checkpoint_json(const verify::CheckpointResult& result, bool with_time);

// "max_abs 3.1e-02 of max|expected|, over 3e-05; first at [0, 1, 5, 2]: 0.25, expected 0.28"
std::string failure_text(const verify::CheckpointResult& result);

// "3e-05 of max|expected|" or "cosine 0.9995": what the checkpoint was held to.
std::string tolerance_text(const verify::Tolerance& tolerance);

}  // namespace resnet::cli
