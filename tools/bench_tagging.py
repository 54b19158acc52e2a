#!/usr/bin/env python3
"""How fast `resnet tag` goes through a folder, on processors and GPUs, beside decoding alone.

    tools/bench_tagging.py --photos DIR [--count 10000] [--models M,…] [--devices cpu,cuda]
    tools/bench_tagging.py --photos DIR --markdown docs/benchmarks/gpu.md     and the table into that page

Every network needs its photos decoded, so decoding alone (`resnet bench --photos`) is the most that any device can
reach. DIR holds a few photos; a temporary folder of --count photos is made of them (by hard links, so that all are in the
system's cache). A rate is of the photos after the first result: what a run on one photo takes (loading the model,
starting the GPU) is subtracted, and stands in a column of its own. Answers of an int8 model must be the same on every
device.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

from peers import report as reporting

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
    names = sorted(name for name in os.listdir(photos) if os.path.isfile(os.path.join(photos, name)))
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


def answers(output):
    """What the lines of `tag --json` say, without times and folders."""
    lines = [json.loads(line) for line in output.splitlines()]
    return [(os.path.basename(line["path"]), line["predictions"]) for line in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="folder with a few photos of usual size")
    parser.add_argument("--count", type=int, default=10000, help="photos to tag (default 10000)")
    parser.add_argument("--models", default="tagger-resnet18-int8,tagger-resnet50-int8", help="comma-separated")
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
        first = os.path.join(folder, sorted(os.listdir(folder))[0])
        alone = json.loads(run(options.resnet, "bench", "--model", models[0], "--photos", folder, "--json", *threads)[0])
        command = reporting.command_line("tools/bench_tagging.py", ("--photos", "--markdown", "--resnet"))
        lines = [f"Measured {datetime.date.today()}, {options.count:,} photos, {alone['threads']} threads on "
                 f"{alone['machine']}, commit {alone['commit']}, {platform.system()} {platform.release()}.\n",
                 f"    {command} --photos PHOTOS\n",
                 "| model | device | start, s | photos/s | of decoding alone |", "|---|---|---|---|---|",
                 f"| none: decoding alone | | | {alone['photos_per_s']:,.0f} | 1.00 |"]
        print("\n".join(lines))
        for model in models:
            said = {}
            for device in devices:
                tag = [options.resnet, "tag", "--no-cache", "--quiet", "--json", "--model", model, "--device", device, *threads]
                run(*tag, first)  # the model's file into the cache
                start = run(*tag, first)[1]
                output, seconds = run(*tag, folder)
                said[device] = answers(output)
                rate = (options.count - 1) / (seconds - start)
                lines.append(f"| {model} | {device} | {start:.2f} | {rate:,.0f} | {rate / alone['photos_per_s']:.2f} |")
                print(lines[-1], flush=True)
            if "int8" in model and any(said[device] != said[devices[0]] for device in devices):
                sys.exit(f"bench_tagging: {model} does not give the same answers on {options.devices}")
        if options.markdown:
            reporting.write_between(options.markdown, MARKS, "\n".join(lines) + "\n", "Speed on a GPU")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
