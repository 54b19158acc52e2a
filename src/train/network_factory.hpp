// The network that a configuration asks for.
#pragma once

#include "train/config.hpp"
#include "train/data/training_set.hpp"
#include "train/trainable_network.hpp"

#include <functional>
#include <memory>
#include <string>

namespace resnet::train {

int depth_of(const std::string& network);  // "resnet18" → 18

// On the CPU, for the classes of `data`, with the weights of model.start where one is given and `use_start`.
// Seeds LibTorch's generator. Layers that the file lacks are named to `note`; a new sigmoid head begins at
// how often each class is in `data`.
std::unique_ptr<TrainableNetwork> make_network(const Config& config, const TrainingSet& data, bool use_start,
                                               const std::function<void(const std::string&)>& note);

}  // namespace resnet::train
