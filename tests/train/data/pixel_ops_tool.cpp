// The operations of augmentation behind a pipe, for the oracle beside this file. A request is a line on
// stdin,
//     OPERATION WIDTH HEIGHT ARGUMENT…
// followed by WIDTH * HEIGHT RGB pixels; the answer is a line "BYTES" and the bytes of the changed picture.
#include "train/data/augment.hpp"
#include "train/data/pixel_ops.hpp"
#include "train/data/rand_augment.hpp"

#include <algorithm>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace resnet;
using namespace resnet::train;

void change(const std::string& operation, const std::vector<double>& arguments, Pixels pixels) {
  const auto number = [&](std::size_t i) { return arguments.at(i); };
  const auto factor = [&] { return static_cast<float>(number(0)); };
  const Colour fill{1, 2, 3};
  if (operation == "flip") return flip(pixels);
  if (operation == "brightness") return adjust_brightness(pixels, factor());
  if (operation == "contrast") return adjust_contrast(pixels, factor());
  if (operation == "saturation") return adjust_saturation(pixels, factor());
  if (operation == "sharpness") return adjust_sharpness(pixels, factor());
  if (operation == "posterize") return posterize(pixels, static_cast<int>(number(0)));
  if (operation == "solarize") return solarize(pixels, static_cast<int>(number(0)));
  if (operation == "auto_contrast") return auto_contrast(pixels);
  if (operation == "equalize") return equalize(pixels);
  if (operation == "transform") {
    AffineMap map;
    for (std::size_t i = 0; i < map.size(); ++i) map[i] = number(i);
    return transform(pixels, map, fill);
  }
  for (const RandAugmentOp& op : rand_augment_ops()) {
    if (operation == "rand_augment." + std::string(op.name)) return op.apply(pixels, number(0), fill);
  }
  throw std::runtime_error("no such operation: " + operation);
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string operation;
    Image image;
    words >> operation >> image.width >> image.height;
    std::vector<double> arguments;
    for (double argument; words >> argument;) arguments.push_back(argument);
    image.rgb.resize(static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3);
    std::cin.read(reinterpret_cast<char*>(image.rgb.data()), static_cast<std::streamsize>(image.rgb.size()));
    std::vector<std::uint8_t> result = image.rgb;
    if (operation == "crop") {  // left top width height size bicubic
      const auto whole = [&](std::size_t i) { return static_cast<int>(arguments.at(i)); };
      AugmentOptions options;
      options.size = whole(4);
      options.interpolation = whole(5) != 0 ? Interpolation::bicubic : Interpolation::bilinear;
      const image::Region crop{whole(0), whole(1), whole(2), whole(3)};
      const Size full{image.height, image.width};
      result.resize(static_cast<std::size_t>(options.size) * static_cast<std::size_t>(options.size) * 3);
      // From no more of the picture than is said to be read.
      const image::Region read = region_of_crop(crop, full, options);
      Image part{.width = read.width, .height = read.height, .rgb = {}};
      for (int y = read.top; y < read.top + read.height; ++y) {
        const std::uint8_t* row = image.row(y) + read.left * 3;
        part.rgb.insert(part.rgb.end(), row, row + read.width * 3);
      }
      resize_crop({.pixels = part, .full = full, .left = read.left, .top = read.top}, crop, options,
                  result.data());
    } else {
      change(operation, arguments, {result.data(), image.width});
    }
    std::cout << result.size() << '\n';
    std::cout.write(reinterpret_cast<const char*>(result.data()),
                    static_cast<std::streamsize>(result.size()));
    std::cout.flush();
  }
}
