// A report as one self-contained HTML page: error per module on a logarithmic axis, time as bars, and the
// figures. No script, no external file; follows the reader's light or dark scheme and the width of a phone.
#pragma once

#include "verify/verifier.hpp"

#include <string>

namespace resnet::verify {

std::string html_report(const Report& report);

}  // namespace resnet::verify
