#include "output/thumbnail.hpp"

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>
#include <memory>
#include <optional>

#include <jpeglib.h>

#include <resnet/error.hpp>
#include <resnet/preprocess.hpp>

namespace resnet {
namespace {

// Averages blocks of `factor` x `factor` pixels: brings a large photo near its thumbnail's size at the cost
// of reading it once.
Image shrink(const Image& image, int factor) {
  Image out;
  out.width = image.width / factor;
  out.height = image.height / factor;
  out.rgb.resize(static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height) * 3);
  const auto area = static_cast<unsigned>(factor * factor);
  std::vector<unsigned> sums(static_cast<std::size_t>(out.width) * 3);
  std::uint8_t* to = out.rgb.data();
  for (int y = 0; y < out.height; ++y) {
    std::fill(sums.begin(), sums.end(), 0U);
    for (int row = 0; row < factor; ++row) {
      const std::uint8_t* from = image.row(y * factor + row);
      for (std::size_t x = 0; x < sums.size(); x += 3) {
        for (int i = 0; i < factor; ++i, from += 3) {
          sums[x] += from[0];
          sums[x + 1] += from[1];
          sums[x + 2] += from[2];
        }
      }
    }
    for (const unsigned sum : sums) *to++ = static_cast<std::uint8_t>((sum + area / 2) / area);
  }
  return out;
}

struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
};

[[noreturn]] void on_error(j_common_ptr info) {
  std::longjmp(reinterpret_cast<ErrorManager*>(info->err)->jump, 1);
}

void on_message(j_common_ptr) {}

struct Encoded {
  unsigned char* data = nullptr;
  unsigned long size = 0;
  ~Encoded() { std::free(data); }
};

// No object with a destructor lives in here: a longjmp would pass it over.
bool encode(const Image& image, int quality, Encoded& out) {
  jpeg_compress_struct info;
  ErrorManager errors;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = on_error;
  errors.base.output_message = on_message;
  if (setjmp(errors.jump) != 0) {
    jpeg_destroy_compress(&info);
    return false;
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &out.data, &out.size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  info.optimize_coding = TRUE;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(image.row(static_cast<int>(info.next_scanline)));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return true;
}

int scaled(int side, int longest, int limit) {
  return std::max(1, static_cast<int>((std::int64_t{side} * limit + longest / 2) / longest));
}

}  // namespace

std::string make_thumbnail(const Image& image, int longest, int quality) {
  if (image.width < 1 || image.height < 1 || longest < 1) {
    throw Error(ErrorCode::invalid_argument, "a thumbnail needs a picture of at least one pixel");
  }
  const int side = std::max(image.width, image.height);
  std::optional<Image> small;
  const Image* source = &image;
  if (side > longest) {
    const Size size{scaled(image.height, side, longest), scaled(image.width, side, longest)};
    // Blocks are kept at most half a final pixel wide, so that the filter after them still decides the look.
    const int factor = std::min(side / (2 * longest), std::min(image.width, image.height));
    if (factor > 1) source = &small.emplace(shrink(image, factor));
    Preprocess resize;
    resize.resize_mode = ResizeMode::exact;
    resize.resize = size;
    resize.center_crop.reset();
    small = resize_and_crop(*source, resize);
    source = &*small;
  }
  Encoded out;
  if (!encode(*source, quality, out))
    throw Error(ErrorCode::out_of_memory, "a thumbnail cannot be compressed");
  return {reinterpret_cast<const char*>(out.data), out.size};
}

}  // namespace resnet
