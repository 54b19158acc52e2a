#include "quant/activation_statistics.hpp"

#include "core/choices.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace resnet::quant {
namespace {

constexpr int kBins = 8192;

}  // namespace

std::string_view to_string(RangeMethod method) noexcept {
  switch (method) {
    case RangeMethod::automatic:
      return "auto";
    case RangeMethod::minmax:
      return "minmax";
    case RangeMethod::percentile:
      return "percentile";
    case RangeMethod::mse:
      return "mse";
  }
  return "?";
}

RangeMethod parse_range_method(std::string_view name) {
  constexpr std::array kMethods{RangeMethod::automatic, RangeMethod::minmax, RangeMethod::percentile,
                                RangeMethod::mse};
  return parse_choice("range method", name, kMethods);
}

void ActivationStatistics::observe_range(std::span<const float> values, const Shape& shape) {
  const auto channels = static_cast<std::size_t>(shape[1]);
  channel_sums_.resize(channels);
  const std::size_t plane = values.size() / static_cast<std::size_t>(shape[0]) / channels;
  for (std::size_t p = 0; p * plane < values.size(); ++p) {
    double sum = 0, squares = 0;
    float most = 0;
    for (const float v : values.subspan(p * plane, plane)) {
      sum += static_cast<double>(v);
      squares += static_cast<double>(v) * static_cast<double>(v);
      most = std::max(most, std::abs(v));
    }
    channel_sums_[p % channels] += sum;
    sum_of_squares_ += squares;
    largest_ = std::max(largest_, static_cast<double>(most));
  }
  values_ += static_cast<std::int64_t>(values.size());
}

void ActivationStatistics::observe_histogram(std::span<const float> values) {
  histogram_.resize(kBins);
  if (largest_ == 0) return;
  const auto bins_a_unit = static_cast<float>(kBins / largest_);
  for (const float v : values) {
    const auto bin = static_cast<int>(std::abs(v) * bins_a_unit);
    ++histogram_[static_cast<std::size_t>(std::min(bin, kBins - 1))];
  }
}

std::vector<double> ActivationStatistics::channel_means() const {
  std::vector<double> means = channel_sums_;
  const double each = static_cast<double>(values_) / static_cast<double>(means.size());
  for (double& mean : means) mean /= each;
  return means;
}

// Zero is exact at any scale, so the first bin, which holds the many zeros behind a ReLU, counts nothing.
double ActivationStatistics::squared_error(double limit, int steps) const {
  const double width = largest_ / kBins, scale = limit / steps;
  double error = 0;
  for (int bin = 1; bin < kBins; ++bin) {
    const double value = (bin + 0.5) * width;
    const double step = std::min(std::nearbyint(value / scale), static_cast<double>(steps));
    const double difference = value - step * scale;
    error += difference * difference * static_cast<double>(histogram_[static_cast<std::size_t>(bin)]);
  }
  return error / static_cast<double>(values_);
}

double ActivationStatistics::quantile(double fraction) const {
  const double wanted = fraction * static_cast<double>(values_);
  std::int64_t seen = 0;
  for (int bin = 0; bin < kBins; ++bin) {
    seen += histogram_[static_cast<std::size_t>(bin)];
    if (static_cast<double>(seen) >= wanted) return (bin + 1) * largest_ / kBins;
  }
  return largest_;
}

ActivationRange ActivationStatistics::choose_range(RangeMethod method, int steps) const {
  if (largest_ == 0) return {.limit = 1, .chosen = "always zero", .squared_error = 0};
  ActivationRange best{.limit = 0, .chosen = {}, .squared_error = HUGE_VAL};
  const auto consider = [&](double limit, const char* name) {
    const double error = squared_error(limit, steps);
    if (error < best.squared_error) best = {limit, name, error};
  };
  const bool all = method == RangeMethod::automatic;
  if (all || method == RangeMethod::minmax) consider(largest_, "minmax");
  if (all || method == RangeMethod::percentile) {
    consider(quantile(0.999), "percentile 99.9");
    consider(quantile(0.9999), "percentile 99.99");
    consider(quantile(0.99999), "percentile 99.999");
  }
  if (all || method == RangeMethod::mse) {
    for (int percent = 10; percent <= 100; ++percent) consider(largest_ * percent / 100, "mse");
  }
  return best;
}

}  // namespace resnet::quant
