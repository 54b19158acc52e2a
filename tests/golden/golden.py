#!/usr/bin/env python3
"""End-to-end checks of `resnet verify` against PyTorch, one a ctest test.

    golden.py --resnet PROGRAM --work DIR make CASE               makes DIR/CASE with tools/make_reference.py
    golden.py --resnet PROGRAM --work DIR verify CASE --subject BACKEND[:ISA] --plan PLAN
    golden.py --resnet PROGRAM --work DIR mutations               mistakes in a trained net, each caught where it is
    golden.py --resnet PROGRAM --work DIR commands                --step, --modules, --input, --dump, --html, compare

Exit status 77: skipped (the data folder or the instruction set is not there; the reason is printed).
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

SKIPPED = 77
SOURCE = pathlib.Path(__file__).resolve().parents[2]
MAKE_REFERENCE = SOURCE / "tools" / "make_reference.py"
# ResNet-34 has no trained weights at hand. Non-square, so that mixed-up sides show.
SEEDED = ["--depth", "34", "--classes", "100", "--seed", "34", "--shape", "2,3,160,192"]
CASES = {
    "resnet18_photos": {"weights": "resnet18_imagenet.pth", "photos": 2, "modules": 13},
    "resnet18_photo": {"weights": "resnet18_imagenet.pth", "photos": 1, "modules": 13},
    "resnet18_random": {"weights": "resnet18_imagenet.pth", "shape": "1,3,224,224", "modules": 13},
    "resnet50_photos": {"weights": "resnet50_imagenet.pth", "photos": 2, "modules": 21},
    "resnet50_random": {"weights": "resnet50_imagenet.pth", "shape": "1,3,224,224", "modules": 21},
    "resnet34_seeded": {"seeded": SEEDED, "modules": 21},
}


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def data_directory():
    directory = pathlib.Path(os.environ.get("RESNET_TEST_DATA") or SOURCE.parent / "shared" / "data")
    if not directory.exists():
        raise Skip("needs the data folder: set RESNET_TEST_DATA")
    return directory


def model_path(case, work):
    """The weights of a case; of a seeded net the .pth that `make` saved."""
    if "seeded" in CASES[case]:
        return work / f"{case}.pth"
    path = data_directory() / "weights" / CASES[case]["weights"]
    check(path.exists(), f"{path} is missing")
    return path


def make(case, work):
    spec = CASES[case]
    directory = work / case
    complete = directory / "reference.json"
    if complete.exists() and complete.stat().st_mtime > MAKE_REFERENCE.stat().st_mtime:
        print(f"{directory} is up to date")
        return
    arguments = ["--out", str(directory), "--float64"]
    if "seeded" in spec:
        arguments += spec["seeded"] + ["--save-model", str(model_path(case, work))]
    else:
        arguments += ["--model", str(model_path(case, work))]
        if "photos" in spec:
            photos = sorted((data_directory() / "photos").glob("*.jpg"))[: spec["photos"]]
            check(len(photos) == spec["photos"], "the data folder has too few photos")
            arguments += ["--images", *map(str, photos)]
        else:
            arguments += ["--seed", "5", "--shape", spec["shape"]]
    work.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, str(MAKE_REFERENCE), *arguments], check=True)


class Program:
    def __init__(self, resnet, emulator):
        self.prefix = [*(emulator.split("|") if emulator else []), resnet]

    def run(self, *arguments, status=0):
        """Runs, checks the exit status, gives (stdout, stderr)."""
        command = [*self.prefix, *map(str, arguments)]
        print("+", " ".join(command), flush=True)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 1 and "is not available in fp32; this build and processor have" in done.stderr:
            raise Skip(done.stderr.strip())
        check(
            done.returncode == status,
            f"exit status {done.returncode}, not {status}\n{done.stdout}\n{done.stderr}",
        )
        return done.stdout, done.stderr


def verify(program, case, work, subject, plan):
    backend, _, isa = subject.partition(":")
    arguments = ["verify", "--model", model_path(case, work), "--reference", work / case, "--json"]
    arguments += ["--backend", backend, "--plan", plan]
    if isa:
        arguments += ["--isa", isa]
    out, err = program.run(*arguments)
    results = [json.loads(line) for line in out.splitlines()]
    photos = "photos" in CASES[case]
    check(
        [r["module"] for r in results].count("input") == photos, "the photos' preprocessing was compared, or should be"
    )
    check(len(results) == CASES[case]["modules"] + photos, f"{len(results)} checkpoints were compared")
    for r in results:
        check(r["ok"], f"{r}")
        check(r["backend"] == backend and r["isa"] == isa, f"another backend ran: {r['backend']}/{r['isa']}")
    check("[OK] e2e within" in err, f"no verdict in {err}")
    worst = max(results, key=lambda r: r["max_abs_rel"])
    print(f"worst of max|expected|: {worst['max_abs_rel']:.2e} at {worst['module']}")
    if "max_abs_rel_float64" in worst:
        ours = max(r.get("max_abs_rel_float64", 0) for r in results)
        torch = max(r.get("reference_max_abs_rel_float64", 0) for r in results)
        print(f"worst from float64: ours {ours:.2e}, PyTorch fp32 {torch:.2e}")


def mutations(program, work):
    """The trained ResNet-18 with one mistake at a time: `verify` must name the module where it was made."""
    import torch

    case = "resnet18_photos"
    model, mutant = model_path(case, work), work / "mutant.pth"
    state = torch.load(model, map_location="cpu")

    def expect_located(path, module):
        out, _ = program.run("verify", "--model", path, "--reference", work / case, status=1)
        verdict = out.splitlines()[-1]
        check(verdict.startswith(f"[FAIL] e2e first wrong at {module}:"), f"not at {module}: {verdict}")
        print(verdict)

    def change(name, values):
        torch.save({**state, name: values}, mutant)

    # One number of a convolution or of the last layer, by 1 %: the largest.
    for name in [n for n, t in state.items() if t.dim() == 4 or n == "fc.weight"]:
        values = state[name].clone()
        flat = values.view(-1)
        flat[flat.abs().argmax()] *= 1.01
        change(name, values)
        layer, block, *_ = name.split(".")
        expect_located(mutant, {"conv1": "conv1", "fc": "head"}.get(layer, f"{layer}.{block}"))
    # BatchNorm's eps is 1e-5; 1e-3 adds the difference to every variance.
    for name, module in (("bn1.running_var", "bn1"), ("layer2.1.bn2.running_var", "layer2.1")):
        change(name, state[name] + (1e-3 - 1e-5))
        expect_located(mutant, module)
    mutant.unlink()

    # Preprocessing is a property of the model.
    export = work / "mutant"
    program.run("export", model, "--out", export, "--format", "manifest")
    manifest = json.loads((export / "manifest.json").read_text())
    preprocess = manifest["preprocess"]
    for wrong in (
        {"mean": preprocess["std"], "std": preprocess["mean"]},
        {"interpolation": "bicubic"},
        {"resize": preprocess["resize"] - 1},
    ):
        manifest["preprocess"] = {**preprocess, **wrong}
        (export / "manifest.json").write_text(json.dumps(manifest))
        expect_located(export, "input")
    shutil.rmtree(export)


def commands(program, work):
    case = "resnet34_seeded"
    reference, model = work / case, model_path(case, work)
    base = ["verify", "--model", model, "--reference", reference]

    for step in ("stem", "layer1", "layer2", "layer3", "layer4", "head", "e2e"):
        out, _ = program.run(*base, "--step", step)
        *stages, difference, verdict = out.splitlines()
        check(stages and all(re.fullmatch(r"\w+ *: \d+\.\d{3} ms", line) for line in stages), f"{step}: {stages}")
        check(re.fullmatch(r"Diff  : max_abs=\S+ mean_abs=\S+", difference), f"{step}: {difference}")
        check(verdict == "[OK] within 3e-05 of max|expected|", f"{step} ended in: {verdict}")
    out, _ = program.run(*base, "--step", "layer1", "--backend", "reference")
    check([line.split()[0].rstrip(":") for line in out.splitlines()[:4]] == ["conv2d", "bn", "relu", "add"], out)
    out, _ = program.run(*base, "--step", "layer1", "--json")
    check([json.loads(line)["module"] for line in out.splitlines()] == ["layer1.0", "layer1.1", "layer1.2"], out)
    out, _ = program.run(*base, "--modules", "layer1.0:layer2.0", "--json")
    names = [json.loads(line)["module"] for line in out.splitlines()]
    check(names == ["layer1.0", "layer1.1", "layer1.2"], f"--modules ran {names}")

    single = ["verify", "--model", model, "--modules", "4:7", "--shape", "2", "64", "40", "48"]
    single += ["--input", reference / "maxpool.bin"]
    out, _ = program.run(*single, "--expect", reference / "layer1.2.bin")
    check("[OK]" in out.splitlines()[-1], out)
    out, _ = program.run(*single, "--expect", reference / "layer1.1.bin", status=1)
    check("[FAIL]" in out.splitlines()[-1], out)
    program.run(*single, status=2)  # neither --expect nor --dump
    program.run("verify", "--model", model, status=2)

    dump, page = work / "dump", work / "report.html"
    program.run(*base, "--dump", dump, "--html", page)
    check(page.read_text().startswith("<!DOCTYPE html>"), "no page was written")
    out, _ = program.run("compare", dump, reference)
    check(out.splitlines()[-1].startswith("[OK] within"), out)
    out, _ = program.run("compare", dump, reference, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    check([r["module"] for r in rows][:3] == ["input", "conv1", "bn1"] and all(r["ok"] for r in rows), out)
    program.run("verify", "--model", model, "--reference", dump)  # a dump is a reference, too

    # Another net's outputs are wrong from the first module on.
    other = work / "other"
    subprocess.run(
        [sys.executable, str(MAKE_REFERENCE), *SEEDED[:4], "--seed", "35", "--shape", "1,3,64,64", "--out", str(other)],
        check=True,
    )
    out, err = program.run("verify", "--model", model, "--reference", other, status=1)
    check(out.splitlines()[-1].startswith("[FAIL] e2e first wrong at conv1"), out)
    check("other weights" in err, err)
    program.run("compare", dump, other, status=1)  # not even the same sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resnet", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--emulator", default="", help="command in front of the program, words split by |")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("make").add_argument("case", choices=CASES)
    one = actions.add_parser("verify")
    one.add_argument("case", choices=CASES)
    one.add_argument("--subject", required=True, help="BACKEND or BACKEND:ISA")
    one.add_argument("--plan", required=True)
    actions.add_parser("mutations")
    actions.add_parser("commands")
    arguments = parser.parse_args()
    program = Program(arguments.resnet, arguments.emulator)
    try:
        if arguments.action == "make":
            make(arguments.case, arguments.work)
        elif arguments.action == "verify":
            verify(program, arguments.case, arguments.work, arguments.subject, arguments.plan)
        elif arguments.action == "mutations":
            mutations(program, arguments.work)
        else:
            commands(program, arguments.work)
    except Skip as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
