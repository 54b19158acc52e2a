#!/usr/bin/env python3
"""Sums up `resnet bench --layers --json` (standard input) by kernel: milliseconds, share, GFLOP/s."""
import json
import sys

report = json.load(sys.stdin)
sums = {}
for layer in report["layers"]:
    ms, work = sums.get(layer["kernel"], (0, 0))
    sums[layer["kernel"]] = (ms + layer["ms"], work + layer["gflops"] * layer["ms"])
total = sum(ms for ms, _ in sums.values())
print(f"{report['model']}, {report['backend']}, batch {report['batch']}: {total:.3f} ms in kernels")
for kernel, (ms, work) in sorted(sums.items(), key=lambda item: -item[1][0]):
    print(f"  {kernel:<16} {ms:9.3f} ms {ms / total:6.1%} {work / ms if ms else 0:10.0f} GFLOP/s")
