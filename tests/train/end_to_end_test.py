"""The program from outside: end_to_end_test.py RESNET_TRAIN RESNET GROUP

Trains small networks on small pictures that it draws: coloured squares, three classes, any number in a picture.
"""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import torch
import torchvision
from PIL import Image, ImageDraw

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230)}


def draw_pictures(folder, count):
    """Pictures and their COCO file; the categories' ids have gaps."""
    rng = random.Random(5)
    (folder / "images").mkdir()
    images, annotations = [], []
    for i in range(count):
        width, height = rng.randrange(48, 80), rng.randrange(40, 72)
        picture = Image.new("RGB", (width, height), tuple(rng.randrange(90, 130) for _ in range(3)))
        for k in rng.sample(range(3), rng.randrange(1, 3)):
            side = rng.randrange(14, 24)
            x, y = rng.randrange(width - side), rng.randrange(height - side)
            ImageDraw.Draw(picture).rectangle([x, y, x + side - 1, y + side - 1], list(COLOURS.values())[k])
            annotations.append({"id": len(annotations) + 1, "image_id": i, "category_id": [1, 4, 9][k],
                                "bbox": [x, y, side, side], "area": side * side, "iscrowd": 0})
        picture.save(folder / "images" / f"{i:03}.jpg", quality=92)
        images.append({"id": i, "file_name": f"{i:03}.jpg", "width": width, "height": height})
    categories = [{"id": c, "name": n} for c, n in zip([1, 4, 9], COLOURS)]
    (folder / "boxes.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )


class Training(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        draw_pictures(self.folder, 60)
        names = [f"{i:03}.jpg" for i in range(0, 60, 5)]
        (self.folder / "validation.txt").write_text("\n".join(names) + "\n")
        (self.folder / "config.yaml").write_text(
            f"""
model: {{network: resnet18}}
data:
  train: coco:{self.folder}/boxes.json,{self.folder}/images
  validation_list: {self.folder}/validation.txt
  workers: 2
augment: {{size: 32}}
preprocess: {{resize: [32, 32], crop: 0}}
train: {{epochs: 2, batch: 8, lr: 0.002, schedule: cosine, warmup_epochs: 1, threads: 1, device: cpu}}
output: {{log_every: 2, images: 2}}
"""
        )

    def environment(self, **more):
        return {**os.environ, "OMP_NUM_THREADS": "1", **more}

    def command(self, *arguments, output="run", resume=None):
        command = [TRAIN, "--config", self.folder / "config.yaml", *arguments]
        command.append(f"output.directory={self.folder / output}")
        return [str(a) for a in command + (["--resume", resume] if resume else [])]

    def train(self, *arguments, status=0, **options):
        done = subprocess.run(self.command(*arguments, **options), capture_output=True, text=True,
                              env=self.environment())
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def checkpoints(self, output="run", name="resnet18_fp32"):
        return self.folder / output / "checkpoints" / name

    def log(self, event, output="run", name="resnet18_fp32"):
        lines = (self.folder / output / "logs" / name / "log.jsonl").read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def state_of(self, checkpoint):
        """Every tensor of a checkpoint by name."""
        state = torch.jit.load(str(checkpoint / "state.pt"))
        optimizer = [b for m in state.modules() for b in m.buffers(recurse=False)]
        tensors = {**state.tensors, **{f"optimizer {i}": b for i, b in enumerate(optimizer)}}
        self.assertGreater(len(tensors), 100)
        return tensors

    def assert_same_state(self, a, b):
        a, b = self.state_of(a), self.state_of(b)
        self.assertEqual(a.keys(), b.keys())
        for name in a:
            self.assertTrue(torch.equal(a[name], b[name]), name)

    def thresholds(self, model):
        done = subprocess.run([RESNET, "info", model, "--json"], check=True, capture_output=True)
        return json.loads(done.stdout)["head"].get("thresholds", [])


class Run(Training):
    def test_a_run_learns_and_leaves_a_model_that_resnet_and_pytorch_read(self):
        text = self.train("train.epochs=6", "ema.decay=0.5")
        self.assertIn("best epoch", text)
        epochs = self.log("epoch")
        self.assertEqual(len(epochs), 6)
        self.assertLess(epochs[-1]["loss"], 0.8 * epochs[0]["loss"])
        self.assertEqual(self.log("end")[-1]["how"], "done")
        best = next(e for e in reversed(epochs) if e["best"])["validation"]
        self.assertGreater(best["mAP"], 0.6)

        # The trainer's figures are those of `resnet eval` on the exported file, thresholds included.
        boxes = json.loads((self.folder / "boxes.json").read_text())
        kept = [i for i in boxes["images"] if i["id"] % 5 == 0]
        ids = {i["id"] for i in kept}
        boxes["images"] = kept
        boxes["annotations"] = [a for a in boxes["annotations"] if a["image_id"] in ids]
        (self.folder / "validation.json").write_text(json.dumps(boxes))
        model = self.checkpoints() / "best_model.safetensors"
        found = json.loads(subprocess.run(
            [RESNET, "eval", "-m", model, "--json",
             "--data", f"coco:{self.folder}/validation.json,{self.folder}/images"],
            check=True, capture_output=True).stdout)
        self.assertEqual(found["images"], 12)
        for key in ("mAP", "OF1", "CF1", "precision", "recall"):
            self.assertAlmostEqual(found[key], best[key], places=6, msg=key)
        self.assertEqual(len(set(self.thresholds(model))), 3)

        # And PyTorch's own network takes the weights as they are.
        for path in (self.checkpoints() / "best_model.pth", self.checkpoints() / "checkpoint_epoch_6" / "model.pth"):
            network = torchvision.models.resnet18(num_classes=3)
            network.load_state_dict(torch.load(path))
        info = json.loads(subprocess.run([RESNET, "info", model, "--json"], check=True, capture_output=True).stdout)
        self.assertEqual(info["labels"]["first"], list(COLOURS))
        self.assertFalse((self.checkpoints() / "checkpoint_epoch_4").exists(), "only two are kept")

    def test_mixed_precision_and_distillation_run(self):
        self.train("train.precision=bf16", "train.epochs=1", "output.thresholds=one")
        teacher = self.checkpoints() / "best_model.safetensors"
        self.assertEqual(len(self.thresholds(teacher)), 3)
        self.assertEqual(len(set(self.thresholds(teacher))), 1)
        self.train("model.network=resnet34", f"distill.teacher={teacher}", "train.epochs=1", "train.optimizer=sgd",
                   "augment.mixup=0.2", "loss.kind=bce", "train.channels_last=false", "train.clip_gradient=1",
                   "train.freeze_batchnorm_epoch=1", "output.thresholds=none")
        self.assertEqual(len(self.log("epoch", name="resnet34_fp32")), 1)
        self.assertEqual(self.thresholds(self.checkpoints(name="resnet34_fp32") / "best_model.safetensors"), [])

    def test_one_class_a_picture(self):
        for name, colour in COLOURS.items():
            (self.folder / "classes" / name).mkdir(parents=True)
            for i in range(10):
                shade = tuple(max(0, c - 3 * i) for c in colour)
                Image.new("RGB", (40, 40 + i), shade).save(self.folder / "classes" / name / f"{i}.png")
        (self.folder / "classes" / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
        text = self.train(f"data.train=folders:{self.folder}/classes", "data.validation_list=",
                          "data.validation_count=6", "train.epochs=3", status=1)
        self.assertIn("broken.png", text)
        self.assertIn("left out 1 picture that could not be read", text)
        self.assertGreaterEqual(self.log("epoch")[-1]["validation"]["top1"], 0.5)


class Resume(Training):
    def test_it_gives_the_result_of_an_uninterrupted_run(self):
        settings = ["train.epochs=3", "ema.decay=0.9", "output.keep_checkpoints=0", "augment.mixup=0.3"]
        self.train(*settings)
        last = self.checkpoints() / "checkpoint_epoch_3"
        self.train(*settings, output="other", resume=self.checkpoints() / "checkpoint_epoch_1")
        self.assert_same_state(self.checkpoints("other") / "checkpoint_epoch_3", last)
        self.assertEqual((self.checkpoints("other") / "checkpoint_epoch_3" / "model.pth").read_bytes(),
                         (last / "model.pth").read_bytes())
        whole, rest = self.log("epoch"), self.log("epoch", output="other")
        self.assertEqual([e["epoch"] for e in rest], [2, 3])
        self.assertEqual([e["validation"] for e in rest], [e["validation"] for e in whole[1:]])

    def test_after_ctrl_c_too(self):
        settings = ["train.epochs=40", "output.images=0", "output.histograms_every=0"]
        run = subprocess.Popen(self.command(*settings, output="cut"), stderr=subprocess.PIPE, text=True,
                               env=self.environment())
        log = self.folder / "cut" / "logs" / "resnet18_fp32" / "log.jsonl"
        for _ in range(1200):
            if log.exists() and '"event":"step"' in log.read_text():
                break
            time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        self.assertIn("--resume", run.communicate()[1])
        self.assertEqual(run.returncode, 1)
        stopped = self.checkpoints("cut") / "checkpoint_interrupted"
        self.assertTrue((stopped / "state.pt").exists())
        done = len(self.log("epoch", output="cut"))
        self.assertLess(done, 38, "it was done before the signal came")
        # The schedule is that of 40 epochs; two more are enough to compare.
        cut = self.state_of(stopped)
        until = done + 2
        for output, resume in (("cut", stopped), ("whole", None)):
            command = self.command(*settings, "output.keep_checkpoints=0", output=output, resume=resume)
            run = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=self.environment())
            target = self.checkpoints(output) / f"checkpoint_epoch_{until}"
            while not target.exists() and run.poll() is None:
                time.sleep(0.05)
            run.send_signal(signal.SIGINT)
            run.wait()
        self.assert_same_state(self.checkpoints("cut") / f"checkpoint_epoch_{until}",
                               self.checkpoints("whole") / f"checkpoint_epoch_{until}")
        self.assertGreater(len(cut), 0)


    def interrupt(self, settings, stop, output):
        """Starts a run and signals when stop() says so; gives what it wrote and its checkpoint's folder."""
        run = subprocess.Popen(self.command(*settings, output=output), stderr=subprocess.PIPE, text=True,
                               env=self.environment())
        stop(run)
        run.send_signal(signal.SIGTERM)
        with run.stderr:
            text = run.stderr.read()
        self.assertEqual(run.wait(), 1, text)
        self.assertIn("a second Ctrl-C stops at once", text)
        return text, self.checkpoints(output) / "checkpoint_interrupted"

    def assert_goes_on_like_an_uninterrupted_run(self, settings, stopped, output):
        self.train(*settings, output=output, resume=stopped)
        self.train(*settings, output="whole")
        last = sorted(p.name for p in self.checkpoints("whole").glob("checkpoint_epoch_*"))[-1]
        self.assert_same_state(self.checkpoints(output) / last, self.checkpoints("whole") / last)
        for mine, theirs in zip(self.log("epoch", output), self.log("epoch", "whole"), strict=True):
            self.assertEqual((mine["loss"], mine["validation"]), (theirs["loss"], theirs["validation"]))

    def test_a_step_is_left_in_the_middle(self):
        # A step of twelve passes; the signal comes before the first of them is over.
        settings = ["train.epochs=1", "train.batch=4", "train.micro_batches=12", "augment.size=96", "ema.decay=0.9",
                    "model.adapt_batchnorm=true"]

        def at_the_start(run):
            while not run.stderr.readline().startswith("pictures:"):
                self.assertIsNone(run.poll())

        text, stopped = self.interrupt(settings, at_the_start, "cut")
        self.assertIn("--resume", text)
        self.assertEqual(torch.jit.load(str(stopped / "state.pt")).step, 0)
        self.assert_goes_on_like_an_uninterrupted_run(settings, stopped, "cut")

    def test_a_validation_is_left_in_the_middle(self):
        settings = ["train.epochs=1", "train.batch=2", "preprocess.resize=[384, 384]", "output.log_every=1000"]

        def after_the_last_step(run):
            log = self.folder / "cut" / "logs" / "resnet18_fp32" / "log.jsonl"
            while not (log.exists() and '"event":"step"' in log.read_text()):
                self.assertIsNone(run.poll())
                time.sleep(0.01)

        _, stopped = self.interrupt(settings, after_the_last_step, "cut")
        state = torch.jit.load(str(stopped / "state.pt"))
        self.assertEqual((state.epoch, state.batch, state.step), (0, 24, 24))
        self.assert_goes_on_like_an_uninterrupted_run(settings, stopped, "cut")


class Mistakes(Training):
    def test_usage(self):
        self.assertIn("did you mean train.lr?", self.train("train.lrr=1", status=2))
        self.assertIn("--config is required",
                      subprocess.run([TRAIN], capture_output=True, text=True).stderr)
        self.assertIn("Examples:", subprocess.run([TRAIN, "--help"], capture_output=True, text=True).stdout)
        printed = subprocess.run([TRAIN, "--print-config"], capture_output=True, text=True, check=True).stdout
        self.assertIn("# largest learning rate", printed)

    def test_a_loss_that_is_no_number_stops_with_advice(self):
        text = self.train("train.lr=1e20", "train.optimizer=sgd", "train.warmup_epochs=0", status=1)
        self.assertIn("try a lower train.lr", text)
        self.assertIn("stopped", self.log("end")[-1]["how"])

    def test_a_checkpoint_of_another_network(self):
        self.train("train.epochs=1")
        text = self.train("model.network=resnet34", status=1, output="other",
                          resume=self.checkpoints() / "checkpoint_epoch_1")
        self.assertIn("a checkpoint of another network", text)
        self.assertIn("no checkpoint", self.train(status=1, resume=self.folder))

    def test_a_batch_larger_than_the_set(self):
        self.train("train.batch=500", status=1)


class Processes(Training):
    """Two processes, which find each other as torchrun would have them."""

    def train_in_two(self, *arguments, output):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        runs = [subprocess.Popen(self.command(*arguments, output=output), stderr=subprocess.PIPE, text=True,
                                 env=self.environment(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank),
                                                      MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)))
                for rank in range(2)]
        for run in runs:
            text = run.communicate(timeout=250)[1]
            self.assertEqual(run.returncode, 0, text)

    def weights(self, output, epoch):
        return torch.load(self.checkpoints(output) / f"checkpoint_epoch_{epoch}" / "model.pth")

    def test_two_processes_are_two_micro_batches(self):
        # 48 pictures in steps of 12: 4 steps an epoch, 20 in all.
        settings = ["train.epochs=5", "train.optimizer=sgd", "train.lr=0.01", "loss.kind=bce", "train.batch=6"]
        self.train_in_two(*settings, output="two")
        self.train(*settings, "train.micro_batches=2", output="one")
        self.assertEqual(self.log("epoch", "two")[-1]["step"], 20)
        two, one = self.weights("two", 5), self.weights("one", 5)
        for name, expected in one.items():
            largest = expected.abs().max().clamp(min=1e-3).item()
            self.assertLessEqual((two[name] - expected).abs().max().item(), 1e-5 * largest, name)
        for mine, theirs in zip(self.log("epoch", "two"), self.log("epoch", "one")):
            self.assertAlmostEqual(mine["validation"]["mAP"], theirs["validation"]["mAP"], places=4)

    def test_with_sync_batchnorm_they_are_one_batch(self):
        # A single step of 12 pictures: the sums are taken in another order than one process takes them, and where that
        # carries a value over a ReLU's kink the gradient differs by more than rounding.
        names = [f"{i:03}.jpg" for i in range(12, 60)]
        (self.folder / "validation.txt").write_text("\n".join(names))
        settings = ["train.epochs=1", "train.optimizer=sgd", "loss.kind=bce", "train.schedule=constant",
                    "train.warmup_epochs=0", "train.weight_decay=0", "augment.size=64"]
        self.train_in_two(*settings, "train.batch=6", "train.sync_batchnorm=true", output="two")
        self.train(*settings, "train.batch=12", output="one")
        self.train(*settings, "train.batch=12", "train.lr=0", output="before")
        two, one, before = (self.weights(output, 1) for output in ("two", "one", "before"))
        for name, expected in one.items():
            if name.endswith(("running_mean", "running_var")):
                torch.testing.assert_close(two[name], expected, rtol=1e-4, atol=1e-5)
            elif not name.endswith("num_batches_tracked"):
                step = expected - before[name]
                self.assertLess(((two[name] - expected).norm() / step.norm()).item(), 0.05, name)


if __name__ == "__main__":
    TRAIN, RESNET = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
