#include "train/run_data.hpp"

#include <algorithm>

#include <resnet/error.hpp>

namespace resnet::train {

Split read_run_data(const DataConfig& config) {
  if (config.train.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "data.train says nothing: give coco:ANN.json,DIR or another set");
  }
  TrainingSetOptions options;
  options.crowd = config.crowd == "ignore" ? eval::Crowd::ignore : eval::Crowd::positive;
  TrainingSet set = read_training_set(config.train, options);
  std::vector<std::string> exclude;
  if (!config.exclude_list.empty()) exclude = read_name_list(config.exclude_list);

  if (!config.validation.empty()) {
    options.labels = set.labels;
    Split split = split_by_names(set, {}, exclude);
    split.validation = split_by_names(read_training_set(config.validation, options), {}, exclude).training;
    return split;
  }
  if (!config.validation_list.empty())
    return split_by_names(set, read_name_list(config.validation_list), exclude);
  const std::size_t count = config.validation_count > 0 ? static_cast<std::size_t>(config.validation_count)
                                                        : std::max<std::size_t>(set.size() / 10, 1);
  return split_by_names(set, choose_validation(set, count, exclude), exclude);
}

LoaderOptions training_loader(const Config& config, int rank, int world_size) {
  LoaderOptions options;
  options.batch = config.train.batch;
  options.workers = config.data.workers;
  options.prefetch = config.data.prefetch;
  options.seed = static_cast<std::uint64_t>(config.train.seed);
  options.rank = rank;
  options.world_size = world_size;
  options.augment = config.augment;
  options.cache_bytes = static_cast<std::int64_t>(config.data.cache_gb * 1e9);
  return options;
}

LoaderOptions validation_loader(const Config& config) {
  LoaderOptions options;
  options.batch = config.train.batch;
  options.workers = config.data.workers;
  options.prefetch = config.data.prefetch;
  options.preprocess = preprocess_of(config.preprocess);
  return options;
}

}  // namespace resnet::train
