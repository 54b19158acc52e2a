#!/usr/bin/env python3
"""Asks PyTorch and `resnet` about the same photos and times both.

    tools/bench_agreement.py --model resnet18.pth --images DIR --device cuda --backend cuda_stepwise
    tools/bench_agreement.py --model resnet50.pth --images DIR --device cpu --threads 1

Prints
    images=500
    agree_top1=500 (100.00%)        photos whose most probable class is the same
    torch_ms=2.630                  a photo through PyTorch, median
    cuda_ms=1.210                   the same through resnet, median (cpu_ms on the CPU)
    speedup=2.17x

Both decode and prepare the photos on their own. A time is that of one photo at a time, from values in the host's memory
to logits there, without decoding; PyTorch runs eagerly in fp32, with TF32 off and BatchNorm as it is in the file. Photos
of which the classes differ are named on standard error. Exit status 1 where any differs.

Needs torch, torchvision, numpy and Pillow. Without a GPU of its own PyTorch computes on the CPU, which is said.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

from make_reference import MEAN, STD, load_net, load_photos, torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
WARM_UP = 10  # photos that are not counted


def torch_device(name):
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        print("bench_agreement: this PyTorch sees no GPU and computes on the CPU", file=sys.stderr)
        return torch.device("cpu")
    # For fp32 alone: its default lets convolutions round to TF32.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device(name)


def run_torch(arguments, photos):
    """({path: class}, median ms a photo)."""
    device = torch_device(arguments.device)
    net, found, _ = load_net(arguments.model)
    net.eval().to(device)
    preprocess = {"resize": 256, "center_crop": 224, "interpolation": "bilinear", "mean": MEAN, "std": STD, **found}
    classes, times = {}, []
    with torch.inference_mode():
        for turn, path in enumerate([photos[0]] * WARM_UP + photos):
            values = load_photos([path], preprocess)
            start = time.perf_counter()
            logits = net(values.to(device)).cpu()  # waits for the GPU
            took = time.perf_counter() - start
            if turn >= WARM_UP:
                classes[path.name] = int(logits.argmax())
                times.append(took * 1000)
    return classes, statistics.median(times)


def call(arguments, *words):
    """Lines of JSON that `resnet` prints."""
    command = [arguments.resnet, *words, "--model", arguments.model, "--device", arguments.device, "--json"]
    if arguments.backend:
        command += ["--backend", arguments.backend]
    if arguments.threads:
        command += ["--threads", str(arguments.threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench_agreement: status {done.returncode} of: {' '.join(map(str, command))}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_ours(arguments):
    """({path: class}, median ms a photo)."""
    answers = call(arguments, "classify", arguments.images, "--top", "1", "--quiet")
    classes = {pathlib.Path(a["path"]).name: a["predictions"][0]["index"] for a in answers}
    (bench,) = call(arguments, "bench", "--batch", "1")
    print(f"bench_agreement: {bench['backend']} on {bench['device']}", file=sys.stderr)
    return classes, bench["ms_median"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a torchvision .pth or a manifest directory")
    parser.add_argument("--images", required=True, type=pathlib.Path, help="a folder of photos")
    parser.add_argument("--device", default="cuda", help="cpu, cuda or cuda:N, for both")
    parser.add_argument("--backend", help="of resnet (default: the device's fastest)")
    parser.add_argument("--threads", type=int, help="of both, on the CPU")
    parser.add_argument("--limit", type=int, help="only the first N photos")
    parser.add_argument("--resnet", default=ROOT / "build" / "release" / "resnet", help="the program")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    photos = sorted(p for p in arguments.images.iterdir() if p.suffix.lower() in SUFFIXES)
    if not photos:
        sys.exit(f"bench_agreement: no photos in {arguments.images}")
    ours, our_ms = run_ours(arguments)
    theirs, torch_ms = run_torch(arguments, photos[: arguments.limit])
    different = [name for name, index in theirs.items() if ours.get(name) != index]
    for name in different:
        print(f"bench_agreement: {name}: class {ours.get(name)}, PyTorch's {theirs[name]}", file=sys.stderr)
    agree = len(theirs) - len(different)
    print(f"images={len(theirs)}")
    print(f"agree_top1={agree} ({agree / len(theirs):.2%})")
    print(f"torch_ms={torch_ms:.3f}")
    print(f"{arguments.device.split(':')[0]}_ms={our_ms:.3f}")
    print(f"speedup={torch_ms / our_ms:.2f}x")
    sys.exit(1 if different else 0)


main()
