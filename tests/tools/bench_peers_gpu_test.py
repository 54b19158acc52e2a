"""What tools/bench_peers_gpu.py does without a GPU: the folded network, the comparison of answers, the tables."""
import argparse
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
import numpy
import torch

import bench_peers_gpu as bench
import make_reference
from peers import gpu_torch


class Folding(unittest.TestCase):
    def test_a_folded_network_is_the_network(self):
        x = torch.randn(2, 3, 64, 96)
        for depth in (18, 50):
            net = make_reference.seeded_net(depth, 10, 3).eval()
            with torch.inference_mode():
                expected = net(x)
                net = gpu_torch.folded(net)
                self.assertFalse([m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)])
                torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-5)


class Answers(unittest.TestCase):
    reference = numpy.float32([[1, -2, 3], [4, 5, -6]])

    def difference(self, precision, logits):
        return bench.check_answer(precision, numpy.float32(logits), self.reference)

    def test_pictures_repeat_to_fill_the_batch(self):
        logits = numpy.concatenate([self.reference, self.reference[:1]])
        for precision in ("fp32", "fp16", "bf16", "int8"):
            self.assertEqual(self.difference(precision, logits), 0)
        with self.assertRaises(RuntimeError):
            self.difference("bf16", logits[1:])

    def test_each_precision_is_held_to_its_own_limit(self):
        near = self.reference + numpy.float32([[1e-4, 0, 0], [0, 0, 0]])
        self.assertAlmostEqual(self.difference("fp32", near), 1e-4, places=6)  # 3e-5 of 6 is more
        with self.assertRaises(RuntimeError):
            self.difference("int8", near)
        far = self.reference + numpy.float32([[0.01, 0, 0], [0, 0, 0]])
        self.assertAlmostEqual(self.difference("fp16", far), 0.01, places=6)
        with self.assertRaises(RuntimeError):
            self.difference("fp32", far)

    def test_what_is_no_number_is_wrong(self):
        for precision in ("fp32", "fp16", "int8"):
            with self.assertRaises(RuntimeError):
                self.difference(precision, self.reference * numpy.nan)


def row(model, precision, batch, ours_ms, torch_ms, tf32_ms=None):
    times = {} if torch_ms is None else {precision: {"eager, NCHW": torch_ms * 2, "graph, channels-last": torch_ms}}
    if tf32_ms is not None:
        times["tf32"] = {"graph, NCHW": tf32_ms}
    layers = [{"module": m, "ms": 2.0, "roof_ms": r} for m, r in (("stem", 1.0), ("layer1.0.conv1", 0.5), ("fc", 0.2))]
    ours = ours_ms and {"layers": layers, "ms": ours_ms, "call_ms": 1.0, "plan": "latency", "max_abs": 1e-6, "roof_ms": ours_ms / 2}
    return {"model": model, "precision": precision, "batch": batch, "torch": times, "ours": ours}


class Tables(unittest.TestCase):
    def test_goals_stand_in_their_own_units(self):
        table = bench.goal_table([row("resnet18", "fp32", 1, 0.12, 1.2, 0.3), row("resnet50", "fp16", 256, 8.0, 10.0),
                                  row("resnet50", "int8", 1, 0.1, None), row("resnet18", "bf16", 1, 0.1, 0.2)])
        self.assertEqual(len(table), 2 + 3)
        self.assertIn("1.200 ms (graph, channels-last) | 0.300 ms | **0.120 ms** | latency | ≤ 0.150 ms | 0.100 ms | 0.10 | "
                      "0.060 ms | 0.50", table[2])
        self.assertIn("25,600 img/s (graph, channels-last) | – | 32,000 img/s | latency | ≥ 40,000 img/s", table[3])
        self.assertIn("| – | – | **0.100 ms** |", table[4])

    def test_every_row_has_every_column(self):
        for of in (row("resnet18", "fp32", 8, 0.5, 1.0, 0.7), row("resnet18", "int8", 8, 0.5, None),
                   row("resnet18", "fp16", 8, None, 1.0)):
            header, _, line = bench.full_table([of])
            self.assertEqual(line.count("|"), header.count("|"))

    def test_layers_are_put_together_by_their_kind(self):
        for layer, of_18, of_50 in (("stem", "stem", "stem"), ("maxpool", "stem", "stem"), ("layer1.0.conv1", "3×3", "1×1"),
                                    ("layer2.0.conv2", "3×3", "3×3"), ("layer2.0.downsample.0", "1×1", "1×1"),
                                    ("layer3.1.conv3", "", "1×1"), ("avgpool", *["pool and fc"] * 2)):
            self.assertEqual(bench.group_of("resnet50", layer), of_50)
            self.assertEqual(bench.group_of("resnet18", layer), of_18 or "3×3")
        small, large = row("resnet18", "fp32", 8, 0.5, 1.0), row("resnet50", "fp16", 64, 0.5, 1.0)
        (line,) = bench.group_table([small, large])[2:]
        self.assertEqual(line, "| resnet50 | fp16 | 64 | latency | 2.000 | 0.50 | 0.000 | – | 2.000 | 0.25 | 2.000 | 0.10 |")

    def test_options(self):
        sys.argv = ["bench", "--models", "resnet50=w.pth,resnet18", "--compile", "fp16x1,fp32x256"]
        arguments = bench.parse_arguments()
        self.assertEqual(arguments.models, {"resnet50": "w.pth", "resnet18": None})
        self.assertEqual(arguments.compile, [("fp16", 1), ("fp32", 256)])
        sys.argv = ["bench", "--quick"]
        self.assertIsInstance(bench.parse_arguments(), argparse.Namespace)
        self.assertEqual(bench.parse_arguments().compile, [])


if __name__ == "__main__":
    unittest.main()
