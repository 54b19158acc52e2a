// JPEG through libjpeg-turbo with the settings Pillow uses (accurate integer IDCT, smooth chroma
// upsampling), so that the pixels are the same bits.
//
// libjpeg reports errors by a callback that must not return. It jumps (longjmp) back into guarded();
// nothing with a destructor lives in the functions it jumps over.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include <fmt/format.h>

// jpeglib.h needs FILE and size_t declared before it.
#include "image/decoders.hpp"

#include <jerror.h>
#include <jpeglib.h>

namespace resnet::image {
namespace {

// Progressive files come in a few scans (libjpeg's script has 10). A small file can hold thousands,
// each a pass over all pixels.
constexpr int kMaxScans = 200;

struct ErrorState {
  jpeg_error_mgr manager;  // first, so that a pointer to it is a pointer to this
  std::jmp_buf jump;
  ErrorCode code;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void give_up(j_common_ptr cinfo, ErrorCode code, const char* message) {
  auto* state = reinterpret_cast<ErrorState*>(cinfo->err);
  state->code = code;
  if (message != nullptr) {
    std::snprintf(state->message, sizeof state->message, "%s", message);
  } else {
    cinfo->err->format_message(cinfo, state->message);
  }
  std::longjmp(state->jump, 1);
}

void on_error(j_common_ptr cinfo) {
  const bool memory =
      cinfo->err->msg_code == JERR_OUT_OF_MEMORY || cinfo->err->msg_code == JERR_NO_BACKING_STORE;
  const bool other_kind = cinfo->err->msg_code == JERR_BAD_PRECISION ||
                          cinfo->err->msg_code == JERR_SOF_UNSUPPORTED ||
                          cinfo->err->msg_code == JERR_ARITH_NOTIMPL;
  give_up(cinfo,
          memory       ? ErrorCode::out_of_memory
          : other_kind ? ErrorCode::unsupported
                       : ErrorCode::bad_format,
          nullptr);
}

// Warnings are of damaged data that libjpeg decodes as well as it can; Pillow ignores them as well.
void on_message(j_common_ptr /*cinfo*/, int /*level*/) {}
void on_output(j_common_ptr /*cinfo*/) {}

void on_progress(j_common_ptr cinfo) {
  if (reinterpret_cast<j_decompress_ptr>(cinfo)->input_scan_number > kMaxScans) {
    give_up(cinfo, ErrorCode::bad_format, "more progressive scans than any picture needs");
  }
}

// The whole file is in memory, so a request for more bytes means that it is cut off.
boolean on_end_of_data(j_decompress_ptr cinfo) {
  give_up(reinterpret_cast<j_common_ptr>(cinfo), ErrorCode::truncated, "the file is truncated");
}
void on_skip(j_decompress_ptr cinfo, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > cinfo->src->bytes_in_buffer) on_end_of_data(cinfo);
  cinfo->src->next_input_byte += count;
  cinfo->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}
void on_source(j_decompress_ptr /*cinfo*/) {}

class JpegDecoder {
 public:
  explicit JpegDecoder(const DecodeRequest& request) : request_(request) {
    cinfo_.err = jpeg_std_error(&error_.manager);
    error_.manager.error_exit = on_error;
    error_.manager.emit_message = on_message;
    error_.manager.output_message = on_output;
    guarded([](JpegDecoder& d) {
      jpeg_create_decompress(&d.cinfo_);
      d.created_ = true;
    });
    source_.next_input_byte = as_u8(request.bytes);
    source_.bytes_in_buffer = request.bytes.size();
    source_.init_source = on_source;
    source_.fill_input_buffer = on_end_of_data;
    source_.skip_input_data = on_skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = on_source;
    cinfo_.src = &source_;
    progress_.progress_monitor = on_progress;
    cinfo_.progress = &progress_;
  }
  ~JpegDecoder() {
    if (created_) jpeg_destroy_decompress(&cinfo_);
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  ImageWindow run() {
    guarded([](JpegDecoder& d) { jpeg_read_header(&d.cinfo_, TRUE); });
    request_.check_size(cinfo_.image_width, cinfo_.image_height);
    check_plausible();
    set_output();
    const Size full{static_cast<int>(cinfo_.image_height), static_cast<int>(cinfo_.image_width)};
    const Region want = request_.wanted ? request_.wanted(full) : Region{0, 0, full.width, full.height};

    guarded([](JpegDecoder& d) { jpeg_start_decompress(&d.cinfo_); });
    choose_window(want, full);
    if (left_ > 0 || width_ < cinfo_.output_width) {
      guarded([](JpegDecoder& d) { jpeg_crop_scanline(&d.cinfo_, &d.left_, &d.width_); });
    }
    image_ = make_image(request_, static_cast<int>(width_), static_cast<int>(bottom_ - top_));
    if (cinfo_.out_color_space == JCS_CMYK) cmyk_row_.resize(static_cast<std::size_t>(width_) * 4);
    guarded(read_rows);
    if (bottom_ < cinfo_.output_height && !ends_properly()) {
      // The rows not asked for may be missing. Reading them gives the verdict of a full decode.
      std::vector<std::uint8_t> row(static_cast<std::size_t>(width_) * 4);
      spare_row_ = row.data();
      guarded(read_rest);
    }
    return {.full = full,
            .left = static_cast<int>(left_),
            .top = static_cast<int>(top_),
            .pixels = std::move(image_)};
  }

 private:
  // Runs a step that libjpeg may jump out of. The step must own nothing.
  void guarded(void (*step)(JpegDecoder&)) {
    if (setjmp(error_.jump) != 0) request_.fail(error_.code, error_.message);
    step(*this);
  }

  // A block of 64 coefficients takes at least two Huffman codes, in a progressive file at least one, and
  // a code takes at least a bit. A file of fewer bytes than that lies about its size; libjpeg (and Pillow)
  // would fill the rest with grey.
  void check_plausible() const {
    if (cinfo_.arith_code) return;  // may take less than a bit
    std::uint64_t blocks = 0;
    for (int i = 0; i < cinfo_.num_components; ++i) {
      blocks += std::uint64_t{cinfo_.comp_info[i].width_in_blocks} * cinfo_.comp_info[i].height_in_blocks;
    }
    const std::uint64_t bits = blocks * (cinfo_.progressive_mode ? 1 : 2);
    if (bits / 8 > request_.bytes.size()) {
      request_.fail(ErrorCode::truncated,
                    fmt::format("declares {} x {} pixels, more than its {} bytes can hold",
                                cinfo_.image_width, cinfo_.image_height, request_.bytes.size()));
    }
  }

  void set_output() {
    switch (cinfo_.num_components) {
      case 1:
      case 3:
        cinfo_.out_color_space = JCS_RGB;
        break;
      case 4:
        cinfo_.out_color_space = JCS_CMYK;
        break;
      default:
        request_.fail(ErrorCode::unsupported, fmt::format("a JPEG of {} components", cinfo_.num_components));
    }
    cinfo_.dct_method = JDCT_ISLOW;
    cinfo_.do_fancy_upsampling = TRUE;
    // A progressive picture keeps all its coefficients, 2 bytes each, up to 4 components; subsampled
    // ones may be padded. This only stops a header that asks for far more than its size explains.
    const std::int64_t pixels = static_cast<std::int64_t>(cinfo_.image_width) * cinfo_.image_height;
    cinfo_.mem->max_memory_to_use = static_cast<long>(pixels * 16 + (std::int64_t{64} << 20));
  }

  void choose_window(Region want, Size full) {
    left_ = 0;
    top_ = 0;
    width_ = static_cast<JDIMENSION>(full.width);
    bottom_ = static_cast<JDIMENSION>(std::min(want.top + want.height, full.height));
    if (cinfo_.progressive_mode || jpeg_has_multiple_scans(&cinfo_))
      return;  // its scans have all been read by now
    top_ = static_cast<JDIMENSION>(std::max(want.top, 0));
    // libjpeg treats the sides of what it decodes as sides of the picture when it smooths chroma, so
    // that the outermost columns would differ. One block more on either side keeps those out of what is used.
    const int block = cinfo_.max_h_samp_factor * DCTSIZE;
    const int left = std::max(want.left - block, 0) / block * block;
    const int right = std::min(want.left + want.width + block, full.width);
    if (right - left >= full.width - block) return;  // nothing to gain
    left_ = static_cast<JDIMENSION>(left);
    width_ = static_cast<JDIMENSION>(right - left);
  }

  static void read_rows(JpegDecoder& d) {
    if (d.top_ > 0) jpeg_skip_scanlines(&d.cinfo_, d.top_);
    const std::size_t stride = static_cast<std::size_t>(d.width_) * 3;
    const bool cmyk = d.cinfo_.out_color_space == JCS_CMYK;
    std::uint8_t* to = d.image_.rgb.data();
    while (d.cinfo_.output_scanline < d.bottom_) {
      JSAMPROW row = cmyk ? d.cmyk_row_.data() : to;
      if (jpeg_read_scanlines(&d.cinfo_, &row, 1) != 1) on_end_of_data(&d.cinfo_);
      if (cmyk) {
        // Files hold ink inverted, as Adobe writes it; Pillow takes all of them to.
        for (JDIMENSION x = 0; x < d.width_; ++x) {
          std::uint8_t ink[4];
          for (int i = 0; i < 4; ++i)
            ink[i] = static_cast<std::uint8_t>(255 - row[4 * x + static_cast<JDIMENSION>(i)]);
          cmyk_to_rgb(ink, to + 3 * x);
        }
      }
      to += stride;
    }
  }

  static void read_rest(JpegDecoder& d) {
    while (d.cinfo_.output_scanline < d.cinfo_.output_height) {
      JSAMPROW row = d.spare_row_;
      if (jpeg_read_scanlines(&d.cinfo_, &row, 1) != 1) on_end_of_data(&d.cinfo_);
    }
  }

  // Whether the rest of the entropy-coded data runs up to an end-of-image marker.
  bool ends_properly() const {
    const std::uint8_t* at = source_.next_input_byte;
    std::size_t left = source_.bytes_in_buffer;
    if (cinfo_.unread_marker != 0) return cinfo_.unread_marker == 0xd9;
    while (left >= 2) {
      const auto* ff = static_cast<const std::uint8_t*>(std::memchr(at, 0xff, left - 1));
      if (ff == nullptr) return false;
      const std::uint8_t marker = ff[1];
      if (marker == 0xd9) return true;
      const bool in_scan = marker == 0x00 || marker == 0xff || (marker >= 0xd0 && marker <= 0xd7);
      if (!in_scan) return false;
      const std::size_t step = marker == 0xff ? 1 : 2;
      left -= static_cast<std::size_t>(ff - at) + step;
      at = ff + step;
    }
    return false;
  }

  const DecodeRequest& request_;
  jpeg_decompress_struct cinfo_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
  ErrorState error_{};
  bool created_ = false;
  JDIMENSION left_ = 0, width_ = 0, top_ = 0, bottom_ = 0;
  Image image_;
  std::vector<std::uint8_t> cmyk_row_;
  std::uint8_t* spare_row_ = nullptr;
};

}  // namespace

ImageWindow decode_jpeg(const DecodeRequest& request) {
  return JpegDecoder(request).run();
}

}  // namespace resnet::image
