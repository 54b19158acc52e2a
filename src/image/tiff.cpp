// TIFF through libtiff: strips and tiles, any compression libtiff knows, the first picture of the file.
// What the samples mean is in tiff_layout.hpp. Chroma-subsampled pictures go through libtiff's own
// conversion to RGB. Pillow turns a TIFF by its orientation tag while it loads it; so does this.
#include "image/decoders.hpp"
#include "image/exif.hpp"
#include "image/tiff_layout.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <tiffio.h>

// Handlers of one file came with libtiff 4.5; before, silence is for the whole process.
#define RESNET_TIFF_OPEN_OPTIONS (TIFFLIB_VERSION >= 20221213)

namespace resnet::image {
namespace {

constexpr int kMaxSamples = 6;  // of a pixel; Pillow's limit as well

// The file as libtiff's client sees it: read-only memory.
struct Memory {
  Bytes bytes;
  toff_t position = 0;
  char message[200] = {};  // the first error libtiff told
};

tmsize_t read_memory(thandle_t handle, void* to, tmsize_t count) {
  auto* memory = static_cast<Memory*>(handle);
  if (count <= 0 || memory->position >= memory->bytes.size()) return 0;
  const std::size_t left = memory->bytes.size() - static_cast<std::size_t>(memory->position);
  const std::size_t n = std::min(static_cast<std::size_t>(count), left);
  std::memcpy(to, memory->bytes.data() + memory->position, n);
  memory->position += n;
  return static_cast<tmsize_t>(n);
}
tmsize_t write_memory(thandle_t /*handle*/, void* /*from*/, tmsize_t /*count*/) {
  return -1;
}
toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto* memory = static_cast<Memory*>(handle);
  const toff_t base = whence == SEEK_CUR ? memory->position : whence == SEEK_END ? memory->bytes.size() : 0;
  memory->position = base + offset;
  return memory->position;
}
int close_memory(thandle_t /*handle*/) {
  return 0;
}
toff_t size_of_memory(thandle_t handle) {
  return static_cast<Memory*>(handle)->bytes.size();
}
int map_memory(thandle_t handle, void** base, toff_t* size) {
  auto* memory = static_cast<Memory*>(handle);
  *base = const_cast<std::byte*>(memory->bytes.data());  // opened read-only: libtiff does not write to it
  *size = memory->bytes.size();
  return 1;
}
void unmap_memory(thandle_t /*handle*/, void* /*base*/, toff_t /*size*/) {}

#if RESNET_TIFF_OPEN_OPTIONS
[[gnu::format(printf, 4, 0)]] int note_error(TIFF* /*tiff*/, void* user, const char* /*module*/,
                                             const char* format, va_list arguments) {
  auto* memory = static_cast<Memory*>(user);
  if (memory->message[0] == '\0') std::vsnprintf(memory->message, sizeof memory->message, format, arguments);
  return 1;  // handled
}
int drop_warning(TIFF* /*tiff*/, void* /*user*/, const char* /*module*/, const char* /*format*/,
                 va_list /*arguments*/) {
  return 1;
}
#endif

struct Close {
  void operator()(TIFF* tiff) const noexcept { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, Close>;

Tiff open(Memory& memory, const DecodeRequest& request) {
  // "m" off would have libtiff copy; "r" alone maps.
#if RESNET_TIFF_OPEN_OPTIONS
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  if (options == nullptr) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options, note_error, &memory);
  TIFFOpenOptionsSetWarningHandlerExtR(options, drop_warning, nullptr);
  const std::int64_t limit = std::max<std::int64_t>(
      8 * std::min<std::int64_t>(request.max_pixels, std::int64_t{1} << 40), std::int64_t{16} << 20);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, static_cast<tmsize_t>(limit));
  Tiff tiff(TIFFClientOpenExt("picture", "r", &memory, read_memory, write_memory, seek_memory, close_memory,
                              size_of_memory, map_memory, unmap_memory, options));
  TIFFOpenOptionsFree(options);
#else
  static_cast<void>(request);
  static std::once_flag silenced;
  std::call_once(silenced, [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
  });
  Tiff tiff(TIFFClientOpen("picture", "r", &memory, read_memory, write_memory, seek_memory, close_memory,
                           size_of_memory, map_memory, unmap_memory));
#endif
  return tiff;
}

class TiffDecoder {
 public:
  explicit TiffDecoder(const DecodeRequest& request)
      : request_(request), memory_{.bytes = request.bytes}, tiff_(open(memory_, request)) {
    if (!tiff_) damaged("no readable directory");
  }

  ImageWindow run() {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    TIFFGetField(tiff(), TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff(), TIFFTAG_IMAGELENGTH, &height);
    request_.check_size(width, height);
    width_ = width;
    height_ = height;
    refuse_raw();
    const bool own_conversion = read_layout();
    Image image;
    try {
      image = make_image(request_, static_cast<int>(width), static_cast<int>(height));
      if (!own_conversion) {
        read_converted(image);
      } else if (TIFFIsTiled(tiff()) != 0) {
        read_tiles(image);
      } else if (layout_.separate) {
        read_separate_strips(image);
      } else {
        read_rows(image);
      }
    } catch (const std::bad_alloc&) {
      request_.fail(ErrorCode::out_of_memory, fmt::format("no memory for {} x {} pixels", width, height));
    }
    return whole(turn_upright(std::move(image), tiff_orientation(request_.bytes)));
  }

 private:
  TIFF* tiff() const { return tiff_.get(); }

  std::uint16_t field(std::uint32_t tag, std::uint16_t otherwise) const {
    std::uint16_t value = 0;
    return TIFFGetFieldDefaulted(tiff(), tag, &value) == 1 ? value : otherwise;
  }

  [[noreturn]] void damaged(std::string_view what) const {
    // Writers put the directory or the pixels last, so that a cut-off file misses one of them.
    if (is_cut_off()) request_.fail(ErrorCode::truncated, "the file is truncated");
    request_.fail(ErrorCode::bad_format,
                  fmt::format("damaged TIFF: {}", memory_.message[0] != '\0' ? memory_.message : what));
  }

  bool is_cut_off() const {
    const std::size_t size = request_.bytes.size();
    if (size < 8) return true;
    if (!tiff_) {
      const bool big_endian = byte_at(request_.bytes, 0) == 'M';
      std::uint64_t directory = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        directory |= static_cast<std::uint64_t>(byte_at(request_.bytes, 4 + i))
                     << (8 * (big_endian ? 3 - i : i));
      }
      return byte_at(request_.bytes, big_endian ? 3 : 2) == 42 && directory + 2 > size;
    }
    const std::uint32_t count =
        TIFFIsTiled(tiff()) != 0 ? TIFFNumberOfTiles(tiff()) : TIFFNumberOfStrips(tiff());
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t offset = TIFFGetStrileOffset(tiff(), i);
      const std::uint64_t bytes = TIFFGetStrileByteCount(tiff(), i);
      if (offset > size || bytes > size - offset) return true;
    }
    return false;
  }

  // Camera RAW files are TIFF files whose first picture may be a preview.
  void refuse_raw() const {
    constexpr std::uint32_t kColorFilterArray = 32803;
    constexpr std::uint32_t kLinearRaw = 34892;
    const std::uint8_t* dng_version = nullptr;
    const std::uint16_t photometric = field(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    std::uint32_t subfile = 0;
    std::uint16_t previews = 0;
    void* offsets = nullptr;
    const char* make = nullptr;
    TIFFGetField(tiff(), TIFFTAG_SUBFILETYPE, &subfile);
    const bool preview_of_raw = (subfile & FILETYPE_REDUCEDIMAGE) != 0 &&
                                TIFFGetField(tiff(), TIFFTAG_MAKE, &make) == 1 &&
                                TIFFGetField(tiff(), TIFFTAG_SUBIFD, &previews, &offsets) == 1;
    if (photometric == kColorFilterArray || photometric == kLinearRaw || preview_of_raw ||
        TIFFGetField(tiff(), TIFFTAG_DNGVERSION, &dng_version) == 1) {
      request_.fail(
          ErrorCode::unsupported,
          "this is a camera RAW file, which is not read; develop it to JPEG or TIFF first, or take its "
          "embedded JPEG preview");
    }
  }

  [[noreturn]] void unsupported_layout() const {
    request_.fail(
        ErrorCode::unsupported,
        fmt::format("a TIFF of photometric interpretation {}, {} samples of {} bits: convert it to 8-bit RGB",
                    field(TIFFTAG_PHOTOMETRIC, 0), layout_.samples, layout_.bits));
  }

  // False where libtiff has to convert to RGB itself.
  bool read_layout() {
    layout_.bits = field(TIFFTAG_BITSPERSAMPLE, 1);
    layout_.samples = field(TIFFTAG_SAMPLESPERPIXEL, 1);
    layout_.separate =
        field(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE && layout_.samples > 1;
    const std::uint16_t compression = field(TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    if (TIFFIsCODECConfigured(compression) == 0) {
      request_.fail(
          ErrorCode::unsupported,
          fmt::format("a TIFF of compression {}, which is not built in: save it with LZW or deflate",
                      compression));
    }
    if (layout_.samples < 1 || layout_.samples > kMaxSamples) unsupported_layout();

    const std::uint16_t format = field(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    layout_.sample = format == SAMPLEFORMAT_INT      ? TiffSample::signed_integer
                     : format == SAMPLEFORMAT_IEEEFP ? TiffSample::real
                                                     : TiffSample::unsigned_integer;
    std::uint16_t extra_count = 0;
    std::uint16_t* extra = nullptr;
    TIFFGetFieldDefaulted(tiff(), TIFFTAG_EXTRASAMPLES, &extra_count, &extra);
    const bool premultiplied = extra_count > 0 && extra[0] == EXTRASAMPLE_ASSOCALPHA;

    const std::uint16_t photometric = field(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    if (compression == COMPRESSION_OJPEG) return false;
    switch (photometric) {
      case PHOTOMETRIC_MINISWHITE:
      case PHOTOMETRIC_MINISBLACK:
        layout_.color = TiffColor::grey;
        layout_.invert = photometric == PHOTOMETRIC_MINISWHITE;
        break;
      case PHOTOMETRIC_PALETTE:
        layout_.color = TiffColor::palette;
        read_palette();
        break;
      case PHOTOMETRIC_RGB:
        layout_.color = premultiplied ? TiffColor::rgb_premultiplied : TiffColor::rgb;
        break;
      case PHOTOMETRIC_SEPARATED:
        layout_.color = TiffColor::cmyk;
        break;
      case PHOTOMETRIC_YCBCR:
        if (layout_.bits != 8 || layout_.samples != 3) unsupported_layout();
        if (compression != COMPRESSION_JPEG || layout_.separate) return false;
        TIFFSetField(tiff(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        layout_.color = TiffColor::rgb;
        break;
      default:
        unsupported_layout();
    }
    check_layout();
    return true;
  }

  void check_layout() const {
    const TiffLayout& l = layout_;
    const bool whole_bytes = l.bits == 8 || l.bits == 16;
    bool fits = false;
    if (l.color == TiffColor::grey) {
      const bool integer = l.sample != TiffSample::real;
      fits = l.bits == 32 ? l.samples == 1 : l.bits == 16 ? integer && l.samples == 1 : false;
      if (l.bits == 8) fits = l.sample == TiffSample::unsigned_integer;
      if (l.bits < 8 || l.bits == 12) {
        const bool packed = l.bits == 1 || l.bits == 2 || l.bits == 4 || (l.bits == 12 && !l.invert);
        fits = packed && l.samples == 1 && l.sample == TiffSample::unsigned_integer;
      }
    } else if (l.color == TiffColor::palette) {
      fits = l.bits == 8 || ((l.bits == 1 || l.bits == 2 || l.bits == 4) && l.samples == 1);
    } else {
      fits = whole_bytes && l.samples >= l.samples_used() && l.sample == TiffSample::unsigned_integer;
    }
    if (!fits) unsupported_layout();
  }

  void read_palette() {
    for (std::size_t i = 0; i < 256; ++i) layout_.palette[i].fill(static_cast<std::uint8_t>(i));
    std::uint16_t* red = nullptr;
    std::uint16_t* green = nullptr;
    std::uint16_t* blue = nullptr;
    if (layout_.bits > 8 || TIFFGetField(tiff(), TIFFTAG_COLORMAP, &red, &green, &blue) != 1)
      damaged("no colour map");
    for (std::size_t i = 0; i < std::size_t{1} << layout_.bits; ++i) {
      layout_.palette[i] = {static_cast<std::uint8_t>(red[i] >> 8), static_cast<std::uint8_t>(green[i] >> 8),
                            static_cast<std::uint8_t>(blue[i] >> 8)};
    }
  }

  std::uint8_t* row_of(Image& image, std::uint32_t y) const {
    return image.rgb.data() + static_cast<std::size_t>(y) * width_ * 3;
  }

  // Bytes that one row of `width` pixels takes in one plane.
  std::size_t plane_row_bytes(std::size_t width) const {
    const std::size_t samples = layout_.separate ? 1 : static_cast<std::size_t>(layout_.samples);
    return (width * samples * static_cast<std::size_t>(layout_.bits) + 7) / 8;
  }

  // Throws unless libtiff's size of a piece holds what is read out of it.
  std::vector<std::uint8_t> piece(tmsize_t size, std::size_t needed, std::size_t planes) const {
    if (size <= 0 || std::cmp_less(size, needed)) damaged("its parts are smaller than their pixels");
    return std::vector<std::uint8_t>(static_cast<std::size_t>(size) * planes);
  }

  void read_rows(Image& image) {
    std::vector<std::uint8_t> row = piece(TIFFScanlineSize(tiff()), plane_row_bytes(width_), 1);
    const std::uint8_t* const planes[] = {row.data()};
    for (std::uint32_t y = 0; y < height_; ++y) {
      if (TIFFReadScanline(tiff(), row.data(), y) != 1) damaged("its pixels cannot be read");
      tiff_row_to_rgb(layout_, planes, width_, row_of(image, y));
    }
  }

  std::size_t planes_read() const {
    return layout_.separate ? static_cast<std::size_t>(layout_.samples_used()) : 1;
  }

  void read_separate_strips(Image& image) {
    std::uint32_t strip_rows = height_;
    TIFFGetFieldDefaulted(tiff(), TIFFTAG_ROWSPERSTRIP, &strip_rows);
    strip_rows = std::clamp<std::uint32_t>(strip_rows, 1, height_);
    const tmsize_t size = TIFFStripSize(tiff());
    std::vector<std::uint8_t> buffer = piece(size, plane_row_bytes(width_) * strip_rows, planes_read());
    for (std::uint32_t top = 0; top < height_; top += strip_rows) {
      const std::uint32_t rows = std::min(strip_rows, height_ - top);
      for (std::size_t s = 0; s < planes_read(); ++s) {
        const std::uint32_t strip = TIFFComputeStrip(tiff(), top, static_cast<std::uint16_t>(s));
        const tmsize_t wanted = static_cast<tmsize_t>(plane_row_bytes(width_) * rows);
        if (TIFFReadEncodedStrip(tiff(), strip, buffer.data() + s * static_cast<std::size_t>(size), wanted) !=
            wanted) {
          damaged("its pixels cannot be read");
        }
      }
      for (std::uint32_t y = 0; y < rows; ++y) {
        convert_row(buffer, static_cast<std::size_t>(size), y * plane_row_bytes(width_), width_,
                    row_of(image, top + y));
      }
    }
  }

  void read_tiles(Image& image) {
    std::uint32_t tile_width = 0;
    std::uint32_t tile_height = 0;
    TIFFGetField(tiff(), TIFFTAG_TILEWIDTH, &tile_width);
    TIFFGetField(tiff(), TIFFTAG_TILELENGTH, &tile_height);
    // A tile may be larger than a small picture, but not without bounds.
    constexpr std::int64_t kAlwaysFine = 1024 * 1024;
    if (tile_width == 0 || tile_height == 0) damaged("tiles of no size");
    if (static_cast<std::int64_t>(tile_width) > std::max(request_.max_pixels, kAlwaysFine) / tile_height) {
      request_.fail(ErrorCode::too_large, fmt::format("tiles of {} x {} pixels", tile_width, tile_height));
    }
    const std::size_t row_bytes = plane_row_bytes(tile_width);
    const tmsize_t size = TIFFTileSize(tiff());
    std::vector<std::uint8_t> buffer = piece(size, row_bytes * tile_height, planes_read());
    for (std::uint32_t top = 0; top < height_; top += tile_height) {
      for (std::uint32_t left = 0; left < width_; left += tile_width) {
        for (std::size_t s = 0; s < planes_read(); ++s) {
          if (TIFFReadTile(tiff(), buffer.data() + s * static_cast<std::size_t>(size), left, top, 0,
                           static_cast<std::uint16_t>(s)) < 0) {
            damaged("its pixels cannot be read");
          }
        }
        const std::uint32_t width = std::min(tile_width, width_ - left);
        for (std::uint32_t y = 0; y < std::min(tile_height, height_ - top); ++y) {
          convert_row(buffer, static_cast<std::size_t>(size), y * row_bytes, width,
                      row_of(image, top + y) + static_cast<std::size_t>(left) * 3);
        }
      }
    }
  }

  void convert_row(const std::vector<std::uint8_t>& buffer, std::size_t plane_step, std::size_t offset,
                   std::size_t width, std::uint8_t* rgb) const {
    std::array<const std::uint8_t*, kMaxSamples> planes{};
    for (std::size_t s = 0; s < planes_read(); ++s) planes[s] = buffer.data() + s * plane_step + offset;
    tiff_row_to_rgb(layout_, std::span(planes).first(planes_read()), width, rgb);
  }

  // libtiff's own way to RGBA, for subsampled chroma and old-style JPEG.
  void read_converted(Image& image) {
    char reason[1024] = {};
    if (TIFFRGBAImageOK(tiff(), reason) == 0)
      request_.fail(ErrorCode::unsupported, fmt::format("a TIFF: {}", reason));
    std::vector<std::uint32_t> pixels(static_cast<std::size_t>(width_) * height_);
    TIFFRGBAImage converter;
    if (TIFFRGBAImageBegin(&converter, tiff(), 1, reason) == 0) damaged(reason);
    converter.req_orientation = converter.orientation;  // not turned here
    const int done = TIFFRGBAImageGet(&converter, pixels.data(), width_, height_);
    TIFFRGBAImageEnd(&converter);
    if (done == 0) damaged("its pixels cannot be read");
    std::uint8_t* rgb = image.rgb.data();
    for (const std::uint32_t pixel : pixels) {
      *rgb++ = static_cast<std::uint8_t>(TIFFGetR(pixel));
      *rgb++ = static_cast<std::uint8_t>(TIFFGetG(pixel));
      *rgb++ = static_cast<std::uint8_t>(TIFFGetB(pixel));
    }
  }

  const DecodeRequest& request_;
  Memory memory_;
  Tiff tiff_;
  std::uint32_t width_ = 0, height_ = 0;
  TiffLayout layout_;
};

}  // namespace

ImageWindow decode_tiff(const DecodeRequest& request) {
  return TiffDecoder(request).run();
}

}  // namespace resnet::image
