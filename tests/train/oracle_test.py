"""Losses, schedules and optimisers against PyTorch: oracle_test.py PRINT_VALUES"""

import json
import math
import subprocess
import sys
import unittest

import torch
import torch.nn.functional as F


def wave(shape, step, scale):
    count = math.prod(shape)
    return (torch.sin(torch.arange(count, dtype=torch.float64) * step) * scale).float().view(shape)


class Oracle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.values = json.loads(subprocess.run([PROGRAM], check=True, capture_output=True).stdout)

    def test_losses(self):
        for case in self.values["losses"]:
            x = wave((5, 7), 0.7, 4).double().requires_grad_()
            y = (wave((5, 7), 1.3, 1) > 0.3).double()
            teacher = wave((5, 7), 0.37, 3).double()
            kind, s = case["kind"], case["smoothing"]
            p = torch.sigmoid(x)
            if kind == "cross_entropy":
                loss = F.cross_entropy(x, torch.arange(1, 6), label_smoothing=s)
            else:
                y = y * (1 - s) + s / 2
            if kind == "bce":
                loss = F.binary_cross_entropy_with_logits(x, y)
            elif kind == "focal":
                loss = -(0.25 * y * (1 - p) ** 2 * p.log() + 0.75 * (1 - y) * p**2 * (1 - p).log()).mean()
            elif kind == "asl":
                q = (p - 0.05).clamp(min=0)
                loss = -(y * (1 - p) * p.log() + (1 - y) * q**4 * (1 - q).log()).sum() / 5
            if case["distilled"]:
                if kind == "cross_entropy":
                    taught = 4 * F.kl_div(F.log_softmax(x / 2, 1), F.softmax(teacher / 2, 1), reduction="batchmean")
                else:
                    t = torch.sigmoid(teacher / 2)
                    entropy = F.binary_cross_entropy(t, t, reduction="none")
                    taught = 4 * (F.binary_cross_entropy_with_logits(x / 2, t, reduction="none") - entropy)
                    taught = taught.sum() / 5 if kind == "asl" else taught.mean()
                loss = 0.7 * loss + 0.3 * taught
            loss.backward()
            with self.subTest(kind=kind, smoothing=s, distilled=case["distilled"]):
                self.assertAlmostEqual(case["loss"], loss.item(), delta=2e-6 * max(1, abs(loss.item())))
                gradient = torch.tensor(case["gradient"], dtype=torch.float64).view(5, 7)
                self.assertLess((gradient - x.grad).abs().max().item(), 2e-6)

    def factors(self, make):
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], lr=1)
        scheduler = make(optimizer)
        result = []
        for _ in range(40):
            result.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return result

    def test_one_cycle_is_pytorchs(self):
        expected = self.factors(
            lambda o: torch.optim.lr_scheduler.OneCycleLR(
                o, 1, total_steps=40, pct_start=12 / 40, cycle_momentum=False
            )
        )
        for found, wanted in zip(self.values["schedules"]["one_cycle"], expected):
            self.assertAlmostEqual(found, wanted, places=6)

    def test_cosine_is_pytorchs(self):
        expected = self.factors(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 27, eta_min=0.1))
        found = self.values["schedules"]["cosine"]
        for step in range(12):
            self.assertAlmostEqual(found[step], (step + 1) / 12)
        for step in range(28):
            self.assertAlmostEqual(found[12 + step], expected[step], places=6)
        self.assertEqual(self.values["schedules"]["constant"][12:], [1] * 28)

    def test_optimizers(self):
        for kind in ("sgd", "adamw"):
            weight = wave((3, 2, 2, 2), 0.9, 1).requires_grad_()
            bias = wave((3,), 0.8, 1).requires_grad_()
            groups = [{"params": [weight], "weight_decay": 0.1}, {"params": [bias], "weight_decay": 0}]
            if kind == "sgd":
                optimizer = torch.optim.SGD(groups, lr=1, momentum=0.9, nesterov=True)
            else:
                optimizer = torch.optim.AdamW(groups, lr=1)
            for step in range(5):
                optimizer.zero_grad()
                optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
                optimizer.param_groups[1]["lr"] = 0.05 / (step + 1)
                loss = (weight * wave((3, 2, 2, 2), 0.3 + step, 2)).sum() + (bias**2 * wave((3,), 0.4, 1)).sum()
                loss.backward()
                torch.nn.utils.clip_grad_norm_([weight, bias], 2)
                optimizer.step()
            for name, expected in (("weight", weight), ("bias", bias)):
                found = torch.tensor(self.values["optimizers"][kind][name])
                with self.subTest(kind=kind, name=name):
                    self.assertLess((found - expected.detach().flatten()).abs().max().item(), 1e-5)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
