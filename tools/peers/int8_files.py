"""The folder of int8 models that `bench_peers_cpu.py --prepare` makes and `--prepared` times.

    manifest.json     which models, how they were made
    pixels.npy        the test pictures, uint8 [16, 224, 224, 3]
    NAME_logits.npy   PyTorch's fp32 answers to them
    NAME.safetensors  ours                      NAME.onnx      ONNX Runtime's, for any batch
    NAME.xml, .bin    OpenVINO's, for any batch  NAME.int8.pth  PyTorch's state_dict

All are made from the same fp32 weights with the same calibration photos. A peer whose tool is missing
has no file there.
"""
import json
import pathlib
import subprocess
import sys

PEERS = pathlib.Path(__file__).resolve().parent
SUFFIX = {"ours": ".safetensors", "onnxruntime": ".onnx", "openvino": ".xml", "torch": ".int8.pth"}
PICTURES = 16


def photos_of(folder, count):
    """Evenly spread over all there are."""
    photos = sorted(map(str, pathlib.Path(folder).rglob("*.jp*g")))
    if not photos:
        sys.exit(f"{folder}: no JPEGs")
    count = min(count, len(photos))
    return [photos[i * len(photos) // count] for i in range(count)]


def make(folder, models, pythons, program, arguments, build):
    """`models` maps names to weights, `pythons` peers to the Python that has their tools ("torch" must be there)."""
    folder.mkdir(parents=True, exist_ok=True)
    calibration, onnx, photos = build / "calibration.npy", build / "any_batch.onnx", build / "calibration.txt"
    chosen = photos_of(arguments.calibrate, arguments.images)
    photos.write_text("".join(f"{p}\n" for p in chosen))
    pictures = photos_of(arguments.pictures, PICTURES)
    subprocess.run([pythons["torch"], str(PEERS / "make_int8.py"), "pixels", str(photos), str(calibration)], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([pythons["torch"], str(PEERS / "make_int8.py"), "pixels", "-", str(folder / "pixels.npy")],
                   input="".join(f"{p}\n" for p in pictures), text=True, check=True, stdout=subprocess.DEVNULL)
    manifest = {"models": {}, "calibration_photos": len(chosen), "made_with": {}}
    for name, weights in models.items():
        subprocess.run([program, "quantize", str(weights), "--calibrate", str(photos), "--images", str(len(chosen)),
                        "--out", str(folder / (name + SUFFIX["ours"]))], check=True, stdout=subprocess.DEVNULL)
        for peer in ("torch", *(p for p in pythons if p != "torch")):
            print(f"{name}: quantising for {peer}", file=sys.stderr)
            command = [pythons[peer], str(PEERS / "make_int8.py"), peer, str(weights), str(folder), name,
                       "--calibration", str(calibration), "--onnx", str(onnx)]
            command += ["--reduce-range"] if arguments.reduce_range == "yes" else []
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            facts = json.loads(done.stdout.splitlines()[-1])
            manifest["made_with"][peer] = facts.pop("made_with")
            manifest["models"].setdefault(name, {}).update(facts)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def read(folder, peers):
    """The manifest, and those of `peers` who have models."""
    manifest = json.loads((folder / "manifest.json").read_text())
    return manifest, [p for p in peers if p == "ours" or p in manifest["made_with"]]


def model(folder, manifest, name):
    """What workers are told about a model."""
    if name not in manifest["models"]:
        sys.exit(f"{folder}: holds no {name}, only {', '.join(manifest['models'])}")
    return {**manifest["models"][name], **{peer: str(folder / (name + suffix)) for peer, suffix in SUFFIX.items()},
            "logits": str(folder / f"{name}_logits.npy")}
