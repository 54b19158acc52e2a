// The pictures of a run, and how its batches are made, as the configuration says.
#pragma once

#include "train/config.hpp"
#include "train/data/batch_loader.hpp"
#include "train/data/split.hpp"

namespace resnet::train {

// Throws what reading the sets throws, and Error{invalid_argument} where data.train is empty.
Split read_run_data(const DataConfig& config);

// Of training batches for process `rank` of `world_size`.
LoaderOptions training_loader(const Config& config, int rank, int world_size);

// Of validation batches: the exported model's exact preprocessing.
LoaderOptions validation_loader(const Config& config);

}  // namespace resnet::train
