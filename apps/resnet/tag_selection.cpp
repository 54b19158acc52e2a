#include "tag_selection.hpp"

#include "output/content_hash.hpp"

#include <algorithm>
#include <bit>

namespace resnet::cli {
namespace {

constexpr int kSoftmaxTags = 5;
// Raised where the same model and options begin to give other tags.
constexpr std::uint64_t kRules = 1;

void add(ContentHash& hash, float value) {
  hash.add(std::uint64_t{std::bit_cast<std::uint32_t>(value)});
}

void add(ContentHash& hash, int value) {
  hash.add(static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
}

void add(ContentHash& hash, const Preprocess& preprocess) {
  add(hash, static_cast<int>(preprocess.resize_mode));
  add(hash, static_cast<int>(preprocess.interpolation));
  const Size crop = preprocess.center_crop.value_or(Size{});
  for (const int side : {preprocess.resize.height, preprocess.resize.width, crop.height, crop.width}) {
    add(hash, side);
  }
  for (const float value : preprocess.mean) add(hash, value);
  for (const float value : preprocess.std) add(hash, value);
}

}  // namespace

std::vector<Prediction> select_tags(const Head& head, std::span<const float> logits,
                                    const TagArguments& args) {
  if (args.top == 0 && head.kind == HeadKind::sigmoid) return predict(head, logits, args.threshold, 0);
  std::vector<Prediction> tags =
      predict(head, logits, args.threshold, args.top == 0 ? kSoftmaxTags : args.top);
  if (args.threshold >= 0) {
    std::erase_if(tags, [&](const Prediction& tag) { return tag.score < args.threshold; });
  }
  return tags;
}

std::string tag_fingerprint(const Model& model, const TagArguments& args) {
  ContentHash hash;
  hash.add(kRules);
  for (const auto& [name, tensor] : model.tensors) {
    hash.add(name);
    for (const std::int64_t side : tensor.shape().dims()) hash.add(static_cast<std::uint64_t>(side));
    hash.add(std::span(tensor.data(), tensor.bytes()));
  }
  add(hash, model.preprocess);
  for (const std::string& label : model.labels) hash.add(label);
  add(hash, static_cast<int>(model.head.kind));
  for (const float threshold : model.head.thresholds) add(hash, threshold);
  hash.add(args.decode.exif);
  hash.add(args.compute.precision);
  add(hash, args.threshold);
  add(hash, args.top);
  return hash.hex();
}

}  // namespace resnet::cli
