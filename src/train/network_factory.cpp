#include "train/network_factory.hpp"

#include "train/network.hpp"
#include "train/quant/quantized_network.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet::train {

namespace {

using Note = std::function<void(const std::string&)>;

// How large a share of the pictures has each class.
std::vector<float> frequencies(const TrainingSet& data) {
  std::vector<float> counts(static_cast<std::size_t>(data.classes()));
  for (const TrainingSample& sample : data.samples) {
    for (const int label : sample.labels) ++counts[static_cast<std::size_t>(label)];
  }
  for (float& count : counts) count /= static_cast<float>(data.size());
  return counts;
}

// `start`: empty for none.
void load_start(NetworkModuleImpl& module, const std::string& start, const TrainingSet& data,
                const Note& note) {
  if (data.targets == eval::Targets::multi_label) set_prior(module, frequencies(data));
  if (start.empty()) return;
  const std::vector<std::string> absent = load_starting_point(module, start);
  note(absent.empty() ? fmt::format("all weights from {}", start)
                      : fmt::format("weights from {}, but for these, which begin anew: {}", start,
                                    fmt::join(absent, ", ")));
}

std::unique_ptr<QuantizedNetwork> make_quantized(const Config& config, const Architecture& architecture,
                                                 const Note& note) {
  const QuantConfig& quant = config.quant;
  const QuantOptions options{.weight_bits = quant.weight_bits,
                             .activation_bits = quant.activation_bits,
                             .per_channel = quant.per_channel,
                             .exclude = quant.exclude};
  auto network = std::make_unique<QuantizedNetwork>(architecture, options, preprocess_of(config.preprocess));
  note(fmt::format(
      "quantised: weights of {} bits, activations of {}{}", quant.weight_bits, quant.activation_bits,
      network->exportable() ? ""
                            : "; no model is exported, because the INT8 engine has only activations "
                              "of 8 bits"));
  return network;
}

}  // namespace

int depth_of(const std::string& network) {
  for (const int depth : {18, 34, 50}) {
    if (network == "resnet" + std::to_string(depth)) return depth;
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("model.network: '{}' is not resnet18, resnet34 or resnet50", network));
}

std::unique_ptr<TrainableNetwork> make_network(const Config& config, const TrainingSet& data, bool use_start,
                                               const std::function<void(const std::string&)>& note) {
  torch::manual_seed(static_cast<std::uint64_t>(config.train.seed));
  const Architecture architecture(depth_of(config.model.network), data.classes());
  const std::string start = use_start ? config.model.start : "";
  if (config.quant.enabled) {
    auto network = make_quantized(config, architecture, note);
    load_start(network->module(), start, data, note);
    return network;
  }
  auto network = std::make_unique<Network>(architecture);
  load_start(network->module(), start, data, note);
  return network;
}

}  // namespace resnet::train
