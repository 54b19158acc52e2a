"""PyTorch, frozen and optimised for inference."""
import worker


class PyTorch:
    name = "PyTorch"

    def load(self, model, batch, threads):
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        example = torch.rand(batch, 3, 224, 224)
        load = {"fp32": self._load_fp32, "bf16": self._load_bf16, "int8": self._load_int8}[model["precision"]]
        self.net, settings = load(model, example)
        with torch.inference_mode():
            self.net(example)  # the profiling executor specialises during its first runs
            self.net(example)
        return {"version": torch.__version__, "settings": settings}

    def _load_fp32(self, model, example):
        import resnet_torch

        net = resnet_torch.load(model["weights"])
        with self.torch.inference_mode():
            traced = self.torch.jit.freeze(self.torch.jit.trace(net, example))
            return (
                self.torch.jit.optimize_for_inference(traced),
                "traced, torch.jit.freeze + optimize_for_inference, inference_mode",
            )

    def _load_bf16(self, model, example):
        import resnet_torch

        torch = self.torch

        class InBf16(torch.nn.Module):
            def __init__(self, net):
                super().__init__()
                self.net = net

            def forward(self, x):
                x = x.to(memory_format=torch.channels_last, dtype=torch.bfloat16)
                return self.net(x).float()

        net = resnet_torch.load(model["weights"]).to(memory_format=torch.channels_last, dtype=torch.bfloat16)
        with torch.inference_mode():
            traced = torch.jit.freeze(torch.jit.trace(InBf16(net).eval(), example))
            return (
                torch.jit.optimize_for_inference(traced),
                "bfloat16 weights, channels_last, traced, torch.jit.freeze + optimize_for_inference, inference_mode",
            )

    def _load_int8(self, model, example):
        import resnet_torch

        net = resnet_torch.quantised(resnet_torch.ResNet(model["depth"], model["classes"]).eval())
        net.load_state_dict(self.torch.load(model["torch"], map_location="cpu"), strict=True)
        with self.torch.inference_mode():
            return (
                self.torch.jit.freeze(self.torch.jit.trace(net, example)),
                f"engine {self.torch.backends.quantized.engine}, traced, torch.jit.freeze, inference_mode",
            )

    def run(self, x):
        with self.torch.inference_mode():
            return self.net(self.torch.from_numpy(x)).numpy()


if __name__ == "__main__":
    worker.main(PyTorch)
