#!/usr/bin/env python3
"""Counts the results of a suite and holds them against what is committed.

    count_tests.py SUITE RESULTS.xml [--minimum FILE]     one suite
    count_tests.py --total FOLDER                         the sum over all suites counted into FOLDER

Prints "N passed, N failed, N skipped" and why each test was skipped. Fails if a test failed, if fewer tests passed
than FILE asks of the suite, or if a test skipped for want of the data folder although that folder is there.
"""
import argparse
import json
import os
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent


def data_directory():
    return pathlib.Path(os.environ.get("RESNET_TEST_DATA") or ROOT.parent / "shared" / "data")


def reason_of(output):
    """The line with which a test says why it skipped."""
    lines = [line.strip() for line in (output or "").splitlines()]
    for i, line in enumerate(lines):
        # GoogleTest prints "FILE:LINE: Skipped" and the message below it.
        if line.endswith(": Skipped") and i + 1 < len(lines):
            return lines[i + 1]
    for line in lines:
        if "skip" in line.lower() or "needs" in line.lower():
            return line
    return "no reason given"


def read(path):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failed, skipped = [], {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        name = case.get("name").split("  # ")[0]  # without what GoogleTest says of a parameter
        if case.find("skipped") is not None and status != "fail":
            counts["skipped"] += 1
            # A value parameter at the end ("/3") is the same test again.
            skipped.setdefault(reason_of(case.findtext("system-out")), []).append(re.sub(r"/\d+$", "", name))
        elif case.find("failure") is not None or status == "fail":
            counts["failed"] += 1
            failed.append(name)
        else:
            counts["passed"] += 1
    return counts, failed, skipped


def minimum_of(suite, path):
    for line in path.read_text().splitlines():
        words = line.split("#")[0].split()
        if words and words[0] == suite:
            return int(words[1])
    sys.exit(f"count_tests: {path.name} names no minimum for the suite '{suite}'")


def line_of(counts):
    return "{passed} passed, {failed} failed, {skipped} skipped".format(**counts)


def count(suite, results, minimum_file):
    counts, failed, skipped = read(results)
    print(f"{suite}: {line_of(counts)}")
    for name in failed:
        print(f"  failed: {name}")
    for reason, names in sorted(skipped.items()):
        print(f"  skipped {len(names)}: {reason} ({', '.join(sorted(set(names))[:3])}{', …' if len(set(names)) > 3 else ''})")
    ok = counts["failed"] == 0
    if data_directory().is_dir():
        for reason, names in skipped.items():
            if "data folder" in reason:
                print(f"  FAIL: the data folder is there, yet {len(names)} tests skipped for want of it")
                ok = False
    if minimum_file:
        minimum = minimum_of(suite, minimum_file)
        if counts["passed"] < minimum:
            # Without the data folder fewer tests can run; the minimum is that of a machine that has it.
            short = f"{counts['passed']} tests passed, fewer than the {minimum} of tests/{minimum_file.name}"
            if data_directory().is_dir():
                print(f"  FAIL: {short}")
                ok = False
            else:
                print(f"  note: {short}; the data folder is not here")
    results.with_suffix(".json").write_text(json.dumps({"suite": suite, **counts}))
    return ok


def total(folder):
    sums = {"passed": 0, "failed": 0, "skipped": 0}
    for path in sorted(folder.glob("*-tests.json")):
        counts = json.loads(path.read_text())
        print(f"  {counts['suite']:<10} {line_of(counts)}")
        for key in sums:
            sums[key] += counts[key]
    print(line_of(sums))
    return sums["failed"] == 0 and sums["passed"] > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", nargs="?")
    parser.add_argument("results", nargs="?", type=pathlib.Path)
    parser.add_argument("--minimum", type=pathlib.Path)
    parser.add_argument("--total", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.total:
        sys.exit(0 if total(arguments.total) else 1)
    if not arguments.results:
        parser.error("give a suite and its results")
    sys.exit(0 if count(arguments.suite, arguments.results, arguments.minimum) else 1)


main()
