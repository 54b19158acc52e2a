// A model over a data set: pictures in, figures out.
#pragma once

#include "eval/classification_metrics.hpp"
#include "eval/dataset.hpp"
#include "eval/multilabel_metrics.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <resnet/error.hpp>
#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet::eval {

struct EvaluateOptions {
  SessionOptions session;  // batch and the threads of one run are chosen here
  DecodeOptions decode;
  // multi-label: one threshold a class or one for all; empty: the model's own, 0.5 where it has none
  std::vector<float> thresholds;
  // Called for every picture in the data set's order, from the calling thread. `logits` is empty where
  // the picture failed; then `error` says why.
  std::function<void(std::size_t index, std::span<const float> logits, const Error* error)> on_picture;
  // Once true no further picture is begun, and `cancelled` says so in the result. May be set by a signal
  // handler.
  const std::atomic<bool>* cancel = nullptr;
};

struct Evaluation {
  std::int64_t images = 0;  // that went into the figures
  std::int64_t failed = 0;  // could not be read or computed, and are left out
  double seconds = 0;       // from the first picture to the last
  // Pictures are left: the figures are of the first ones only, and multi-label ones are absent.
  bool cancelled = false;
  // What ran: name of backend and instruction set.
  std::string backend, isa;
  // One of the two, by the data set's kind.
  std::optional<ClassificationMetrics> classification;
  std::optional<MultilabelMetrics> multilabel;
  // multi-label: probabilities and targets of the pictures that went in, [images, classes]
  std::vector<float> scores;
  std::vector<std::uint8_t> targets;
};

// Ranks single-label pictures by logit and multi-label ones by probability (so that thresholds mean
// what they mean to `tag`). Logits that are NaN fail their picture. Throws what Session does.
Evaluation evaluate(const Model& model, const Dataset& dataset, const EvaluateOptions& options);

// The thresholds that evaluate() uses.
std::vector<float> resolve_thresholds(const Head& head, std::span<const float> wanted);

}  // namespace resnet::eval
