"""PyTorch on a GPU, in its best modes: eager, a CUDA graph, torch.compile with CUDA graphs; NCHW or channels-last."""
import copy
import gc
import statistics
import time

import torch
from torch.nn.utils import fusion

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
LAYOUTS = {"NCHW": torch.contiguous_format, "channels-last": torch.channels_last}
WARM_RUNS = 3
LEAST_RUNS = 10


def folded(net):
    """torchvision's ResNet with every BatchNorm folded into its convolution."""
    net = net.eval()

    def fold(owner, conv, bn):
        setattr(owner, conv, fusion.fuse_conv_bn_eval(getattr(owner, conv), getattr(owner, bn)))
        setattr(owner, bn, torch.nn.Identity())

    fold(net, "conv1", "bn1")
    for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
        for block in layer:
            for i in (1, 2, 3):
                if hasattr(block, f"conv{i}"):
                    fold(block, f"conv{i}", f"bn{i}")
            if block.downsample is not None:
                fold(block.downsample, "0", "1")
    return net


def set_precision(precision):
    """Lets convolutions and products in fp32 take TF32's tensor cores, or not, and checks it."""
    allowed = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.benchmark = True
    x = torch.randn(512, 3136, device="cuda", generator=torch.Generator("cuda").manual_seed(1))
    product, exact = x @ x.T, x.double() @ x.double().T
    # From float64, fp32 is around 1e-7 and TF32 around 3e-4.
    if (distance(product, exact) > 1e-5) != allowed:
        raise RuntimeError(f"matrix products do not follow allow_tf32 = {allowed}")
    pictures, filters = x.view(8, 64, 56, 56), x[:, :36].reshape(32, 64, 3, 3)
    product, exact = torch.conv2d(pictures, filters), torch.conv2d(pictures.double(), filters.double())
    # Allowed, cuDNN may still find something else to be faster.
    if not allowed and distance(product, exact) > 1e-5:
        raise RuntimeError("convolutions take TF32 although it is off")


def distance(x, exact):
    return ((x - exact).norm() / exact.norm()).item()


class Runner:
    """A network on the GPU at a precision and in a layout, with its input."""

    def __init__(self, net, x, precision, layout):
        set_precision(precision)
        self.memory = {"memory_format": LAYOUTS[layout]}
        self.net = copy.deepcopy(net).to("cuda", DTYPES[precision], **self.memory)
        self.x = x.to("cuda", DTYPES[precision]).contiguous(**self.memory)

    @torch.inference_mode()
    def logits(self):
        return self.net(self.x).float().cpu().numpy()

    @torch.inference_mode()
    def eager(self, seconds):
        return median_ms(lambda: self.net(self.x), seconds)

    @torch.inference_mode()
    def graph(self, seconds):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_RUNS):
                self.net(self.x)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.net(self.x)
        return median_ms(graph.replay, seconds)

    @torch.inference_mode()
    def compiled(self, seconds):
        torch._dynamo.reset()
        torch._dynamo.mark_static_address(self.x)  # its graph then reads the input where it lies
        run = torch.compile(self.net, mode="reduce-overhead", fullgraph=True, dynamic=False)
        return median_ms(lambda: run(self.x), seconds)


def median_ms(run, seconds):
    """The median of a run by CUDA events. A run before the first event keeps the GPU busy while the timed one is
    queued, so that what is timed is the GPU's work, where the processor keeps up: as ours is timed."""
    for _ in range(WARM_RUNS):
        run()
    torch.cuda.synchronize()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    times, start = [], time.monotonic()
    while len(times) < LEAST_RUNS or time.monotonic() - start < seconds:
        run()
        begin.record()
        run()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def free():
    gc.collect()
    torch.cuda.empty_cache()


def versions():
    return f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
