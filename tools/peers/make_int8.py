"""Makes the peers' int8 models, each with the peer's own tool. Run by a Python that has the peer:

    make_int8.py pixels LIST.txt OUT.npy
    make_int8.py torch|openvino|onnxruntime WEIGHTS.pth DIR NAME --calibration C.npy --onnx F.onnx [--reduce-range]

`pixels` (which needs Pillow) writes the pictures that a list names, or standard input for "-", as uint8
[N, 224, 224, 3]. `torch` comes before the other peers: it writes the fp32 network for any batch to F.onnx,
from which they start, and PyTorch's fp32 logits of DIR/pixels.npy, with which all answers are compared.
The last line of standard output is JSON: how it was made, and facts about the model.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import numpy

import make_inputs


def calibration_inputs(arguments):
    """One picture at a time."""
    for pixels in numpy.load(arguments.calibration):
        yield make_inputs.normalise(pixels[None])


def make_torch(arguments):
    import torch

    import resnet_torch

    make_inputs.write_onnx(make_inputs.read_state(arguments.weights), "batch", arguments.onnx)
    net = resnet_torch.load(arguments.weights)
    pixels = numpy.load(arguments.folder / "pixels.npy")
    with torch.inference_mode():
        logits = net(torch.from_numpy(make_inputs.normalise(pixels))).numpy()
    numpy.save(arguments.folder / f"{arguments.name}_logits.npy", logits)
    quantised = resnet_torch.quantised(net, calibration_inputs(arguments), arguments.reduce_range)
    torch.save(quantised.state_dict(), arguments.folder / f"{arguments.name}.int8.pth")
    configuration = "x86's default configuration, reduced range" if arguments.reduce_range else "oneDNN's default configuration"
    return {"made_with": f"PyTorch {torch.__version__}, FX graph mode, {configuration}",
            "depth": net.depth, "classes": logits.shape[1]}


def make_openvino(arguments):
    import nncf
    import openvino

    model = openvino.Core().read_model(arguments.onnx)
    # NNCF's default preset: symmetric activations, which it recommends where they follow a ReLU.
    inputs = list(calibration_inputs(arguments))
    model = nncf.quantize(model, nncf.Dataset(inputs), preset=nncf.QuantizationPreset.PERFORMANCE,
                          target_device=nncf.TargetDevice.CPU, subset_size=len(inputs))
    openvino.save_model(model, arguments.folder / f"{arguments.name}.xml")
    return {"made_with": f"NNCF {nncf.__version__}, preset performance"}


def make_onnxruntime(arguments):
    import onnxruntime
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.inputs = calibration_inputs(arguments)

        def get_next(self):
            x = next(self.inputs, None)
            return None if x is None else {"input": x}

    with tempfile.TemporaryDirectory() as folder:
        # Folds the batch normalisations, as the tool's own preprocessing does; that one, where it is told to leave
        # out the symbolic inference of shapes, which needs one more package, loses the result (1.30).
        folded = str(pathlib.Path(folder) / "folded.onnx")
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = folded
        onnxruntime.InferenceSession(arguments.onnx, options, providers=["CPUExecutionProvider"])
        quantization.quantize_static(
            folded, str(arguments.folder / f"{arguments.name}.onnx"), Reader(),
            quant_format=quantization.QuantFormat.QDQ, per_channel=True, reduce_range=arguments.reduce_range,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)
    bits = ", reduced range" if arguments.reduce_range else ""
    return {"made_with": f"onnxruntime.quantization {onnxruntime.__version__}, QDQ, u8 activations, "
            f"s8 weights a channel{bits}"}


def make_pixels(arguments):
    with sys.stdin if arguments.list == "-" else open(arguments.list) as lines:
        numpy.save(arguments.out, make_inputs.read_pixels(lines.read().splitlines()))
    return {}


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    pixels = commands.add_parser("pixels")
    pixels.add_argument("list")
    pixels.add_argument("out")
    pixels.set_defaults(make=make_pixels)
    for peer, make in (("torch", make_torch), ("openvino", make_openvino), ("onnxruntime", make_onnxruntime)):
        command = commands.add_parser(peer)
        command.add_argument("weights")
        command.add_argument("folder", type=pathlib.Path)
        command.add_argument("name")
        command.add_argument("--calibration", required=True)
        command.add_argument("--onnx", required=True)
        command.add_argument("--reduce-range", action="store_true", help="7 bits where the tool can: for no VNNI")
        command.set_defaults(make=make)
    arguments = parser.parse_args()
    print(json.dumps(arguments.make(arguments)))


if __name__ == "__main__":
    main()
