#!/usr/bin/env python3
"""Measures what starting costs: the time from process start to the printed label, and peak memory.

    tools/bench_startup.py                       build/release/resnet, weights and photo from the data folder
    tools/bench_startup.py --program resnet --cold-model A.pth --memory-model B.pth --photo P.jpg --json

Time: `resnet classify` of one photo, from just before the process is made to the arrival of its first
line of output; the median of --runs, after two runs that bring the files into the page cache. Memory:
the largest resident set of the whole process (getrusage), as a multiple of the weights too; the figure
contains the program and the libraries it maps.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLD_GOAL_MS = 200
MEMORY_GOAL_FACTOR, MEMORY_GOAL_EXTRA = 1.7, 40e6


def classify(program, model, photo, extra):
    """One run: milliseconds to the first line, peak resident bytes, the line."""
    command = [program, "classify", photo, "--model", model, *extra]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, close_fds=False)
    line = process.stdout.readline()
    ms = (time.perf_counter() - start) * 1e3
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not line:
        sys.exit(f"{' '.join(command)}: status {process.returncode}")
    return ms, usage.ru_maxrss * 1024, line.decode(errors="replace").strip()


def main():
    data = pathlib.Path(os.environ.get("RESNET_TEST_DATA", ROOT.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default=str(ROOT / "build" / "release" / "resnet"))
    parser.add_argument("--cold-model", default=str(data / "weights" / "resnet18_imagenet.pth"))
    parser.add_argument("--memory-model", default=str(data / "weights" / "resnet50_imagenet.pth"))
    parser.add_argument("--photo", help="default: the first one of the data folder")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("extra", nargs="*", help="further options for `resnet classify`, after --")
    arguments = parser.parse_args()
    photo = arguments.photo or next((str(p) for p in sorted((data / "photos").glob("*.jpg"))), None)
    if photo is None:
        sys.exit("no photo: give --photo")
    for path in (arguments.program, arguments.cold_model, arguments.memory_model, photo):
        if not os.path.exists(path):
            sys.exit(f"{path}: no such file")

    for _ in range(2):
        label = classify(arguments.program, arguments.cold_model, photo, arguments.extra)[2]
    cold = [classify(arguments.program, arguments.cold_model, photo, arguments.extra)[0] for _ in range(arguments.runs)]
    peaks = [classify(arguments.program, arguments.memory_model, photo, arguments.extra)[1] for _ in range(3)]
    weights = os.path.getsize(arguments.memory_model)
    goal = MEMORY_GOAL_FACTOR * weights + MEMORY_GOAL_EXTRA
    report = {"cold_start_ms": statistics.median(cold), "cold_start_ms_min": min(cold), "cold_start_ms_max": max(cold),
              "runs": len(cold), "cold_start_goal_ms": COLD_GOAL_MS, "peak_memory_bytes": max(peaks),
              "memory_goal_bytes": goal, "weights_bytes": weights, "load": os.getloadavg()[0]}
    if arguments.json:
        print(json.dumps(report))
        return
    print(f"first line: {label}")
    print(f"cold start: median {report['cold_start_ms']:.0f} ms of {len(cold)} runs "
          f"({min(cold):.0f}–{max(cold):.0f}); goal {COLD_GOAL_MS} ms")
    print(f"peak memory: {max(peaks) / 1e6:.0f} MB, weights {weights / 1e6:.1f} MB; goal {goal / 1e6:.0f} MB "
          f"({MEMORY_GOAL_FACTOR} × weights + {MEMORY_GOAL_EXTRA / 1e6:.0f} MB)")
    print(f"load of the machine: {report['load']:.1f}")


if __name__ == "__main__":
    main()
