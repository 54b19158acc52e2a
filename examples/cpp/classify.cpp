// classify MODEL PHOTO: prints the five best labels, with the C++ library.
//
// In a project of your own: find_package(resnet) and link resnet::session and resnet::image.
#include <cstdio>
#include <exception>
#include <vector>

#include <resnet/image.hpp>
#include <resnet/model.hpp>
#include <resnet/predictions.hpp>
#include <resnet/preprocess.hpp>
#include <resnet/session.hpp>

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: classify MODEL PHOTO\n");
    return 2;
  }

  // A model holds weights, labels and how pictures are to be prepared; a session is ready to compute with it.
  const resnet::Model model = resnet::load_model(resnet::find_model(argv[1]));
  const resnet::Session session(model);

  // Bytes to pixels to the network's input.
  const resnet::Image image = resnet::load_image(argv[2]);
  const resnet::Size size = resnet::preprocessed_size(model.preprocess, {image.height, image.width});
  const resnet::Shape shape{1, 3, size.height, size.width};
  std::vector<float> input(static_cast<std::size_t>(shape.numel()));
  resnet::preprocess_image(image, model.preprocess, input.data());

  // Logits, probabilities, the best five.
  std::vector<float> logits(model.labels.size());
  session.run(input, shape, logits);
  const std::vector<float> scores = resnet::probabilities(model.head, logits);
  for (const resnet::Prediction& best : resnet::top_k(scores, 5)) {
    std::printf("%6.2f %%  %s\n", 100.0 * static_cast<double>(best.score),
                model.labels[static_cast<std::size_t>(best.index)].c_str());
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "classify: %s\n", error.what());
  return 1;
}
