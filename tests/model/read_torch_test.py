"""What PyTorch writes, we read: every kind of storage, stride and wrapper, bit for bit; the rest is refused by name.

usage: read_torch_test.py MODEL_TOOL WORK_DIR
"""
import collections
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import torch
import torchvision

CLASSES = 3


class System:
    def __reduce__(self):
        return os.system, ("touch evil-was-here",)


def flat_views(state):
    """All floats as views of one storage, at offsets."""
    floats = {k: v for k, v in state.items() if v.is_floating_point()}
    flat = torch.cat([v.reshape(-1) for v in floats.values()])
    out, at = collections.OrderedDict(state), 0
    for name, value in floats.items():
        out[name] = flat[at : at + value.numel()].view(value.shape)
        at += value.numel()
    return out


def strided(state):
    """Every tensor with strides that are not row-major."""
    out = collections.OrderedDict(state)
    for name, value in state.items():
        if value.dim() == 4:
            out[name] = value.to(memory_format=torch.channels_last)
        elif value.dim() == 2:
            out[name] = value.t().contiguous().t()
        elif value.dim() == 1:
            out[name] = torch.stack([value, value + 1], dim=1)[:, 0]
    assert not out["fc.weight"].is_contiguous() and not out["bn1.weight"].is_contiguous()
    return out


def cast(state, dtype):
    return collections.OrderedDict((k, v.to(dtype) if v.is_floating_point() else v) for k, v in state.items())


def expanded(state):
    out = collections.OrderedDict(state)
    out["bn1.weight"] = torch.full((1,), 0.5).expand(64)
    return out


def prefixed(state, prefix):
    return collections.OrderedDict((prefix + k, v) for k, v in state.items())


def without(state, *names):
    return collections.OrderedDict((k, v) for k, v in state.items() if k not in names)


def readable(model):
    """name -> (object to save, the state_dict that should come out, arguments of torch.save)"""
    state = model.state_dict()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.zeros(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    state = collections.OrderedDict((k, v.clone()) for k, v in model.state_dict().items())
    checkpoint = {"epoch": 3, "best": 71.25, "big": -(1 << 40), "state_dict": state, "none": None, "yes": True,
                  "list": [1, "two", (3.0,)], "optimizer": optimizer.state_dict()}
    averaged = collections.OrderedDict(n_averaged=torch.tensor(5), **prefixed(state, "module."))
    legacy = {"_use_new_zipfile_serialization": False}
    return {
        "zip": (state, state, {}),
        "protocol4": (state, state, {"pickle_protocol": 4}),
        "plain_dict": (dict(state), state, {}),
        "parameters": (model.state_dict(keep_vars=True), state, {}),
        "half": (cast(state, torch.float16), cast(state, torch.float16), {}),
        "bfloat16": (cast(state, torch.bfloat16), cast(state, torch.bfloat16), {}),
        "double": (cast(state, torch.float64), cast(state, torch.float64), {}),
        "strided": (strided(state), state, {}),
        "half_strided": (strided(cast(state, torch.float16)), cast(state, torch.float16), {}),
        "shared_storage": (flat_views(state), state, {}),
        "expanded": (expanded(state), expanded(state), {}),
        "data_parallel": (prefixed(state, "module."), state, {}),
        "compiled": (prefixed(state, "_orig_mod.module."), state, {}),
        "no_counters": (without(state, *[k for k in state if k.endswith("num_batches_tracked")]), state, {}),
        "wrapped_state_dict": (checkpoint, state, {}),
        "wrapped_model": ({"model": state, "epoch": 1}, state, {}),
        "wrapped_model_ema": ({"model_ema": averaged}, state, {}),
        "legacy": (state, state, legacy),
        "legacy_shared": (flat_views(strided(state)), state, legacy),
        "legacy_checkpoint": (checkpoint, state, legacy),
    }


def refused(model):
    """name -> (object to save, words that the message must hold)"""
    state = model.state_dict()
    wrong = collections.OrderedDict(state)
    wrong["layer1.0.conv1.weight"] = torch.zeros(64, 64, 5, 5)
    integers = collections.OrderedDict(state)
    integers["bn1.bias"] = torch.zeros(64, dtype=torch.int32)
    return {
        "os_system": ({"state_dict": state, "x": System()}, ["unsafe", "posix.system", "state_dict()"]),
        "whole_model": (model, ["unsafe", "torchvision.models.resnet.ResNet"]),
        "missing": (without(state, "layer2.0.downsample.1.running_var", "fc.bias"),
                    ["not_found", "layer2.0.downsample.1.running_var [128]", "fc.bias [3]", "resnet18"]),
        "extra": (collections.OrderedDict(state, **{"layer1.0.se.weight": torch.zeros(4)}),
                  ["bad_format", "layer1.0.se.weight [4]"]),
        "wrong_shape": (wrong, ["shape_mismatch", "layer1.0.conv1.weight", "[64, 64, 5, 5]", "[64, 64, 3, 3]"]),
        "integers": (integers, ["unsupported", "bn1.bias", "i32"]),
        "vgg": (collections.OrderedDict({"features.0.weight": torch.zeros(2)}), ["bad_format", "conv1.weight"]),
        "deeper": (torchvision.models.resnet101(num_classes=1).state_dict(), ["unsupported", "ResNet-18, -34 and -50"]),
        "not_a_dict": ([1, 2], ["bad_format", "torch.save(model.state_dict(), path)"]),
        "not_tensors": ({"state_dict": dict(state, a=3)}, ["bad_format", "entry a"]),
    }


def convert(tool, source, out):
    shutil.rmtree(out, ignore_errors=True)
    return subprocess.run([tool, "convert", str(source), "manifest", str(out)], capture_output=True, text=True)


def check_readable(tool, work, name, saved, expected, arguments):
    source, out = work / f"{name}.pth", work / "out"
    torch.save(saved, source, **arguments)
    result = convert(tool, source, out)
    assert result.returncode == 0, f"{name}: {result.stderr}"
    for key, value in expected.items():
        if key.endswith("num_batches_tracked"):
            continue
        want = value.detach().to(torch.float32).contiguous().numpy().tobytes()
        assert (out / f"{key}.bin").read_bytes() == want, f"{name}: {key} has other bits"
    source.unlink()
    print(f"read {name}")


def check_refused(tool, source, words):
    result = convert(tool, source, source.parent / "out")
    assert result.returncode == 1, f"{source.name}: exit status {result.returncode}, {result.stderr}"
    for word in [source.name, *words]:
        assert word in result.stderr, f"{source.name}: no \"{word}\" in: {result.stderr}"
    source.unlink()
    print(f"refused {source.name}: {result.stderr.strip()[:100]}")


def main():
    tool, work = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    os.chdir(work)
    torch.manual_seed(20)
    model = torchvision.models.resnet18(num_classes=CLASSES)

    for name, (saved, expected, arguments) in readable(model).items():
        check_readable(tool, work, name, saved, expected, arguments)
    for name, (saved, words) in refused(model).items():
        torch.save(saved, work / f"{name}.pth")
        check_refused(tool, work / f"{name}.pth", words)
    assert not (work / "evil-was-here").exists(), "a pickle ran a program"

    torch.jit.save(torch.jit.script(model), work / "script.pt")
    check_refused(tool, work / "script.pt", ["unsupported", "TorchScript"])

    torch.save(model.state_dict(), work / "stored.pth")
    with zipfile.ZipFile(work / "stored.pth") as source, zipfile.ZipFile(
        work / "deflated.pth", "w", zipfile.ZIP_DEFLATED
    ) as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info))
    check_refused(tool, work / "deflated.pth", ["unsupported", "compressed"])
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
