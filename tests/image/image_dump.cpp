// The library behind a pipe, for the Python oracles beside this file: one request a line on stdin, one
// answer each on stdout.
//
//   PATH \t WHAT \t EXIF \t MAX_PIXELS \t MODE \t RH \t RW \t CH \t CW \t INTERPOLATION
//   WHAT: pixels | resized | tensor | window_tensor     EXIF: ignore | apply
//   MODE: short_side | exact   INTERPOLATION: bilinear | bicubic   CH = 0: no crop
//
// Answer: "ok HEIGHT WIDTH BYTES\n" and the bytes (RGB rows, or planar fp32), or "error CODE MESSAGE\n".
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/image.hpp>
#include <resnet/preprocess.hpp>

namespace {

struct Request {
  std::string path;
  std::string what;
  resnet::DecodeOptions decode;
  resnet::Preprocess preprocess;
};

Request parse(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  if (fields.size() != 10) throw std::runtime_error("a request has 10 fields");
  Request r;
  r.path = fields[0];
  r.what = fields[1];
  r.decode.exif = fields[2] == "apply" ? resnet::ExifOrientation::apply : resnet::ExifOrientation::ignore;
  r.decode.max_pixels = std::stoll(fields[3]);
  r.preprocess.resize_mode =
      fields[4] == "exact" ? resnet::ResizeMode::exact : resnet::ResizeMode::short_side;
  r.preprocess.resize = {std::stoi(fields[5]), std::stoi(fields[6])};
  r.preprocess.center_crop = resnet::Size{std::stoi(fields[7]), std::stoi(fields[8])};
  if (r.preprocess.center_crop->height == 0) r.preprocess.center_crop.reset();
  r.preprocess.interpolation =
      fields[9] == "bicubic" ? resnet::Interpolation::bicubic : resnet::Interpolation::bilinear;
  return r;
}

void answer(resnet::Size size, const void* data, std::size_t bytes) {
  std::cout << fmt::format("ok {} {} {}\n", size.height, size.width, bytes);
  std::cout.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
}

void answer_tensor(resnet::Size size, const std::vector<float>& chw) {
  answer(size, chw.data(), chw.size() * 4);
}

std::vector<float> room_for(resnet::Size size) {
  return std::vector<float>(std::size_t{3} * static_cast<std::size_t>(size.height) *
                            static_cast<std::size_t>(size.width));
}

void serve(const Request& r) {
  if (r.what == "window_tensor") {
    const resnet::ImageWindow window = resnet::load_window(r.path, r.preprocess, r.decode);
    const resnet::Size size = resnet::preprocessed_size(r.preprocess, window.full);
    std::vector<float> chw = room_for(size);
    resnet::preprocess_image(window, r.preprocess, chw.data());
    return answer_tensor(size, chw);
  }
  const resnet::Image image = resnet::load_image(r.path, r.decode);
  if (r.what == "pixels") return answer({image.height, image.width}, image.rgb.data(), image.rgb.size());
  if (r.what == "resized") {
    const resnet::Image resized = resnet::resize_and_crop(image, r.preprocess);
    return answer({resized.height, resized.width}, resized.rgb.data(), resized.rgb.size());
  }
  const resnet::Size size = resnet::preprocessed_size(r.preprocess, {image.height, image.width});
  std::vector<float> chw = room_for(size);
  resnet::preprocess_image(image, r.preprocess, chw.data());
  answer_tensor(size, chw);
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    try {
      serve(parse(line));
    } catch (const resnet::Error& error) {
      std::cout << fmt::format("error {} {}\n", resnet::to_string(error.code()), error.what());
    }
    std::cout.flush();
  }
}
