#!/usr/bin/env python3
"""How fast `resnet tag` goes through a folder, on processors and GPUs, beside decoding alone.

    tools/bench_tagging.py --photos DIR [--count 10000] [--models M,…] [--devices cpu,cuda]
    tools/bench_tagging.py --photos DIR --markdown docs/benchmarks/gpu.md     and the table into that page

Every network needs its photos decoded, so decoding alone (`resnet bench --photos`) is the most that any device can
reach. DIR holds a few photos; a temporary folder of --count photos is made of them (by hard links, so that all are in the
system's cache). A rate is of the photos after the first result: what a run on one photo takes (loading the model,
starting the GPU) is subtracted, and stands in a column of its own. All by turns, --rounds times; a rate is the median.
Answers of an int8 model must be the same on every device.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from peers import report as reporting

SUFFIXES = ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"
MARKS = "<!-- made by tools/bench_tagging.py -->", "<!-- end of tools/bench_tagging.py -->"


def run(*command):
    """Standard output and seconds; the program's errors go through, and a failure ends this one."""
    start = time.monotonic()
    result = subprocess.run(command, stdout=subprocess.PIPE)
    seconds = time.monotonic() - start
    if result.returncode != 0:
        sys.exit(f"bench_tagging: status {result.returncode} from {' '.join(command)}")
    return result.stdout.decode(), seconds


def make_folder(photos, count):
    names = sorted(name for name in os.listdir(photos) if name.lower().endswith(SUFFIXES))
    if not names:
        sys.exit(f"bench_tagging: no photos in {photos}")
    folder = tempfile.mkdtemp(prefix="bench_tagging_")
    for i, name in enumerate(names[i % len(names)] for i in range(count)):
        path = os.path.join(folder, f"{i:06}_{name}")
        if i < len(names):
            shutil.copyfile(os.path.join(photos, name), path)
        else:
            os.link(os.path.join(folder, f"{i % len(names):06}_{name}"), path)
    return folder


class Tagging:
    """Runs of `resnet tag` with one model on one device: their rates and starts, and the last one's answers."""

    def __init__(self, resnet, model, device, threads):
        self.command = [resnet, "tag", "--no-cache", "--quiet", "--json", "--model", model, "--device", device, *threads]
        self.rates, self.starts, self.answers = [], [], None

    def start(self, photo):
        """Seconds of a run on one photo."""
        return run(*self.command, photo)[1]

    def measure(self, photo, folder, count):
        start = self.start(photo)
        output, seconds = run(*self.command, folder)
        lines = [json.loads(line) for line in output.splitlines()]
        if len(lines) != count:
            sys.exit(f"bench_tagging: {len(lines)} answers to {count} photos from {' '.join(self.command)}")
        # Without times, and whatever the temporary folder is called.
        self.answers = [(os.path.basename(line["path"]), line["predictions"]) for line in lines]
        self.starts.append(start)
        self.rates.append((count - 1) / (seconds - start))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="folder with a few photos of usual size")
    parser.add_argument("--count", type=int, default=10000, help="photos to tag (default 10000)")
    parser.add_argument("--models", default="tagger-resnet18-int8,tagger-resnet50-int8", help="comma-separated")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--devices", default="cpu,cuda", help="separated by semicolons or, without any, by commas")
    parser.add_argument("--threads", type=int, help="default: all there are")
    parser.add_argument("--resnet", default="build/release/resnet", help="the program")
    parser.add_argument("--markdown", type=pathlib.Path, help="replace the part between the marks of this page")
    options = parser.parse_args()
    threads = ["--threads", str(options.threads)] if options.threads else []
    devices = options.devices.split(";" if ";" in options.devices else ",")
    models = options.models.split(",")

    folder = make_folder(options.photos, options.count)
    try:
        one = os.path.join(folder, sorted(os.listdir(folder))[0])
        runs = {(model, device): Tagging(options.resnet, model, device, threads) for model in models for device in devices}
        decoding = []
        for tagging in runs.values():
            tagging.start(one)  # the model's file into the cache
        for _ in range(options.rounds):
            alone = json.loads(run(options.resnet, "bench", "--model", models[0], "--photos", folder, "--json", *threads)[0])
            decoding.append(alone["photos_per_s"])
            for tagging in runs.values():
                tagging.measure(one, folder, options.count)
        for model in models:
            if "int8" in model and any(runs[model, d].answers != runs[model, devices[0]].answers for d in devices):
                sys.exit(f"bench_tagging: {model} does not give the same answers on {options.devices}")

        most = statistics.median(decoding)
        command = reporting.command_line("tools/bench_tagging.py", ("--photos", "--markdown", "--resnet"))
        lines = [f"Measured {datetime.date.today()}, {options.count:,} photos, {alone['threads']} threads on "
                 f"{alone['machine']}, commit {alone['commit']}, {platform.system()} {platform.release()}.\n",
                 f"    {command} --photos PHOTOS\n",
                 "| model | device | start, s | photos/s | of decoding alone |", "|---|---|---|---|---|",
                 f"| none: decoding alone | | | {most:,.0f} | 1.00 |"]
        for (model, device), tagging in runs.items():
            rate, start = statistics.median(tagging.rates), statistics.median(tagging.starts)
            lines.append(f"| {model} | {device} | {start:.2f} | {rate:,.0f} | {rate / most:.2f} |")
        print("\n".join(lines))
        if options.markdown:
            reporting.write_between(options.markdown, MARKS, "\n".join(lines) + "\n", "Speed on a GPU")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
