"""tools/model_card.py on cards and reports of the test's own: model_card_test.py MODEL_CARD_PY"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = sys.argv.pop(1)

CARD = """# A tagger
before
<!-- figures: made by tools/model_card.py from reports/ -->
| old |
<!-- end -->
between
<!-- classes: made by tools/model_card.py from reports/ -->
<!-- end -->
after
"""
REPORT = ('<div class="card main"><b>59.22 %</b><span>mAP, epoch 10</span></div><div class="card"><b>65.65 %</b><span>OF1</span>'
          '</div><div class="card"><b>67.10 %</b><span>CF1</span></div><div class="card"><b>60.95 %</b><span>precision</span>'
          '</div><div class="card"><b>71.12 %</b><span>recall</span></div><div class="card"><b>2.2156</b><span>validation loss'
          '</span></div><div class="card"><b>30 of 30</b><span>epochs</span></div>')


def evaluation(map_):
    classes = [("cat", 0.9, 4), ("dog", 0.25, 11), ("cow", None, 0), ("bus", 1.0, 3), ("tie", 0.625, 1)]
    return json.dumps({"images": 300, "classes": 4, "mAP": map_, "precision": 0.5, "recall": 0.25, "f1": 0.3333333,
                       "CF1": 0.4, "OF1": 0.3333333, "best_threshold": 0.64300406,
                       "per_class": [{"label": l, "AP": ap, "positives": n} for l, ap, n in classes]})


class ModelCard(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        (self.folder / "reports").mkdir()
        for network in ("resnet50", "resnet18"):
            (self.folder / f"tagger-{network}-int8.md").write_text(CARD)
            (self.folder / f"tagger-{network}-int8.safetensors").write_bytes(bytes(1_250_000))
            for kind in ("fp32", "qat"):
                (self.folder / "reports" / f"{network}_{kind}.html").write_text(REPORT)
            for kind, map_ in (("ptq", 0.58), ("int8", 0.59341)):
                (self.folder / "reports" / f"{network}_{kind}.json").write_text(evaluation(map_))

    def run_tool(self, *arguments, status=0):
        done = subprocess.run([sys.executable, TOOL, *arguments, self.folder], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def card(self):
        return (self.folder / "tagger-resnet50-int8.md").read_text()

    def test_the_tables_are_filled_in_and_the_rest_stays(self):
        self.run_tool()
        text = self.card()
        figures = text.split("from reports/ -->\n")[1].split("<!-- end -->")[0].splitlines()
        self.assertEqual(len(figures), 6)
        self.assertIn("| 59.22 % | 60.95 % | 71.12 % | 65.65 % | 67.10 % |  | 94.9 MB |", figures[2])
        self.assertIn("| 58.00 % | 50.00 % | 25.00 % | 33.33 % | 40.00 % | 0.64 | 1.2 MB |", figures[3])
        self.assertIn("| 59.34 % |", figures[5])
        classes = text.split("from reports/ -->\n")[2].split("<!-- end -->")[0].splitlines()
        self.assertEqual(classes[2:], ["| bus 100 (3) | tie 62 (1) | cow – (0) |  |", "| cat 90 (4) | dog 25 (11) |  |  |"])
        self.assertEqual([line for line in CARD.splitlines() if line not in text.splitlines()], ["| old |"])

    def test_check_changes_nothing_and_says_what_is_stale(self):
        self.assertIn("tagger-resnet50-int8.md, tagger-resnet18-int8.md no longer agree", self.run_tool("--check", status=1))
        self.assertEqual(self.card(), CARD)
        self.run_tool()
        self.run_tool("--check")
        text = self.card()
        self.run_tool()
        self.assertEqual(self.card(), text)

    def test_what_is_missing_is_named(self):
        (self.folder / "reports" / "resnet50_ptq.json").unlink()
        self.assertIn("resnet50_ptq.json: No such file", self.run_tool(status=1))
        (self.folder / "tagger-resnet50-int8.md").write_text("no marks")
        (self.folder / "reports" / "resnet50_ptq.json").write_text(evaluation(0.5))
        self.assertIn("must hold once", self.run_tool(status=1))
        (self.folder / "reports" / "resnet50_fp32.html").write_text("<b>12 %</b><span>top1</span>")
        self.assertIn("no report of a training", self.run_tool(status=1))


if __name__ == "__main__":
    unittest.main()
