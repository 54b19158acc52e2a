"""Small valid model files, and the pickles inside them: make_seeds.py FOLDER"""
import io
import json
import pathlib
import pickle
import struct
import sys
import zipfile


def _op_text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def _op_int(value):
    return b"J" + struct.pack("<i", value)


def _tensor(storage, key, numel, sizes, strides, offset=0):
    numbers = lambda values: b"(" + b"".join(map(_op_int, values)) + b"t"
    reference = b"(" + _op_text("storage") + b"ctorch\n" + storage + b"\n" + _op_text(key) + _op_text("cpu")
    reference += _op_int(numel) + b"tQ"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + _op_int(offset) + numbers(sizes) + numbers(strides)
            + b"\x89ccollections\nOrderedDict\n)RtR")


def _state_dict():
    body = _op_text("conv1.weight") + _tensor(b"FloatStorage", "0", 24, [2, 3, 2, 2], [12, 4, 2, 1])
    body += _op_text("bn1.weight") + _tensor(b"HalfStorage", "1", 4, [2], [2], 1)
    body += _op_text("bn1.num_batches_tracked") + _tensor(b"LongStorage", "2", 1, [], [])
    return b"\x80\x02ccollections\nOrderedDict\n)Rq\x00(" + body + b"u}" + _op_text("_metadata") + b"}sb."


STORAGES = {"0": bytes(range(96)), "1": bytes(8), "2": bytes(8)}


def pth_seeds():
    state_dict = _state_dict()
    wrapped = b"\x80\x02}(" + _op_text("state_dict") + state_dict[2:-1] + _op_text("epoch") + b"K\x03u."
    for name, program in (("plain", state_dict), ("wrapped", wrapped)):
        yield f"{name}.pickle", b"PKL" + program
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("m/data.pkl", program)
            archive.writestr("m/byteorder", "little")
            for key, data in STORAGES.items():
                archive.writestr(f"m/data/{key}", data)
            archive.writestr("m/resnet.json", json.dumps({"labels": ["a"], "head": {"kind": "softmax"}}))
        yield f"{name}.pth", out.getvalue()
        legacy = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e") + b"\x80\x02M\xe9\x03."
        legacy += b"\x80\x02}" + _op_text("little_endian") + b"\x88s." + program
        legacy += b"\x80\x02](" + b"".join(_op_text(key) for key in STORAGES) + b"e."
        for key, size in (("0", 4), ("1", 2), ("2", 8)):
            legacy += struct.pack("<q", len(STORAGES[key]) // size) + STORAGES[key]
        yield f"{name}_legacy.pth", legacy
    yield "protocol4.pickle", b"PKL" + pickle.dumps({"a": [1, 2.5, None, True, ("x",)], "b": -(1 << 40)}, 4)


def safetensors_seeds():
    header = {
        "__metadata__": {"format": "pt", "model": "resnet18", "labels": '["a"]', "head": '{"kind":"sigmoid"}'},
        "conv1.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "half": {"dtype": "BF16", "shape": [3], "data_offsets": [24, 30]},
        "count": {"dtype": "I64", "shape": [], "data_offsets": [30, 38]},
    }
    for padding in (0, 3):
        text = json.dumps(header).encode() + b" " * padding
        yield f"padded{padding}.safetensors", struct.pack("<Q", len(text)) + text + bytes(38)
    packed = {
        "__metadata__": {"model": "resnet18", "precision": "int8", "quant": '{"weight_bits":4,"keep":["fc"]}'},
        "layer1.0.conv1.weight": {"dtype": "U8", "shape": [2, 6], "data_offsets": [12, 24]},
        "layer1.0.conv1.bias": {"dtype": "I32", "shape": [2], "data_offsets": [0, 8]},
        "fc.bias": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
    }
    text = json.dumps(packed).encode()
    yield "packed.safetensors", struct.pack("<Q", len(text)) + text + bytes(range(24))
    yield "empty.safetensors", struct.pack("<Q", 2) + b"{}"


def manifest_seeds():
    tensor = lambda path, shape, layout, kind: {"path": path, "shape": shape, "layout": layout, "kind": kind}
    manifest = {
        "model": "resnet18", "dtype": "fp32", "layout": "NCHW", "version": 1,
        "preprocess": {"resize": 256, "center_crop": 224, "mean": [0.4, 0.4, 0.4], "std": [0.2, 0.2, 0.2]},
        "head": {"kind": "sigmoid", "thresholds": [0.5]}, "labels": ["a"], "quant": None,
        "tensors": {"fc.bias": tensor("a.bin", [1], "O", "fc_bias"),
                    "fc.weight": tensor("b.bin", [2, 3], "OI", "fc_weight"),
                    "conv1.weight": tensor("sub/a.bin", [1, 1, 1, 1], "OIHW", "conv_weight")},
    }
    yield "manifest.json", json.dumps(manifest).encode()
    int8 = dict(manifest, dtype="int8", tensors={
        "fc.bias": dict(tensor("a.bin", [1], "O", "quant_param"), dtype="i32"),
        "fc.weight": dict(tensor("b.bin", [4, 6], "OI", "fc_weight"), dtype="u8")})
    int8["quant"] = {"weight_bits": 4, "keep": ["conv1"], "scales": {"avgpool.multiplier": 0.5}}
    yield "int8.json", json.dumps(int8).encode()
    manifest["preprocess"].update(resize=[240, 320], center_crop=None, interpolation="bicubic")
    manifest["tensors"]["fc.bias"]["path"] = "../a.bin"
    yield "climbing.json", json.dumps(manifest).encode()


def make(folder):
    for target, seeds in (("pth", pth_seeds()), ("safetensors", safetensors_seeds()), ("manifest", manifest_seeds())):
        place = pathlib.Path(folder) / target
        place.mkdir(parents=True, exist_ok=True)
        for name, data in seeds:
            (place / name).write_bytes(data)


if __name__ == "__main__":
    make(sys.argv[1])
