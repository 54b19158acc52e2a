#!/usr/bin/env python3
"""Times this project against PyTorch on a GPU, in fp32, fp16, bf16 and int8.

    tools/bench_peers_gpu.py                          everything, five to six minutes on an H200
    tools/bench_peers_gpu.py --quick                  ResNet-18 in fp32 and fp16, batches 1 and 64, no compiling
    tools/bench_peers_gpu.py --markdown docs/benchmarks/gpu.md --json gpu.json
    tools/bench_peers_gpu.py --from gpu.json          the tables of that run once more, anywhere
    tools/bench_peers_gpu.py --models resnet50=WEIGHTS.pth --batches 1 --compile fp16x1

Both sides get the same weights (a seeded network, or the .pth that is named; int8: the taggers of models/, which have 80
classes) and the same pictures (seeded noise, eight of them repeated to fill a batch).

Answers come first: what our timed runs computed is compared with PyTorch's fp32 logits on the CPU. fp32: within 3e-5
of the largest; fp16, bf16: a cosine of at least 0.9995 for every picture; int8: the very bits of our backend on the
CPU. A wrong answer fails the run, and its time is not shown. PyTorch's on the GPU are held to the cosine.

Times are medians by CUDA events, input and output in the GPU's memory, the GPU kept busy while a run is queued (ours:
`resnet bench --device cuda`, which starts from fp32 pictures and ends in fp32 logits in every precision; PyTorch's
input has the network's own type). PyTorch: BatchNorm folded, cuDNN's search on; the best of eager and a CUDA graph,
NCHW and channels-last; for the configurations of --compile also torch.compile(mode="reduce-overhead"), in the layout
that was best before. fp32 means TF32 off in cuDNN and in matrix products, set and checked; TF32's time stands beside
it. Ours: the better of the two plans.

The roof of a row is the sum over our layers of the larger of two times: operations over the unit's rate (H200: 989
TFLOP/s in fp16 and bf16, 1,979 TOP/s in int8; fp32 is made of three fp16 products, so a third), and bytes (input,
weights, shortcut and output once each) over the memory's bandwidth, which is measured.
"""
import argparse
import datetime
import json
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

from peers import report as reporting

try:
    import make_reference
    import numpy
    import torch
    from peers import gpu_torch
except ImportError as missing:
    sys.exit(f"bench_peers_gpu: {sys.executable} has no module {missing.name}; this needs PyTorch, torchvision and NumPy")

ROOT = reporting.ROOT
MARKS = "<!-- made by tools/bench_peers_gpu.py -->", "<!-- end of tools/bench_peers_gpu.py -->"
PICTURES = 8
SEED = 1
LIMIT_FP32, COSINE = 3e-5, 0.9995
# What this project set out to reach on an H200: (model, precision, batch) → goal and stretch, in the unit of the row.
GOALS = {
    ("resnet18", "fp32", 1): (0.15, 0.10), ("resnet18", "fp32", 256): (22000, 28000),
    ("resnet50", "fp32", 1): (0.32, 0.25), ("resnet50", "fp32", 256): (9000, 12000),
    ("resnet18", "fp16", 1): (0.10, 0.06), ("resnet18", "fp16", 256): (100000, 130000),
    ("resnet50", "fp16", 1): (0.22, 0.15), ("resnet50", "fp16", 256): (40000, 55000),
    ("resnet50", "int8", 1): (0.20, 0.12), ("resnet50", "int8", 256): (60000, 95000),
}


def log(text):
    print(f"[{time.monotonic() - STARTED:5.0f} s] {text}", file=sys.stderr, flush=True)


STARTED = time.monotonic()


class Bench:
    def __init__(self, arguments, work, report):
        self.arguments, self.work, self.report = arguments, work, report
        self.pictures = torch.randn(PICTURES, 3, 224, 224, generator=torch.Generator().manual_seed(SEED))
        self.pictures.numpy().tofile(work / "pictures.bin")
        self.results, self.failures = report["results"], report["failures"]

    def save(self):
        """So that a run that is cut off leaves what it found."""
        if self.arguments.json:
            self.arguments.json.write_text(json.dumps(self.report, indent=1) + "\n")

    def batch(self, size):
        return self.pictures[torch.arange(size) % PICTURES]

    # ---- what is compared ----

    def network(self, name):
        """The network with its BatchNorm folded, and the file of its weights."""
        path = self.arguments.models[name]
        if path:
            state = torch.load(path, map_location="cpu", weights_only=True)
            net = make_reference.build(make_reference.depth_of(state), len(state["fc.bias"]))
            net.load_state_dict(state)
        else:
            net = make_reference.seeded_net(int(name[6:]), 1000, SEED)
            path = self.work / f"{name}.pth"
            torch.save(net.state_dict(), path)
        net = gpu_torch.folded(net)
        with torch.inference_mode():
            return net, str(path), net(self.pictures).numpy()

    def int8_file(self, name):
        """An int8 model for pictures of 224 x 224, and the logits that our CPU backend gives."""
        if name not in self.arguments.int8:
            return None, None
        path = str(self.work / f"{name}-int8.safetensors")
        subprocess.run([self.arguments.program, "export", self.arguments.int8[name], "--out", path, "--quiet",
                        "--resize", "224x224", "--crop", "none"], check=True, stdout=subprocess.DEVNULL)
        _, logits = self.bench(path, "int8", PICTURES, "latency", device="cpu", seconds=0)
        return path, logits

    # ---- ours ----

    def bench(self, model, precision, batch, plan, device, seconds):
        """The report of `resnet bench`, and the logits of its timed runs."""
        output = self.work / "logits.bin"
        command = [self.arguments.program, "bench", "--model", model, "--device", device, "--precision", precision,
                   "--batch", str(batch), "--plan", plan, "--seconds", str(seconds), "--input",
                   str(self.work / "pictures.bin"), "--output", str(output), "--json", "--quiet"]
        if device != "cpu":
            command.append("--layers")
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"resnet bench ({precision}, batch {batch}, plan {plan}): "
                               f"{done.stderr.strip() or f'status {done.returncode}'}")
        return json.loads(done.stdout), numpy.fromfile(output, "<f4").reshape(batch, -1)

    def ours(self, model, precision, batch, reference):
        """The better of the plans, its answers checked."""
        best = None
        for plan in ("latency", "throughput"):
            found, logits = self.bench(model, precision, batch, plan, f"cuda:{self.arguments.device}",
                                       self.arguments.seconds)
            difference = check_answer(precision, logits, reference)
            if found["clock"] != "device":
                raise RuntimeError("resnet bench did not time by the GPU's clock")
            mine = {"ms": found["ms_median"], "ms_min": found["ms_min"], "ms_p99": found["ms_p99"],
                    "call_ms": found["call_ms_median"], "plan": plan, "max_abs": difference,
                    "roof_ms": found.get("roof_ms"), "layers": found["layers"], "machine": found["machine"]}
            log(f"    ours, {precision}, batch {batch}, plan {plan}: {mine['ms']:.4f} ms, max_abs {difference:.1e}")
            if best is None or mine["ms"] < best["ms"]:
                best = mine
        return best

    # ---- PyTorch ----

    def peer(self, net, precision, batch, reference):
        """Every mode's time, by mode and layout."""
        times = {}
        for layout in gpu_torch.LAYOUTS:
            runner = gpu_torch.Runner(net, self.batch(batch), precision, layout)
            check_answer("bf16", runner.logits(), reference)  # what bf16 is held to all of PyTorch's precisions reach
            for mode, measure in (("eager", runner.eager), ("graph", runner.graph)):
                times[f"{mode}, {layout}"] = measure(self.arguments.seconds)
            gpu_torch.free()
        log(f"    PyTorch, {precision}, batch {batch}: " + ", ".join(f"{k} {v:.4f}" for k, v in times.items()))
        return times

    def compile_peer(self, net, row, precision):
        """Adds torch.compile's time, in the layout of the best time so far."""
        layout = best_of(row["torch"][precision])[0].split(", ")[1]
        runner = gpu_torch.Runner(net, self.batch(row["batch"]), precision, layout)
        ms = runner.compiled(self.arguments.seconds)
        row["torch"][precision][f"compile, {layout}"] = ms
        log(f"    PyTorch compiled, {precision}, batch {row['batch']}: {ms:.4f} ms")
        gpu_torch.free()

    # ---- all of it ----

    def attempt(self, what, work):
        try:
            return work()
        except Exception as error:  # one configuration must not take the others with it
            self.failures.append(f"{what}: {error}")
            log(f"FAILED {self.failures[-1]}")
            return None

    def run_model(self, name):
        log(name)
        net, weights, reference = self.network(name)
        int8, int8_reference = self.attempt(f"{name}, int8 on the CPU", lambda: self.int8_file(name)) or (None, None)
        rows = []
        for precision in self.arguments.precisions:
            for batch in self.arguments.batches:
                row = {"model": name, "precision": precision, "batch": batch, "torch": {}, "ours": None}
                where = f"{name}, {precision}, batch {batch}"
                for theirs in {"fp32": ("fp32", "tf32"), "int8": ()}.get(precision, (precision,)):
                    row["torch"][theirs] = self.attempt(
                        f"PyTorch, {where}, {theirs}", lambda p=theirs: self.peer(net, p, batch, reference)) or {}
                if precision != "int8":
                    row["ours"] = self.attempt(where, lambda: self.ours(weights, precision, batch, reference))
                elif int8:
                    row["ours"] = self.attempt(where, lambda: self.ours(int8, precision, batch, int8_reference))
                rows.append(row)
                self.results.append(row)
                self.save()
        return net, rows

    def run(self):
        networks = [self.run_model(name) for name in self.arguments.models]
        # The order of --compile decides what is left out where time runs short.
        wanted = [(net, row) for key in self.arguments.compile for net, rows in networks for row in rows
                  if (row["precision"], row["batch"]) == key and row["torch"].get(row["precision"])]
        for net, row in wanted:
            where = f"{row['model']} {row['precision']} batch {row['batch']}"
            if time.monotonic() - STARTED > self.arguments.minutes * 60:
                self.report["not_compiled"].append(where)
                continue
            self.attempt(f"PyTorch compiled, {where}", lambda: self.compile_peer(net, row, row["precision"]))
        self.save()


def best_of(times):
    """Name and time of the fastest mode."""
    return min(times.items(), key=lambda item: item[1])


def check_answer(precision, logits, reference):
    """max_abs of the logits from the reference's; raises RuntimeError where they are wrong."""
    expected = reference[numpy.arange(len(logits)) % len(reference)]
    difference = float(numpy.abs(logits - expected).max())
    largest = float(numpy.abs(expected).max())
    cosine = float(((logits * expected).sum(1) /
                    (numpy.linalg.norm(logits, axis=1) * numpy.linalg.norm(expected, axis=1))).min())
    right = {"fp32": difference <= LIMIT_FP32 * largest, "int8": (logits == expected).all()}.get(precision, cosine >= COSINE)
    if not right or not numpy.isfinite(logits).all():
        raise RuntimeError(f"wrong answer: max_abs {difference:.3g} of {largest:.3g}, least cosine {cosine:.6f}")
    return difference


# ---- the report ----


def driver():
    done = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True)
    return done.stdout.split("\n")[0].strip() or "unknown"


def in_unit(row, ms):
    """As the goals are stated: milliseconds for one picture, pictures a second for more."""
    return ms if row["batch"] == 1 else row["batch"] / ms * 1000


def show(row, value):
    return "–" if value is None else f"{value:.3f} ms" if row["batch"] == 1 else f"{value:,.0f} img/s"


def goal_table(results):
    lines = ["| 224×224 | PyTorch's best | its TF32 | ours | plan | goal | stretch | ours / PyTorch | roof | roof / ours |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for key, (goal, stretch) in GOALS.items():
        row = next((r for r in results if (r["model"], r["precision"], r["batch"]) == key and r["ours"]), None)
        if row is None:
            continue
        mode, theirs = best_of(row["torch"][key[1]]) if row["torch"].get(key[1]) else (None, None)
        tf32 = best_of(row["torch"]["tf32"])[1] if row["torch"].get("tf32") else None
        mine, roof = row["ours"]["ms"], row["ours"]["roof_ms"]
        value = in_unit(row, mine)
        reached = value <= goal if row["batch"] == 1 else value >= goal
        least = "≤" if row["batch"] == 1 else "≥"
        lines.append("| " + " | ".join([
            f"ResNet-{row['model'][6:]} {row['precision']}, batch {row['batch']}",
            f"{show(row, in_unit(row, theirs))} ({mode})" if theirs else "–",
            show(row, in_unit(row, tf32)) if tf32 else "–",
            f"{'**' if reached else ''}{show(row, value)}{'**' if reached else ''}", row["ours"]["plan"],
            f"{least} {show(row, goal)}", show(row, stretch),
            f"{mine / theirs:.2f}" if theirs else "–",
            show(row, in_unit(row, roof)) if roof else "–", f"{roof / mine:.2f}" if roof else "–"]) + " |")
    return lines if len(lines) > 2 else []


def full_table(results):
    lines = ["| model | precision | batch | PyTorch ms | mode | TF32 ms | ours ms | plan | ours / PyTorch | ours / TF32 | "
             "ours img/s | whole call ms | roof ms | roof / ours | max_abs |", "|" + "---|" * 15]
    for row in results:
        mode, theirs = best_of(row["torch"][row["precision"]]) if row["torch"].get(row["precision"]) else ("–", None)
        tf32 = best_of(row["torch"]["tf32"])[1] if row["torch"].get("tf32") else None
        ours = row["ours"]
        cells = [row["model"], row["precision"], str(row["batch"]), f"{theirs:.4f}" if theirs else "–", mode,
                 f"{tf32:.4f}" if tf32 else "–"]
        if ours:
            roof = ours["roof_ms"]
            cells += [f"{ours['ms']:.4f}", ours["plan"], f"**{ours['ms'] / theirs:.2f}**" if theirs else "–",
                      f"{ours['ms'] / tf32:.2f}" if tf32 else "–", f"{row['batch'] / ours['ms'] * 1000:,.0f}",
                      f"{ours['call_ms']:.3f}", f"{roof:.4f}" if roof else "–", f"{roof / ours['ms']:.2f}" if roof else "–",
                      f"{ours['max_abs']:.1e}"]
        else:
            cells += ["failed"] + ["–"] * 8
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def group_of(model, layer):
    """The kind of work a layer is, by its name."""
    block = layer.startswith("layer")
    if not block:
        return "stem" if layer in ("stem", "input", "maxpool") else "pool and fc"
    pointwise = "downsample" in layer or model == "resnet50" and layer.endswith(("conv1", "conv3"))
    return "1×1" if pointwise else "3×3"


def group_table(results):
    """Where the time goes in the rows of the largest batch: kernels timed one by one, against their roofs."""
    groups = ("stem", "3×3", "1×1", "pool and fc")
    largest = max((r["batch"] for r in results if r["ours"]), default=0)
    lines = ["| model | precision | batch | plan | " + " | ".join(f"{g} ms | of its roof" for g in groups) + " |",
             "|" + "---|" * (4 + 2 * len(groups))]
    for row in results:
        if not row["ours"] or row["batch"] != largest or not row["ours"]["roof_ms"]:
            continue
        ms, roof = dict.fromkeys(groups, 0.0), dict.fromkeys(groups, 0.0)
        for layer in row["ours"]["layers"]:
            group = group_of(row["model"], layer["module"])
            ms[group] += layer["ms"]
            roof[group] += layer["roof_ms"]
        cells = [row["model"], row["precision"], str(row["batch"]), row["ours"]["plan"]]
        for group in groups:
            cells += [f"{ms[group]:.3f}", f"{roof[group] / ms[group]:.2f}" if ms[group] else "–"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else []


def markdown(report):
    lines = [f"Measured {report['date']} on {report['machine']}, commit {report['commit']}. Versions: resnet.cpp "
             f"{report['ours']}, {report['peer']}.", "", f"    {report['command']}", ""]
    lines += goal_table(report["results"])
    lines += ["", "A row in bold has reached its goal. All of them, in milliseconds a run; whole call: by the wall clock, "
              "with the copies from pageable memory and back:", ""]
    lines += full_table(report["results"])
    if groups := group_table(report["results"]):
        lines += ["", "Where our time goes, and what part of it the roof is: kernels timed one by one.", "", *groups]
    compiled = [f"{r['model']} {p} batch {r['batch']}" for r in report["results"] for p, modes in r["torch"].items()
                if any(mode.startswith("compile") for mode in modes)]
    lines += ["", f"PyTorch's best includes torch.compile for: {', '.join(compiled) or 'nothing'}."]
    if report["not_compiled"]:
        lines[-1] += (" For want of time it was left out, and PyTorch may be faster than shown, for: "
                      f"{', '.join(report['not_compiled'])}.")
    if report["failures"]:
        lines += ["", "Failed:", "", *[f"- {f}" for f in report["failures"]]]
    return "\n".join(lines) + "\n"


# ---- the command line ----


def pairs(text):
    """{"NAME": "FILE"} of NAME=FILE,NAME; None where there is no file."""
    found = {}
    for entry in filter(None, text.split(",")):
        name, _, path = entry.partition("=")
        found[name] = path or None
    return found


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=pairs, default="resnet18,resnet50",
                        help="resnet18, resnet34, resnet50, or NAME=WEIGHTS.pth, separated by commas")
    parser.add_argument("--int8", type=pairs, default=",".join(
        f"resnet{d}={ROOT / 'models' / f'tagger-resnet{d}-int8.safetensors'}" for d in (18, 50)), metavar="NAME=FILE,…",
        help="int8 models; default: the taggers of models/, which have 80 classes")
    parser.add_argument("--batches", default="1,8,64,256")
    parser.add_argument("--precisions", default="fp32,fp16,bf16,int8")
    parser.add_argument("--compile", default="fp16x256,fp16x1,fp32x1,fp32x256", metavar="PRECISIONxBATCH,…",
                        help="what torch.compile is measured for, last of all: 20 to 40 seconds each and a model")
    parser.add_argument("--skip-compile", action="store_true")
    parser.add_argument("--minutes", type=float, default=6, help="start no compilation later than this")
    parser.add_argument("--seconds", type=float, default=0.15, help="how long each mode is timed (at least 10 runs)")
    parser.add_argument("--quick", action="store_true", help="ResNet-18, fp32 and fp16, batches 1 and 64, no compiling")
    parser.add_argument("--device", type=int, default=0, help="number of the GPU")
    parser.add_argument("--program", default=str(ROOT / "build" / "release" / "resnet"))
    parser.add_argument("--json", type=pathlib.Path, help="write all figures, with our layers', to this file")
    parser.add_argument("--from", type=pathlib.Path, dest="earlier", metavar="JSON",
                        help="measure nothing: make the tables of what an earlier run wrote with --json")
    parser.add_argument("--markdown", type=pathlib.Path,
                        help="put the tables into this file, between its marks; default: standard output")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.models, arguments.precisions, arguments.batches = {"resnet18": None}, "fp32,fp16", "1,64"
        arguments.skip_compile = True
    arguments.precisions = arguments.precisions.split(",")
    arguments.batches = [int(b) for b in arguments.batches.split(",")]
    wanted = "" if arguments.skip_compile else arguments.compile
    arguments.compile = [(p, int(b)) for p, _, b in (entry.partition("x") for entry in filter(None, wanted.split(",")))]
    return arguments


def measure(arguments):
    if not torch.cuda.is_available():
        sys.exit("bench_peers_gpu: PyTorch finds no GPU")
    if not pathlib.Path(arguments.program).exists():
        sys.exit(f"{arguments.program} was not found: build it (cmake --build --preset release), or name it with "
                 "--program")
    torch.cuda.set_device(arguments.device)
    version = subprocess.run([arguments.program, "--version"], capture_output=True, text=True, check=True).stdout
    facts = dict(line.split(maxsplit=1) for line in version.splitlines())
    report = {"date": datetime.date.today().isoformat(),
              "command": reporting.command_line("tools/bench_peers_gpu.py", ("--json", "--markdown", "--program")),
              "machine": f"{torch.cuda.get_device_name()}, driver {driver()}, {platform.system()} {platform.release()}",
              "commit": facts["commit"], "ours": facts["resnet"], "peer": gpu_torch.versions(),
              "compiled": arguments.compile, "not_compiled": [], "failures": [], "results": []}
    with tempfile.TemporaryDirectory() as work:
        Bench(arguments, pathlib.Path(work), report).run()
    return report


def main():
    arguments = parse_arguments()
    report = json.loads(arguments.earlier.read_text()) if arguments.earlier else measure(arguments)
    if arguments.markdown:
        reporting.write_between(arguments.markdown, MARKS, markdown(report), "Speed on a GPU")
    print(markdown(report))
    sys.exit(1 if report["failures"] else 0)


if __name__ == "__main__":
    main()
