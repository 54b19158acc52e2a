#!/usr/bin/env python3
"""Times this project against ONNX Runtime, OpenVINO and PyTorch on the CPU, in fp32, bf16 or int8.

    tools/bench_peers_cpu.py                         everything, about five minutes
    tools/bench_peers_cpu.py --models resnet18 --configs 1x1 --seconds 10
    tools/bench_peers_cpu.py --no-install            only peers that are installed already
    tools/bench_peers_cpu.py --markdown docs/benchmarks/cpu.md --json cpu.json
    tools/bench_peers_cpu.py --precision bf16        the same in bf16, on a processor with AMX
    tools/bench_peers_cpu.py --precision int8        the same with int8 models, made first
    tools/bench_peers_cpu.py --precision int8 --prepare DIR      only makes them
    tools/bench_peers_cpu.py --precision int8 --prepared DIR     only times, perhaps on another machine

Every contender runs in a process of its own (tools/peers/, a file each), pinned to the same
processors, with the same weights, pictures and number of threads, at its best documented settings.
Before anything is timed, answers are compared. In fp32: the same best class, logits within 1e-2 of
PyTorch's. In bf16 and int8, where every engine rounds in its own way: the cosine between the logits
of a picture and PyTorch's fp32 ones, with a median of at least 0.999 in bf16 and, over 16 pictures,
0.98 in int8 (sums that overflow, as those of weights made for another processor do, give 0.96 to
0.97); how many best classes agree is reported.
Then they take turns, A B C D A B C D …, for --seconds a configuration; those whose turn it is not are
stopped (SIGSTOP), so that nobody's spinning threads disturb another. A turn is two warm-up runs and
then runs for --turn milliseconds; its time is their median. Ratios are formed within a round, between
neighbours in time, and their median and 10th…90th percentile are reported: noise that lasts longer
than a round hits both and cancels.

int8 models are made from the same fp32 weights and calibration photos, each with the engine's own
tool; timing them does not need the tools (tools/peers/int8_files.py says what lies in DIR).
--vnni-only keeps everybody from AMX: ours by its instruction set, engines built on oneDNN by
ONEDNN_MAX_CPU_ISA, which OpenVINO's copy of it obeys too. ONNX Runtime has no such switch.

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

from peers import int8_files, report as reporting

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = pathlib.Path(__file__).resolve().parent / "peers"
PINS = {"onnxruntime": "1.30.0", "openvino": "2026.4.1"}
# With which int8 models are made; not needed to time them.
TOOL_PINS = {"nncf": "3.4.0", "onnx": "1.23.2"}
# Modules that making a peer's int8 models takes.
TOOLS = {"onnxruntime": "onnxruntime, onnx", "openvino": "openvino, nncf",
         "torch": "torch.ao.quantization.quantize_fx, PIL"}
ANSWER_LIMIT = 1e-2  # fp32: of a logit's difference
COSINE_LIMIT = {"bf16": 0.999, "int8": 0.98}  # of the logits of a picture, the median
MARKS = "<!-- made by tools/bench_peers_cpu.py -->", "<!-- end of tools/bench_peers_cpu.py -->"


class Contender:
    def __init__(self, key, name, script, python):
        self.key, self.name, self.script, self.python = key, name, script, python


class Worker:
    """A contender's process. Stopped except while it answers."""

    def __init__(self, contender, cpus, threads, vnni_only):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        environment.pop("RESNET_THREADS", None)
        if vnni_only:
            environment["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_VNNI"
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


def make_venv(folder, pins):
    """Creates the environment of the pinned peers, or says why it could not."""
    python = folder / "bin" / "python"
    packages = [f"{name}=={version}" for name, version in pins.items()]
    print(f"installing {' and '.join(packages)} into {folder.relative_to(ROOT)}", file=sys.stderr)
    for command in ([sys.executable, "-m", "venv", str(folder)],
                    [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]):
        if subprocess.run(command, stdout=sys.stderr).returncode != 0:
            print("could not install them (Debian needs python3-venv; without a network use --no-install)",
                  file=sys.stderr)
            return


def pythons(build):
    """Where peers are looked for, in this order."""
    return [str(build / "venv" / "bin" / "python"), sys.executable, "/usr/bin/python3"]


def install_missing(modules, pins, arguments, build):
    if not arguments.no_install and any(python_with(m, pythons(build)) is None for m in modules):
        make_venv(build / "venv", pins)


def find_contenders(arguments, build):
    found, missing = [Contender("ours", "resnet.cpp", "ours.py", sys.executable)], []
    # PyTorch's quantisation of whole graphs is on its way out: a PyTorch without it is left out.
    torch = "torch.ao.quantization.quantize_fx" if arguments.precision == "int8" else "torch"
    wanted = [("onnxruntime", "ONNX Runtime", "onnx_runtime.py", "onnxruntime"),
              ("openvino", "OpenVINO", "open_vino.py", "openvino"), ("torch", "PyTorch", "py_torch.py", torch)]
    wanted = [w for w in wanted if w[0] in arguments.peers]
    if arguments.precision == "bf16" and any(w[0] == "onnxruntime" for w in wanted):
        wanted = [w for w in wanted if w[0] != "onnxruntime"]
        missing.append("ONNX Runtime (has no bf16 on x86)")
    install_missing([w[3] for w in wanted if w[0] in PINS], PINS, arguments, build)
    for key, name, script, module in wanted:
        python = python_with(module, pythons(build))
        if python:
            found.append(Contender(key, name, script, python))
        else:
            missing.append(f"{name} (not installed)")
    return found, missing


def find_library(given):
    candidates = [given] if given else sorted((ROOT / "build" / "release").rglob("libresnet.so"))
    for path in candidates:
        if os.path.exists(path):
            return str(pathlib.Path(path).resolve())
    sys.exit("libresnet.so was not found: build it (cmake --build --preset release), or name it with --library")


def weights_of(arguments):
    """Names of models and their fp32 weights."""
    result = {}
    for entry in arguments.models.split(","):
        name, _, path = entry.partition("=")
        result[name] = pathlib.Path(path) if path else pathlib.Path(arguments.weights) / f"{name}_imagenet.pth"
        if not result[name].exists():
            sys.exit(f"{result[name]}: no such file; give --models {name}=WEIGHTS.pth")
    return result


def prepare_int8(folder, arguments, build):
    """Makes the int8 models, of every peer whose tools are there."""
    program = ROOT / "build" / "release" / "resnet"
    if not program.exists():
        sys.exit("build/release/resnet was not found: build it (cmake --build --preset release)")
    wanted = {peer: modules for peer, modules in TOOLS.items() if peer in arguments.peers or peer == "torch"}
    install_missing([m for peer, m in wanted.items() if peer in PINS], {**PINS, **TOOL_PINS}, arguments, build)
    found = {peer: python_with(modules, pythons(build)) for peer, modules in wanted.items()}
    if found["torch"] is None:
        sys.exit("no Python with torch.ao.quantization and Pillow was found (Debian: python3-torch, python3-pil): "
                 "it reads the weights and pictures for the peers")
    for peer in (p for p, python in found.items() if python is None):
        print(f"no int8 model for {peer}: none of the Pythons can import {TOOLS[peer]}", file=sys.stderr)
    int8_files.make(folder, weights_of(arguments), {p: python for p, python in found.items() if python},
                    str(program), arguments, build)


def prepared_models(folder, contenders, missing, arguments, build):
    """What workers are told about each model, and the manifest. Contenders without a model move to `missing`."""
    import numpy
    from peers import make_inputs

    manifest, there = int8_files.read(folder, [c.key for c in contenders])
    missing += [f"{c.name} (no model in {folder.name})" for c in contenders if c.key not in there]
    contenders[:] = [c for c in contenders if c.key in there]
    path = str(build / "int8_pictures.npy")
    numpy.save(path, make_inputs.normalise(numpy.load(folder / "pixels.npy")))
    names = [entry.partition("=")[0] for entry in arguments.models.split(",")]
    return {name: {**int8_files.model(folder, manifest, name), "input": path} for name in names}, manifest


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
                    "--logits", str(build / f"{name}_logits.npy"),
                    "--pictures", *pictures[:max(batches)]], check=True)
    return {"weights": str(weights), "onnx": {str(b): f"{prefix}_b{b}.onnx" for b in batches},
            "input": str(build / f"{name}.npy"), "logits": str(build / f"{name}_logits.npy"), "plan": arguments.plan,
            "pictures": len(pictures[:max(batches)])}


def answers_of(workers, pictures, build):
    import numpy

    logits = {}
    for worker in workers:
        path = str(build / f"answer_{worker.contender.key}.npy")
        worker.ask(op="answer", input=pictures, output=path)
        logits[worker.contender.key] = numpy.load(path)
    return logits


def compare_likeness(workers, model, build):
    """Every contender's likeness to PyTorch's fp32 logits over the test pictures."""
    import numpy

    reference = numpy.load(model["logits"])
    result = {}
    for worker in workers:
        own = answers_of([worker], model["input"], build)[worker.contender.key]
        lengths = numpy.linalg.norm(own, axis=1) * numpy.linalg.norm(reference, axis=1)
        cosines = (own * reference).sum(1) / lengths
        if not numpy.median(cosines) >= COSINE_LIMIT[model["precision"]]:
            raise RuntimeError(f"{worker.contender.name}: logits have a cosine of only {numpy.median(cosines):.3f} "
                               "with PyTorch's in fp32 (median of the pictures)")
        result[worker.contender.key] = {"cosine": float(numpy.median(cosines)), "cosine_min": float(cosines.min()),
                                        "pictures": len(reference),
                                        "same_class": int((own.argmax(1) == reference.argmax(1)).sum())}
    return result


def compare_answers(workers, pictures, build):
    """max_abs of every contender's logits from the reference's (PyTorch's if there, else the last one's)."""
    import numpy

    logits = answers_of(workers, pictures, build)
    reference = logits.get("torch", logits[workers[-1].contender.key])
    result = {}
    for worker in workers:
        own = logits[worker.contender.key]
        difference = float(numpy.abs(own - reference).max())
        result[worker.contender.key] = {"max_abs_from_reference": difference}
        same = (own.argmax(1) == reference.argmax(1)).all()
        if own.shape != reference.shape or not same or not difference <= ANSWER_LIMIT:
            raise RuntimeError(f"{worker.contender.name} gives another answer: max_abs {difference:.3g}, "
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
    pictures = numpy.load(model["input"])
    numpy.save(path, pictures[[i % len(pictures) for i in range(batch)]])
    workers = []
    try:
        facts = {}
        for contender in contenders:
            workers.append(Worker(contender, cpus, threads, arguments.vnni_only))
            facts[contender.key] = workers[-1].ask(op="load", model=model, batch=batch, threads=threads, input=path)
        if arguments.precision != "fp32":
            answers = compare_likeness(workers, model, build)
        else:
            answers = compare_answers(workers, path, build)
        rounds, times = time_in_turns(workers, batch, arguments)
    finally:
        for worker in workers:
            worker.close()
    return {"model": name, "batch": batch, "threads": threads, "cpus": cpus, "rounds": rounds,
            "contenders": {c.key: {"name": c.name, "version": facts[c.key]["version"],
                                   "settings": facts[c.key]["settings"],
                                   **answers[c.key], **times[c.key]} for c in contenders}}


def cpuinfo(key):
    with open("/proc/cpuinfo") as f:
        return next((line.partition(":")[2].strip() for line in f if line.partition(":")[0].strip() == key), "")


def processor_flags():
    return set(cpuinfo("flags").split())


def machine():
    processor = cpuinfo("model name") or platform.machine()
    flags = processor_flags()
    features = [n for n, f in (("AVX2", "avx2"), ("AVX-512", "avx512f"), ("VNNI", "avx512_vnni"), ("AMX", "amx_tile"))
                if f in flags]
    return {"processor": processor, "features": features, "processors": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}", "load": os.getloadavg()[0]}


def answers_text(report, keys):
    contenders = [r["contenders"] for r in report["results"]]
    names = {k: contenders[0][k]["name"] for k in keys}
    if report["precision"] != "fp32":
        def agreement(key):
            same, cosine, smallest = (min(c[key][k] for c in contenders) for k in ("same_class", "cosine", "cosine_min"))
            return f"{names[key]} {same} of {contenders[0][key]['pictures']}, {cosine:.4f} ({smallest:.4f})"

        return ("Best classes that are those of PyTorch in fp32, and the cosine between a picture's logits and PyTorch's, "
                "median (smallest), the worst of all lines: " + "; ".join(map(agreement, keys)) + ".")
    reference = names["torch"] if "torch" in keys else names[keys[-1]]
    return (f"Largest difference of any logit from {reference}'s: " +
            ", ".join(f"{names[k]} {max(c[k]['max_abs_from_reference'] for c in contenders):.1e}" for k in keys) +
            "; the best class is the same everywhere.")


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
        f"Milliseconds an image, {report['precision']}, 224×224: median over the rounds of each turn's median. "
        "Ratios are ours divided by the peer's, formed within a round: median, and 10th to 90th percentile in brackets.", "",
        "| model | batch | threads | " + " | ".join(first[k]["name"] for k in keys) + " | " +
        " | ".join(f"ours / {first[k]['name']}" for k in peers) + " | rounds |",
        "|---|---|---|" + "---|" * (len(keys) + len(peers) + 1)]
    for r in report["results"]:
        c = r["contenders"]
        cells = [r["model"], str(r["batch"]), str(r["threads"])] + [f"{c[k]['ms']:.2f}" for k in keys]
        cells += [f"**{c[k]['ratio']:.2f}** ({c[k]['ratio_p10']:.2f}–{c[k]['ratio_p90']:.2f})" for k in peers]
        lines.append("| " + " | ".join(cells + [str(r["rounds"])]) + " |")
    lines += ["", answers_text(report, keys), ""]
    for k in keys:
        settings = dict.fromkeys(r["contenders"][k]["settings"] for r in report["results"])
        lines.append(f"- {first[k]['name']}: {' or, by batch, '.join(settings)}")
    if "prepared" in report:
        made = report["prepared"]["made_with"]
        lines += ["", f"Calibrated with the same {report['prepared']['calibration_photos']} photos: ours by "
                  "`resnet quantize`, " + ", ".join(f"{first[k]['name']}'s by {made[k]}" for k in peers) + "."]
    if report["missing"]:
        lines += ["", "Not measured: " + ", ".join(report["missing"]) + "."]
    return "\n".join(lines) + "\n"


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
    parser.add_argument("--precision", choices=["fp32", "bf16", "int8"], default="fp32")
    parser.add_argument("--prepare", type=pathlib.Path, metavar="DIR", help="int8: only make the models, into DIR")
    parser.add_argument("--prepared", type=pathlib.Path, metavar="DIR", help="int8: time the models of DIR")
    parser.add_argument("--calibrate", default=data / "coco" / "images", help="int8: folder of photos to calibrate with")
    parser.add_argument("--images", type=int, default=128, help="int8: photos to calibrate with, spread over all")
    parser.add_argument("--reduce-range", choices=["auto", "yes", "no"], default="auto",
                        help="int8: 7 bits of ONNX Runtime's weights and PyTorch's activations, which processors "
                        "without VNNI need; auto: by this processor")
    parser.add_argument("--isa", help="ours; default: the best the processor has")
    parser.add_argument("--vnni-only", action="store_true", help="int8: nobody may use AMX")
    parser.add_argument("--plan", choices=["latency", "throughput"], help="ours; default: by batch size")
    parser.add_argument("--library", help="libresnet.so; default: the one in build/release")
    parser.add_argument("--no-install", action="store_true", help="use installed peers only")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    parser.add_argument("--markdown", type=pathlib.Path, help="put the table into this file, between its marks; default: standard output")
    arguments = parser.parse_args()
    arguments.peers = arguments.peers.split(",")
    if arguments.precision != "int8" and (arguments.prepare or arguments.prepared or arguments.vnni_only):
        parser.error("--prepare, --prepared and --vnni-only go with --precision int8")
    if arguments.vnni_only and not arguments.isa:
        arguments.isa = "avx512_vnni"
    if arguments.reduce_range == "auto":
        arguments.reduce_range = "no" if processor_flags() & {"avx512_vnni", "avx_vnni"} else "yes"
    return arguments


def command_line():
    words = reporting.command_line("tools/bench_peers_cpu.py", ("--json", "--markdown", "--library")).split(" ")
    return " ".join("DIR" if before == "--prepared" else word for before, word in zip([""] + words, words))


def main():
    arguments = parse_arguments()
    if not can_import(sys.executable, "numpy"):  # as where a version manager's bare Python comes first
        other = python_with("numpy", ["/usr/bin/python3"])
        if other is None:
            sys.exit("no Python with numpy was found (Debian: python3-numpy)")
        os.execv(other, [other, *sys.argv])
    build = ROOT / "build" / "peers"
    build.mkdir(parents=True, exist_ok=True)
    int8_folder = arguments.prepared or arguments.prepare or build / "int8"
    if arguments.precision == "int8" and not arguments.prepared:
        prepare_int8(int8_folder, arguments, build)
        if arguments.prepare:
            return
    library = find_library(arguments.library)
    contenders, missing = find_contenders(arguments, build)
    configurations = [tuple(map(int, c.split("x"))) for c in arguments.configs.split(",")]
    report = {"date": datetime.date.today().isoformat(), "command": command_line(), "precision": arguments.precision,
              "machine": machine(), "commit": reporting.commit(), "missing": missing, "results": []}
    if arguments.precision == "int8":
        models, report["prepared"] = prepared_models(int8_folder, contenders, missing, arguments, build)
    else:
        batches = sorted({b for b, _ in configurations})
        models = {name: prepare(name, weights, batches, arguments, build)
                  for name, weights in weights_of(arguments).items()}
    for name in missing:
        print(f"left out: {name}", file=sys.stderr)
    if len(contenders) == 1:
        sys.exit("no peer is installed")
    for name, model in models.items():
        model.update(library=library, precision=arguments.precision, isa=arguments.isa, vnni_only=arguments.vnni_only)
        for batch, threads in configurations:
            result = run_configuration(name, model, batch, threads, contenders, arguments, build)
            report["results"].append(result)
            print(f"{name}, batch {batch}, threads {threads}: " + ", ".join(
                f"{c['name']} {c['ms']:.2f} ms (ours is {c['ratio']:.2f} of it)"
                for c in result["contenders"].values()), file=sys.stderr)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.markdown:
        reporting.write_between(arguments.markdown, MARKS, markdown(report), "Speed on the CPU")
    else:
        print(markdown(report))


if __name__ == "__main__":
    main()
