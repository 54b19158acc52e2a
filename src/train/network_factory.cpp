#include "train/network_factory.hpp"

#include "train/network.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet::train {

int depth_of(const std::string& network) {
  for (const int depth : {18, 34, 50}) {
    if (network == "resnet" + std::to_string(depth)) return depth;
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("model.network: '{}' is not resnet18, resnet34 or resnet50", network));
}

std::unique_ptr<TrainableNetwork> make_network(const Config& config, int classes, bool use_start,
                                               const std::function<void(const std::string&)>& note) {
  torch::manual_seed(static_cast<std::uint64_t>(config.train.seed));
  const Architecture architecture(depth_of(config.model.network), classes);
  auto network = std::make_unique<Network>(architecture);
  if (use_start && !config.model.start.empty()) {
    const std::vector<std::string> absent = load_starting_point(network->module(), config.model.start);
    note(absent.empty() ? fmt::format("all weights from {}", config.model.start)
                        : fmt::format("weights from {}, but for these, which begin anew: {}",
                                      config.model.start, fmt::join(absent, ", ")));
  }
  return network;
}

}  // namespace resnet::train
