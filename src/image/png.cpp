// PNG through libpng, every colour type and depth, turned to RGB by Pillow's rules:
// grey of 1, 2, 4 bits is stretched to 8; alpha and transparent colours are dropped, not blended; of
// 16-bit colour the high byte counts; 16-bit grey is clipped to 255 (Pillow holds it as an integer
// picture, and its conversion to RGB clips), so that most such pictures come out nearly white.
//
// libpng reports errors by a callback that must not return; it jumps (longjmp) back into guarded();
// nothing with a destructor lives in the functions it jumps over.
#include "image/decoders.hpp"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <png.h>

namespace resnet::image {
namespace {

// Chunks that change no pixel here, by name and terminator: not parsing them leaves less to go wrong.
constexpr png_byte kIgnoredChunks[] =
    "cHRM\0gAMA\0iCCP\0sRGB\0sBIT\0hIST\0sPLT\0tEXt\0zTXt\0iTXt\0eXIf\0pHYs\0oFFs\0pCAL\0sCAL\0tIME";

class PngDecoder {
 public:
  explicit PngDecoder(const DecodeRequest& request) : request_(request), left_(request.bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      request.fail(ErrorCode::out_of_memory, "no memory to read a PNG");
    }
    png_set_read_fn(png_, this, on_read);
  }
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  ImageWindow run() {
    guarded(read_header);
    request_.check_size(width_, height_);
    guarded(set_output);
    Image image = make_image(request_, static_cast<int>(width_), static_cast<int>(height_));
    image_ = &image;
    allocate_rows();
    guarded(read_pixels);
    return whole(std::move(image));
  }

 private:
  // Runs a step that libpng may jump out of. The step must own nothing.
  void guarded(void (*step)(PngDecoder&)) {
    if (setjmp(jump_) != 0) request_.fail(code_, message_);
    step(*this);
  }

  static void on_error(png_structp png, png_const_charp message) {
    auto* d = static_cast<PngDecoder*>(png_get_error_ptr(png));
    if (d->code_ != ErrorCode::truncated)
      std::snprintf(d->message_, sizeof d->message_, "damaged PNG: %s", message);
    std::longjmp(d->jump_, 1);
  }
  static void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

  static void on_read(png_structp png, png_bytep to, std::size_t count) {
    auto* d = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (count > d->left_.size()) {
      d->code_ = ErrorCode::truncated;
      std::snprintf(d->message_, sizeof d->message_, "the file is truncated");
      png_error(png, "truncated");
    }
    std::memcpy(to, d->left_.data(), count);
    d->left_ = d->left_.subspan(count);
  }

  static void read_header(PngDecoder& d) {
    // The size is judged by check_size alone.
    png_set_user_limits(d.png_, 0x7fff'ffff, 0x7fff'ffff);
    png_set_keep_unknown_chunks(d.png_, PNG_HANDLE_CHUNK_NEVER, kIgnoredChunks, sizeof kIgnoredChunks / 5);
    png_read_info(d.png_, d.info_);
    int interlace = 0;
    png_get_IHDR(d.png_, d.info_, &d.width_, &d.height_, &d.depth_, &d.color_, &interlace, nullptr, nullptr);
    d.interlaced_ = interlace != PNG_INTERLACE_NONE;
  }

  static void set_output(PngDecoder& d) {
    if (d.depth_ < 8) png_set_packing(d.png_);  // a byte a pixel, values as they are
    if (d.depth_ == 16 && d.color_ != PNG_COLOR_TYPE_GRAY) png_set_strip_16(d.png_);
    d.passes_ = png_set_interlace_handling(d.png_);
    png_read_update_info(d.png_, d.info_);
    d.row_bytes_ = png_get_rowbytes(d.png_, d.info_);
  }

  void allocate_rows() {
    // An interlaced picture is filled in seven passes over all rows, any other row by row.
    try {
      rows_.resize(row_bytes_ * (interlaced_ ? height_ : 1));
    } catch (const std::bad_alloc&) {
      request_.fail(ErrorCode::out_of_memory, fmt::format("no memory for {} x {} pixels", width_, height_));
    }
    // A palette may be shorter than the indices go; Pillow leaves a grey ramp behind it.
    for (std::size_t i = 0; i < 256; ++i) palette_[i].fill(static_cast<std::uint8_t>(i));
    png_colorp colors = nullptr;
    int count = 0;
    if (png_get_PLTE(png_, info_, &colors, &count) == 0) return;
    for (int i = 0; i < std::min(count, 256); ++i) {
      palette_[static_cast<std::size_t>(i)] = {colors[i].red, colors[i].green, colors[i].blue};
    }
  }

  static void read_pixels(PngDecoder& d) {
    const std::size_t step = d.interlaced_ ? d.row_bytes_ : 0;
    for (int pass = 0; pass + 1 < d.passes_; ++pass) {
      for (std::size_t y = 0; y < d.height_; ++y) png_read_row(d.png_, d.rows_.data() + y * step, nullptr);
    }
    const std::size_t out_step = static_cast<std::size_t>(d.width_) * 3;
    for (std::size_t y = 0; y < d.height_; ++y) {
      std::uint8_t* row = d.rows_.data() + y * step;
      png_read_row(d.png_, row, nullptr);
      d.to_rgb(row, d.image_->rgb.data() + y * out_step);
    }
  }

  void to_rgb(const std::uint8_t* in, std::uint8_t* out) const {
    switch (color_) {
      case PNG_COLOR_TYPE_GRAY:
        if (depth_ == 16)
          return each(in, out, 2, [](const std::uint8_t* p, std::uint8_t* rgb) {
            std::memset(rgb, p[0] != 0 ? 255 : p[1], 3);
          });
        {
          const int scale = depth_ == 1 ? 255 : depth_ == 2 ? 85 : depth_ == 4 ? 17 : 1;
          return each(in, out, 1, [scale](const std::uint8_t* p, std::uint8_t* rgb) {
            std::memset(rgb, p[0] * scale, 3);
          });
        }
      case PNG_COLOR_TYPE_GRAY_ALPHA:
        return each(in, out, 2, [](const std::uint8_t* p, std::uint8_t* rgb) { std::memset(rgb, p[0], 3); });
      case PNG_COLOR_TYPE_PALETTE:
        return each(in, out, 1, [this](const std::uint8_t* p, std::uint8_t* rgb) {
          std::memcpy(rgb, palette_[p[0]].data(), 3);
        });
      case PNG_COLOR_TYPE_RGB:
        std::memcpy(out, in, static_cast<std::size_t>(width_) * 3);
        return;
      default:
        return each(in, out, 4, [](const std::uint8_t* p, std::uint8_t* rgb) { std::memcpy(rgb, p, 3); });
    }
  }

  template <typename Convert>
  void each(const std::uint8_t* in, std::uint8_t* out, std::size_t step, Convert convert) const {
    for (std::size_t x = 0; x < width_; ++x, in += step, out += 3) convert(in, out);
  }

  const DecodeRequest& request_;
  Bytes left_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_;
  ErrorCode code_ = ErrorCode::bad_format;
  char message_[200] = {};
  png_uint_32 width_ = 0, height_ = 0;
  int depth_ = 0, color_ = 0, passes_ = 1;
  bool interlaced_ = false;
  std::size_t row_bytes_ = 0;
  std::vector<std::uint8_t> rows_;
  std::array<std::array<std::uint8_t, 3>, 256> palette_{};
  Image* image_ = nullptr;
};

}  // namespace

ImageWindow decode_png(const DecodeRequest& request) {
  return PngDecoder(request).run();
}

}  // namespace resnet::image
