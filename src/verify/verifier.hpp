// Runs modules of a network and compares each one's output with a reference directory.
#pragma once

#include "verify/comparison.hpp"
#include "verify/reference_directory.hpp"
#include "verify/tolerance.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet::verify {

struct WrongElement {
  std::int64_t index;  // in the row-major tensor
  double ours, expected;
};

struct CheckpointResult {
  std::string module;  // "input" or a module's name
  Shape shape;
  Difference difference;  // ours against the reference's fp32
  Tolerance tolerance;
  double ms = 0;  // the run of this module
  // Where the reference has float64 too: max_abs / max|float64| of ours, and of the reference's own fp32.
  std::optional<double> ours_from_float64, reference_from_float64;
  bool ok = true;
  std::string reason;                       // what is broken; empty where ok
  std::optional<WrongElement> first_wrong;  // the first element that breaks it
};

struct Report {
  std::string model;            // "resnet18"
  std::string subject;          // what was run: "cpu/avx2, fp32, plan latency, 2 threads"
  std::string reference;        // the directory it was compared with
  std::string reference_maker;  // what that was made by: "PyTorch 1.13.0"
  std::vector<CheckpointResult> results;
  // Images whose best class is the reference's; both 0 unless the head was run.
  std::int64_t top1_equal = 0, top1_images = 0;
  bool top1_required = false;

  bool ok() const noexcept;
  // The first that failed; null where all are right.
  const CheckpointResult* first_bad() const noexcept;
};

// What is verified. `run` has the signature of Session::run and reports module outputs through its Trace.
struct Subject {
  std::function<void(std::span<const float>, const Shape&, std::span<float>, const Trace*)> run;
  int begin, end;  // modules that `run` computes
  Precision precision = Precision::fp32;
  bool oracle = false;      // the `reference` backend: held to float64 as well
  std::string description;  // for the report

  // The session must outlive the subject.
  static Subject of(const Session& session);
};

struct VerifyHooks {
  std::function<void(const CheckpointResult&)> on_result;  // as soon as each is known
  std::function<void(int, const Shape&, std::span<const float>)> on_module_output;  // ours, for dumps
  std::function<void(const LayerTrace&)> on_layer;                                  // each kernel's time
};

// Runs the subject once on the reference's input of its first module (input.bin, or the output of the module
// before), each further module on what ours gave, and compares every module's output. Failing checks are
// results; Errors are thrown only where nothing can be compared.
Report verify(const ReferenceDirectory& reference, const Subject& subject, const VerifyHooks& hooks = {});

// Compares a network input prepared by us, bit by bit, with the reference's.
CheckpointResult check_input(const ReferenceDirectory& reference, std::span<const float> ours, double ms);

// Verdict on one tensor of any origin.
CheckpointResult judge(std::string name, const Shape& shape, std::span<const float> ours,
                       std::span<const float> expected, const Tolerance& tolerance);

}  // namespace resnet::verify
