"""What all contenders share: the same weights as ONNX, the same pictures as a tensor. Needs torch.

    make_inputs.py --weights W.pth --batches 1,8 --onnx-prefix build/…/resnet18 [--pictures A.jpg …] --out X.npy \
        --logits Y.npy

Writes PREFIX_bN.onnx for every batch N, X.npy with [largest batch, 3, 224, 224], and Y.npy with PyTorch's
fp32 logits of it. The graph keeps its BatchNormalization nodes: each engine folds them as it thinks best.
"""
import argparse
import struct

import numpy

SIDE = 224


# ---- protobuf, as far as an ONNX file needs it: field number and wire type, then the value ----


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field, value):
    return varint(field << 3) + varint(value)


def blob(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


# Kinds of AttributeProto that the operators use.
ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS = 1, 2, 7
TENSOR_FLOAT = 1


def attribute(name, value):
    if isinstance(value, float):
        body = varint(2 << 3 | 5) + struct.pack("<f", value) + integer(20, ATTRIBUTE_FLOAT)
    elif isinstance(value, int):
        body = integer(3, value) + integer(20, ATTRIBUTE_INT)
    else:
        body = b"".join(integer(8, v) for v in value) + integer(20, ATTRIBUTE_INTS)
    return blob(1, name) + body


def node(op, inputs, output, **attributes):
    body = b"".join(blob(1, i) for i in inputs) + blob(2, output) + blob(3, output) + blob(4, op)
    return body + b"".join(blob(5, attribute(k, v)) for k, v in attributes.items())


def value_info(name, shape):
    """A size that is a word is left to be given when the file is read."""
    dims = b"".join(blob(1, blob(2, d) if isinstance(d, str) else integer(1, d)) for d in shape)
    return blob(1, name) + blob(2, blob(1, integer(1, TENSOR_FLOAT) + blob(2, dims)))


def tensor(name, array):
    array = numpy.ascontiguousarray(array, numpy.float32)
    return b"".join(integer(1, d) for d in array.shape) + integer(2, TENSOR_FLOAT) + blob(8, name) + blob(9, array.tobytes())


class GraphWriter:
    """The network's nodes in order of execution; a value is called after the module that makes it."""

    def __init__(self, state):
        self.state = state
        self.nodes = []

    def add(self, op, inputs, output, **attributes):
        self.nodes.append(node(op, inputs, output, **attributes))
        return output

    def conv_bn(self, x, conv, bn, stride):
        kernel = self.state[conv + ".weight"].shape[-1]
        y = self.add("Conv", [x, conv + ".weight"], conv, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                     pads=[kernel // 2] * 4)
        names = [f"{bn}.{t}" for t in ("weight", "bias", "running_mean", "running_var")]
        return self.add("BatchNormalization", [y, *names], bn, epsilon=1e-5)

    def block(self, x, name, stride, count):
        y = x
        for i in range(1, count + 1):
            # The stride sits on the first 3x3 convolution: conv1 of two, conv2 of three.
            y = self.conv_bn(y, f"{name}.conv{i}", f"{name}.bn{i}", stride if i == (2 if count == 3 else 1) else 1)
            if i < count:
                y = self.add("Relu", [y], f"{name}.relu{i}")
        if f"{name}.downsample.0.weight" in self.state:
            x = self.conv_bn(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        return self.add("Relu", [self.add("Add", [y, x], f"{name}.sum")], name)

    def network(self):
        import resnet_torch  # here, so that peers' Pythons without torch can take the pictures' part

        depth = resnet_torch.depth_of(self.state)
        x = self.add("Relu", [self.conv_bn("input", "conv1", "bn1", 2)], "relu")
        x = self.add("MaxPool", [x], "maxpool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        for layer, blocks in enumerate(resnet_torch.LAYOUTS[depth], start=1):
            for i in range(blocks):
                x = self.block(x, f"layer{layer}.{i}", 2 if layer > 1 and i == 0 else 1, 3 if depth == 50 else 2)
        x = self.add("Flatten", [self.add("GlobalAveragePool", [x], "gap")], "flat", axis=1)
        self.add("Gemm", [x, "fc.weight", "fc.bias"], "logits", transB=1)


def write_onnx(state, batch, path):
    """For one batch size, or for any where `batch` is a word.

    Opset 17, ir version 8: what ONNX Runtime and OpenVINO of the last years read.
    """
    writer = GraphWriter(state)
    writer.network()
    graph = b"".join(blob(1, n) for n in writer.nodes) + blob(2, "resnet")
    graph += b"".join(blob(5, tensor(k, v)) for k, v in state.items() if not k.endswith("num_batches_tracked"))
    graph += blob(11, value_info("input", [batch, 3, SIDE, SIDE]))
    graph += blob(12, value_info("logits", [batch, len(state["fc.bias"])]))
    with open(path, "wb") as f:
        f.write(integer(1, 8) + blob(7, graph) + blob(8, integer(2, 17)))


def read_state(path):
    import torch

    return {k: v.float().numpy() for k, v in torch.load(path, map_location="cpu").items()}


def read_pixels(paths):
    """uint8 [N, 224, 224, 3]: short side 256, centre 224."""
    from PIL import Image

    rows = []
    for path in paths:
        image = Image.open(path).convert("RGB")
        scale = 256 / min(image.size)
        image = image.resize([max(256, int(s * scale)) for s in image.size], Image.BILINEAR)
        left, top = (round((s - SIDE) / 2) for s in image.size)
        rows.append(numpy.asarray(image.crop((left, top, left + SIDE, top + SIDE))))
    return numpy.stack(rows)


def normalise(pixels):
    """What a network takes: fp32 [N, 3, 224, 224], less ImageNet's mean, by its deviation."""
    values = numpy.asarray(pixels, numpy.float32) / 255
    values = (values - numpy.float32([0.485, 0.456, 0.406])) / numpy.float32([0.229, 0.224, 0.225])
    return numpy.ascontiguousarray(values.transpose(0, 3, 1, 2))


def logits_of(weights, values):
    import torch

    import resnet_torch

    with torch.inference_mode():
        return resnet_torch.load(weights)(torch.from_numpy(values)).numpy()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--batches", required=True)
    parser.add_argument("--onnx-prefix", required=True)
    parser.add_argument("--pictures", nargs="*", default=[])
    parser.add_argument("--out", required=True)
    parser.add_argument("--logits", required=True)
    arguments = parser.parse_args()
    batches = [int(b) for b in arguments.batches.split(",")]
    state = read_state(arguments.weights)
    for batch in batches:
        write_onnx(state, batch, f"{arguments.onnx_prefix}_b{batch}.onnx")
    if arguments.pictures:
        values = normalise(read_pixels(arguments.pictures[:max(batches)]))
        # Fewer pictures than needed repeat.
        values = values[[i % len(values) for i in range(max(batches))]]
    else:
        generator = numpy.random.default_rng(0)
        values = generator.standard_normal((max(batches), 3, SIDE, SIDE), numpy.float32)
    numpy.save(arguments.out, values)
    numpy.save(arguments.logits, logits_of(arguments.weights, values))


if __name__ == "__main__":
    main()
