"""What model_tool writes, PyTorch reads: load_state_dict(strict=True), the same bits, also with weights_only.

usage: torch_reads_test.py MODEL_TOOL WORK_DIR
"""
import json
import pathlib
import shutil
import struct
import subprocess
import sys

import numpy
import torch
import torchvision


def read_safetensors(path):
    """A second reader of the format, so that ours is not its own judge."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert (8 + length) % 64 == 0, "the data should start at a cache line"
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    assert all(isinstance(v, str) for v in metadata.values()), metadata
    assert metadata["format"] == "pt"
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32"
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        array = numpy.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return tensors


def load_strictly(depth, classes, state_dict, what):
    model = getattr(torchvision.models, f"resnet{depth}")(num_classes=classes)
    result = model.load_state_dict(state_dict, strict=True)
    assert not result.missing_keys and not result.unexpected_keys, (what, result)
    return {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def require_equal(a, b, what):
    assert a.keys() == b.keys(), (what, set(a) ^ set(b))
    for name in a:
        assert torch.equal(a[name], b[name]), f"{what}: {name} differs"


def main():
    tool, work = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for depth, classes in ((18, 7), (34, 80), (50, 1000)):
        random = ["random", str(depth), str(classes), "11"]
        pth, safe, manifest = (str(work / f"{depth}{end}") for end in (".pth", ".safetensors", "-manifest"))
        subprocess.run([tool, *random, "pth", pth], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([tool, *random, "safetensors", safe], check=True, stdout=subprocess.DEVNULL)
        lines = subprocess.run(
            [tool, *random, "manifest", manifest], check=True, capture_output=True, text=True
        ).stdout.splitlines()

        from_pth = load_strictly(depth, classes, torch.load(pth), pth)
        require_equal(from_pth, load_strictly(depth, classes, torch.load(pth, weights_only=True), pth), "weights_only")
        require_equal(from_pth, load_strictly(depth, classes, read_safetensors(safe), safe), "safetensors")
        counters = [v for k, v in torch.load(pth).items() if k.endswith("num_batches_tracked")]
        assert len({v.data_ptr() for v in counters}) == len(counters), "counters must not share memory"

        parsed = json.loads((pathlib.Path(manifest) / "manifest.json").read_text())
        assert parsed["model"] == f"resnet{depth}" and parsed["dtype"] == "fp32", parsed
        assert parsed["layout"] == "NCHW" and parsed["version"] == 1
        assert parsed["preprocess"] == {
            "resize": 256,
            "center_crop": 224,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
        }, parsed["preprocess"]
        assert parsed["tensors"].keys() == from_pth.keys()
        for name, tensor in from_pth.items():
            entry = parsed["tensors"][name]
            assert entry["path"] == name + ".bin" and entry["shape"] == list(tensor.shape), entry
            expected = work / "expected.bin"
            tensor.numpy().tofile(expected)
            written = pathlib.Path(manifest) / entry["path"]
            assert written.read_bytes() == expected.read_bytes(), f"{written} is not numpy's tofile()"
            assert entry["layout"] == {4: "OIHW", 2: "OI", 1: "O"}[tensor.dim()]
            kind = "conv_weight" if tensor.dim() == 4 else "fc_" + name[3:] if name.startswith("fc.") else (
                "bn_buffer" if "running" in name else "bn_param")
            assert entry["kind"] == kind, (name, entry)
            assert f"saved: {name}  {list(tensor.shape)} -> {written}" in lines, f"{name} was not reported"
        print(f"resnet{depth} with {classes} classes: {len(from_pth)} tensors, every format agrees")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
