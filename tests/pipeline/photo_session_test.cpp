// Photos through a Session as the commands run them, on every backend that is here: the answers of single
// pictures. Also part of the tests that need a GPU.
#include "pipeline/photo_session.hpp"

#include "support/session_run.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr int kClasses = 5;

Model small_model() {
  Model model = make_random_model(18, kClasses, 1);
  model.preprocess.resize = {36, 36};
  model.preprocess.center_crop = Size{32, 32};
  return model;
}

// Photo number i: noise of its own, of a size of its own.
Image picture(int number) {
  std::mt19937 generator(static_cast<unsigned>(number));
  Image image;
  image.width = 40 + number % 5;
  image.height = 50 - number % 3;
  image.rgb.resize(static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3);
  for (std::uint8_t& value : image.rgb) value = static_cast<std::uint8_t>(generator() >> 24);
  return image;
}

PhotoSource numbered_photos(int count) {
  return [i = 0, count]() mutable -> std::optional<PhotoItem> {
    if (i == count) return std::nullopt;
    PhotoItem item;
    item.path = std::to_string(i++);
    return item;
  };
}

std::vector<float> answer_alone(const Model& model, const Session& session, const Image& image) {
  const Size size = preprocessed_size(model.preprocess, {image.height, image.width});
  const Shape shape{1, 3, size.height, size.width};
  std::vector<float> input(static_cast<std::size_t>(shape.numel()));
  preprocess_image(image, model.preprocess, input.data());
  return test::run(session, input, shape);
}

void expect_answers(const Model& model, const SessionOptions& options, int photos) {
  SessionOptions alone = options;
  alone.gpu_memory = 0;
  const Session session(model, alone);
  const PhotoSession of_photos(model, options, static_cast<std::size_t>(photos));
  PhotoPipelineOptions pipeline;
  pipeline.load = [](const std::filesystem::path& path) { return picture(std::stoi(path.string())); };
  int next = 0;
  const PhotoPipelineStats stats = of_photos.run(
      numbered_photos(photos),
      [&](PhotoResult&& result) {
        ASSERT_FALSE(result.item.error) << result.item.error->what();
        EXPECT_EQ(result.output, answer_alone(model, session, picture(next))) << "photo " << next;
        ++next;
      },
      pipeline);
  EXPECT_EQ(stats.delivered, static_cast<std::size_t>(photos));
}

TEST(PhotoSession, GivesTheAnswersOfSinglePictures) {
  const Model model = small_model();
  for (const BackendInfo& backend : backends()) {
    if (!backend.available || backend.name == "reference") continue;
    SessionOptions options;
    options.backend = backend.name;
    options.threads = 2;
    for (const int photos : {1, 3, 100}) expect_answers(model, options, photos);
  }
}

TEST(PhotoSession, WithoutACropEveryPictureHasItsShape) {
  Model model = small_model();
  model.preprocess.center_crop.reset();
  for (const BackendInfo& backend : backends()) {
    if (!backend.available || backend.name == "reference") continue;
    SessionOptions options;
    options.backend = backend.name;
    options.threads = 2;
    expect_answers(model, options, 12);
  }
}

// On a GPU the batch shrinks until it fits; on a processor the cap is of no matter.
TEST(PhotoSession, FitsIntoTheMemoryAllowed) {
  Model model = small_model();
  model.preprocess.resize = {260, 260};
  model.preprocess.center_crop = Size{256, 256};
  for (const BackendInfo& backend : backends()) {
    if (!backend.available || backend.name == "reference") continue;
    SessionOptions options;
    options.backend = backend.name;
    options.threads = 2;
    options.gpu_memory = std::uint64_t{150} << 20;
    expect_answers(model, options, 20);
  }
}

TEST(PhotoSession, SaysWhyThereIsNone) {
  const Model model = small_model();
  SessionOptions options;
  options.backend = "abacus";
  try {
    const PhotoSession session(model, options, 10);
    FAIL() << "an abacus computes";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace resnet
