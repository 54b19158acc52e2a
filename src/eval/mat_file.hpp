// The little of MATLAB's level 5 .mat format that ILSVRC's development kit needs: one struct array of
// numbers and strings.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace resnet::eval {

// A field's value: its first number, or its text; monostate where it is neither (empty, a cell, …).
using MatValue = std::variant<std::monostate, double, std::string>;
using MatStruct = std::map<std::string, MatValue>;

// Elements of the first struct array in the file, in MATLAB's order. `name` appears in messages.
// Throws Error: bad_format, truncated, unsupported (older and newer .mat levels, big-endian files),
// too_large (over 64 MiB when unpacked).
std::vector<MatStruct> read_mat_structs(std::span<const std::byte> bytes, const std::string& name);

}  // namespace resnet::eval
