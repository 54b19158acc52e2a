"""Seeds of the picture fuzzers: small pictures of every kind.   make_seeds.py DIRECTORY"""

import io
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "image"))

import numpy as np
from PIL import Image

import picture_writers as write

RNG = np.random.default_rng(1)


def noise(width, height, channels):
    return RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)


def saved(picture, *args, **kwargs):
    out = io.BytesIO()
    picture.save(out, *args, **kwargs)
    return out.getvalue()


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def seeds():
    smooth = Image.fromarray(noise(6, 5, 3)).resize((45, 37))
    for progressive in (False, True):
        for mode in ("RGB", "L", "CMYK"):
            yield "jpeg", saved(smooth.convert(mode), "JPEG", progressive=progressive, quality=40)
        for subsampling in (0, 1, 2):
            yield "jpeg", saved(smooth, "JPEG", subsampling=subsampling, progressive=progressive, exif=orientation(6))
    if shutil.which("cjpeg"):
        for options in (["-restart", "1"], ["-arithmetic"], ["-sample", "1x2"], ["-sample", "2x2,2x1,1x2"]):
            yield "jpeg", subprocess.run(["cjpeg", *options], input=saved(smooth, "PPM"), capture_output=True).stdout
    for color, bits in write.PNG_KINDS:
        for interlaced in (False, True):
            samples = RNG.integers(0, 1 << bits, (7, 9, write.PNG_CHANNELS[color]))
            palette = RNG.integers(0, 256, (1 << bits, 3)) if color == 3 else None
            yield "png", write.png(samples, color, bits, interlaced, palette, b"\0\x80" if color == 3 else None)
    yield "png", saved(smooth, "PNG", exif=orientation(5))
    alpha = Image.fromarray(noise(19, 11, 4))
    for options in ({"quality": 30}, {"lossless": True}, {"quality": 50, "exif": orientation(8)}):
        yield "webp", saved(smooth, "WEBP", **options)
        yield "webp", saved(alpha, "WEBP", **options)
    yield "webp", saved(alpha, "WEBP", save_all=True, append_images=[Image.fromarray(noise(19, 11, 4))])
    for bits, photometric, channels, extra in [(1, 0, 1, ()), (4, 3, 1, ()), (8, 1, 1, ()), (16, 1, 1, ()), (8, 2, 3, ()),
                                               (16, 2, 4, (1,)), (8, 2, 4, (2,)), (8, 5, 4, ()), (8, 3, 2, (2,))]:
        samples = RNG.integers(0, 1 << bits, (12, 18, channels))
        palette = RNG.integers(0, 256, (1 << bits, 3)) if photometric == 3 else None
        for layout in ({}, {"tile": 16}, {"planar": True, "rows_per_strip": 5}, {"deflate": True, "big_endian": True}):
            yield "tiff", write.tiff(samples, bits, photometric, palette=palette, extra_samples=extra, orientation=3, **layout)
    for compression in ("tiff_lzw", "packbits", "jpeg", "lzma"):
        yield "tiff", saved(smooth, "TIFF", compression=compression)
    yield "tiff", saved(smooth.convert("YCbCr"), "TIFF", compression="jpeg")
    yield "tiff", saved(smooth.convert("1"), "TIFF", compression="group4")
    if shutil.which("heif-enc"):
        with tempfile.TemporaryDirectory() as folder:
            smooth.resize((64, 64)).save(f"{folder}/in.png")
            subprocess.run(["heif-enc", "-q", "30", f"{folder}/in.png", "-o", f"{folder}/out.heic"], capture_output=True)
            yield "heic", pathlib.Path(folder, "out.heic").read_bytes()


def main():
    root = pathlib.Path(sys.argv[1])
    for index, (kind, data) in enumerate(seeds()):
        names = [f"image_{kind}"] + ([] if kind == "heic" else ["image_exif"])
        for name in names:
            (root / name).mkdir(parents=True, exist_ok=True)
            (root / name / f"{kind}_{index:03d}").write_bytes(data)


if __name__ == "__main__":
    main()
