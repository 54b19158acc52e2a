#!/usr/bin/env python3
"""Writes what PyTorch computes at every module of a ResNet, for `resnet verify` to compare with.

    make_reference.py --model resnet18.pth --images a.jpg b.jpg --float64 --out DIR
    make_reference.py --model resnet50.pth --seed 7 --shape 2,3,224,224 --out DIR
    make_reference.py --depth 34 --classes 10 --save-model seeded34.pth --seed 7 --shape 1,3,160,192 --out DIR

DIR gets, little-endian fp32 and row-major:
    input.bin                             the network's input, [N, 3, H, W]
    conv1.bin bn1.bin relu.bin maxpool.bin layer1.0.bin … head.bin    each module's output
    stem_pool.bin layer1.bin … layer4.bin gap.bin logits.bin probabilities.bin
                                          the classic checkpoints; all but gap and probabilities are
                                          other names of modules
    NAME.f64.bin                          with --float64: the same computed in float64
    reference.json                        shapes, where the weights and the input came from, versions

The fp32 values are PyTorch's on the CPU with one thread. Needs torch, torchvision, numpy and Pillow
(Debian: python3-torch, python3-torchvision).
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import sys
import zlib

try:
    import numpy
    import PIL
    import PIL.Image
    import torch
    import torchvision
except ImportError as missing:
    sys.exit(f"make_reference: {sys.executable} has no module {missing.name}; this needs PyTorch, torchvision, NumPy and "
             "Pillow (Debian: apt-get install python3-torch python3-torchvision, then run it with /usr/bin/python3)")

FORMAT_VERSION = 1
MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]
INTERPOLATIONS = {
    "bilinear": torchvision.transforms.InterpolationMode.BILINEAR,
    "bicubic": torchvision.transforms.InterpolationMode.BICUBIC,
}
# Running statistics of a seeded net come from one batch of this shape.
SEEDED_BATCH = (8, 3, 128, 128)


def depth_of(state):
    """18, 34 or 50, from the names of a state_dict's tensors."""
    if "layer1.0.conv3.weight" in state:
        return 50
    return 34 if "layer3.5.conv1.weight" in state else 18


def build(depth, classes):
    constructor = {18: torchvision.models.resnet18, 34: torchvision.models.resnet34, 50: torchvision.models.resnet50}
    return constructor[depth](num_classes=classes)


def seeded_net(depth, classes, seed):
    """A random network whose activations keep a trained one's scale: the last BatchNorm of each block
    has weight 0.25, and running statistics are those of one training-mode batch."""
    torch.manual_seed(seed)
    net = build(depth, classes)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
                module.momentum = None  # a plain average over batches: of one batch, that batch
        for block in (b for layer in (net.layer1, net.layer2, net.layer3, net.layer4) for b in layer):
            (block.bn3 if depth == 50 else block.bn2).weight.fill_(0.25)
        net.train()
        net(torch.randn(*SEEDED_BATCH))
    return net


def load_manifest(directory):
    """(state_dict, preprocess) of a manifest directory as `resnet export` writes it."""
    manifest = json.loads((directory / "manifest.json").read_text())
    state = {
        name: torch.from_numpy(numpy.fromfile(directory / t["path"], "<f4").reshape(t["shape"]))
        for name, t in manifest["tensors"].items()
    }
    return state, manifest["preprocess"]


def load_net(path):
    """(net, preprocess or {}, SHA-256 of the file)."""
    path = pathlib.Path(path)
    if path.is_dir():
        state, preprocess = load_manifest(path)
        digest = hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest()
    else:
        state, preprocess = torch.load(path, map_location="cpu"), {}
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    net = build(depth_of(state), state["fc.weight"].shape[0])
    missing, unexpected = net.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        sys.exit(f"{path}: missing tensors {missing}, unexpected {unexpected}")
    return net, preprocess, digest


def weights_crc32(net):
    """CRC-32 over the fp32 bytes of all floating-point tensors in torchvision's order."""
    crc = 0
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            crc = zlib.crc32(numpy.ascontiguousarray(tensor.numpy(), "<f4").tobytes(), crc)
    return f"{crc:08x}"


def load_photos(paths, preprocess):
    transforms = torchvision.transforms
    size = preprocess["resize"]
    steps = [transforms.Resize(size, INTERPOLATIONS[preprocess["interpolation"]])]
    if preprocess["center_crop"] is not None:
        steps.append(transforms.CenterCrop(preprocess["center_crop"]))
    steps += [transforms.ToTensor(), transforms.Normalize(preprocess["mean"], preprocess["std"])]
    chain = transforms.Compose(steps)
    return torch.stack([chain(PIL.Image.open(path).convert("RGB")) for path in paths])


def run_modules(net, x):
    """Ordered {name: output} of every module and classic checkpoint."""
    outputs = collections.OrderedDict()
    for name in ("conv1", "bn1", "relu", "maxpool"):
        x = getattr(net, name)(x)
        # torchvision's ReLU works in place, which would rewrite what was just recorded.
        outputs[name] = x.clone()
    outputs["stem_pool"] = outputs["maxpool"]
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        for index, block in enumerate(getattr(net, layer)):
            x = block(x)
            outputs[f"{layer}.{index}"] = x.clone()
        outputs[layer] = outputs[f"{layer}.{index}"]
    outputs["gap"] = torch.flatten(net.avgpool(x), 1)
    outputs["head"] = net.fc(outputs["gap"])
    outputs["logits"] = outputs["head"]
    outputs["probabilities"] = torch.softmax(outputs["head"], 1)
    return outputs


def write_tensors(directory, outputs, suffix, dtype):
    written = {}  # id of a tensor -> its file: other names of one tensor become links
    for name, tensor in outputs.items():
        path = directory / f"{name}{suffix}"
        path.unlink(missing_ok=True)
        if id(tensor) in written:
            os.link(written[id(tensor)], path)
        else:
            tensor.contiguous().numpy().astype(dtype).tofile(path)
            written[id(tensor)] = path


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="weights: a torchvision .pth or a manifest directory")
    source.add_argument("--depth", type=int, choices=(18, 34, 50), help="a seeded random net of this depth")
    parser.add_argument("--classes", type=int, default=1000, help="classes of the seeded net")
    parser.add_argument("--save-model", help="write the seeded net to this .pth")
    parser.add_argument("--images", nargs="+", help="photos; without them the input is random")
    parser.add_argument("--seed", type=int, default=0, help="of the random input and of the seeded net")
    parser.add_argument("--shape", default="1,3,224,224", help="N,3,H,W of the random input")
    parser.add_argument("--interpolation", choices=sorted(INTERPOLATIONS), default="bilinear")
    parser.add_argument("--float64", action="store_true", help="also write what float64 gives")
    parser.add_argument("--out", required=True, help="directory to write; made where it is not there")
    arguments = parser.parse_args()
    if arguments.save_model and not arguments.depth:
        parser.error("--save-model goes with --depth")
    return arguments


def main():
    arguments = parse_arguments()
    torch.set_num_threads(1)
    if arguments.model:
        net, found, digest = load_net(arguments.model)
        weights = {"file": pathlib.Path(arguments.model).name, "sha256": digest}
    else:
        net, found = seeded_net(arguments.depth, arguments.classes, arguments.seed), {}
        weights = {"seeded": arguments.seed}
        if arguments.save_model:
            torch.save(net.state_dict(), arguments.save_model)
    weights["crc32"] = weights_crc32(net)
    net.eval()

    preprocess = {
        "resize": found.get("resize", 256),
        "center_crop": found.get("center_crop", 224),
        "interpolation": found.get("interpolation", arguments.interpolation),
        "mean": found.get("mean", MEAN),
        "std": found.get("std", STD),
    }
    if arguments.images:
        x = load_photos(arguments.images, preprocess)
        source = {"images": [os.path.abspath(path) for path in arguments.images], "preprocess": preprocess}
    else:
        torch.manual_seed(arguments.seed)
        x = torch.randn(*(int(side) for side in arguments.shape.split(",")))
        source = {"seed": arguments.seed}

    directory = pathlib.Path(arguments.out)
    directory.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        outputs = collections.OrderedDict(input=x)
        outputs.update(run_modules(net, x.clone()))
        write_tensors(directory, outputs, ".bin", "<f4")
        if arguments.float64:
            write_tensors(directory, run_modules(net.double(), x.double()), ".f64.bin", "<f8")

    reference = {
        "version": FORMAT_VERSION,
        "made_by": f"PyTorch {torch.__version__}",
        "model": f"resnet{depth_of(net.state_dict())}",
        "classes": net.fc.out_features,
        "weights": weights,
        "input": source,
        "float64": arguments.float64,
        "threads": torch.get_num_threads(),
        "versions": {
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "pillow": PIL.__version__,
            "numpy": numpy.__version__,
            "python": sys.version.split()[0],
        },
        "tensors": {name: {"file": f"{name}.bin", "shape": list(t.shape)} for name, t in outputs.items()},
    }
    # Last, under a temporary name: a directory with a reference.json is complete.
    temporary = directory / "reference.json.tmp"
    temporary.write_text(json.dumps(reference, indent=2) + "\n")
    temporary.rename(directory / "reference.json")
    print(f"{reference['model']}, input {list(x.shape)}: {len(outputs)} tensors in {directory}")


if __name__ == "__main__":
    main()
