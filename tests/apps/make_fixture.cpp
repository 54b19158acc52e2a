// make_fixture DIR: what the tests of the program and of the C interface work on, made from seeds.
//
//   tiny.safetensors   ResNet-18 with random weights, 10 classes named "kind 0" …, softmax, input 32 x 32 (so
//   that
//                      even the reference backend takes milliseconds)
//   tags.safetensors   the same with a sigmoid head, thresholds 0.25
//   picture.png        61 x 47 pixels of coloured noise
//   picture.rgb        its pixels, 3 bytes each
#include "core/atomic_file.hpp"

#include <cstdio>
#include <filesystem>
#include <random>
#include <vector>

#include <png.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace {

constexpr int kWidth = 61;
constexpr int kHeight = 47;
constexpr int kClasses = 10;

void write_models(const std::filesystem::path& folder) {
  resnet::Model model = resnet::make_random_model(18, kClasses, 7);
  model.preprocess.resize = {36, 36};
  model.preprocess.center_crop = resnet::Size{32, 32};
  model.labels.clear();
  for (int i = 0; i < kClasses; ++i) model.labels.push_back("kind " + std::to_string(i));
  resnet::save_model(model, folder / "tiny.safetensors", resnet::ModelFormat::safetensors);
  model.head = {.kind = resnet::HeadKind::sigmoid, .thresholds = std::vector<float>(kClasses, 0.25F)};
  resnet::save_model(model, folder / "tags.safetensors", resnet::ModelFormat::safetensors);
}

void write_picture(const std::filesystem::path& folder) {
  std::mt19937 generator(3);
  std::vector<std::uint8_t> pixels(std::size_t{3} * kWidth * kHeight);
  for (auto& value : pixels) value = static_cast<std::uint8_t>(generator());

  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = kWidth;
  png.height = kHeight;
  png.format = PNG_FORMAT_RGB;
  const std::string name = folder / "picture.png";
  if (png_image_write_to_file(&png, name.c_str(), 0, pixels.data(), 0, nullptr) == 0) {
    throw resnet::Error(resnet::ErrorCode::io, name + ": " + png.message);
  }
  resnet::write_file_atomically(folder / "picture.rgb",
                                {reinterpret_cast<const char*>(pixels.data()), pixels.size()});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_fixture DIR\n");
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    write_models(folder);
    write_picture(folder);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_fixture: %s\n", error.what());
    return 1;
  }
  return 0;
}
