// Classifies one made-up picture with a seeded network: every library of the package takes part.
#include <cstdio>
#include <vector>

#include <resnet/image.hpp>
#include <resnet/model.hpp>
#include <resnet/predictions.hpp>
#include <resnet/preprocess.hpp>
#include <resnet/session.hpp>

int main() {
  const resnet::Model model = resnet::make_random_model(18, 10, 1);
  const resnet::Session session(model);

  resnet::Image picture{.width = 320, .height = 240, .rgb = std::vector<std::uint8_t>(320 * 240 * 3, 128)};
  const resnet::Size size = resnet::preprocessed_size(model.preprocess, {picture.height, picture.width});
  const resnet::Shape shape{1, 3, size.height, size.width};
  std::vector<float> input(static_cast<std::size_t>(3) * size.height * size.width);
  resnet::preprocess_image(picture, model.preprocess, input.data());

  std::vector<float> logits(10);
  session.run(input, shape, logits);
  const std::vector<float> scores = resnet::probabilities(model.head, logits);
  for (const resnet::Prediction& prediction : resnet::top_k(scores, 3)) {
    std::printf("%.4f  %s\n", static_cast<double>(prediction.score), model.labels[prediction.index].c_str());
  }
  for (std::string_view format : resnet::image_formats())
    std::printf("%.*s ", static_cast<int>(format.size()), format.data());
  std::printf("\n");
  return 0;
}
