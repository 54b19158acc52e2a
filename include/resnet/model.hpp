// A Model is everything needed to answer: architecture, weights, preprocessing, labels, head.
// Immutable once loaded; copies are cheap (tensors are shared).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/architecture.hpp>
#include <resnet/precision.hpp>
#include <resnet/preprocess.hpp>
#include <resnet/quantization.hpp>
#include <resnet/tensor.hpp>

namespace resnet {

enum class HeadKind {
  softmax,  // one label a picture: probabilities over the classes sum to 1
  sigmoid,  // any number of labels a picture: an independent probability a class
};

struct Head {
  HeadKind kind = HeadKind::softmax;
  // sigmoid: a class is reported where its probability >= its threshold. Empty means 0.5 for all.
  std::vector<float> thresholds;
};

struct Model {
  Architecture architecture;
  Preprocess preprocess{};
  Head head{};
  std::vector<std::string> labels{};  // one a class, never empty after load_model
  // fp32: torchvision's tensors, all fp32. int8: those of quantized_tensors().
  Precision precision = Precision::fp32;
  Quantization quantization{};  // int8 only
  std::map<std::string, Tensor, std::less<>> tensors{};
  std::string format{};          // "pth", "safetensors", "manifest": what it was read from
  std::filesystem::path path{};  // where it was read from; empty for a model made in memory

  // Throws Error{not_found}.
  const Tensor& tensor(std::string_view name) const;
};

// Reads any supported format, recognised by content: torch zip .pth, .safetensors, manifest directory
// (the directory or its manifest.json). Checks that the tensors are exactly those of one architecture;
// a missing, extra or wrongly shaped one is named with the shape expected.
// Where the file has no labels: 1000 classes get ImageNet's names, 80 COCO's, others "class 0", ….
Model load_model(const std::filesystem::path& path);

// Turns what a user wrote after --model into a path: an existing path, or a name looked up in
// $RESNET_MODELS, beside the program, in <prefix>/share/resnet/models and in the user's cache.
// Throws Error{not_found} listing the places tried.
std::filesystem::path find_model(const std::string& path_or_name);
std::vector<std::filesystem::path> model_search_path();

// Checks the invariant that load_model guarantees (all tensors there, right shapes, finite sizes,
// labels and thresholds match the classes). Throws as load_model does. For models built in memory.
void validate(const Model& model);

enum class ModelFormat { manifest, safetensors, pth };
// "manifest", "safetensors", "pth". Throws Error{invalid_argument} naming the choices.
ModelFormat parse_model_format(std::string_view name);

// Called for every tensor written: (name, shape, file it went to).
using SaveObserver = std::function<void(const std::string&, const Shape&, const std::filesystem::path&)>;

// Writes `model` to `path` under a temporary name and renames it, so that a failure leaves nothing
// half-written. An existing manifest directory is replaced only if it holds nothing but an export.
void save_model(const Model& model, const std::filesystem::path& path, ModelFormat format,
                const SaveObserver& observer = {});

// A network with seeded random weights at a trained net's scale (the last BatchNorm weight of each
// block is 0.25, statistics chosen so that activations stay near unit variance): for tests and benches.
Model make_random_model(int depth, int classes, std::uint64_t seed);

// The 1000 ImageNet or 80 COCO names in index order.
const std::vector<std::string>& imagenet_labels();
const std::vector<std::string>& coco_labels();
// One label a line. Throws Error{shape_mismatch} where the count is not `classes` (0: any count).
std::vector<std::string> read_labels(const std::filesystem::path& path, int classes);

}  // namespace resnet
