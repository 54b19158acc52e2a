#!/usr/bin/env python3
"""The same photos through the same quantised network give the same logits, bit for bit, everywhere.

    int8_bits.py --resnet PROGRAM --work DIR make DEPTH            quantises the trained net into DIR, and
                                                                   keeps the reference backend's logits
    int8_bits.py --resnet PROGRAM --work DIR compare DEPTH --isa NAME [--photos N]
    … --emulator "qemu-aarch64-static|-L|SYSROOT|-cpu|cortex-a76"  runs the program in an emulator

Exit status 77: skipped (the data folder, the instruction set or what `make` leaves is not there).
"""

import argparse
import os
import pathlib
import shutil
import struct
import subprocess
import sys

SKIPPED = 77
SOURCE = pathlib.Path(__file__).resolve().parents[2]
CALIBRATION_PHOTOS = 8
PHOTOS = 2  # whose logits `make` keeps


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def data_directory():
    directory = pathlib.Path(os.environ.get("RESNET_TEST_DATA") or SOURCE.parent / "shared" / "data")
    if not directory.exists():
        skip("needs the data folder: set RESNET_TEST_DATA")
    return directory


def run(arguments, *command):
    emulator = arguments.emulator.split("|") if arguments.emulator else []
    environment = {k: v for k, v in os.environ.items() if k != "RESNET_CPU_ISA"}
    done = subprocess.run([*emulator, arguments.resnet, *map(str, command)], capture_output=True, text=True,
                          env=environment, errors="replace")
    if "is not available in int8" in done.stderr:
        skip(f"needs {arguments.isa}")
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def read_logits(path):
    """The bytes of a .npy file's numbers, by rows."""
    data = path.read_bytes()
    begin = 10 + struct.unpack("<H", data[8:10])[0]
    rows = int(data[10:begin].split(b"'shape': (")[1].split(b",")[0])
    width = (len(data) - begin) // rows
    return [data[begin + i * width:begin + (i + 1) * width] for i in range(rows)]


def logits(arguments, model, photos, path, *options):
    images = data_directory() / "imagenet"
    run(arguments, "eval", "--model", model, "--data", f"imagenet:{images / 'labels.csv'},{images / 'images'}",
        "--images", photos, "--logits", path, "--quiet", *options)
    return read_logits(path)


def make(arguments, folder):
    data = data_directory()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run(arguments, "quantize", data / "weights" / f"resnet{arguments.depth}_imagenet.pth", "--calibrate",
        data / "coco" / "images", "--images", CALIBRATION_PHOTOS, "--out", folder / "int8.safetensors", "--quiet")
    logits(arguments, folder / "int8.safetensors", PHOTOS, folder / "reference.npy", "--backend", "reference")


def compare(arguments, folder):
    data_directory()
    if not (folder / "reference.npy").exists():
        skip(f"needs {folder}, which the release suite leaves")
    expected = read_logits(folder / "reference.npy")[:arguments.photos]
    for threads in (1, 2):
        own = logits(arguments, folder / "int8.safetensors", arguments.photos,
                     arguments.work / f"{arguments.depth}_{arguments.isa}.npy", "--isa", arguments.isa, "--threads",
                     threads)
        for photo, (ours, reference) in enumerate(zip(own, expected, strict=True)):
            if ours != reference:
                sys.exit(f"resnet{arguments.depth} on {arguments.isa}, {threads} threads, photo {photo}: "
                         "other logits than the reference's")
    print(f"resnet{arguments.depth} on {arguments.isa}: {len(expected)} photos equal")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--resnet", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--emulator", default="")
    parser.add_argument("--isa", default="")
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--references", type=pathlib.Path, help="where `make` ran (default: --work)")
    parser.add_argument("action", choices=["make", "compare"])
    parser.add_argument("depth")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    folder = (arguments.references or arguments.work) / f"resnet{arguments.depth}"
    (make if arguments.action == "make" else compare)(arguments, folder)


if __name__ == "__main__":
    main()
