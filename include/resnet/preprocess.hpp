// Pixels → tensor, bit-equal to Pillow + torchvision: Resize (antialiased, Pillow's 8-bit fixed-point
// two-pass resampling), CenterCrop, ToTensor, Normalize. What is done is a property of the model.
#pragma once

#include <array>
#include <optional>

#include <resnet/image.hpp>

namespace resnet {

enum class ResizeMode {
  short_side,  // the shorter side becomes `resize.height`, the other keeps the aspect (torchvision's int rule)
  exact,       // height and width as given
};
enum class Interpolation { bilinear, bicubic };

struct Size {
  int height = 0;
  int width = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

struct Preprocess {
  ResizeMode resize_mode = ResizeMode::short_side;
  Size resize{256, 256};                       // short_side uses height only
  std::optional<Size> center_crop = Size{224, 224};  // none: the resized picture as it is
  Interpolation interpolation = Interpolation::bilinear;
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};
  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

// Size of the tensor for a picture of the given size. It is independent of the picture unless
// resize_mode is short_side and there is no crop.
Size preprocessed_size(const Preprocess& preprocess, Size picture);

// Resize + crop only: the 8-bit pixels that ToTensor would see.
Image resize_and_crop(const Image& image, const Preprocess& preprocess);

// The whole chain. Writes 3 x H x W floats (planar CHW, R G B) to `chw`, H x W = preprocessed_size().
void preprocess_image(const Image& image, const Preprocess& preprocess, float* chw);

}  // namespace resnet
