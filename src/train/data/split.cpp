#include "train/data/split.hpp"

#include "core/counted.hpp"
#include "train/data/sample_rng.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

constexpr int kFewestToShare = 4;  // pictures of a class that both parts are to have some of

// Picks pictures one after the other, and never the last one of a class that is to be shared.
class Chooser {
 public:
  Chooser(const TrainingSet& set, std::vector<std::size_t> order, std::size_t count)
      : set_(set),
        order_(std::move(order)),
        count_(count),
        pictures_(set.labels.size(), 0),
        chosen_of_class_(set.labels.size(), 0),
        is_chosen_(set.size(), false) {
    for (const std::size_t i : order_) {
      for (const int label : set.samples[i].labels) ++pictures_[static_cast<std::size_t>(label)];
    }
  }

  std::vector<std::size_t> choose() {
    std::vector<std::size_t> classes(pictures_.size());
    std::iota(classes.begin(), classes.end(), std::size_t{0});
    std::stable_sort(classes.begin(), classes.end(),
                     [&](std::size_t a, std::size_t b) { return pictures_[a] < pictures_[b]; });
    for (const std::size_t c : classes) {
      if (pictures_[c] < kFewestToShare) continue;
      const double share = static_cast<double>(pictures_[c]) * static_cast<double>(count_) /
                           static_cast<double>(order_.size());
      const int wanted = std::max(1, static_cast<int>(share + 0.5));
      for (const std::size_t i : order_) {
        if (chosen_of_class_[c] >= wanted) break;
        const std::vector<int>& labels = set_.samples[i].labels;
        if (std::binary_search(labels.begin(), labels.end(), static_cast<int>(c))) take(i);
      }
    }
    for (const std::size_t i : order_) take(i);
    return chosen_;
  }

 private:
  void take(std::size_t i) {
    if (is_chosen_[i] || chosen_.size() == count_) return;
    const std::vector<int>& labels = set_.samples[i].labels;
    const bool last_of_class = std::any_of(labels.begin(), labels.end(), [&](int label) {
      const auto c = static_cast<std::size_t>(label);
      return pictures_[c] >= kFewestToShare && chosen_of_class_[c] + 1 == pictures_[c];
    });
    if (last_of_class) return;
    is_chosen_[i] = true;
    chosen_.push_back(i);
    for (const int label : labels) ++chosen_of_class_[static_cast<std::size_t>(label)];
  }

  const TrainingSet& set_;
  const std::vector<std::size_t> order_;  // the pictures to choose from, by the hash of their names
  const std::size_t count_;
  std::vector<int> pictures_, chosen_of_class_;  // [classes]
  std::vector<bool> is_chosen_;
  std::vector<std::size_t> chosen_;
};

}  // namespace

std::uint64_t hash_of_name(const std::string& name) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mix_bits(hash);
}

Split split_by_names(const TrainingSet& set, const std::vector<std::string>& validation,
                     const std::vector<std::string>& exclude) {
  const std::unordered_set<std::string_view> left_out(exclude.begin(), exclude.end());
  std::unordered_set<std::string_view> kept_apart(validation.begin(), validation.end());
  Split split;
  for (TrainingSet* part : {&split.training, &split.validation}) {
    part->targets = set.targets;
    part->labels = set.labels;
  }
  for (const TrainingSample& sample : set.samples) {
    const bool validates = kept_apart.erase(sample.name) > 0;
    if (left_out.contains(sample.name)) continue;
    (validates ? split.validation : split.training).samples.push_back(sample);
  }
  if (!kept_apart.empty()) {
    const auto first = std::find_if(validation.begin(), validation.end(),
                                    [&](const std::string& name) { return kept_apart.contains(name); });
    throw Error(
        ErrorCode::not_found,
        fmt::format(
            "'{}', a name of the list of pictures to validate with, is not in the data set ({} of the {} "
            "names are not): does the list belong to it?",
            *first, kept_apart.size(), validation.size()));
  }
  return split;
}

std::vector<std::string> choose_validation(const TrainingSet& set, std::size_t count,
                                           const std::vector<std::string>& exclude) {
  const std::unordered_set<std::string_view> left_out(exclude.begin(), exclude.end());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (!left_out.contains(set.samples[i].name)) order.push_back(i);
  }
  if (count < 1 || count >= order.size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("cannot keep {} of {} apart to validate with: 1 to {} are possible", count,
                            counted(order.size(), "picture"), order.empty() ? 0 : order.size() - 1));
  }
  // Two names of one hash keep their order by name.
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const std::string& first = set.samples[a].name;
    const std::string& second = set.samples[b].name;
    return std::pair(hash_of_name(first), std::string_view(first)) <
           std::pair(hash_of_name(second), std::string_view(second));
  });
  std::vector<std::string> names;
  for (const std::size_t i : Chooser(set, std::move(order), count).choose())
    names.push_back(set.samples[i].name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace resnet::train
