"""Damaged and lying files: each is an error with a code, or the picture that Pillow sees, and memory stays bounded.

    hostile_oracle.py IMAGE_DUMP truncated|lying
"""

import io
import os
import struct
import sys
import tempfile
import zlib

from oracle import Failure, Library, Report  # first: it skips where imports fail

import numpy as np
from PIL import Image

import picture_writers as write
from decode_oracle import photo_like, saved

SIDE = 64000  # 4 gigapixels: over every limit
MEMORY_LIMIT_MB = 700


def pictures():
    pixels = photo_like(300, 220)
    grey = photo_like(150, 110, 1)
    return {
        "baseline.jpg": saved(pixels, "JPEG"),
        "progressive.jpg": saved(pixels, "JPEG", progressive=True),
        "grey.jpg": saved(grey[:, :, 0], "JPEG"),
        "cmyk.jpg": saved(Image.fromarray(photo_like(90, 70, 4), "CMYK"), "JPEG"),
        "rgb.png": saved(pixels, "PNG"),
        "interlaced.png": write.png(photo_like(70, 50).astype(int), 2, 8, True),
        "lossy.webp": saved(pixels, "WEBP"),
        "lossless.webp": saved(photo_like(60, 50, 4), "WEBP", lossless=True),
        "animated.webp": saved(photo_like(60, 50, 4), "WEBP", save_all=True,
                               append_images=[Image.fromarray(photo_like(60, 50, 4))]),
        "strips.tif": write.tiff(photo_like(80, 60).astype(int), 8, 2, rows_per_strip=9),
        "deflate.tif": write.tiff(photo_like(80, 60).astype(int), 8, 2, rows_per_strip=9, deflate=True),
        "tiles.tif": write.tiff(photo_like(80, 60).astype(int), 8, 2, tile=32, deflate=True),
        "lzw.tif": saved(pixels, "TIFF", compression="tiff_lzw"),
        "jpeg.tif": saved(pixels, "TIFF", compression="jpeg"),
    }


def outcome(library, path, what="pixels", max_pixels=178956970):
    try:
        return library.ask(path, what, max_pixels=max_pixels)
    except Failure as failure:
        return failure


def truncated(report, library, folder):
    path = os.path.join(folder, "picture")
    for name, data in pictures().items():
        cuts = sorted({*range(0, 64, 3), *np.linspace(64, len(data) - 1, 60).astype(int), *range(len(data) - 8, len(data))})
        for cut in cuts:
            with open(path, "wb") as f:
                f.write(data[:cut])
            label = f"{name}, {cut} of {len(data)} bytes"
            try:
                theirs = np.asarray(Image.open(io.BytesIO(data[:cut])).convert("RGB"))
            except Exception:
                theirs = None
            ours = outcome(library, path)
            if isinstance(ours, Failure):
                report.true(label, ours.code in ("truncated", "bad_format"), ours)
                # What Pillow reads is read, except where libpng and libtiff are stricter about a missing end.
                report.true(label, theirs is None or not name.endswith(".jpg"), f"Pillow reads it; {ours}")
            elif theirs is None:
                # Pillow's own reader of uncompressed TIFF wants bytes that no pixel needs.
                report.true(label, name.endswith((".webp", ".tif")) or cut > len(data) - 16, "read, though Pillow refuses it")
            else:
                report.equal(label, ours, theirs)
            # The short way decodes less, but it must not take a damaged file for a good one.
            short = outcome(library, path, "window_tensor")
            report.true(label + ", by window", isinstance(short, Failure) == isinstance(ours, Failure),
                        f"{short if isinstance(short, Failure) else 'read'}, in full: {ours if isinstance(ours, Failure) else 'read'}")
        if name.endswith(".jpg"):
            with open(path, "wb") as f:
                f.write(data[:len(data) // 2])
            report.true(name, getattr(outcome(library, path), "code", "") == "truncated", "a cut JPEG is told as truncated")


def lying_files():
    jpeg = bytearray(saved(photo_like(16, 16), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5:at + 9] = struct.pack(">HH", SIDE, SIDE)
    progressive = bytearray(saved(photo_like(16, 16), "JPEG", progressive=True))
    at = progressive.index(b"\xff\xc2")
    progressive[at + 5:at + 9] = struct.pack(">HH", SIDE, SIDE)
    png = bytearray(saved(photo_like(16, 16), "PNG"))
    png[16:24] = struct.pack(">II", SIDE, SIDE)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    lossless = bytearray(saved(photo_like(16, 16), "WEBP", lossless=True))
    lossless[21:25] = struct.pack("<I", 16383 | 16383 << 14)
    canvas = bytearray(saved(photo_like(16, 16, 4), "WEBP", save_all=True, append_images=[Image.fromarray(photo_like(16, 16, 4))]))
    at = canvas.index(b"VP8X")
    canvas[at + 12:at + 18] = struct.pack("<I", SIDE - 1)[:3] * 2

    def tiff_of(**changes):
        data = bytearray(write.tiff(photo_like(16, 16).astype(int), 8, 2, **changes.pop("layout", {})))
        directory = struct.unpack_from("<I", data, 4)[0]
        for i in range(struct.unpack_from("<H", data, directory)[0]):
            entry = directory + 2 + 12 * i
            tag = struct.unpack_from("<H", data, entry)[0]
            if tag in changes.get("tags", {}):
                struct.pack_into("<I", data, entry + 8, changes["tags"][tag])
        return bytes(data)

    return {
        "jpeg": bytes(jpeg), "progressive jpeg": bytes(progressive), "png": bytes(png), "webp": bytes(lossless),
        "webp canvas": bytes(canvas), "tiff": tiff_of(tags={256: SIDE, 257: SIDE}),
        "tiff tiles": tiff_of(layout={"tile": 16}, tags={322: 65536, 323: 65536}),
    }


def smaller_lies():
    """Within the limit on pixels, but far more than the bytes hold."""
    jpeg = bytearray(saved(photo_like(16, 16), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5:at + 9] = struct.pack(">HH", 4000, 4000)
    png = bytearray(saved(photo_like(16, 16), "PNG"))
    png[16:24] = struct.pack(">II", 4000, 4000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    return {"jpeg 4000": bytes(jpeg), "png 4000": bytes(png)}


def lying(report, library, folder):
    path = os.path.join(folder, "picture")
    for name, data in {**lying_files(), **smaller_lies()}.items():
        report.true(name, len(data) < 8192, "the test means a small file")
        with open(path, "wb") as f:
            f.write(data)
        for what in ("pixels", "window_tensor"):
            ours = outcome(library, path, what)
            expected = ("truncated", "bad_format") if "4000" in name else ("too_large",)
            report.true(f"{name}, {what}", isinstance(ours, Failure) and ours.code in expected, ours)

    # A limit of one's own, met to the pixel.
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        with open(path, "wb") as f:
            f.write(saved(photo_like(40, 30), kind))
        report.true(f"{kind} at the limit", not isinstance(outcome(library, path, max_pixels=1200), Failure))
        report.true(f"{kind} over the limit", getattr(outcome(library, path, max_pixels=1199), "code", "") == "too_large")

    # Random damage: any answer but an end of the process.
    rng = np.random.default_rng(3)
    for name, data in pictures().items():
        for _ in range(60):
            damaged = bytearray(data)
            for at in rng.integers(0, min(len(data), int(rng.choice([40, 400, len(data)]))), rng.integers(1, 8)):
                damaged[at] = rng.integers(0, 256)
            with open(path, "wb") as f:
                f.write(damaged)
            full = outcome(library, path, max_pixels=4_000_000)
            if name.endswith(".jpg") and not isinstance(full, Failure):
                report.equal(f"{name}, damaged, by window", library.ask(path, "window_tensor", max_pixels=4_000_000),
                             library.ask(path, "tensor", max_pixels=4_000_000))
            else:
                report.true(name, True)

    with open(f"/proc/{library.process.pid}/status") as f:
        peak = next(int(line.split()[1]) // 1024 for line in f if line.startswith("VmHWM"))
    print(f"peak memory: {peak} MB")
    report.true("peak memory", peak < MEMORY_LIMIT_MB, f"{peak} MB")


def main():
    report, library = Report(), Library(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        {"truncated": truncated, "lying": lying}[sys.argv[2]](report, library, folder)
    report.finish(800 if sys.argv[2] == "truncated" else 400)


if __name__ == "__main__":
    main()
