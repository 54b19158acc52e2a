// From the shared options to the library's objects.
#pragma once

#include "common_options.hpp"

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet::cli {

// Finds and reads the model and puts the labels of --labels in, where given. Throws what load_model and
// find_model do.
Model open_model(const ModelArguments& args);

SessionOptions session_options(const ComputeArguments& args);

}  // namespace resnet::cli
