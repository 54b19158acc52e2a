"""`resnet eval --write-thresholds` from outside: thresholds_test.py PROGRAM FIXTURE_DIR [CLASS…]"""

import json
import os
import random
import shutil
import struct
import sys
import unittest
import zlib

import numpy as np

from program import MODEL, ProgramTest, TAGS, resnet

CLASSES = 10


def noise_png(rng, side=40):
    """Coarse coloured noise, so that no two pictures get the same scores."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    blocks = [[bytes(rng.randrange(256) for _ in range(3)) * 8 for _ in range(side // 8)] for _ in range(side // 8)]
    rows = b"".join((b"\0" + b"".join(row)) * 8 for row in blocks)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def read_safetensors(path):
    """Header and data."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8:8 + length]), content[8 + length:]


def middle_of_best(scores, targets):
    """Between the last accepted and the first refused score of the best F1, by trying every score."""
    positives, best = targets.sum(), (-1, 0)
    for threshold in sorted(set(scores.tolist()), reverse=True):
        accepted = scores >= threshold
        f1 = 2 * (accepted & targets).sum() / (accepted.sum() + positives)
        if f1 > best[0]:
            best = (f1, threshold)
    below = scores[scores < best[1]]
    return ((below.max() if below.size else 0) + best[1]) / 2


class Thresholds(ProgramTest):
    def dataset(self, labelled=True):
        """30 pictures; "kind 3" is in none, "kind 7" in all, the others here and there. Its --data."""
        rng = random.Random(11)
        os.mkdir(self.path("pictures"))
        images, boxes = [], []
        self.targets = np.zeros((30, CLASSES), bool)
        for i in range(30):
            with open(self.path("pictures", f"{i:02}.png"), "wb") as file:
                file.write(noise_png(rng))
            images.append({"id": i, "file_name": f"{i:02}.png", "width": 40, "height": 40})
            self.targets[i] = [labelled and c != 3 and (c == 7 or rng.random() < 0.05 * (c + 1)) for c in range(CLASSES)]
            boxes += [{"id": len(boxes) + k, "image_id": i, "category_id": int(c) + 1, "bbox": [0, 0, 9, 9], "iscrowd": 0}
                      for k, c in enumerate(np.flatnonzero(self.targets[i]))]
        categories = [{"id": c + 1, "name": f"kind {c}"} for c in range(CLASSES)]
        with open(self.path("boxes.json"), "w", encoding="utf-8") as file:
            json.dump({"images": images, "annotations": boxes, "categories": categories}, file)
        return f"coco:{self.path('boxes.json')},{self.path('pictures')}"

    def eval(self, model, data, *arguments, status=0):
        return self.check(resnet("eval", "-m", model, "--data", data, "--json", *arguments), status)

    def expected_thresholds(self, logits):
        scores = 1 / (1 + np.exp(-np.load(logits).astype(np.float64)))
        common = middle_of_best(scores.ravel(), self.targets.ravel())
        counts = self.targets.sum(axis=0)
        return [(n * middle_of_best(scores[:, c], self.targets[:, c]) + 10 * common) / (n + 10) if n else common
                for c, n in enumerate(counts)]

    def test_they_are_the_best_on_these_pictures_and_nothing_else_changes(self):
        data = self.dataset()
        int8 = self.path("int8.safetensors")
        self.check(resnet("quantize", TAGS, "--calibrate", self.path("pictures"), "--images", "4", "--out", int8), 0)
        for model in (TAGS, int8):
            out, logits = self.path("out.safetensors"), self.path("logits.npy")
            before = self.eval(model, data, "--logits", logits)
            result = self.eval(model, data, "--write-thresholds", out)
            self.assertEqual(result.stdout, before.stdout)
            self.assertIn(f"-> {out} (F1 ".encode(), result.stderr)

            (facts,) = self.json_lines(self.check(resnet("info", out, "--json"), 0))
            np.testing.assert_allclose(facts["head"]["thresholds"], self.expected_thresholds(logits), atol=1e-6)
            header, weights = read_safetensors(model)
            new_header, new_weights = read_safetensors(out)
            self.assertEqual(new_weights, weights)
            self.assertNotEqual(new_header["__metadata__"].pop("head"), header["__metadata__"].pop("head"))
            self.assertEqual(new_header, header)

            (old,), (new,) = self.json_lines(before), self.json_lines(self.eval(out, data))
            self.assertEqual(new["mAP"], old["mAP"])
            self.assertEqual([c["threshold"] for c in new["per_class"]], facts["head"]["thresholds"])
            self.assertIn(f"(F1 {100 * new['f1']:.2f} % with them)".encode(), result.stderr)
            # What was chosen once is chosen again.
            self.eval(out, data, "--write-thresholds", self.path("again.safetensors"))
            with open(out, "rb") as one, open(self.path("again.safetensors"), "rb") as two:
                self.assertEqual(one.read(), two.read())

    def test_the_model_itself_may_be_replaced(self):
        data, model = self.dataset(), self.path("model.safetensors")
        shutil.copyfile(TAGS, model)
        self.eval(model, data, "--write-thresholds", self.path("out.safetensors"))
        self.eval(model, data, "--write-thresholds", model)
        with open(model, "rb") as one, open(self.path("out.safetensors"), "rb") as two:
            self.assertEqual(one.read(), two.read())

    def test_pictures_that_cannot_be_read_are_left_out(self):
        data, out = self.dataset(), self.path("out.safetensors")
        with open(self.path("pictures", "04.png"), "wb") as file:
            file.write(b"no picture")
        result = self.eval(TAGS, data, "--write-thresholds", out, status=1)
        self.assertIn(b"1 of 30 pictures failed", result.stderr)
        self.assertTrue(os.path.exists(out))

    def test_what_cannot_be_done_is_named_and_nothing_is_written(self):
        data, out = self.dataset(labelled=False), self.path("out.safetensors")
        before = sorted(os.listdir(self.folder))

        def fails(model, status, data, name, *words):
            result = self.eval(model, data, "--write-thresholds", name, status=status)
            self.assertEqual(result.stdout, b"")
            for word in words:
                self.assertIn(word, result.stderr)
            self.assertEqual(sorted(os.listdir(self.folder)), before)

        fails(MODEL, 1, data, out, b"softmax head", b"--head sigmoid")
        fails(TAGS, 1, data, out, b"no picture has a label")
        fails(TAGS, 1, data, self.path("none", "out.safetensors"), b"--write-thresholds", b"none")
        fails(TAGS, 2, data, self.path("out.pth"), b"a .pth holds no thresholds", b".safetensors")
        fails(TAGS, 2, data, self.path("out.png"), b"name of a picture")
        fails(TAGS, 2, f"imagenet:{self.path('labels.csv')},{self.path('pictures')}", out, b"is for --data coco")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
