"""The commands that read, make and judge models, from outside: models_test.py PROGRAM FIXTURE_DIR [CLASS…]"""

import os
import resource
import signal
import struct
import subprocess
import sys
import time
import unittest
import zlib

from program import FIXTURE, MODEL, PICTURE, PROGRAM, ProgramTest, TAGS, resnet


def grey_png(side):
    """A picture of the one colour that preprocessing turns into zeros, nearly."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes((124, 116, 104)) * side) * side
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Models(ProgramTest):
    def fails(self, model, *words):
        result = self.check(resnet("classify", "--model", model, PICTURE), 1)
        self.assertEqual(result.stdout, b"")
        for word in words:
            self.assertIn(word, result.stderr)

    def test_models_that_are_none(self):
        self.fails(self.path("missing.pth"), b"missing.pth")
        self.fails(self.folder)
        self.fails(PICTURE, b"picture.png")
        with open(MODEL, "rb") as file:
            content = file.read()
        for size in (0, 7, 100, len(content) // 2, len(content) - 1):
            with open(self.path("cut.safetensors"), "wb") as file:
                file.write(content[:size])
            self.fails(self.path("cut.safetensors"), b"cut.safetensors")
        os.mkfifo(self.path("pipe.pth"))
        self.fails(self.path("pipe.pth"), b"pipe.pth")

    def test_models_by_name(self):
        environment = {"RESNET_MODELS": FIXTURE}
        for name in ("tiny", "tiny.safetensors"):
            self.check(resnet("info", name, env=environment), 0)
        result = self.check(resnet("info", "no-such-model", env=environment), 1)
        self.assertIn(FIXTURE.encode(), result.stderr)

    def test_unavailable_instruction_set_and_device(self):
        for arguments in (["--isa", "mmx"], ["--device", "cuda"], ["--backend", "magic"]):
            result = self.check(resnet("classify", "--model", MODEL, *arguments, PICTURE), 1)
            self.assertIn(arguments[1].encode(), result.stderr)
        result = self.check(resnet("classify", "--model", MODEL, PICTURE, env={"RESNET_THREADS": "many"}), 1)
        self.assertIn(b"RESNET_THREADS", result.stderr)


class Export(ProgramTest):
    def test_manifest_says_what_it_saved(self):
        out = self.path("exported")
        lines = self.check(resnet("export", MODEL, "--out", out), 0).stdout.decode().splitlines()
        self.assertEqual(lines[-1], "Export complete -> " + os.path.join(out, "manifest.json"))
        self.assertEqual(lines[0], "saved: conv1.weight  [64, 3, 7, 7] -> " + os.path.join(out, "conv1.weight.bin"))
        self.assertEqual(len(lines), 102 + 1)
        for line in lines[:-1]:
            self.assertTrue(os.path.isfile(line.split(" -> ")[1]), line)

    def test_every_format_answers_the_same(self):
        answers = []
        for name in ("folder", "m.safetensors", "m.pth"):
            out = self.path(name)
            result = self.check(resnet("export", MODEL, "--out", out), 0)
            self.assertIn(b"Export complete -> " + out.encode(), result.stdout)
            photos = self.json_lines(self.check(resnet("classify", "--model", out, "--json", PICTURE), 0))
            answers.append([(p["index"], p["score"]) for p in photos[0]["predictions"]])
        (original,) = self.json_lines(self.check(resnet("classify", "--model", MODEL, "--json", PICTURE), 0))
        expected = [(p["index"], p["score"]) for p in original["predictions"]]
        self.assertEqual(answers[0], expected)
        self.assertEqual(answers[1], expected)

    def test_head_labels_and_preprocessing_travel(self):
        with open(self.path("labels"), "w") as file:
            file.writelines("tree %d\n" % i for i in range(10))
        out = self.path("m.safetensors")
        self.check(
            resnet("export", MODEL, "--out", out, "--labels", self.path("labels"), "--head", "sigmoid", "--threshold",
                   "0.75", "--resize", "40x48", "--crop", "none", "--interpolation", "bicubic", "--mean",
                   "0.5,0.25,0.125", "--std", "1,0.5,2"), 0)
        (facts,) = self.json_lines(self.check(resnet("info", out, "--json"), 0))
        self.assertEqual(facts["labels"]["first"][0], "tree 0")
        self.assertEqual(facts["head"], {"kind": "sigmoid", "thresholds": [0.75] * 10})
        self.assertEqual(facts["preprocess"], {"resize": [40, 48], "center_crop": None, "interpolation": "bicubic",
                                               "mean": [0.5, 0.25, 0.125], "std": [1.0, 0.5, 2.0]})
        self.assertEqual(facts["input"], [3, 40, 48])

    def test_refused_values(self):
        for arguments in (["--resize", "0"], ["--resize", "12x"], ["--crop", "-3"], ["--std", "0,1,1"],
                          ["--mean", "1,2"], ["--threshold", "0.5"], ["--head", "argmax"]):
            result = self.check(resnet("export", MODEL, "--out", self.path("x.pth"), *arguments), 2)
            self.assertIn(arguments[0].encode(), result.stderr)
            self.assertFalse(os.path.exists(self.path("x.pth")))

    def test_quiet_says_nothing_on_success(self):
        for name in ("folder", "m.safetensors"):
            result = self.check(resnet("export", MODEL, "--quiet", "--out", self.path(name)), 0)
            self.assertEqual((result.stdout, result.stderr), (b"", b""))
            self.assertTrue(os.path.exists(self.path(name)))
        self.assertIn(b"no model named none", self.check(resnet("export", "none", "--quiet", "--out", "x"), 1).stderr)

    def test_a_file_that_may_not_grow_leaves_nothing(self):
        for name in ("folder", "m.safetensors", "m.pth"):
            result = self.check(resnet("export", MODEL, "--out", self.path(name), preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))), 1)
            self.assertEqual(result.stdout, b"")
            self.assertIn(name.encode(), result.stderr)
            self.assertEqual(os.listdir(self.folder), [])

    def test_a_failed_export_leaves_nothing(self):
        result = self.check(resnet("export", MODEL, "--out", self.path("no", "such", "folder", "m.pth")), 1)
        self.assertEqual(result.stdout.count(b"Export complete"), 0)
        self.assertEqual(os.listdir(self.folder), [])


class Info(ProgramTest):
    def test_json(self):
        (facts,) = self.json_lines(self.check(resnet("info", MODEL, "--json"), 0))
        self.assertEqual(facts["path"], MODEL)
        self.assertEqual((facts["format"], facts["bytes"]), ("safetensors", os.path.getsize(MODEL)))
        self.assertEqual((facts["architecture"], facts["classes"], facts["precision"]), ("resnet18", 10, "fp32"))
        # torchvision's ResNet-18 has 11,689,512 with 1000 classes of 513 each.
        self.assertEqual(facts["parameters"], 11_689_512 - 990 * 513)
        self.assertEqual(sum(m["parameters"] for m in facts["modules"]), facts["parameters"])
        self.assertEqual([m["name"] for m in facts["modules"]],
                         ["conv1", "bn1", "relu", "maxpool", "layer1.0", "layer1.1", "layer2.0", "layer2.1",
                          "layer3.0", "layer3.1", "layer4.0", "layer4.1", "head"])
        self.assertEqual([m["index"] for m in facts["modules"]], list(range(13)))
        self.assertEqual(facts["modules"][0]["output"], [64, 16, 16])
        self.assertEqual(facts["labels"]["count"], 10)
        self.assertEqual(facts["head"], {"kind": "softmax"})
        self.assertEqual(facts["preprocess"]["resize"], 36)
        self.assertEqual(facts["preprocess"]["center_crop"], 32)

    def test_text(self):
        text = self.check(resnet("info", TAGS), 0).stdout.decode()
        for words in ("resnet18", "13 modules", "kind 0, kind 1", "sigmoid", "0.25", "centre crop 32 x 32", "layer4.1"):
            self.assertIn(words, text)

    def test_missing(self):
        self.check(resnet("info", self.path("none.pth")), 1)


class Quantize(ProgramTest):
    def photos(self, count):
        os.mkdir(self.path("photos"))
        for i in range(count):
            self.copy_picture(os.path.join("photos", f"{i}.png"))
        return self.path("photos")

    def test_an_int8_model_comes_out_and_answers(self):
        out = self.path("int8.safetensors")
        result = self.check(resnet("quantize", MODEL, "--calibrate", self.photos(3), "--out", out), 0)
        self.assertIn("layer1.0.conv1", result.stdout.decode())
        self.assertEqual(self.json_lines(self.check(resnet("info", out, "--json"), 0))[0]["precision"], "int8")
        self.assertLess(os.path.getsize(out), os.path.getsize(MODEL) / 3)
        one, two = (self.check(resnet("classify", "--model", out, "--json", "--threads", n, PICTURE), 0) for n in "12")
        exact = self.json_lines(self.check(resnet("classify", "--model", MODEL, "--json", PICTURE), 0))[0]
        answers = [self.json_lines(result)[0]["predictions"] for result in (one, two)]
        self.assertEqual(answers[0], answers[1])
        scores = {p["index"]: p["score"] for p in answers[0]}
        for prediction in exact["predictions"]:
            self.assertAlmostEqual(scores[prediction["index"]], prediction["score"], delta=0.05)

    def test_a_list_of_photos_and_a_line_a_layer(self):
        folder = self.photos(2)
        with open(self.path("list.txt"), "w", encoding="utf-8") as file:
            file.writelines(os.path.join(folder, name) + "\n" for name in sorted(os.listdir(folder)))
        result = self.check(resnet("quantize", MODEL, "--calibrate", self.path("list.txt"), "--images", "1", "--json",
                                   "--range", "minmax", "--out", self.path("m8.safetensors")), 0)
        layers = self.json_lines(result)
        self.assertEqual([layer["layer"] for layer in layers][0::len(layers) - 1], ["conv1", "fc"])
        self.assertEqual({layer["range"] for layer in layers}, {"minmax", ""})

    def test_the_report_is_one_page(self):
        page, out = self.path("report.html"), self.path("m8.safetensors")
        self.check(resnet("quantize", MODEL, "--calibrate", self.photos(1), "--out", out, "--html", page), 0)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        for words in ("<!DOCTYPE html>", "layer4.1.conv2", "1 photo of", "times smaller"):
            self.assertIn(words, text)
        self.assertNotIn("http", text)

    def test_fewer_bits_make_a_smaller_file_and_the_manifest_holds_them_too(self):
        folder, sizes = self.photos(1), {}
        for bits in ("8", "4", "2"):
            out, manifest = self.path(bits + ".safetensors"), self.path(bits)
            self.check(resnet("quantize", MODEL, "--calibrate", folder, "--weight-bits", bits, "--out", out), 0)
            sizes[bits] = os.path.getsize(out)
            (info,) = self.json_lines(self.check(resnet("info", out, "--json"), 0))
            self.assertEqual(info["quant"], {"weight_bits": int(bits), "keep": []})
            self.check(resnet("export", out, "--format", "manifest", "--out", manifest), 0)
            self.check(resnet("export", manifest, "--format", "safetensors", "--out", self.path("back")), 0)
            with open(out, "rb") as one, open(self.path("back"), "rb") as two:
                self.assertEqual(one.read(), two.read())
        # 11.2 million of the weights take fewer bits.
        self.assertAlmostEqual(sizes["8"] - sizes["4"], 5.58e6, delta=5e4)
        self.assertAlmostEqual(sizes["4"] - sizes["2"], 2.79e6, delta=5e4)

    def test_modules_are_kept_in_fp32(self):
        out = self.path("m8.safetensors")
        self.check(resnet("quantize", MODEL, "--calibrate", self.photos(1), "--keep", "fc,layer4,conv1", "--out", out), 0)
        (info,) = self.json_lines(self.check(resnet("info", out, "--json"), 0))
        self.assertEqual(info["precision"], "int8")
        self.assertEqual(info["quant"]["keep"], ["conv1", "layer4.0", "layer4.1", "fc"])
        self.assertIn(b"conv1, layer4.0, layer4.1, fc in fp32", self.check(resnet("info", out), 0).stdout)
        one, two = (self.json_lines(self.check(resnet("classify", "--model", out, "--json", "--threads", n, PICTURE), 0))
                    for n in "12")
        self.assertEqual(one[0]["predictions"], two[0]["predictions"])
        cpu, reference = (self.json_lines(self.check(resnet("classify", "--model", out, "--json", "--backend", backend,
                                                            PICTURE), 0))[0] for backend in ("cpu", "reference"))
        scores = {p["index"]: p["score"] for p in cpu["predictions"]}
        for prediction in reference["predictions"]:
            self.assertAlmostEqual(scores[prediction["index"]], prediction["score"], delta=0.02)

    def test_a_gate_that_is_missed_writes_nothing(self):
        folder = self.photos(2)
        best = self.json_lines(self.check(resnet("classify", "--model", MODEL, "--json", PICTURE), 0))[0]["predictions"][0]
        with open(self.path("labels.csv"), "w", encoding="utf-8") as file:
            file.write("file,label_index\n" + "".join(f"{i}.png,{best['index']}\n" for i in range(2)))
        out = self.path("m8.safetensors")
        gate = ["--gate", "0", "--data", "imagenet:" + self.path("labels.csv") + "," + folder, "--out", out]
        self.assertIn(b"[OK] top-1", self.check(resnet("quantize", MODEL, "--calibrate", folder, *gate), 0).stderr)
        os.remove(out)
        # Calibrated on a grey picture, most of what the network sees in another one is clipped.
        os.mkdir(self.path("grey"))
        with open(self.path("grey", "grey.png"), "wb") as file:
            file.write(grey_png(64))
        result = self.check(resnet("quantize", MODEL, "--calibrate", self.path("grey"), "--weight-bits", "2", *gate), 1)
        self.assertIn(b"[FAIL] top-1: fp32 100.00 %, int8 0.00 %", result.stderr)
        self.assertFalse(os.path.exists(out))

    def test_what_cannot_be_done_is_named(self):
        out = self.path("m8.safetensors")
        folder = self.photos(1)
        self.check(resnet("quantize", MODEL, "--calibrate", folder, "--out", out), 0)
        again = self.check(resnet("quantize", out, "--calibrate", folder, "--out", self.path("b.safetensors")), 1)
        self.assertIn(b"quantised already", again.stderr)
        os.mkdir(self.path("empty"))
        none = self.check(resnet("quantize", MODEL, "--calibrate", self.path("empty"), "--out", out), 1)
        self.assertIn(b"no photos to calibrate with", none.stderr)
        self.assertIn(b"go together", self.check(resnet("quantize", MODEL, "--calibrate", folder, "--gate", "1",
                                                        "--out", out), 2).stderr)
        self.assertIn(b"--weight-bits", self.check(resnet("quantize", MODEL, "--calibrate", folder, "--weight-bits",
                                                          "3", "--out", out), 2).stderr)
        self.assertIn(b"write safetensors or manifest",
                      self.check(resnet("export", out, "--out", self.path("m8.pth")), 1).stderr)
        kept = self.check(resnet("quantize", MODEL, "--calibrate", folder, "--keep", "fc,layer9", "--out", out), 1)
        self.assertIn(b"no 'layer9' to keep in fp32; choose from conv1, layer1.0", kept.stderr)
        self.assertIn(b"quantised", self.check(resnet("classify", "--model", out, "--precision", "fp32", PICTURE),
                                               1).stderr)
        self.assertIn(b".safetensors", self.check(resnet("quantize", MODEL, "--calibrate", folder, "--out",
                                                         self.path("m8.pth")), 2).stderr)

    def test_quiet_prints_the_layers_and_no_more(self):
        out = self.path("m8.safetensors")
        result = self.check(resnet("quantize", MODEL, "--calibrate", self.photos(1), "--quiet", "--out", out), 0)
        self.assertEqual(result.stderr, b"")
        self.assertIn("layer4.1.conv2", result.stdout.decode())
        self.assertNotIn("->", result.stdout.decode())

    def test_a_photo_that_cannot_be_read_is_named_once_and_left_out(self):
        folder, alone, out = self.photos(3), self.path("alone.safetensors"), self.path("m8.safetensors")
        self.check(resnet("quantize", MODEL, "--calibrate", folder, "--out", alone), 0)
        with open(os.path.join(folder, "bad.png"), "wb") as file:
            file.write(b"no picture")
        result = self.check(resnet("quantize", MODEL, "--calibrate", folder, "--out", out), 1)
        self.assertEqual(result.stderr.count(b"bad.png"), 1)
        self.assertIn(b"1 of 4 photos failed", result.stderr)
        self.assertIn(b"Quantised with 3 photos", result.stdout)
        with open(alone, "rb") as one, open(out, "rb") as two:
            self.assertEqual(one.read(), two.read())

    def test_a_list_of_what_is_not_there_is_one_error(self):
        with open(self.path("list.txt"), "w", encoding="utf-8") as file:
            file.writelines(f"none/{i}.png\n" for i in range(50))
        result = self.check(resnet("quantize", MODEL, "--calibrate", self.path("list.txt"), "--out",
                                   self.path("m8.safetensors")), 1)
        (line,) = result.stderr.decode().splitlines()
        self.assertIn("none/0.png: no such photo", line)

    def test_one_photo_calibrates_too(self):
        out = self.path("m8.safetensors")
        self.assertIn(b"with 1 photo ", self.check(resnet("quantize", MODEL, "--calibrate", PICTURE, "--out", out),
                                                   0).stdout)

    def test_a_gate_without_pictures_is_noticed_before_the_work(self):
        folder = self.photos(1)
        with open(self.path("labels.csv"), "w", encoding="utf-8") as file:
            file.write("file,label_index\nnone.png,1\n")
        result = self.check(resnet("quantize", MODEL, "--calibrate", self.path("none at all"), "--gate", "1", "--data",
                                   f"imagenet:{self.path('labels.csv')},{folder}", "--out", self.path("x.safetensors")), 1)
        self.assertIn(b"none of the data set's pictures", result.stderr)


class Eval(ProgramTest):
    def dataset(self, count, missing=()):
        """A data set of `count` pictures of class 1; its --data."""
        os.mkdir(self.path("pictures"))
        with open(self.path("labels.csv"), "w", encoding="utf-8") as file:
            file.write("file,label_index\n" + "".join(f"{i}.png,1\n" for i in range(count)))
        for i in range(count):
            if i not in missing:
                os.symlink(PICTURE, self.path("pictures", f"{i}.png"))
        return f"imagenet:{self.path('labels.csv')},{self.path('pictures')}"

    def eval(self, data, *arguments, status=0, **options):
        return self.check(resnet("eval", "-m", MODEL, "--data", data, *arguments, **options), status)

    def test_a_wrong_folder_is_one_error(self):
        data = self.dataset(40, range(40))
        for json_option in ([], ["--json"]):
            result = self.eval(data, "--logits", self.path("x.npy"), *json_option, status=1)
            self.assertEqual(result.stdout, b"")
            (line,) = result.stderr.decode().splitlines()
            self.assertIn(self.path("pictures", "0.png"), line)
            self.assertIn("none of the data set's pictures is there (40)", line)
        self.assertEqual(sorted(os.listdir(self.folder)), ["labels.csv", "pictures"])

    def test_only_the_listed_pictures(self):
        data = self.dataset(5)
        with open(self.path("list.txt"), "w", encoding="utf-8") as file:
            file.write("# some of them\n3.png\n1.png\n")
        self.assertEqual(self.json_lines(self.eval(data, "--only", self.path("list.txt"), "--json"))[0]["images"], 2)
        with open(self.path("list.txt"), "a", encoding="utf-8") as file:
            file.write("other.png\n")
        result = self.eval(data, "--only", self.path("list.txt"), status=1)
        self.assertIn(b"'other.png' is listed but not in the data set", result.stderr)

    def test_single_missing_pictures_are_named_once_and_left_out(self):
        result = self.eval(self.dataset(5, [1, 3]), "--json", status=1)
        self.assertEqual(self.json_lines(result)[0]["images"], 3)
        for i in (1, 3):
            self.assertEqual(result.stderr.decode().count(self.path("pictures", f"{i}.png")), 1)
        self.assertIn("2 of 5 pictures failed", result.stderr.decode())

    def test_no_figures_of_no_pictures(self):
        data = self.dataset(3, range(3))
        for i in range(3):
            with open(self.path("pictures", f"{i}.png"), "wb") as file:
                file.write(b"no picture")
        for json_option in ([], ["--json"]):
            result = self.eval(data, "--logits", self.path("x.npy"), "--html", self.path("x.html"), *json_option,
                               status=1)
            self.assertEqual(result.stdout, b"")
            self.assertIn(b"not one of 3 pictures could be evaluated", result.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["labels.csv", "pictures"])

    def test_data_that_names_no_folder(self):
        for data in ("imagenet:", "coco:", "imagenet:labels.csv,", "coco:x.json,"):
            self.assertIn(b"give csv:LABELS.csv,DIR", self.eval(data, status=1).stderr)

    def test_folders_that_may_not_be_read(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        os.makedirs(self.path("classes", "kind 1"))
        for folder in ("classes/kind 1", "classes"):
            os.chmod(self.path(folder), 0)
            error = self.eval("imagenet:" + self.path("classes"), status=1).stderr.decode()
            self.assertIn(self.path(folder) + ": the folder cannot be read: Permission denied", error)
        os.chmod(self.path("classes"), 0o700)
        os.chmod(self.path("classes", "kind 1"), 0o700)

    def test_options_of_the_other_kind_of_data_are_refused(self):
        data = self.dataset(1)
        self.assertIn(b"--threshold is for", self.eval(data, "--threshold", "0.5", status=2).stderr)
        self.assertIn(b"--crowd is for", self.eval(data, "--crowd", "ignore", status=2).stderr)
        self.assertIn(b"--devkit is for", self.eval("coco:a,b", "--devkit", "x", status=2).stderr)
        self.assertIn(b"--expect-logits", self.eval(data, "--tolerance", "1", status=2).stderr)

    def test_the_files_are_whole_where_standard_output_is_full(self):
        data = self.dataset(2)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "eval", "-m", MODEL, "--data", data, "--logits", self.path("x.npy"),
                                   "--html", self.path("x.html")], stdout=full, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)
        self.assertTrue({"x.npy", "x.html"} <= set(os.listdir(self.folder)))

    def test_interrupts_leave_no_file(self):
        data = self.dataset(5000)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = subprocess.Popen([PROGRAM, "eval", "-m", MODEL, "--data", data, "--backend", "reference",
                                        "--threads", "1", "--logits", self.path("x.npy"), "--html", self.path("x.html")],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            # What is there for a moment only is the look at whether files can be written.
            seen = set()
            while process.poll() is None:
                files = {name for name in os.listdir(self.folder) if ".tmp-" in name}
                if files & seen:
                    break
                seen = files
                time.sleep(0.1)
            process.send_signal(number)
            output, error = process.communicate(timeout=120)
            self.assertEqual((process.returncode, output), (1, b""), error)
            self.assertRegex(error.decode(), r"interrupted after [0-9,]+ of 5,000 pictures; nothing was written")
            self.assertEqual(sorted(os.listdir(self.folder)), ["labels.csv", "pictures"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
