"""The operations of augmentation against Pillow: the same bytes.

    pixel_ops_oracle.py PIXEL_OPS_TOOL
"""

import math
import subprocess
import sys

SKIPPED = 77  # ctest's SKIP_RETURN_CODE for this test

try:
    import numpy as np
    from PIL import Image, ImageEnhance, ImageOps
except ImportError as missing:
    print(f"skipped: {missing} (Debian: python3-numpy python3-pil)")
    sys.exit(SKIPPED)

FILL = (1, 2, 3)


class Tool:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, operation, picture, *arguments):
        width, height = picture.size
        head = " ".join(map(str, [operation, width, height, *map(repr, arguments)]))
        self.process.stdin.write(head.encode() + b"\n" + picture.tobytes())
        self.process.stdin.flush()
        return self.process.stdout.read(int(self.process.stdout.readline()))


compared = failed = 0


def same(name, ours, theirs):
    global compared, failed
    compared += 1
    a = np.frombuffer(ours, np.uint8)
    b = np.asarray(theirs).reshape(-1)
    if a.shape != b.shape or (a != b).any():
        failed += 1
        detail = f"{a.shape} {b.shape}" if a.shape != b.shape else f"{(a != b).sum()} of {a.size} bytes differ"
        print(f"[FAIL] {name}: {detail}")


def pictures(rng):
    """Noise with runs of the extremes, a ramp, few levels, one colour, and sizes down to a pixel."""
    for side in (1, 2, 3, 17, 64):
        noise = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        noise[rng.random((side, side)) < 0.2] = 255
        noise[rng.random((side, side)) < 0.2] = 0
        yield f"noise {side}", Image.fromarray(noise)
        yield f"dim {side}", Image.fromarray(noise // 3 + 40)
    ramp = np.arange(64 * 64 * 3) // 17 % 256
    yield "ramp", Image.fromarray(ramp.astype(np.uint8).reshape(64, 64, 3))
    yield "levels", Image.fromarray((rng.integers(0, 3, (40, 40, 3)) * 100).astype(np.uint8))
    yield "one colour", Image.new("RGB", (9, 9), (10, 200, 37))


ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
    "sharpness": ImageEnhance.Sharpness,
}


def affine(picture, matrix):
    return picture.transform(picture.size, Image.AFFINE, matrix, Image.NEAREST, fillcolor=FILL)


def about_the_middle(size, a, b, d, e):
    middle = size / 2
    return (a, b, middle - a * middle - b * middle, d, e, middle - d * middle - e * middle)


def operations(tool, rng):
    for name, picture in pictures(rng):
        side = picture.size[0]
        same(f"{name}: flip", tool.ask("flip", picture), ImageOps.mirror(picture))
        for operation, enhancer in ENHANCERS.items():
            for factor in (0, 0.1, 0.5, 0.83, 1, 1.01, 1.4, 1.9, 7):
                expected = enhancer(picture).enhance(factor)
                same(f"{name}: {operation} {factor}", tool.ask(operation, picture, factor), expected)
        for bits in range(1, 9):
            same(f"{name}: posterize {bits}", tool.ask("posterize", picture, bits), ImageOps.posterize(picture, bits))
        for threshold in (0, 1, 128, 255, 256):
            expected = ImageOps.solarize(picture, threshold)
            same(f"{name}: solarize {threshold}", tool.ask("solarize", picture, threshold), expected)
        same(f"{name}: auto_contrast", tool.ask("auto_contrast", picture), ImageOps.autocontrast(picture))
        same(f"{name}: equalize", tool.ask("equalize", picture), ImageOps.equalize(picture))
        for _ in range(12):
            matrix = [*rng.uniform(-2, 2, 2), rng.uniform(-side, side), *rng.uniform(-2, 2, 2), rng.uniform(-side, side)]
            same(f"{name}: transform {matrix}", tool.ask("transform", picture, *map(float, matrix)), affine(picture, matrix))
        for magnitude in (-1, -0.3, 0, 0.5, 1):
            named(tool, name, picture, magnitude)


def named(tool, name, picture, m):
    """What RandAugment's names and magnitudes mean."""
    side = picture.size[0]
    turn = math.radians(30 * m)
    c, s = math.cos(turn), math.sin(turn)
    shift = math.trunc(150 / 331 * side * m)
    maps = {
        "shear_x": about_the_middle(side, 1, 0.3 * m, 0, 1),
        "shear_y": about_the_middle(side, 1, 0, 0.3 * m, 1),
        "translate_x": (1, 0, -shift, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, -shift),
        "rotate": about_the_middle(side, c, -s, s, c),
    }
    expected = {key: affine(picture, matrix) for key, matrix in maps.items()}
    for key, enhancer in ENHANCERS.items():
        expected[key] = enhancer(picture).enhance(1 + 0.9 * m)
    if m >= 0:
        expected["posterize"] = ImageOps.posterize(picture, 8 - round(4 * m))
        expected["solarize"] = ImageOps.solarize(picture, 255 * (1 - m))
        expected["auto_contrast"] = ImageOps.autocontrast(picture)
        expected["equalize"] = ImageOps.equalize(picture)
        expected["identity"] = picture
    for key, theirs in expected.items():
        same(f"{name}: RandAugment {key} {m}", tool.ask(f"rand_augment.{key}", picture, m), theirs)


def crops(tool, rng):
    sizes = [(1, 1), (3, 1), (1, 7), (20, 15), (64, 48), (97, 61), (341, 256), (300, 9)]
    for width, height in sizes:
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for _ in range(25):
            w, h = int(rng.integers(1, width + 1)), int(rng.integers(1, height + 1))
            left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
            size = int(rng.choice([1, 5, 16, 31, 64, w, h]))
            bicubic = int(rng.integers(0, 2))
            expected = picture.resize((size, size), Image.BICUBIC if bicubic else Image.BILINEAR, box=(left, top, left + w, top + h))
            name = f"{width}x{height}: crop {w}x{h} at {left},{top} to {size}"
            same(name, tool.ask("crop", picture, left, top, w, h, size, bicubic), expected)


def main():
    tool = Tool(sys.argv[1])
    rng = np.random.default_rng(5)
    operations(tool, rng)
    crops(tool, rng)
    print(f"{compared} comparisons, {failed} failed")
    sys.exit(0 if failed == 0 and compared > 1000 else 1)


if __name__ == "__main__":
    main()
