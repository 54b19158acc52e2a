"""torchvision's ResNet-18/34/50 in plain PyTorch, so that a peer needs torch and nothing else."""
import torch
from torch import nn

LAYOUTS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class Block(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times as many channels out."""

    def __init__(self, channels, mid, stride, bottleneck):
        super().__init__()
        out = mid * (4 if bottleneck else 1)
        kernels = ((1, 1), (3, stride), (1, 1)) if bottleneck else ((3, stride), (3, 1))
        widths = (mid, mid, out) if bottleneck else (mid, out)
        before = channels
        for i, ((kernel, step), width) in enumerate(zip(kernels, widths), start=1):
            self.add_module(f"conv{i}", nn.Conv2d(before, width, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(width))
            before = width
        self.count = len(widths)
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.count:
                y = torch.relu(y)
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, depth, classes):
        super().__init__()
        self.depth = depth
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels, bottleneck = 64, depth >= 50
        for layer, count in enumerate(LAYOUTS[depth]):
            mid, blocks = 64 << layer, []
            for i in range(count):
                blocks.append(Block(channels, mid, 2 if layer > 0 and i == 0 else 1, bottleneck))
                channels = mid * (4 if bottleneck else 1)
            self.add_module(f"layer{layer + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


def depth_of(state):
    """18, 34 or 50, from the names of a state_dict's tensors."""
    if "layer1.0.conv3.weight" in state:
        return 50
    return 34 if "layer3.5.conv1.weight" in state else 18


def load(path):
    """The network of a torchvision state_dict, ready for inference."""
    state = torch.load(path, map_location="cpu")
    net = ResNet(depth_of(state), state["fc.weight"].shape[0])
    net.load_state_dict(state, strict=True)
    return net.eval()


def quantised(net, inputs=(), reduce_range=True):
    """int8 by FX graph mode. Without inputs: the skeleton that any quantised network's state_dict fits."""
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    # `x86`, of PyTorch 2, chooses between oneDNN and FBGEMM for each layer; earlier builds have one or the other.
    engines = torch.backends.quantized.supported_engines
    torch.backends.quantized.engine = next(e for e in ("x86", "onednn", "fbgemm") if e in engines)
    # Activations of 7 bits are FBGEMM's default, and x86's; oneDNN's, of 8, is meant for processors with VNNI.
    mapping = get_default_qconfig_mapping("fbgemm" if reduce_range else "onednn")
    prepared = prepare_fx(net, mapping, torch.zeros(1, 3, 224, 224))
    with torch.inference_mode():
        for x in inputs:
            prepared(torch.from_numpy(x))
    return convert_fx(prepared)
