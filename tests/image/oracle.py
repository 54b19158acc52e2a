"""What the oracle tests of this folder share: the library behind its pipe, and comparisons."""

import os
import subprocess
import sys

SKIPPED = 77  # ctest's SKIP_RETURN_CODE for these tests

try:
    import numpy as np
    import PIL  # noqa: F401
    import torchvision  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing} (Debian: python3-numpy python3-pil python3-torch python3-torchvision)")
    sys.exit(SKIPPED)

MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]


class Settings:
    """One Preprocess of the library."""

    def __init__(self, mode="short_side", resize=(256, 256), crop=(224, 224), interpolation="bilinear"):
        self.mode, self.resize, self.crop, self.interpolation = mode, resize, crop, interpolation

    def __str__(self):
        return f"{self.mode} {self.resize} crop {self.crop} {self.interpolation}"


class Failure(Exception):
    """The library refused a picture: code and message."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Library:
    """The test program image_dump, asked one picture at a time."""

    def __init__(self, program):
        emulator = os.environ.get("RESNET_TEST_EMULATOR", "").split()
        self.process = subprocess.Popen([*emulator, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, path, what, settings=None, exif="ignore", max_pixels=178956970):
        s = settings or Settings()
        crop = s.crop or (0, 0)
        fields = [os.fspath(path), what, exif, max_pixels, s.mode, *s.resize, *crop, s.interpolation]
        self.process.stdin.write(("\t".join(map(str, fields)) + "\n").encode())
        self.process.stdin.flush()
        head = self.process.stdout.readline().decode(errors="replace").rstrip("\n")
        if not head:
            raise SystemExit(f"the library ended while it read {path} ({what})")
        if head.startswith("error "):
            _, code, message = head.split(" ", 2)
            raise Failure(code, message)
        _, height, width, size = head.split()
        data = self.process.stdout.read(int(size))
        height, width = int(height), int(width)
        if what in ("pixels", "resized"):
            return np.frombuffer(data, np.uint8).reshape(height, width, 3)
        return np.frombuffer(data, np.float32).reshape(3, height, width)


class Report:
    """Counts comparisons, prints the failed ones, and gives the exit status."""

    def __init__(self):
        self.compared = 0
        self.failed = 0

    def equal(self, name, ours, theirs):
        self.compared += 1
        if ours.shape != theirs.shape:
            return self.fail(name, f"shape {ours.shape}, expected {theirs.shape}")
        if ours.tobytes() != theirs.tobytes():
            wrong = np.argwhere(ours != theirs)
            at = tuple(wrong[0]) if len(wrong) else "in the bits of a zero or NaN"
            detail = f"{len(wrong)} of {ours.size} differ, the first at {at}"
            if len(wrong):
                detail += f": {ours[at]} instead of {theirs[at]}"
            return self.fail(name, detail)

    def true(self, name, condition, detail=""):
        self.compared += 1
        if not condition:
            self.fail(name, detail)

    def fail(self, name, detail):
        self.failed += 1
        if self.failed <= 40:
            print(f"[FAIL] {name}: {detail}")

    def finish(self, least):
        """`least`: how many comparisons there must have been for the run to mean something."""
        print(f"{self.compared} comparisons, {self.failed} failed")
        if self.compared < least:
            print(f"[FAIL] at least {least} comparisons were expected")
        sys.exit(0 if self.failed == 0 and self.compared >= least else 1)
