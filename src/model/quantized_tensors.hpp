// The tensors of a quantised model: how files hold them, and the rules that their values keep (docs/int8.md).
#pragma once

#include <string>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/quantization.hpp>

namespace resnet {

// Throws Error{bad_format} unless the bits are 8, 4 or 2 and `keep` names parts of the architecture in order.
// `file` is for messages.
void check_quantization(const Quantization& quantization, const Architecture& architecture,
                        const std::string& file);

// The model's tensors as files hold them: those of an fp32 model, or quantized_tensors() with weights of 4
// and 2 bits packed, u8 [OC, IC·K·K·bits/8]: two or four weights a byte in two's complement, the first in the
// low bits.
//
//   4 bits: byte = w1 << 4 | w0 (of w & 15)     2 bits: byte = w3 << 6 | w2 << 4 | w1 << 2 | w0 (of w & 3)
//
// IC is a multiple of 64, so that no channel ends within a byte.
std::vector<TensorSpec> stored_tensors(const Architecture& architecture, Precision precision,
                                       const Quantization& quantization);

// Between the two forms; the tensor itself where they are the same.
Tensor to_stored(const Tensor& tensor, const TensorSpec& stored);
Tensor from_stored(const Tensor& tensor, const TensorSpec& spec);

// All tensors are there with their shapes and types. Throws Error{bad_format} naming layer and channel where
// a weight, sum or multiplier breaks a rule. `file` is for messages.
void check_quantized_values(const Model& model, const std::string& file);

}  // namespace resnet
