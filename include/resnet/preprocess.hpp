// Pixels → tensor, bit-equal to Pillow + torchvision: Resize (antialiased, Pillow's 8-bit fixed-point
// two-pass resampling), CenterCrop, ToTensor, Normalize. What is done is a property of the model.
#pragma once

#include <array>
#include <optional>

#include <resnet/image.hpp>

namespace resnet {

enum class ResizeMode {
  short_side,  // the shorter side becomes `resize.height`, the other keeps the aspect (torchvision's int
               // rule)
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
  Size resize{256, 256};                             // short_side uses height only
  std::optional<Size> center_crop = Size{224, 224};  // none: the resized picture as it is
  Interpolation interpolation = Interpolation::bilinear;
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};
  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

// Size of the tensor for a picture of the given size. It is independent of the picture unless
// resize_mode is short_side and there is no crop. All functions here throw Error: invalid_argument
// (a size below 1, a standard deviation that is not positive), too_large (a resized picture that
// nobody can mean, such as one of 1 x 100,000 pixels scaled up to a short side of 256 without a crop).
Size preprocessed_size(const Preprocess& preprocess, Size picture);

// Resize + crop only: the 8-bit pixels that ToTensor would see.
Image resize_and_crop(const Image& image, const Preprocess& preprocess);

// The whole chain. Writes 3 x H x W floats (planar CHW, R G B) to `chw`, H x W = preprocessed_size().
void preprocess_image(const Image& image, const Preprocess& preprocess, float* chw);

// A rectangle of a picture that holds at least all that one Preprocess reads of it. A centre crop
// needs neither the margins of the picture nor, from a baseline JPEG, their decoding: this is the
// fast way from a file to a tensor, and it gives the same bits as the long one.
struct ImageWindow {
  Size full;     // of the whole picture
  int left = 0;  // where `pixels` lies in it
  int top = 0;
  Image pixels;
};

// As decode_image and load_image (the same errors), but only what `preprocess` needs is sure to be there.
ImageWindow decode_window(std::span<const std::byte> bytes, const std::string& name,
                          const Preprocess& preprocess, const DecodeOptions& options = {});
ImageWindow load_window(const std::filesystem::path& path, const Preprocess& preprocess,
                        const DecodeOptions& options = {});

// `window` must have been made for this `preprocess` (or hold the whole picture); Error
// {invalid_argument} where it holds too little.
Image resize_and_crop(const ImageWindow& window, const Preprocess& preprocess);
void preprocess_image(const ImageWindow& window, const Preprocess& preprocess, float* chw);

}  // namespace resnet
