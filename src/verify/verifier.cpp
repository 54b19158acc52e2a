#include "verify/verifier.hpp"

#include "core/counted.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

// The checkpoint that feeds module `begin`.
std::string input_name(const Architecture& architecture, int begin) {
  return begin == 0 ? "input" : architecture.modules()[static_cast<std::size_t>(begin) - 1].name;
}

std::size_t best_class(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

void fail(CheckpointResult& result, std::string reason) {
  if (result.ok) result.reason = std::move(reason);
  result.ok = false;
}

void compare_with_float64(CheckpointResult& result, const ReferenceDirectory& reference,
                          std::span<const float> ours, std::span<const float> expected, bool oracle) {
  const std::vector<double> exact = reference.read_float64(result.module);
  result.ours_from_float64 = difference(ours, exact).max_abs_rel();
  result.reference_from_float64 = difference(expected, exact).max_abs_rel();
  if (oracle && !(*result.ours_from_float64 <= kReferenceFromFloat64)) {
    fail(result, fmt::format("{:.2e} of max|float64| away from float64, over {:.0e}",
                             *result.ours_from_float64, kReferenceFromFloat64));
  }
}

}  // namespace

bool Report::ok() const noexcept {
  return first_bad() == nullptr && (!top1_required || top1_equal == top1_images);
}

const CheckpointResult* Report::first_bad() const noexcept {
  const auto bad =
      std::find_if(results.begin(), results.end(), [](const CheckpointResult& r) { return !r.ok; });
  return bad == results.end() ? nullptr : &*bad;
}

Subject Subject::of(const Session& session) {
  const SessionOptions& o = session.options();
  return {
      .run = [&session](std::span<const float> input, const Shape& shape, std::span<float> output,
                        const Trace* trace) { session.run(input, shape, output, trace); },
      .begin = o.begin,
      .end = o.end,
      .precision = *o.precision,
      .oracle = o.backend == "reference",
      .description = fmt::format("{}{}{}, {}, plan {}, {}", o.backend, o.isa.empty() ? "" : "/", o.isa,
                                 to_string(*o.precision), to_string(o.plan), counted(o.threads, "thread"))};
}

CheckpointResult judge(std::string name, const Shape& shape, std::span<const float> ours,
                       std::span<const float> expected, const Tolerance& tolerance) {
  CheckpointResult r;
  r.module = std::move(name);
  r.shape = shape;
  r.tolerance = tolerance;
  r.difference = difference(ours, expected);
  const Difference& d = r.difference;
  const double limit = std::min(tolerance.max_abs_rel * d.max_expected,
                                tolerance.max_abs.value_or(std::numeric_limits<double>::infinity()));
  if (d.count == 0) {
    fail(r, "nothing was compared");
    return r;
  }
  if (d.not_finite > 0) fail(r, fmt::format("{} of {} elements are NaN or infinite", d.not_finite, d.count));
  if (!(d.max_abs_rel() <= tolerance.max_abs_rel)) {
    fail(r,
         fmt::format("max_abs {:.2e} of max|expected|, over {:.0e}", d.max_abs_rel(), tolerance.max_abs_rel));
  }
  if (tolerance.max_abs && !(d.max_abs <= *tolerance.max_abs)) {
    fail(r, fmt::format("max_abs {:.2e}, over {:.0e}", d.max_abs, *tolerance.max_abs));
  }
  if (!(d.cosine >= tolerance.min_cosine)) {
    fail(r, fmt::format("cosine {:.10f}, under {:.10g}", d.cosine, tolerance.min_cosine));
  }
  if (!r.ok) {
    // An element that breaks no bound of its own can still turn the vector: then the worst one is named.
    const std::int64_t first = first_beyond(ours, expected, limit);
    const std::int64_t index = first >= 0 ? first : d.worst;
    const auto at = static_cast<std::size_t>(index);
    r.first_wrong = WrongElement{index, static_cast<double>(ours[at]), static_cast<double>(expected[at])};
  }
  return r;
}

Report verify(const ReferenceDirectory& reference, const Subject& subject, const VerifyHooks& hooks) {
  const Architecture& architecture = reference.architecture();
  const std::string first = input_name(architecture, subject.begin);
  const Shape input_shape = reference.shape(first);
  const std::vector<float> input = reference.read(first);
  const Shape output_shape = architecture.output_shape_from(subject.begin, subject.end - 1, input_shape);
  std::vector<float> output(static_cast<std::size_t>(output_shape.numel()));

  Report report;
  report.model = architecture.name();
  report.subject = subject.description;
  report.reference = reference.path().string();
  report.reference_maker = reference.made_by();
  report.top1_required = top1_must_match(subject.precision);

  Trace trace;
  trace.on_layer = hooks.on_layer;
  trace.on_module = [&](int module, const Shape& shape, const float* values, double ms) {
    const std::string& name = architecture.modules().at(static_cast<std::size_t>(module)).name;
    const std::span<const float> ours(values, static_cast<std::size_t>(shape.numel()));
    if (hooks.on_module_output) hooks.on_module_output(module, shape, ours);
    if (shape != reference.shape(name)) {
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("module {} gave {}, but the reference has {}", name, shape.to_string(),
                              reference.shape(name).to_string()));
    }
    const std::vector<float> expected = reference.read(name);
    CheckpointResult result = judge(name, shape, ours, expected,
                                    tolerance({.precision = subject.precision,
                                               .model = report.model,
                                               .module = name,
                                               .trained = reference.trained(),
                                               .photos = !reference.images().empty()}));
    result.ms = ms;
    if (reference.has_float64()) compare_with_float64(result, reference, ours, expected, subject.oracle);
    if (module == architecture.head()) {
      const auto classes = static_cast<std::size_t>(shape[1]);
      report.top1_images = shape[0];
      for (std::size_t at = 0; at < ours.size(); at += classes) {
        const std::span<const float> reference_logits(expected);
        report.top1_equal +=
            best_class(ours.subspan(at, classes)) == best_class(reference_logits.subspan(at, classes));
      }
    }
    if (hooks.on_result) hooks.on_result(result);
    report.results.push_back(std::move(result));
  };
  subject.run(input, input_shape, output, &trace);
  if (report.results.size() != static_cast<std::size_t>(subject.end - subject.begin)) {
    throw Error(ErrorCode::internal, fmt::format("{} of {} modules reported their output",
                                                 report.results.size(), subject.end - subject.begin));
  }
  return report;
}

CheckpointResult check_input(const ReferenceDirectory& reference, std::span<const float> ours, double ms) {
  const Shape& shape = reference.shape("input");
  if (static_cast<std::int64_t>(ours.size()) != shape.numel()) {
    CheckpointResult result;
    result.module = "input";
    result.shape = shape;
    result.tolerance = kExact;
    result.ms = ms;
    fail(result, fmt::format("preprocessing gives {} values, but {} has {}", ours.size(), shape.to_string(),
                             shape.numel()));
    return result;
  }
  CheckpointResult result = judge("input", shape, ours, reference.read("input"), kExact);
  result.ms = ms;
  return result;
}

}  // namespace resnet::verify
