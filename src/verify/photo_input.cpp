#include "verify/photo_input.hpp"

#include <cstddef>

#include <resnet/image.hpp>

namespace resnet::verify {

std::vector<float> prepare_photos(const std::vector<std::filesystem::path>& photos,
                                  const Preprocess& preprocess) {
  std::vector<float> batch;
  for (const std::filesystem::path& path : photos) {
    const Image image = load_image(path);
    const Size size = preprocessed_size(preprocess, {image.height, image.width});
    const std::size_t start = batch.size();
    batch.resize(start + 3 * static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width));
    preprocess_image(image, preprocess, batch.data() + start);
  }
  return batch;
}

}  // namespace resnet::verify
