// Logits → predictions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <resnet/model.hpp>

namespace resnet {

struct Prediction {
  int index;
  float score;  // softmax or sigmoid probability, 0..1
};

// Numerically safe softmax / logistic function of one image's logits.
std::vector<float> softmax(std::span<const float> logits);
std::vector<float> sigmoid(std::span<const float> logits);

// Probabilities by the head's kind.
std::vector<float> probabilities(const Head& head, std::span<const float> logits);

// The k most probable classes, best first; equal scores in index order. k is clamped to the classes.
std::vector<Prediction> top_k(std::span<const float> scores, int k);

// What a tagger reports: for a sigmoid head every class at or above its threshold (`threshold` >= 0
// overrides all), best first; for a softmax head the single best one. `top` > 0 asks for exactly the
// `top` best classes of either head instead.
std::vector<Prediction> predict(const Head& head, std::span<const float> logits, float threshold, int top);

}  // namespace resnet
