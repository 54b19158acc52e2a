"""Compares the metrics with scikit-learn's, and the reader of ILSVRC's meta.mat with SciPy's writer.

Usage: metrics_oracle_test.py PATH/TO/eval_metrics_tool
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import warnings

import numpy as np
import scipy.io
from sklearn import metrics

TOOL = None
TOLERANCE = 1e-6


def run(*args):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{args}: {done.stderr}")
    return json.loads(done.stdout)


class MetricsOracle(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)

    def save(self, name, array):
        path = os.path.join(self.scratch.name, name + ".npy")
        np.save(path, np.ascontiguousarray(array, np.float32))
        return path

    def check_multilabel(self, scores, targets, threshold=0.5):
        scores = scores.astype(np.float32)
        ours = run("multilabel", self.save("scores", scores), self.save("targets", targets), threshold)
        aps = []
        for c in range(scores.shape[1]):
            if not targets[:, c].any():
                self.assertIsNone(ours["ap"][c], f"class {c} has no positive")
                continue
            expected = metrics.average_precision_score(targets[:, c], scores[:, c])
            self.assertAlmostEqual(ours["ap"][c], expected, delta=TOLERANCE, msg=f"AP of class {c}")
            aps.append(expected)
        self.assertEqual(ours["classes"], len(aps))
        self.assertAlmostEqual(ours["mAP"], np.mean(aps) if aps else 0, delta=TOLERANCE)

        accepted = scores >= np.float32(threshold)
        for name, score in (("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score)):
            expected = score(targets, accepted, average="micro", zero_division=0)
            self.assertAlmostEqual(ours[name], expected, delta=TOLERANCE, msg=name)
        with_positive = targets.any(axis=0)
        if with_positive.any():
            chosen = targets[:, with_positive], accepted[:, with_positive]
            cp = metrics.precision_score(*chosen, average="macro", zero_division=0)
            cr = metrics.recall_score(*chosen, average="macro", zero_division=0)
            self.assertAlmostEqual(ours["CF1"], 2 * cp * cr / (cp + cr) if cp + cr else 0, delta=TOLERANCE, msg="CF1")
            precision, recall, thresholds = metrics.precision_recall_curve(targets.ravel(), scores.ravel())
            f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-30)
            self.assertAlmostEqual(ours["best_f1"], f1[:-1].max(), delta=TOLERANCE, msg="best OF1")
            reached = metrics.f1_score(targets.ravel(), scores.ravel() >= np.float32(ours["best_threshold"]))
            self.assertAlmostEqual(ours["best_f1"], reached, delta=TOLERANCE, msg="OF1 at the best threshold")
            highest = thresholds[np.isclose(f1[:-1], f1[:-1].max(), rtol=0, atol=1e-12)].max()
            self.assertAlmostEqual(ours["best_threshold"], highest, delta=1e-7, msg="the highest of equal thresholds")

    def test_random_scores(self):
        for seed in range(5):
            with self.subTest(seed=seed):
                rng = np.random.default_rng(seed)
                targets = rng.random((400, 20)) < rng.random(20) * 0.5
                self.check_multilabel(1 / (1 + np.exp(-(rng.normal(size=(400, 20)) + targets))), targets)

    def test_tied_scores(self):
        for seed, levels in enumerate((1, 2, 3, 10)):
            with self.subTest(levels=levels):
                rng = np.random.default_rng(100 + seed)
                self.check_multilabel(rng.integers(0, levels, (300, 12)) / levels, rng.random((300, 12)) < 0.2)

    def test_degenerate_classes(self):
        rng = np.random.default_rng(7)
        targets = rng.random((50, 4)) < 0.3
        targets[:, 0] = False
        targets[:, 1] = True
        targets[:, 2] = False
        targets[17, 2] = True
        scores = rng.random((50, 4))
        self.check_multilabel(scores, targets)
        self.check_multilabel(scores, targets, threshold=2)   # nothing is predicted
        self.check_multilabel(scores, targets, threshold=-1)  # everything is
        self.check_multilabel(scores[:1], np.ones((1, 4), bool))

    def test_no_positive_at_all(self):
        ours = run("multilabel", self.save("s", np.random.default_rng(1).random((9, 3))), self.save("t", np.zeros((9, 3))), 0.5)
        self.assertEqual((ours["mAP"], ours["classes"], ours["ap"]), (0, 0, [None] * 3))

    def best_threshold(self, targets, scores):
        """The middle between the threshold of best F1, of equal ones the highest, and the score below it."""
        precision, recall, thresholds = metrics.precision_recall_curve(targets, scores)
        f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-30))[:-1]
        best = thresholds[np.isclose(f1, f1.max(), rtol=0, atol=1e-12)].max()
        return (max(scores[scores < best], default=0) + best) / 2

    def check_thresholds(self, scores, targets):
        scores = scores.astype(np.float32)
        ours = run("thresholds", self.save("scores", scores), self.save("targets", targets))
        common = self.best_threshold(targets.ravel(), scores.ravel())
        self.assertAlmostEqual(ours["common"], common, delta=TOLERANCE)
        for c, chosen in enumerate(ours["per_class"]):
            positives = targets[:, c].sum()
            own = self.best_threshold(targets[:, c], scores[:, c]) if positives else 0
            self.assertAlmostEqual(chosen, (positives * own + 10 * common) / (positives + 10), delta=TOLERANCE, msg=f"class {c}")

    def test_thresholds(self):
        rng = np.random.default_rng(11)
        targets = rng.random((200, 12)) < rng.random(12) * 0.4
        targets[:, 3], targets[:, 4] = False, True
        self.check_thresholds(1 / (1 + np.exp(-(rng.normal(size=targets.shape) + targets))), targets)
        self.check_thresholds(rng.integers(0, 5, targets.shape) / 5, targets)  # ties
        self.check_thresholds(rng.random((1, 12)), np.arange(12)[None] % 2 == 0)  # one picture

    def test_top_k(self):
        rng = np.random.default_rng(3)
        scores = rng.normal(size=(500, 30)).astype(np.float32)
        targets = rng.integers(0, 30, 500)
        ours = run("single", self.save("s", scores), self.save("t", targets[:, None]))
        for k, name in ((1, "top1"), (5, "top5")):
            expected = metrics.top_k_accuracy_score(targets, scores, k=k, labels=np.arange(30))
            self.assertAlmostEqual(ours[name], expected, delta=1e-12, msg=name)

    def test_meta_mat(self):
        with open(os.path.join(os.path.dirname(__file__), "../../src/eval/synset_ids.inc")) as f:
            ids = [f"n{int(i):08}" for line in f if not line.startswith("//") for i in line.strip().strip(",").split(",")]
        self.assertEqual(len(ids), 1000)
        order = np.random.default_rng(5).permutation(1000)
        rows = [(i + 1, ids[c], "some words", "a gloss", 0, np.zeros(0), 0, 1300) for i, c in enumerate(order)]
        rows += [(1001 + i, f"n{i:08}", "inner node", "", 2, np.array([1, 2]), 3, 0) for i in range(5)]
        names = "ILSVRC2012_ID WNID words gloss num_children children wordnet_height num_train_images".split()
        synsets = np.empty((len(rows), 1), dtype=[(n, object) for n in names])
        for i, row in enumerate(rows):
            synsets[i, 0] = row
        for compress in (False, True):
            with self.subTest(compress=compress):
                path = os.path.join(self.scratch.name, "meta.mat")
                scipy.io.savemat(path, {"other": np.arange(3.0), "synsets": synsets}, do_compression=compress)
                self.assertEqual(run("order", path), order.tolist())
                self.assertEqual(run("order", self.scratch.name), order.tolist())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    TOOL = sys.argv.pop(1)
    unittest.main()
