#!/usr/bin/env python3
"""Measures how fast resnet-train trains, beside an eager PyTorch loop, on one GPU. Prints a markdown table.

    tools/bench_training.py --program build/release/resnet-train --data coco:instances.json,images > table.md
    tools/bench_training.py --device cpu --network resnet18 --size 64 --batches 8 --steps 6 --window 2 ...    in small

Both train ResNet-50 at 224 px in bf16, channels-last, with AdamW on binary cross-entropy. resnet-train does all that a
run does: every picture of every batch is cropped, jittered and brought to the device anew, from pictures that it keeps
decoded in memory. Eager PyTorch trains on one batch that lies on the device, so it has nothing to load: autocast,
cudnn.benchmark, the fused AdamW, gradients set to None.

The two take turns, --rounds times for each batch size. A figure is the median over windows of --window steps, each ended
by asking the device for a number. resnet-train's are the "step" records of its log; its first epoch, in which pictures
are decoded and cuDNN tries its algorithms, does not count, and an epoch is made --steps long by listing the data set's
pictures again under other names (links in a temporary folder). Further KEY=VALUE arguments go to resnet-train as they
are: ema.decay=0.997 loss.kind=asl.

Needs Python 3.10 with torch and torchvision.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torchvision

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLASSES = 80


def repeated(annotations, images, count, folder):
    """The COCO set with its pictures listed again until there are `count`: its JSON file, in `folder`."""
    source = json.loads(annotations.read_text())
    boxes = {}
    for box in source["annotations"]:
        boxes.setdefault(box["image_id"], []).append(box)
    known, again = [], []
    (folder / "images").mkdir(parents=True)
    for i in range(count):
        picture = source["images"][i % len(source["images"])]
        name = f"{i:06}{pathlib.Path(picture['file_name']).suffix}"
        (folder / "images" / name).symlink_to((images / picture["file_name"]).resolve())
        known.append({**picture, "id": i, "file_name": name})
        again += [{**box, "id": len(again) + k, "image_id": i} for k, box in enumerate(boxes.get(picture["id"], []))]
    path = folder / "pictures.json"
    path.write_text(json.dumps({"images": known, "annotations": again, "categories": source["categories"]}))
    return path


def run_ours(arguments, batch, folder):
    """Images a second of every window after the first epoch."""
    annotations, images = (pathlib.Path(part) for part in arguments.data.removeprefix("coco:").split(",", 1))
    if not folder.exists():
        repeated(annotations, images, arguments.steps * batch, folder / "train")
        repeated(annotations, images, 2, folder / "validation")
    config = {
        "model.network": arguments.network,
        "data.train": f"coco:{folder}/train/pictures.json,{folder}/train/images",
        "data.validation": f"coco:{folder}/validation/pictures.json,{folder}/validation/images",
        "data.cache_gb": arguments.cache_gb,
        "augment.size": arguments.size,
        "augment.brightness": 0.3, "augment.contrast": 0.3, "augment.saturation": 0.3,
        "preprocess.resize": f"[{arguments.size},{arguments.size}]", "preprocess.crop": 0,
        "train.epochs": arguments.epochs, "train.batch": batch, "train.device": arguments.device,
        "train.precision": "bf16", "train.channels_last": "true", "train.optimizer": "adamw", "train.lr": 1e-4,
        "loss.kind": "bce",
        "output.directory": folder / "run", "output.name": "speed", "output.log_every": arguments.window,
        "output.histograms_every": 0, "output.images": 0,
    }
    (folder / "empty.yaml").write_text("")
    log = folder / "run" / "logs" / "speed" / "log.jsonl"
    log.unlink(missing_ok=True)
    command = [arguments.program, "--config", folder / "empty.yaml", *(f"{k}={v}" for k, v in config.items()),
               *arguments.keys]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{arguments.program} failed:\n{done.stderr}")
    records = [json.loads(line) for line in log.read_text().splitlines()]
    return [r["images_per_s"] for r in records if r["event"] == "step" and r["epoch"] > 1]


class Eager:
    """The loop that a PyTorch user writes who wants it fast, without a compiler."""

    def __init__(self, arguments, batch):
        torch.backends.cudnn.benchmark = True
        self.device = torch.device(arguments.device)
        self.batch = batch
        self.network = torchvision.models.get_model(arguments.network, num_classes=CLASSES).to(self.device)
        self.network.to(memory_format=torch.channels_last).train()
        fused = {"fused": True} if self.device.type == "cuda" else {}
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, **fused)
        size = arguments.size
        images = torch.randn(batch, 3, size, size, device=self.device)
        self.images = images.to(memory_format=torch.channels_last)
        self.targets = (torch.rand(batch, CLASSES, device=self.device) < 0.05).float()

    def step(self):
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.network(self.images)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), self.targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss

    def window(self, steps):
        begin = time.perf_counter()
        for _ in range(steps):
            loss = self.step()
        loss.item()
        return self.batch * steps / (time.perf_counter() - begin)


def run_eager(arguments, batch):
    loop = Eager(arguments, batch)
    loop.window(arguments.window)  # cuDNN tries its algorithms
    return [loop.window(arguments.window) for _ in range(arguments.windows)]


def machine(device):
    if device != "cpu":
        return f"{torch.cuda.get_device_name(device)}, {len(os.sched_getaffinity(0))} processors"
    return f"{platform.machine()}, {len(os.sched_getaffinity(0))} processors"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build" / "release" / "resnet-train", type=pathlib.Path)
    parser.add_argument("--data", required=True, help="coco:ANNOTATIONS.json,IMAGES: the pictures to train on")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--size", type=int, default=224, help="height and width of samples (224)")
    parser.add_argument("--batches", default="64,128,256", help="batch sizes (64,128,256)")
    parser.add_argument("--steps", type=int, default=100, help="of an epoch of resnet-train (100)")
    parser.add_argument("--epochs", type=int, default=3, help="of resnet-train, the first does not count (3)")
    parser.add_argument("--window", type=int, default=20, help="steps of a window (20)")
    parser.add_argument("--windows", type=int, default=5, help="of eager PyTorch in a turn (5)")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each (2)")
    parser.add_argument("--cache-gb", type=float, default=16, help="for decoded pictures (16)")
    parser.add_argument("--json", action="store_true", help="every window's figure instead of the table")
    parser.add_argument("keys", nargs="*", metavar="KEY=VALUE", help="for resnet-train")
    arguments = parser.parse_args()
    if not arguments.data.startswith("coco:") or "," not in arguments.data:
        parser.error("--data must be coco:ANNOTATIONS.json,IMAGES")
    if not arguments.program.exists():
        parser.error(f"{arguments.program} is not there: build it with -DRESNET_TRAIN=ON, or give --program")
    if arguments.epochs < 2 or arguments.steps < arguments.window:
        parser.error("give at least two epochs, and epochs that a window fits in")
    return arguments


def main():
    arguments = parse()
    rows = []
    for batch in map(int, arguments.batches.split(",")):
        ours, eager = [], []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(arguments.rounds):
                ours += run_ours(arguments, batch, pathlib.Path(folder) / "ours")
                eager += run_eager(arguments, batch)
                if arguments.device != "cpu":
                    torch.cuda.empty_cache()
        rows.append({"batch": batch, "resnet-train": ours, "eager": eager})
        print(f"batch {batch}: {statistics.median(ours):.0f} and {statistics.median(eager):.0f} images/s",
              file=sys.stderr, flush=True)
    if arguments.json:
        print(json.dumps(rows))
        return
    version = subprocess.run([arguments.program, "--version"], capture_output=True, text=True).stdout
    print(f"Measured {time.strftime('%Y-%m-%d')} on {machine(arguments.device)}; {', '.join(version.split(chr(10))[:2])}; "
          f"PyTorch {torch.__version__}.\n")
    print(f"Images a second, {arguments.network} at {arguments.size} px: median of windows of {arguments.window} steps, "
          "smallest to largest in brackets.\n")
    print("| batch | resnet-train | PyTorch eager, one resident batch | ratio |\n|---|---|---|---|")
    for row in rows:
        middle = {name: statistics.median(row[name]) for name in ("resnet-train", "eager")}
        cells = [f"{middle[n]:,.0f} ({min(row[n]):,.0f}–{max(row[n]):,.0f})" for n in middle]
        print(f"| {row['batch']} | {cells[0]} | {cells[1]} | {middle['resnet-train'] / middle['eager']:.2f} |")


if __name__ == "__main__":
    main()
