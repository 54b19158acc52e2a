#!/usr/bin/env python3
"""Times the families of kernels of the backend cuda (--isa) beside one another on one GPU: ResNet-18 and -50 in fp32,
fp16 and int8, one picture and 256.

    tools/bench_families.py                                       every family that the GPU runs, a minute
    tools/bench_families.py --markdown docs/benchmarks/gpu.md     and the table into that page
    tools/bench_families.py --isa mma --precisions fp16

Times are those of `resnet bench`: medians by the GPU's clock, input and output in its memory; plan latency for one
picture, throughput for 256. A row's roof is the sum over the layers of the longer of two times, operations over the
rate of the units that the family computes with and bytes over the memory's bandwidth (src/cuda/roofline.cpp). Weights
are seeded (int8: the taggers of models/, at 224 x 224); what the kernels compute, the tests with the label gpu check.
"""
import argparse
import datetime
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

from peers import report as reporting

ROOT = reporting.ROOT
MARKS = "<!-- made by tools/bench_families.py -->", "<!-- end of tools/bench_families.py -->"
FAMILIES = ("sm90", "mma", "simt")
MODELS = ("resnet18", "resnet50")
# What stood here before the first run on an H200, in milliseconds: tensor cores at a third of their rate by mma.sync,
# fp32 units at 60 % and dp4a at half of theirs; one picture by kernels of 3 microseconds (mma) and by the sums' length.
PREDICTED = {
    ("resnet18", "fp32", 1): {"mma": 0.30, "simt": 0.60}, ("resnet18", "fp32", 256): {"mma": 10, "simt": 24},
    ("resnet18", "fp16", 1): {"mma": 0.18, "simt": 0.60}, ("resnet18", "fp16", 256): {"mma": 4.0, "simt": 24},
    ("resnet18", "int8", 1): {"mma": 0.16, "simt": 0.40}, ("resnet18", "int8", 256): {"mma": 2.8, "simt": 15},
    ("resnet50", "fp32", 1): {"mma": 0.55, "simt": 1.2}, ("resnet50", "fp32", 256): {"mma": 24, "simt": 52},
    ("resnet50", "fp16", 1): {"mma": 0.35, "simt": 1.2}, ("resnet50", "fp16", 256): {"mma": 9.5, "simt": 52},
    ("resnet50", "int8", 1): {"mma": 0.33, "simt": 0.8}, ("resnet50", "int8", 256): {"mma": 6.5, "simt": 31},
}


def bench(arguments, work, model, precision, batch, family):
    """The report of `resnet bench`, or None where the GPU does not run the family."""
    command = [arguments.program, "bench", "--device", "cuda", "--isa", family, "--precision", precision, "--batch",
               str(batch), "--plan", "latency" if batch == 1 else "throughput", "--seconds", str(arguments.seconds),
               "--layers", "--json", "--quiet"]
    command += ["--model", work[model]] if precision == "int8" else ["--random", model[6:]]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    if f"no kernels '{family}'" in done.stderr:
        return None
    sys.exit(f"bench_families: {' '.join(command)}: {done.stderr.strip() or f'status {done.returncode}'}")


def taggers(arguments, folder):
    """The int8 models for pictures of 224 x 224, by the network's name."""
    paths = {}
    for model in MODELS:
        paths[model] = str(pathlib.Path(folder) / f"{model}.safetensors")
        subprocess.run([arguments.program, "export", str(ROOT / f"models/tagger-{model}-int8.safetensors"), "--out",
                        paths[model], "--quiet", "--resize", "224x224", "--crop", "none"], check=True,
                       stdout=subprocess.DEVNULL)
    return paths


def measure(arguments):
    report = {"date": f"{datetime.date.today()}", "machine": None, "commit": None, "results": [],
              "command": reporting.command_line("tools/bench_families.py", ("--json", "--markdown", "--program"))}
    with tempfile.TemporaryDirectory() as folder:
        work = taggers(arguments, folder)
        for model, precision, batch, family in itertools.product(MODELS, arguments.precisions, arguments.batches,
                                                                 arguments.isa):
            found = bench(arguments, work, model, precision, batch, family)
            if found is None:
                continue
            report.update(machine=found["machine"], commit=found["commit"])
            report["results"].append({"model": model, "precision": precision, "batch": batch, "isa": found["isa"],
                                      "ms": found["ms_median"], "roof_ms": found.get("roof_ms")})
            print(json.dumps(report["results"][-1]), file=sys.stderr, flush=True)
            save(arguments, report)
    if not report["results"]:
        sys.exit("bench_families: no family runs here: `resnet doctor` says what does")
    return report


def save(arguments, report):
    """After every row, so that a run that is cut off leaves what it found."""
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def cell(row):
    return f"{row['ms']:.3f} ms" if row["batch"] == 1 else f"{row['batch'] / row['ms'] * 1000:,.0f} img/s"


def cells_of(row):
    """Time, predicted, part of the roof."""
    expected = PREDICTED.get((row["model"], row["precision"], row["batch"]), {}).get(row["isa"])
    roof = row["roof_ms"]
    return [cell(row), cell({**row, "ms": expected}) if expected else "–", f"{roof / row['ms']:.2f}" if roof else "–"]


def tables(report):
    results = report["results"]
    families = [f for f in FAMILIES if any(r["isa"] == f for r in results)]
    heads = [h for f in families for h in ([f"`{f}`"] + ([] if f == "sm90" else ["predicted"]) + ["of its roof"])]
    lines = [f"Measured {report['date']} on {report['machine']}, commit {report['commit']}.", "", f"    {report['command']}", "",
             "| 224×224 | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    rows = {}
    for r in results:
        rows.setdefault((r["model"], r["precision"], r["batch"]), {})[r["isa"]] = r
    for (model, precision, batch), found in rows.items():
        cells = []
        for family in families:
            three = cells_of(found[family]) if family in found else ["–"] * 3
            cells += three if family != "sm90" else [three[0], three[2]]
        lines.append(f"| {model.replace('resnet', 'ResNet-')} {precision}, batch {batch} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/resnet"))
    parser.add_argument("--isa", nargs="+", default=list(FAMILIES), help="families; those that the GPU lacks are left out")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "fp16", "int8"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 256])
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")
    parser.add_argument("--json", type=pathlib.Path, help="write what was found")
    parser.add_argument("--from", dest="source", type=pathlib.Path, help="the table of what --json wrote, without measuring")
    parser.add_argument("--markdown", type=pathlib.Path, help="replace the part between the marks of this page")
    arguments = parser.parse_args()
    report = json.loads(arguments.source.read_text()) if arguments.source else measure(arguments)
    text = tables(report)
    print(text, end="")
    if arguments.markdown:
        reporting.write_between(arguments.markdown, MARKS, text, "Speed on a GPU")


if __name__ == "__main__":
    main()
