#!/usr/bin/env python3
"""Bytes of a photo to tensor: the library against Pillow + torchvision, on one core, taken in turn.

    tools/bench_preprocess.py [--program build/release/bench_preprocess] [--rounds 21] [--size 500x375] [FILE…]

Without files, all JPEGs of the given size (and RGB) in the data folder are taken. Both sides work from
bytes in memory, both give the same tensor (checked by the tests), and each round times both, so that
a busy machine disturbs them alike; the ratio is the median over the rounds.
"""

import argparse
import io
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("RESNET_TEST_DATA", ROOT.parent / "shared" / "data"))


def pictures(size, limit):
    width, height = map(int, size.split("x"))
    found = []
    for path in sorted((DATA / "imagenet" / "images").glob("*.JPEG")):
        with Image.open(path) as picture:
            if picture.size == (width, height) and picture.mode == "RGB":
                found.append(path)
    return found[:limit]


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--program", default=ROOT / "build/release/bench_preprocess")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--size", default="500x375")
    parser.add_argument("--limit", type=int, default=40)
    options = parser.parse_args()
    files = options.files or pictures(options.size, options.limit)
    if not files:
        sys.exit(f"no JPEG of {options.size} in {DATA}: give files")

    torch.set_num_threads(1)
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})  # inherited by the program
    library = subprocess.Popen([options.program, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    contents = [path.read_bytes() for path in files]
    resize = T.Compose([T.Resize(256), T.CenterCrop(224)])
    tensor = T.Compose([T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])

    def peers_round():
        decode = rest = 0
        for content in contents:
            start = time.perf_counter_ns()
            picture = Image.open(io.BytesIO(content)).convert("RGB")
            middle = time.perf_counter_ns()
            tensor(resize(picture))
            decode += middle - start
            rest += time.perf_counter_ns() - middle
        return decode, rest

    def our_round():
        library.stdin.write("round\n")
        library.stdin.flush()
        return tuple(map(int, library.stdout.readline().split()))

    ours, theirs = [], []
    for index in range(options.rounds + 2):
        pair = our_round(), peers_round()
        if index >= 2:  # the first rounds warm caches and allocators
            ours.append(pair[0])
            theirs.append(pair[1])
    library.stdin.close()

    def ms(rounds, part):
        return statistics.median(part(r) for r in rounds) / len(files) / 1e6

    rows = [("decode", lambda r: r[0]), ("resize, crop, tensor", lambda r: r[1]), ("together", sum)]
    print(f"{processor()}, one core; Pillow {PIL.__version__}, torchvision {torchvision.__version__}; "
          f"{len(files)} pictures, {options.rounds} rounds, medians")
    print(f"{'ms a picture':22} {'resnet.cpp':>11} {'Pillow + tv':>12} {'ratio':>7} {'worst':>7}")
    for name, part in rows:
        ratios = [part(a) / part(b) for a, b in zip(ours, theirs)]
        print(f"{name:22} {ms(ours, part):11.3f} {ms(theirs, part):12.3f} {statistics.median(ratios):7.3f} {max(ratios):7.3f}")


if __name__ == "__main__":
    main()
