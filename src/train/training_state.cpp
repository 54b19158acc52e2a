#include "train/training_state.hpp"

#include "core/atomic_file.hpp"
#include "model/atomic_directory.hpp"

#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet::train {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFormatVersion = 2;
constexpr const char* kStateName = "state.pt";
constexpr const char* kConfigName = "config.yaml";

std::unique_ptr<TrainableNetwork> placed(std::unique_ptr<TrainableNetwork> network, torch::Device device) {
  network->module().to(device);
  network->module().train();
  return network;
}

std::vector<torch::Tensor> averaged(FlatParameters& parameters, const RunningStatistics& statistics) {
  std::vector<torch::Tensor> tensors{parameters.values()};
  if (statistics.values().defined()) tensors.push_back(statistics.values());
  return tensors;
}

}  // namespace

TrainingState::TrainingState(std::unique_ptr<TrainableNetwork> network, const Config& config,
                             torch::Device device, const DataParallel& processes)
    : parameters((network = placed(std::move(network), device))->trained_parameters(),
                 config.train.channels_last),
      statistics(network->module()),
      scaler(config.train.precision == "fp16", device),
      optimizer(parameters, config.train),
      average(averaged(parameters, statistics), config.ema.decay),
      network_(std::move(network)),
      device_(device) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors()) processes.broadcast(tensor);
}

void TrainingState::restart_average() {
  average = MovingAverage(averaged(parameters, statistics), average.decay());
}

std::vector<std::pair<std::string, torch::Tensor>> TrainingState::tensors() const {
  std::vector<std::pair<std::string, torch::Tensor>> all;
  for (const auto& entry : network_->module().named_parameters())
    all.emplace_back(entry.key(), entry.value());
  for (const auto& entry : network_->module().named_buffers()) all.emplace_back(entry.key(), entry.value());
  const auto& averages = average.averages();
  for (std::size_t i = 0; i < averages.size(); ++i)
    all.emplace_back(fmt::format("average {}", i), averages[i]);
  return all;
}

void TrainingState::save(const fs::path& path) const {
  torch::serialize::OutputArchive archive;
  c10::Dict<std::string, torch::Tensor> dict;
  for (const auto& [name, tensor] : tensors()) dict.insert(name, tensor.detach().cpu().contiguous());
  archive.write("version", c10::IValue(kFormatVersion));
  archive.write("tensors", c10::IValue(dict));
  archive.write("epoch", c10::IValue(static_cast<std::int64_t>(position.epoch)));
  archive.write("batch", c10::IValue(position.batch));
  archive.write("epoch_loss", c10::IValue(position.epoch_loss));
  archive.write("step", c10::IValue(position.step));
  archive.write("best_epoch", c10::IValue(static_cast<std::int64_t>(position.best_epoch)));
  archive.write("best_score", c10::IValue(position.best_score));
  archive.write("first_loss", c10::IValue(position.first_loss));
  archive.write("loss_scale", c10::IValue(scaler.value()));
  archive.write("good_steps", c10::IValue(static_cast<std::int64_t>(scaler.good_steps())));
  torch::serialize::OutputArchive optimizer_archive;
  optimizer.save(optimizer_archive);
  archive.write("optimizer", optimizer_archive);
  archive.save_to(path.string());
}

void TrainingState::load(const fs::path& path) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: {}", path.string(), why));
  };
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(path.string(), device_);
    const auto value = [&](const char* key) {
      c10::IValue read;
      archive.read(key, read);
      return read;
    };
    if (value("version").toInt() != kFormatVersion) refuse("a checkpoint of another version of this program");
    const auto dict = value("tensors").toGenericDict();
    const torch::NoGradGuard no_grad;
    auto mine = tensors();
    if (dict.size() != mine.size()) refuse("a checkpoint of another network, or with another ema.decay");
    for (auto& [name, tensor] : mine) {
      const auto it = dict.find(name);
      if (it == dict.end() || it->value().toTensor().sizes() != tensor.sizes()) {
        refuse(fmt::format("holds no {} of the shape that this network has", name));
      }
      tensor.copy_(it->value().toTensor());
    }
    position.epoch = static_cast<int>(value("epoch").toInt());
    position.batch = value("batch").toInt();
    position.epoch_loss = value("epoch_loss").toDouble();
    position.step = value("step").toInt();
    position.best_epoch = static_cast<int>(value("best_epoch").toInt());
    position.best_score = value("best_score").toDouble();
    position.first_loss = value("first_loss").toDouble();
    scaler.restore(value("loss_scale").toDouble(), static_cast<int>(value("good_steps").toInt()));
    torch::serialize::InputArchive optimizer_archive;
    archive.read("optimizer", optimizer_archive);
    optimizer.load(optimizer_archive);
  } catch (const c10::Error& e) {
    refuse(fmt::format("no checkpoint of resnet-train, or a damaged one ({})", e.what_without_backtrace()));
  }
}

std::string config_of_checkpoint(const fs::path& checkpoint) {
  std::ifstream in(checkpoint / kConfigName, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_checkpoint(const fs::path& path, const TrainingState& state, const std::optional<Model>& model,
                      const std::string& config_yaml) {
  fs::create_directories(path.parent_path());
  formats::AtomicDirectory directory(path);
  if (model && model->precision == Precision::fp32) {
    save_model(*model, directory.temporary() / "model.pth", ModelFormat::pth);
  } else if (model) {
    save_model(*model, directory.temporary() / "model.safetensors", ModelFormat::safetensors);
  }
  state.save(directory.temporary() / kStateName);
  write_file_atomically(directory.temporary() / kConfigName, config_yaml);
  directory.commit();
}

void read_checkpoint(const fs::path& path, TrainingState& state) {
  if (!fs::exists(path / kStateName)) {
    throw Error(ErrorCode::not_found,
                fmt::format("{}: no checkpoint (a folder with {}); they are called checkpoint_epoch_N",
                            path.string(), kStateName));
  }
  state.load(path / kStateName);
}

}  // namespace resnet::train
