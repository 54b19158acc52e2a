// From trained weights and steps to the int8 model of docs/int8.md.
//
// What a convolution of integers sums up is worth s_in · s_w; BatchNorm goes into what is done with the sum.
// With a = γ / √(var + ε):
//
//   multiplier = |a| · s_in · s_w / s_out          bias = rne((β − a · mean) / (|a| · s_in · s_w))
//
// and where a < 0 the channel's integer weights change their sign. A channel with an a of next to nothing
// would need a bias of more than 32 bits: its weights are rounded again to larger steps, at most to zeros.
#pragma once

#include "train/quant/quantized_module.hpp"

#include <resnet/model.hpp>

namespace resnet::train {

// The model that the network in evaluation is; excluded parts are kept in fp32. Where
// options().activation_bits is less than 8 the file format has no word for it: such a model is for
// IntegerNetwork alone. Throws Error {invalid_argument} where the normalisation in `facts` is not the one
// that the network was made for.
Model integer_model(const QuantizedModuleImpl& module, const ExportFacts& facts);

}  // namespace resnet::train
