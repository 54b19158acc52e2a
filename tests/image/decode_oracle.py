"""Decoding against Pillow: pictures of every kind, generated here, must give the same bytes.

    decode_oracle.py IMAGE_DUMP jpeg|png|webp|tiff|orientation|heic
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile

from oracle import SKIPPED, Failure, Library, Report  # first: it skips where imports fail

import numpy as np
from PIL import Image, ImageOps

import picture_writers as write

RNG = np.random.default_rng(8)


def photo_like(width, height, channels=3):
    """Smooth colour with some noise and hard edges: chroma upsampling and coefficients have work to do."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 100 * np.sin(x / (5 + 3 * c) + c) * np.cos(y / (4 + 2 * c)) for c in range(channels)]
    values = np.stack(planes, 2) + RNG.normal(0, 12, (height, width, channels))
    values[height // 3:height // 2, width // 4:width // 2] = [[250, 3, 120, 40][:channels]]
    return np.clip(values, 0, 255).astype(np.uint8)


class Bench:
    def __init__(self, program, folder):
        self.library, self.report, self.folder = Library(program), Report(), folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def compare(self, name, data, exif="ignore", expected=None):
        """`expected`: an array where Pillow is not the judge."""
        path = self.path("picture")
        with open(path, "wb") as f:
            f.write(data)
        if expected is None:
            expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        try:
            self.report.equal(name, self.library.ask(path, "pixels", exif=exif), expected)
        except Failure as failure:
            self.report.fail(name, failure)


def saved(array_or_picture, *args, **kwargs):
    picture = array_or_picture if isinstance(array_or_picture, Image.Image) else Image.fromarray(array_or_picture)
    out = io.BytesIO()
    picture.save(out, *args, **kwargs)
    return out.getvalue()


def need(tool, package):
    if not shutil.which(tool):
        print(f"skipped: needs {tool} (Debian: {package})")
        sys.exit(SKIPPED)


def jpeg(bench):
    need("cjpeg", "libjpeg-turbo-progs")
    sizes = [(1, 1), (7, 5), (8, 8), (16, 17), (33, 31), (100, 75), (227, 149), (640, 480)]
    for width, height in sizes:
        pixels = photo_like(width, height)
        grey = photo_like(width, height, 1)[:, :, 0]
        for progressive in (False, True):
            label = f"{width}x{height}{' progressive' if progressive else ''}"
            for subsampling in (0, 1, 2):
                bench.compare(f"{label} subsampling {subsampling}",
                              saved(pixels, "JPEG", subsampling=subsampling, progressive=progressive, quality=83))
            bench.compare(f"{label} grey", saved(grey, "JPEG", progressive=progressive))
            cmyk = Image.fromarray(photo_like(width, height, 4), "CMYK")
            data = saved(cmyk, "JPEG", progressive=progressive, quality=90)
            bench.compare(f"{label} CMYK", data)
            adobe = data.index(b"Adobe")
            bench.compare(f"{label} YCCK", data[:adobe + 11] + b"\2" + data[adobe + 12:])
            bench.compare(f"{label} CMYK without Adobe's marker", data.replace(b"Adobe", b"Abode"))
        # Samplings, restart markers and coders that Pillow does not write.
        ppm = saved(pixels, "PPM")
        for options in (["-sample", "1x2"], ["-sample", "4x1"], ["-sample", "2x2,2x1,1x2"], ["-sample", "4x2"],
                        ["-sample", "1x1,2x2,1x1"], ["-restart", "1"], ["-restart", "3B"], ["-arithmetic"], ["-rgb"],
                        ["-progressive", "-restart", "1"], ["-sample", "2x2", "-optimize", "-quality", "20"]):
            done = subprocess.run(["cjpeg", *options], input=ppm, capture_output=True)
            if done.returncode:  # a sampling that this cjpeg refuses
                continue
            bench.compare(f"{width}x{height} cjpeg {' '.join(options)}", done.stdout)
    bench.compare("bytes behind the end", saved(photo_like(40, 30), "JPEG") + b"tail" * 100)
    return 150


def png(bench):
    for width, height in [(1, 1), (3, 5), (8, 8), (13, 7), (33, 20), (129, 67)]:
        for color, bits in write.PNG_KINDS:
            palette = RNG.integers(0, 256, (1 << bits, 3)) if color == 3 else None
            samples = RNG.integers(0, 1 << bits, (height, width, write.PNG_CHANNELS[color]))
            if bits == 16:
                samples[::2] //= 200  # values below 256 as well: 16-bit grey is clipped
            for interlaced in (False, True):
                label = f"{width}x{height} colour {color} bits {bits}{' interlaced' if interlaced else ''}"
                bench.compare(label, write.png(samples, color, bits, interlaced, palette))
                if color == 3:
                    bench.compare(label + " tRNS", write.png(samples, color, bits, interlaced, palette, b"\0\x80\xff"[:1 << bits]))
                if color == 0:
                    bench.compare(label + " tRNS", write.png(samples, color, bits, interlaced, None, b"\0\1"))
                if color == 2:
                    bench.compare(label + " tRNS", write.png(samples, color, bits, interlaced, None, b"\0\1\0\2\0\3"))
    short = RNG.integers(0, 16, (9, 9, 1))
    bench.compare("indices behind the palette", write.png(short, 3, 8, False, RNG.integers(0, 256, (7, 3))))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        bench.compare(f"Pillow's {mode}", saved(Image.fromarray(photo_like(50, 40)).convert(mode), "PNG"))
    return 200


def webp(bench):
    for width, height in [(1, 1), (5, 3), (16, 16), (37, 91), (300, 200)]:
        pixels = photo_like(width, height)
        alpha = photo_like(width, height, 4)
        alpha[::3, ::2, 3] = 0
        for options in ({"quality": 75}, {"quality": 5}, {"lossless": True}, {"quality": 90, "method": 6}):
            bench.compare(f"{width}x{height} {options}", saved(pixels, "WEBP", **options))
            bench.compare(f"{width}x{height} alpha {options}", saved(alpha, "WEBP", **options))
            bench.compare(f"{width}x{height} alpha exact {options}", saved(alpha, "WEBP", exact=True, **options))
            second = Image.fromarray(photo_like(width, height, 4))
            bench.compare(f"{width}x{height} animation {options}",
                          saved(alpha, "WEBP", save_all=True, append_images=[second], duration=50, **options))
    corner = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    corner.paste(Image.fromarray(photo_like(20, 10)), (30, 22))
    bench.compare("a first frame smaller than its canvas",
                  saved(corner, "WEBP", save_all=True, append_images=[Image.fromarray(photo_like(64, 48))], minimize_size=True))
    return 70


def tiff(bench):
    kinds = [  # bits, photometric, channels, extra samples, sample format
        (1, 0, 1), (1, 1, 1), (2, 0, 1), (2, 1, 1), (4, 0, 1), (4, 1, 1), (8, 0, 1), (8, 1, 1), (16, 1, 1),
        (16, 1, 1, (), 2), (32, 1, 1, (), 2), (32, 1, 1, (), 3), (8, 1, 2, (2,)), (8, 2, 3), (16, 2, 3),
        (8, 2, 4, (0,)), (8, 2, 4, (1,)), (8, 2, 4, (2,)), (8, 2, 4), (8, 2, 5, (0, 0)), (8, 2, 6, (1, 0, 0)),
        (16, 2, 4, (0,)), (16, 2, 4, (1,)), (16, 2, 4, (2,)), (8, 5, 4), (8, 5, 5, (0,)), (1, 3, 1), (2, 3, 1),
        (4, 3, 1), (8, 3, 1), (8, 3, 2, (2,)),
    ]
    for width, height in [(1, 1), (17, 9), (70, 45)]:
        for bits, photometric, channels, *rest in kinds:
            extra = rest[0] if rest else ()
            sample_format = rest[1] if len(rest) > 1 else None
            samples = RNG.integers(0, 1 << bits, (height, width, channels))
            if bits >= 16:
                samples[::2] >>= bits - 9
            if sample_format == 2:
                samples -= samples // 2
            if sample_format == 3:
                samples = RNG.normal(120, 150, samples.shape)
            palette = RNG.integers(0, 256, (1 << bits, 3)) if photometric == 3 else None
            base = dict(bits=bits, photometric=photometric, extra_samples=extra, sample_format=sample_format, palette=palette)
            for name, layout in {
                "strip": {}, "strips": {"rows_per_strip": 4}, "deflate": {"deflate": True, "rows_per_strip": 7},
                "big-endian": {"big_endian": True}, "tiles": {"tile": 16}, "deflated tiles": {"tile": 32, "deflate": True},
                "planes": {"planar": True}, "deflated planes": {"planar": True, "deflate": True, "rows_per_strip": 5},
                "planes of tiles": {"planar": True, "deflate": True, "tile": 16}, "fill order": {"fill_order": 2},
            }.items():
                label = f"{width}x{height} {bits} bits, photometric {photometric}, {channels} samples {rest}, {name}"
                # Pillow misreads some pictures stored plane by plane (16 bits, grey with alpha, one sample); the
                # same samples stored pixel by pixel are the judge of those.
                judged = write.tiff(samples, **base) if layout.get("planar") else write.tiff(samples, **base, **layout)
                try:
                    expected = np.asarray(Image.open(io.BytesIO(judged)).convert("RGB"))
                except Exception:  # a combination that Pillow does not read: nothing is promised
                    continue
                bench.compare(label, write.tiff(samples, **base, **layout), expected=expected)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"):
        picture = Image.fromarray(photo_like(61, 47))
        picture = picture.convert("I").convert(mode) if mode.startswith("I") else picture.convert(mode)
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "group3", "group4", "jpeg", "zstd", "lzma"):
            try:
                data = saved(picture, "TIFF", compression=compression)
            except Exception:  # a compression that does not go with the mode
                continue
            bench.compare(f"Pillow's {mode} {compression}", data)
    ycbcr = Image.fromarray(photo_like(64, 48)).convert("YCbCr")
    bench.compare("YCbCr as JPEG", saved(ycbcr, "TIFF", compression="jpeg"))
    for orientation in range(1, 9):
        data = write.tiff(photo_like(31, 17).astype(int), 8, 2, orientation=orientation)
        for exif in ("ignore", "apply"):
            bench.compare(f"orientation {orientation}, {exif}", data, exif=exif)
    return 400


def orientation(bench):
    pixels = photo_like(45, 28)
    for value in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = value
        for kind in ("JPEG", "PNG", "WEBP"):
            data = saved(pixels, kind, exif=exif)
            upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
            bench.compare(f"{kind} {value} applied", data, exif="apply", expected=upright)
            bench.compare(f"{kind} {value} ignored", data, exif="ignore")
    return 48


def heic(bench):
    need("heif-enc", "libheif-examples")
    picture, coded, judged = bench.path("in.png"), bench.path("in.heic"), bench.path("out.png")
    for width, height in [(64, 64), (101, 77), (300, 200)]:
        Image.fromarray(photo_like(width, height)).save(picture)
        subprocess.run(["heif-enc", "-q", "60", picture, "-o", coded], check=True, capture_output=True)
        subprocess.run(["heif-convert", coded, judged], check=True, capture_output=True)
        with open(coded, "rb") as f:
            bench.compare(f"{width}x{height}", f.read(), expected=np.asarray(Image.open(judged).convert("RGB")))
    return 3


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(sys.argv[1], folder)
        least = {"jpeg": jpeg, "png": png, "webp": webp, "tiff": tiff, "orientation": orientation, "heic": heic}[sys.argv[2]](bench)
        bench.report.finish(least)


if __name__ == "__main__":
    main()
