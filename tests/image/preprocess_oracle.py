"""Preprocessing against Pillow + torchvision: bytes and tensors must be the same bits.

    preprocess_oracle.py IMAGE_DUMP sizes            generated pictures of odd sizes, many settings
    preprocess_oracle.py IMAGE_DUMP folder DIR       every JPEG of the folder, decoded by the library
"""

import os
import sys
import tempfile

from oracle import MEAN, SKIPPED, STD, Failure, Library, Report, Settings  # first: it skips where imports fail

import numpy as np
import torch
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms.functional import InterpolationMode

CLASSIC = Settings()
SETTINGS = [
    CLASSIC,
    Settings(interpolation="bicubic"),
    Settings(resize=(232, 232), crop=(224, 224)),
    Settings(resize=(73, 73), crop=(64, 61)),
    Settings(resize=(100, 100), crop=(131, 90)),
    Settings(resize=(64, 64), crop=(131, 133), interpolation="bicubic"),
    Settings("exact", (224, 224), None),
    Settings("exact", (97, 31), None, "bicubic"),
    Settings("exact", (448, 300), (299, 299)),
    Settings("exact", (16, 5), (9, 9)),
]
SIZES = [
    (1, 1), (1, 2), (2, 1), (3, 3), (5, 4), (1, 1000), (1000, 1), (223, 225), (225, 223), (224, 224), (256, 256),
    (256, 300), (300, 256), (255, 257), (5000, 37), (37, 5000), (500, 375), (375, 500), (341, 256), (1600, 1200),
    (1013, 769), (64, 61), (97, 31), (31, 97), (2048, 2), (640, 457), (458, 641), (449, 448), (21, 4001),
]


def torchvision_chain(settings):
    mode = InterpolationMode.BICUBIC if settings.interpolation == "bicubic" else InterpolationMode.BILINEAR
    size = settings.resize[0] if settings.mode == "short_side" else list(settings.resize)
    steps = [T.Resize(size, interpolation=mode)]
    if settings.crop:
        steps.append(T.CenterCrop(settings.crop))
    return T.Compose(steps), T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)])


def compare(report, library, path, picture, settings, label):
    resize, tensor = torchvision_chain(settings)
    resized = resize(picture)
    expected = tensor(resized).numpy()
    try:
        report.equal(f"{label}, {settings}: resized bytes", library.ask(path, "resized", settings), np.asarray(resized))
        report.equal(f"{label}, {settings}: tensor", library.ask(path, "tensor", settings), expected)
        report.equal(f"{label}, {settings}: tensor by window", library.ask(path, "window_tensor", settings), expected)
    except Failure as failure:
        report.fail(f"{label}, {settings}", failure)


def sizes(report, library):
    rng = np.random.default_rng(20)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "picture.png")
        for width, height in SIZES:
            noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            noise[rng.random((height, width)) < 0.3] = 255  # runs of the extremes reach the clipping
            noise[rng.random((height, width)) < 0.3] = 0
            picture = Image.fromarray(noise)
            picture.save(path, compress_level=1)
            for settings in SETTINGS:
                if settings.mode == "short_side" and not settings.crop and max(width, height) > 2000:
                    continue
                compare(report, library, path, picture, settings, f"{width}x{height}")
        # Every value of every channel.
        ramp = np.stack([np.arange(256, dtype=np.uint8).reshape(16, 16)] * 3, axis=2)
        Image.fromarray(ramp).save(path)
        compare(report, library, path, Image.fromarray(ramp), Settings("exact", (16, 16), None), "all values")


def jpegs(report, library, folder):
    names = sorted(n for n in os.listdir(folder) if n.lower().endswith((".jpg", ".jpeg")))
    for index, name in enumerate(names):
        path = os.path.join(folder, name)
        picture = Image.open(path).convert("RGB")
        try:
            report.equal(f"{name}: decoded", library.ask(path, "pixels"), np.asarray(picture))
        except Failure as failure:
            report.fail(name, failure)
            continue
        compare(report, library, path, picture, CLASSIC, name)
        compare(report, library, path, picture, SETTINGS[1 + index % (len(SETTINGS) - 1)], name)


def main():
    torch.set_num_threads(1)
    if sys.argv[2] == "folder" and not os.path.isdir(os.path.dirname(sys.argv[3])):
        print(f"skipped: needs the data folder ({sys.argv[3]}): set RESNET_TEST_DATA")
        sys.exit(SKIPPED)
    report = Report()
    library = Library(sys.argv[1])
    if sys.argv[2] == "sizes":
        sizes(report, library)
        report.finish(800)
    else:
        jpegs(report, library, sys.argv[3])
        report.finish(100)


if __name__ == "__main__":
    main()
