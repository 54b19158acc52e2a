// Photos as the input of a network, for checking preprocessing against the reference's input.bin.
#pragma once

#include <filesystem>
#include <vector>

#include <resnet/preprocess.hpp>

namespace resnet::verify {

// The photos through our decoder (EXIF orientation ignored, as torchvision does) and the model's
// preprocessing, one after the other. Throws what load_image throws.
std::vector<float> prepare_photos(const std::vector<std::filesystem::path>& photos,
                                  const Preprocess& preprocess);

}  // namespace resnet::verify
