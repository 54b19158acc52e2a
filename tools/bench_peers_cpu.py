#!/usr/bin/env python3
"""Times this project against ONNX Runtime, OpenVINO and PyTorch on the CPU, in fp32.

    tools/bench_peers_cpu.py                         everything, about five minutes
    tools/bench_peers_cpu.py --models resnet18 --configs 1x1 --seconds 10
    tools/bench_peers_cpu.py --no-install            only peers that are installed already
    tools/bench_peers_cpu.py --markdown docs/benchmarks/cpu.md --json cpu.json

Every contender runs in a process of its own (tools/peers/, a file each), pinned to the same
processors, with the same weights, pictures and number of threads, at its best documented settings.
Before anything is timed, answers are compared: the same best class, logits within 1e-2 of PyTorch's.
Then they take turns, A B C D A B C D …, for --seconds a configuration; those whose turn it is not are
stopped (SIGSTOP), so that nobody's spinning threads disturb another. A turn is two warm-up runs and
then runs for --turn milliseconds; its time is their median. Ratios are formed within a round, between
neighbours in time, and their median and 10th…90th percentile are reported: noise that lasts longer
than a round hits both and cancels.

Peers come from PyPI into build/peers/venv (pinned below), PyTorch from wherever it is installed
(Debian: python3-torch). What cannot be had is named and left out.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = pathlib.Path(__file__).resolve().parent / "peers"
PINS = {"onnxruntime": "1.30.0", "openvino": "2026.4.1"}
ANSWER_LIMIT = 1e-2
BEGIN, END = "<!-- made by tools/bench_peers_cpu.py -->", "<!-- end of tools/bench_peers_cpu.py -->"


class Contender:
    def __init__(self, key, name, script, module, python):
        self.key, self.name, self.script, self.module, self.python = key, name, script, module, python


class Worker:
    """A contender's process. Stopped except while it answers."""

    def __init__(self, contender, cpus, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        environment.pop("RESNET_THREADS", None)
        self.contender = contender
        self.process = subprocess.Popen(
            [contender.python, str(PEERS / contender.script), "--cpus", ",".join(map(str, cpus))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, **request):
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"{self.contender.name}: the process ended (status {self.process.poll()})")
        self.process.send_signal(signal.SIGSTOP)
        reply = json.loads(line)
        if not reply["ok"]:
            raise RuntimeError(f"{self.contender.name}: {reply['error']}")
        return reply

    def close(self):
        self.process.kill()
        self.process.wait()


def can_import(python, module):
    return subprocess.run([python, "-c", f"import {module}"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def python_with(module, pythons):
    return next((p for p in pythons if os.path.exists(p) and can_import(p, module)), None)


def make_venv(folder):
    """Creates the environment of the pinned peers; returns its Python, or None with a note."""
    python = folder / "bin" / "python"
    packages = [f"{name}=={version}" for name, version in PINS.items()]
    print(f"installing {' and '.join(packages)} into {folder.relative_to(ROOT)}", file=sys.stderr)
    for command in ([sys.executable, "-m", "venv", str(folder)],
                    [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]):
        if subprocess.run(command, stdout=sys.stderr).returncode != 0:
            print("could not install them (Debian needs python3-venv; without a network use --no-install)",
                  file=sys.stderr)
            return None
    return str(python)


def find_contenders(arguments, build):
    venv = build / "venv"
    pythons = [str(venv / "bin" / "python"), sys.executable, "/usr/bin/python3"]
    found, missing = [Contender("ours", "resnet.cpp", "ours.py", "numpy", sys.executable)], []
    wanted = [("onnxruntime", "ONNX Runtime", "onnx_runtime.py"), ("openvino", "OpenVINO", "open_vino.py"),
              ("torch", "PyTorch", "py_torch.py")]
    wanted = [w for w in wanted if w[0] in arguments.peers]
    installable = [w[0] for w in wanted if w[0] in PINS]
    if not arguments.no_install and any(python_with(module, pythons) is None for module in installable):
        make_venv(venv)
    for module, name, script in wanted:
        python = python_with(module, pythons)
        if python:
            found.append(Contender(module, name, script, module, python))
        else:
            missing.append(name)
    return found, missing


def find_library(given):
    candidates = [given] if given else sorted((ROOT / "build" / "release").rglob("libresnet.so"))
    for path in candidates:
        if os.path.exists(path):
            return str(pathlib.Path(path).resolve())
    sys.exit("libresnet.so was not found: build it (cmake --build --preset release), or name it with --library")


def prepare(name, weights, batches, arguments, build):
    """Writes the ONNX files and the input; returns what workers are told about the model."""
    torch_python = python_with("torch", [sys.executable, "/usr/bin/python3"])
    if torch_python is None:
        sys.exit("no Python with torch was found (Debian: python3-torch): it reads the weights for the peers")
    pictures = sorted(str(p) for p in pathlib.Path(arguments.pictures).glob("*.jp*g"))
    if pictures and not can_import(torch_python, "PIL"):
        print("Pillow is missing: timing on random pixels instead of photos", file=sys.stderr)
        pictures = []
    prefix = build / name
    subprocess.run([torch_python, str(PEERS / "make_inputs.py"), "--weights", str(weights), "--batches",
                    ",".join(map(str, batches)), "--onnx-prefix", str(prefix), "--out", str(build / f"{name}.npy"),
                    "--pictures", *pictures[:max(batches)]], check=True)
    return {"weights": str(weights), "onnx": {str(b): f"{prefix}_b{b}.onnx" for b in batches},
            "input": str(build / f"{name}.npy"), "plan": arguments.plan,
            "pictures": len(pictures[:max(batches)])}


def compare_answers(workers, batch, build):
    """max_abs of every contender's logits from the reference's (PyTorch's if there, else the last one's)."""
    import numpy

    logits = {}
    for worker in workers:
        path = str(build / f"answer_{worker.contender.key}.npy")
        worker.ask(op="answer", output=path, batch=batch)
        logits[worker.contender.key] = numpy.load(path)
    reference = logits.get("torch", logits[workers[-1].contender.key])
    result = {}
    for worker in workers:
        own = logits[worker.contender.key]
        result[worker.contender.key] = float(numpy.abs(own - reference).max())
        same = (own.argmax(1) == reference.argmax(1)).all()
        if own.shape != reference.shape or not same or not result[worker.contender.key] <= ANSWER_LIMIT:
            raise RuntimeError(f"{worker.contender.name} gives another answer: max_abs {result[worker.contender.key]:.3g}, "
                               f"best classes {own.argmax(1).tolist()} against {reference.argmax(1).tolist()}")
    return result


def percentile(values, fraction):
    ordered = sorted(values)
    at = fraction * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def time_in_turns(workers, batch, arguments):
    rounds = []
    start = time.monotonic()
    # Too few rounds say little, but a machine that is busy with other work must not make this endless.
    while not rounds or time.monotonic() - start < arguments.seconds * (2 if len(rounds) < arguments.min_rounds else 1):
        row = {}
        for worker in workers:
            ms = worker.ask(op="time", warm=arguments.warm, ms=arguments.turn)["ms"]
            row[worker.contender.key] = statistics.median(ms)
        rounds.append(row)
    result = {}
    for worker in workers:
        key = worker.contender.key
        own = [r[key] for r in rounds]
        ratios = [r["ours"] / r[key] for r in rounds]
        result[key] = {"ms": statistics.median(own) / batch, "ms_min": min(own) / batch,
                       "ms_p10": percentile(own, 0.1) / batch, "ms_p90": percentile(own, 0.9) / batch,
                       "ratio": statistics.median(ratios), "ratio_p10": percentile(ratios, 0.1),
                       "ratio_p90": percentile(ratios, 0.9)}
    return len(rounds), result


def run_configuration(name, model, batch, threads, contenders, arguments, build):
    import numpy

    cpus = sorted(os.sched_getaffinity(0))[:threads]
    if len(cpus) < threads:
        raise RuntimeError(f"{threads} threads, but only {len(cpus)} processors may be used")
    path = str(build / f"input_b{batch}.npy")
    numpy.save(path, numpy.load(model["input"])[:batch])
    workers = []
    try:
        facts = {}
        for contender in contenders:
            workers.append(Worker(contender, cpus, threads))
            facts[contender.key] = workers[-1].ask(op="load", model=model, batch=batch, threads=threads, input=path)
        answers = compare_answers(workers, batch, build)
        rounds, times = time_in_turns(workers, batch, arguments)
    finally:
        for worker in workers:
            worker.close()
    return {"model": name, "batch": batch, "threads": threads, "cpus": cpus, "rounds": rounds,
            "contenders": {c.key: {"name": c.name, "version": facts[c.key]["version"],
                                   "settings": facts[c.key]["settings"],
                                   "max_abs_from_reference": answers[c.key], **times[c.key]} for c in contenders}}


def machine():
    processor = platform.machine()
    flags = set()
    with open("/proc/cpuinfo") as f:
        for line in f:
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                processor = value.strip()
            if key.strip() == "flags":
                flags = set(value.split())
    features = [n for n, f in (("AVX2", "avx2"), ("AVX-512", "avx512f"), ("VNNI", "avx512_vnni"), ("AMX", "amx_tile"))
                if f in flags]
    return {"processor": processor, "features": features, "processors": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}", "load": os.getloadavg()[0]}


def commit():
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def markdown(report):
    m = report["machine"]
    keys = [k for k in ("ours", "onnxruntime", "openvino", "torch") if k in report["results"][0]["contenders"]]
    first = report["results"][0]["contenders"]
    peers = [k for k in keys if k != "ours"]
    lines = [
        f"Measured {report['date']} on {m['processor']} ({m['processors']} processors, {', '.join(m['features'])}), "
        f"{m['system']}, commit {report['commit']}; load before the start {m['load']:.1f}. "
        f"Versions: {', '.join(first[k]['name'] + ' ' + first[k]['version'] for k in keys)}.", "",
        f"    {report['command']}", "",
        "Milliseconds an image, fp32, 224×224: median over the rounds of each turn's median. Ratios are ours divided by "
        "the peer's, formed within a round: median, and 10th to 90th percentile in brackets.", "",
        "| model | batch | threads | " + " | ".join(first[k]["name"] for k in keys) + " | " +
        " | ".join(f"ours / {first[k]['name']}" for k in peers) + " | rounds |",
        "|---|---|---|" + "---|" * (len(keys) + len(peers) + 1)]
    for r in report["results"]:
        c = r["contenders"]
        cells = [r["model"], str(r["batch"]), str(r["threads"])] + [f"{c[k]['ms']:.2f}" for k in keys]
        cells += [f"**{c[k]['ratio']:.2f}** ({c[k]['ratio_p10']:.2f}–{c[k]['ratio_p90']:.2f})" for k in peers]
        lines.append("| " + " | ".join(cells + [str(r["rounds"])]) + " |")
    lines += ["", "Largest difference of any logit from " +
              (first["torch"]["name"] if "torch" in keys else first[keys[-1]]["name"]) + "'s: " +
              ", ".join(f"{first[k]['name']} {max(r['contenders'][k]['max_abs_from_reference'] for r in report['results']):.1e}"
                        for k in keys) + "; the best class is the same everywhere.", ""]
    for k in keys:
        settings = dict.fromkeys(r["contenders"][k]["settings"] for r in report["results"])
        lines.append(f"- {first[k]['name']}: {' or, by batch, '.join(settings)}")
    if report["missing"]:
        lines += ["", "Not measured, because not installed: " + ", ".join(report["missing"]) + "."]
    return "\n".join(lines) + "\n"


def write_markdown(path, text):
    """Replaces what lies between the two marks in `path`; a file that does not exist is begun with them."""
    old = path.read_text() if path.exists() else f"# Speed on the CPU\n\n{BEGIN}\n{END}\n"
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        sys.exit(f"{path}: must hold the lines '{BEGIN}' and '{END}' once each; the table goes between them")
    head, rest = old.split(BEGIN)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}{BEGIN}\n{text}{END}{rest.split(END)[1]}")


def parse_arguments():
    data = pathlib.Path(os.environ.get("RESNET_TEST_DATA", ROOT.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default="resnet18,resnet50", help="names, or NAME=WEIGHTS.pth, separated by commas")
    parser.add_argument("--weights", default=data / "weights", help="folder with NAME_imagenet.pth")
    parser.add_argument("--pictures", default=data / "photos", help="folder with JPEGs to run on")
    parser.add_argument("--configs", default="1x1,1x2,8x2", help="BATCHxTHREADS, separated by commas")
    parser.add_argument("--peers", default="onnxruntime,openvino,torch")
    parser.add_argument("--seconds", type=float, default=35, help="time for each configuration")
    parser.add_argument("--turn", type=float, default=200, help="milliseconds of a turn")
    parser.add_argument("--warm", type=int, default=2, help="runs before a turn's first timed one")
    parser.add_argument("--min-rounds", type=int, default=5)
    parser.add_argument("--plan", choices=["latency", "throughput"], help="ours; default: by batch size")
    parser.add_argument("--library", help="libresnet.so; default: the one in build/release")
    parser.add_argument("--no-install", action="store_true", help="use installed peers only")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    parser.add_argument("--markdown", type=pathlib.Path, help="put the table into this file, between its marks; default: standard output")
    arguments = parser.parse_args()
    arguments.peers = arguments.peers.split(",")
    return arguments


def command_line():
    """What was called, without the options that name files of this machine."""
    words, skip = ["tools/bench_peers_cpu.py"], False
    for word in sys.argv[1:]:
        if not skip and not word.startswith(("--json", "--markdown", "--library")):
            words.append(word)
        skip = word in ("--json", "--markdown", "--library")
    return " ".join(words)


def main():
    arguments = parse_arguments()
    if not can_import(sys.executable, "numpy"):  # as where a version manager's bare Python comes first
        other = python_with("numpy", ["/usr/bin/python3"])
        if other is None:
            sys.exit("no Python with numpy was found (Debian: python3-numpy)")
        os.execv(other, [other, *sys.argv])
    build = ROOT / "build" / "peers"
    build.mkdir(parents=True, exist_ok=True)
    library = find_library(arguments.library)
    contenders, missing = find_contenders(arguments, build)
    for name in missing:
        print(f"not installed, left out: {name}", file=sys.stderr)
    if len(contenders) == 1:
        sys.exit("no peer is installed")
    configurations = [tuple(map(int, c.split("x"))) for c in arguments.configs.split(",")]
    report = {"date": datetime.date.today().isoformat(), "command": command_line(),
              "machine": machine(), "commit": commit(), "missing": missing, "results": []}
    for entry in arguments.models.split(","):
        name, _, path = entry.partition("=")
        weights = pathlib.Path(path) if path else pathlib.Path(arguments.weights) / f"{name}_imagenet.pth"
        if not weights.exists():
            sys.exit(f"{weights}: no such file; give --models {name}=WEIGHTS.pth")
        model = prepare(name, weights, sorted({b for b, _ in configurations}), arguments, build)
        model["library"] = library
        for batch, threads in configurations:
            result = run_configuration(name, model, batch, threads, contenders, arguments, build)
            report["results"].append(result)
            print(f"{name}, batch {batch}, threads {threads}: " + ", ".join(
                f"{c['name']} {c['ms']:.2f} ms (ours is {c['ratio']:.2f} of it)"
                for c in result["contenders"].values()), file=sys.stderr)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.markdown:
        write_markdown(arguments.markdown, markdown(report))
    else:
        print(markdown(report))


if __name__ == "__main__":
    main()
