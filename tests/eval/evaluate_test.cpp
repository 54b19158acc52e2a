// A small seeded network over generated pictures, whole: files in, figures out.
#include "eval/evaluate.hpp"

#include "eval_fixture.hpp"
#include "output/thumbnail.hpp"

#include <atomic>
#include <cstring>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/image.hpp>
#include <resnet/predictions.hpp>

namespace resnet::eval {
namespace {

constexpr int kClasses = 5, kPictures = 9, kSide = 64;

class EvaluateTest : public EvalFixture {
 protected:
  EvaluateTest() : model_(make_random_model(18, kClasses, 11)) {
    model_.preprocess.resize_mode = ResizeMode::exact;
    model_.preprocess.resize = {kSide, kSide};
    model_.preprocess.center_crop.reset();
    dataset_.classes = kClasses;
    for (int i = 0; i < kPictures; ++i) {
      const std::string name = "p" + std::to_string(i) + ".jpg";
      dataset_.images.push_back(write(name, make_thumbnail(picture(i), 100)));
      dataset_.labels.push_back(i % kClasses);
    }
  }

  static Image picture(int seed) {
    Image image{90, 70, {}};
    for (int i = 0; i < 90 * 70 * 3; ++i) {
      image.rgb.push_back(static_cast<std::uint8_t>((i * (seed + 3) / 40 + seed * 50) % 256));
    }
    return image;
  }

  // What a session gives for one picture by itself.
  std::vector<float> logits_alone(const std::filesystem::path& path) const {
    std::vector<float> input(3 * kSide * kSide), output(kClasses);
    preprocess_image(load_image(path), model_.preprocess, input.data());
    Session(model_).run(input, Shape{1, 3, kSide, kSide}, output);
    return output;
  }

  std::vector<std::vector<float>> evaluate_logits(int threads, Evaluation* evaluation = nullptr) const {
    std::vector<std::vector<float>> rows;
    EvaluateOptions options;
    options.session.threads = threads;
    options.on_picture = [&](std::size_t index, std::span<const float> logits, const Error*) {
      EXPECT_EQ(index, rows.size());
      rows.emplace_back(logits.begin(), logits.end());
    };
    Evaluation result = evaluate(model_, dataset_, options);
    if (evaluation != nullptr) *evaluation = std::move(result);
    return rows;
  }

  Model model_;
  Dataset dataset_;
};

TEST_F(EvaluateTest, LogitsAreThoseOfEachPictureAloneWhateverTheThreads) {
  const auto one = evaluate_logits(1), two = evaluate_logits(2);
  ASSERT_EQ(one.size(), static_cast<std::size_t>(kPictures));
  ASSERT_EQ(two, one);
  for (int i = 0; i < kPictures; ++i) {
    EXPECT_EQ(one[static_cast<std::size_t>(i)], logits_alone(dataset_.images[static_cast<std::size_t>(i)]))
        << i;
  }
}

TEST_F(EvaluateTest, CountsTop1) {
  Evaluation evaluation;
  const auto rows = evaluate_logits(2, &evaluation);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) right += top_k(rows[i], 1)[0].index == dataset_.labels[i];
  EXPECT_EQ(evaluation.images, kPictures);
  EXPECT_EQ(evaluation.classification->top1_count(), right);
  EXPECT_EQ(evaluation.classification->top5_count(), kPictures);
  EXPECT_FALSE(evaluation.multilabel.has_value());
}

TEST_F(EvaluateTest, PicturesThatFailAreReportedAndLeftOut) {
  dataset_.images[2] = directory_ / "missing.jpg";
  write("p4.jpg", "no picture");
  std::vector<std::size_t> failed;
  EvaluateOptions options;
  options.on_picture = [&](std::size_t index, std::span<const float> logits, const Error* error) {
    EXPECT_EQ(logits.empty(), error != nullptr);
    if (error != nullptr) failed.push_back(index);
  };
  const Evaluation evaluation = evaluate(model_, dataset_, options);
  EXPECT_EQ(failed, (std::vector<std::size_t>{2, 4}));
  EXPECT_EQ(evaluation.failed, 2);
  EXPECT_EQ(evaluation.images, kPictures - 2);
}

TEST_F(EvaluateTest, MultilabelUsesTheModelsThresholds) {
  dataset_.targets = Targets::multi_label;
  dataset_.labels.clear();
  for (int i = 0; i < kPictures; ++i) dataset_.label_sets.push_back({i % kClasses});
  model_.head.kind = HeadKind::sigmoid;
  model_.head.thresholds = {0, 0, 2, 2, 2};
  const Evaluation evaluation = evaluate(model_, dataset_, {});
  ASSERT_TRUE(evaluation.multilabel.has_value());
  const MultilabelMetrics& m = *evaluation.multilabel;
  EXPECT_EQ(m.classes_with_positives, kClasses);
  EXPECT_EQ(m.per_class[0].counts.recall(), 1);
  EXPECT_EQ(m.per_class[2].counts.recall(), 0);
  EXPECT_EQ(evaluation.targets, target_matrix(dataset_));
  EXPECT_EQ(std::vector<float>(evaluation.scores.begin(), evaluation.scores.begin() + kClasses),
            sigmoid(logits_alone(dataset_.images[0])));
}

TEST_F(EvaluateTest, StopsOnRequestAndSaysSo) {
  const std::atomic<bool> stop{true};
  EvaluateOptions options;
  options.cancel = &stop;
  Evaluation evaluation = evaluate(model_, dataset_, options);
  EXPECT_TRUE(evaluation.cancelled);
  EXPECT_LT(evaluation.images, kPictures);
  dataset_.targets = Targets::multi_label;
  dataset_.label_sets.resize(kPictures);
  evaluation = evaluate(model_, dataset_, options);
  EXPECT_TRUE(evaluation.cancelled);
  EXPECT_FALSE(evaluation.multilabel.has_value());
  EXPECT_FALSE(evaluate(model_, dataset_, {}).cancelled);
}

TEST_F(EvaluateTest, RefusesADataSetOfOtherClasses) {
  dataset_.classes = 7;
  expect_error(ErrorCode::shape_mismatch, "7 classes", [&] { evaluate(model_, dataset_, {}); });
}

}  // namespace
}  // namespace resnet::eval
