"""The program from outside: program_test.py PROGRAM FIXTURE_DIR [CLASS…]

Runs PROGRAM as users do and checks what the command line promises: exit statuses, results on standard output and all
else on standard error, JSON a line, hostile input. FIXTURE_DIR is made by make_fixture.
"""

import csv
import io
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

PROGRAM, FIXTURE = map(os.path.abspath, sys.argv[1:3])
MODEL = os.path.join(FIXTURE, "tiny.safetensors")
TAGS = os.path.join(FIXTURE, "tags.safetensors")
PICTURE = os.path.join(FIXTURE, "picture.png")
COMMANDS = ["tag", "classify", "info", "export", "verify", "compare", "bench", "eval", "quantize",
            "doctor"]


def resnet(*arguments, **options):
    """Runs the program; standard output and error come back as bytes."""
    environment = dict(os.environ, **options.pop("env", {}))
    return subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=120, env=environment, **options)


def grey_png(side):
    """A picture of the one colour that preprocessing turns into zeros, nearly."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes((124, 116, 104)) * side) * side
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="resnet_program_test_")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def copy_picture(self, name):
        target = os.path.join(os.fsencode(self.folder), name) if isinstance(name, bytes) else self.path(name)
        shutil.copyfile(PICTURE, target)
        return target

    def check(self, result, status):
        self.assertEqual(result.returncode, status, result.stderr.decode(errors="replace"))
        return result

    def json_lines(self, result):
        return [json.loads(line) for line in result.stdout.decode("utf-8").splitlines()]


class Help(ProgramTest):
    def test_every_command_explains_itself_with_examples_in_80_columns(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                result = self.check(resnet(command, "--help"), 0)
                text = result.stdout.decode()
                self.assertIn("Usage: resnet " + command, text)
                self.assertIn("  resnet " + command + " ", text.partition("\nExamples:\n")[2].replace("\n", " "))
                self.assertEqual(result.stderr, b"")
                for line in text.splitlines():
                    self.assertLessEqual(len(line), 80, line)
                    # Names in a column, descriptions in another.
                    if entry := re.match(r"  -.*?  +(\S)", line):
                        self.assertEqual(entry.start(1), 28, line)

    def test_main_help_lists_every_command(self):
        text = self.check(resnet("--help"), 0).stdout.decode()
        for command in COMMANDS:
            self.assertIn("\n  " + command + " ", text)
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_version(self):
        text = self.check(resnet("--version"), 0).stdout.decode()
        self.assertRegex(text, r"^resnet \d+\.\d+\.\d+\n")
        for word in ("commit", "compiler", "isas"):
            self.assertIn("\n" + word, text)


class Usage(ProgramTest):
    def refuse(self, *arguments):
        result = self.check(resnet(*arguments), 2)
        self.assertEqual(result.stdout, b"")
        self.assertTrue(result.stderr.startswith(b"resnet: "), result.stderr)
        self.assertIn(b"--help", result.stderr)
        return result.stderr.decode()

    def test_wrong_usage_is_status_2(self):
        self.assertIn("no command", self.refuse())
        self.assertIn('"juggle"', self.refuse("juggle"))
        self.assertIn("--sideways", self.refuse("classify", "--sideways", "--model", MODEL, PICTURE))
        self.assertIn("--model", self.refuse("classify", PICTURE))
        self.assertIn("no photos", self.refuse("classify", "--model", MODEL))
        self.assertIn("no photos", self.refuse("classify", "--model", MODEL, "--csv"))
        self.assertIn("no photos", self.refuse("tag", "--model", self.path("no model is read yet")))
        self.assertIn("fp7", self.refuse("classify", "--model", MODEL, "--precision", "fp7", PICTURE))
        self.assertIn("--top", self.refuse("classify", "--model", MODEL, "--top", "0", PICTURE))
        self.assertIn("--top", self.refuse("classify", "--model", MODEL, "--top", "five", PICTURE))
        self.assertIn("--threads", self.refuse("classify", "--model", MODEL, "--threads", "-1", PICTURE))
        self.assertIn('"4.5" is no whole number from 1 to 1024',
                      self.refuse("classify", "--model", MODEL, "--threads", "4.5", PICTURE))
        self.assertIn('"0" is no whole number from 1 on', self.refuse("eval", "--images", "0"))
        for value in ("nan", "1.5", "half"):
            self.assertIn(f'"{value}" is no number from 0 to 1', self.refuse("tag", "--threshold", value))
        self.assertIn("--exif", self.refuse("classify", "--model", MODEL, "--exif", "maybe", PICTURE))
        self.assertIn("--json", self.refuse("classify", "--model", MODEL, "--json", "--csv", PICTURE))
        self.assertIn("--max-pixels", self.refuse("classify", "--model", MODEL, "--max-pixels", "0", PICTURE))
        for arguments in (["classify", "-m", MODEL, "--labels"], ["tag", "-m", MODEL, "--images-from"],
                          ["eval", "-m", MODEL, "--data", "x", "--expect-logits"],
                          ["verify", "-m", MODEL, "--input", "x", "--dump", "y", "--expect"]):
            self.assertIn(arguments[-1] + ": the name is empty", self.refuse(*arguments, ""))
        self.assertIn('--mean: "a" is no number', self.refuse("export", MODEL, "--out", "x", "--mean", "a,b,c"))
        self.refuse("info")
        self.assertIn("--out", self.refuse("export", MODEL))
        self.refuse("export", MODEL, "--out", self.path("x"), "--format", "caffe")
        self.refuse("bench")
        self.refuse("bench", "--random", "19")
        self.refuse("doctor", "--quiet", "--verbose")

    def test_a_photo_may_be_called_like_a_command(self):
        self.copy_picture("info")
        result = self.check(resnet("classify", "--model", MODEL, "info", cwd=self.folder), 0)
        self.assertTrue(result.stdout.startswith(b"info\n"))

    def test_two_dashes_end_the_options(self):
        self.copy_picture("--top")
        result = self.check(resnet("classify", "--model", MODEL, "--", "--top", cwd=self.folder), 0)
        self.assertTrue(result.stdout.startswith(b"--top\n"))


class Classify(ProgramTest):
    def classify(self, *arguments, status=0, **options):
        return self.check(resnet("classify", "--model", MODEL, *arguments, **options), status)

    def test_json_has_the_keys_of_the_contract(self):
        (photo,) = self.json_lines(self.classify("--json", PICTURE))
        self.assertEqual(list(photo), ["path", "width", "height", "predictions", "ms"])
        self.assertEqual((photo["path"], photo["width"], photo["height"]), (PICTURE, 61, 47))
        self.assertEqual(list(photo["ms"]), ["decode", "preprocess", "infer"])
        self.assertEqual(len(photo["predictions"]), 5)
        scores = [prediction["score"] for prediction in photo["predictions"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        for prediction in photo["predictions"]:
            self.assertEqual(list(prediction), ["index", "label", "score"])
            self.assertEqual(prediction["label"], "kind %d" % prediction["index"])
            self.assertTrue(0 <= prediction["score"] <= 1)

    def test_scores_of_all_classes_sum_to_one(self):
        (photo,) = self.json_lines(self.classify("--json", "--top", "99", PICTURE))
        self.assertEqual(len(photo["predictions"]), 10)
        self.assertAlmostEqual(sum(p["score"] for p in photo["predictions"]), 1, places=5)

    def test_text_csv_and_json_agree(self):
        (photo,) = self.json_lines(self.classify("--json", "--top", "3", PICTURE))
        rows = list(csv.reader(io.StringIO(self.classify("--csv", "--top", "3", PICTURE).stdout.decode())))
        self.assertEqual(rows[0], ["path", "rank", "index", "label", "score"])
        for rank, (row, prediction) in enumerate(zip(rows[1:], photo["predictions"], strict=True), 1):
            self.assertEqual(row[:4], [PICTURE, str(rank), str(prediction["index"]), prediction["label"]])
            self.assertAlmostEqual(float(row[4]), prediction["score"], places=6)
        lines = self.classify("--top", "3", PICTURE).stdout.decode().splitlines()
        self.assertEqual(lines[0], PICTURE)
        self.assertEqual([line.split("%  ")[1] for line in lines[1:]], [p["label"] for p in photo["predictions"]])

    def test_folders_in_order_and_recursively(self):
        os.makedirs(self.path("b", "c"))
        for name in ("2.png", "1.png", "b/3.png", "b/c/4.png", "note.txt"):
            self.copy_picture(name)
        flat = self.json_lines(self.classify("--json", self.folder))
        self.assertEqual([p["path"] for p in flat], [self.path("1.png"), self.path("2.png")])
        deep = self.json_lines(self.classify("--json", "-r", self.folder))
        self.assertEqual([os.path.basename(p["path"]) for p in deep], ["1.png", "2.png", "3.png", "4.png"])

    def test_many_photos_give_the_same_scores_as_one(self):
        for i in range(40):
            self.copy_picture("%02d.png" % i)
        (alone,) = self.json_lines(self.classify("--json", PICTURE))
        many = self.json_lines(self.classify("--json", self.folder))
        self.assertEqual(len(many), 40)
        for photo in many:
            self.assertEqual(photo["predictions"], alone["predictions"])

    def test_paths_from_a_list(self):
        names = [self.copy_picture(name) for name in ("a b.png", "c.png")]
        lines = "\n".join(names).encode()
        result = self.json_lines(self.classify("--json", "--images-from", "-", input=lines))
        self.assertEqual([p["path"] for p in result], names)
        result = self.json_lines(self.classify("--json", "--images-from", "-", input=lines.replace(b"\n", b"\0")))
        self.assertEqual([p["path"] for p in result], names)
        with open(self.path("list"), "wb") as file:
            file.write(lines)
        result = self.json_lines(self.classify("--json", "--images-from", self.path("list"), PICTURE))
        self.assertEqual([p["path"] for p in result], [PICTURE] + names)
        self.classify("--images-from", self.path("no list"), status=1)

    def test_labels_from_a_file(self):
        with open(self.path("labels"), "w") as file:
            file.writelines("tree %d\n" % i for i in range(10))
        (photo,) = self.json_lines(self.classify("--json", "--labels", self.path("labels"), PICTURE))
        self.assertTrue(all(p["label"] == "tree %d" % p["index"] for p in photo["predictions"]))
        with open(self.path("labels"), "w") as file:
            file.write("only one\n")
        result = self.classify("--labels", self.path("labels"), PICTURE, status=1)
        self.assertIn(b"labels", result.stderr)

    def test_sigmoid_head(self):
        result = self.check(resnet("classify", "--model", TAGS, "--json", "--top", "10", PICTURE), 0)
        (photo,) = self.json_lines(result)
        self.assertEqual(len(photo["predictions"]), 10)

    def test_threads_change_no_bit(self):
        one = self.json_lines(self.classify("--json", "--threads", "1", PICTURE))
        three = self.json_lines(self.classify("--json", "--threads", "3", PICTURE))
        self.assertEqual(one[0]["predictions"], three[0]["predictions"])

    def test_no_photo_in_a_folder(self):
        result = self.classify(self.folder, status=1)
        self.assertIn(b"no photos found", result.stderr)
        result = self.classify("--images-from", "-", input=b"", status=1)
        self.assertIn(b"no photos are named in standard input", result.stderr)


class HostilePhotos(ProgramTest):
    def test_bad_photos_fail_by_name_and_the_rest_is_done(self):
        good = self.copy_picture("good.png")
        with open(PICTURE, "rb") as file:
            picture = file.read()
        bad = {"empty.png": b"", "half.png": picture[: len(picture) // 2], "text.jpg": b"not a picture\n" * 9,
               "lie.jpg": b"\xff\xd8\xff\xe0", "zeros.webp": bytes(4096)}
        for name, content in bad.items():
            with open(self.path(name), "wb") as file:
                file.write(content)
        os.mkfifo(self.path("pipe.png"))
        os.mkdir(self.path("folder.png"))
        os.symlink("nowhere", self.path("dangling.png"))
        names = [self.path(name) for name in [*bad, "pipe.png", "dangling.png", "missing.png"]] + ["/dev/zero", good]
        result = self.check(resnet("classify", "--model", MODEL, "--json", *names), 1)
        photos = self.json_lines(result)
        self.assertEqual([p["path"] for p in photos], names)
        for photo in photos[:-1]:
            self.assertEqual(list(photo), ["path", "error"])
            self.assertEqual(list(photo["error"]), ["code", "message"])
            self.assertIn(os.path.basename(photo["path"]), photo["error"]["message"])
            self.assertIn(os.path.basename(photo["path"]), result.stderr.decode())
        self.assertIn("predictions", photos[-1])
        codes = {os.path.basename(p["path"]): p["error"]["code"] for p in photos[:-1]}
        self.assertEqual(codes["missing.png"], "not_found")
        self.assertEqual(codes["pipe.png"], "io")
        self.assertEqual(codes["zero"], "io")

    def test_too_many_pixels(self):
        result = self.check(resnet("classify", "--model", MODEL, "--json", "--max-pixels", "2866", PICTURE), 1)
        self.assertEqual(self.json_lines(result)[0]["error"]["code"], "too_large")
        self.check(resnet("classify", "--model", MODEL, "--max-pixels", "2867", PICTURE), 0)

    def test_names_that_are_not_utf8(self):
        name = self.copy_picture(b"caf\xe9 \xff.png")
        result = self.check(resnet("classify", "--model", MODEL, "--json", name), 0)
        (photo,) = self.json_lines(result)
        self.assertEqual(bytes.fromhex(photo["path_bytes"]), name)
        result = self.check(resnet("classify", "--model", MODEL, "--csv", "--top", "1", self.folder), 0)
        self.assertIn(name + b",1,", result.stdout)
        result = self.check(resnet("classify", "--model", MODEL, "--json", b"no\xff.png"), 1)
        self.assertEqual(self.json_lines(result)[0]["error"]["code"], "not_found")

    def test_names_with_control_characters_cannot_steer_the_terminal(self):
        self.copy_picture("a\033[2Jb\n.png")
        result = self.check(resnet("classify", "--model", MODEL, self.folder), 0)
        self.assertNotIn(b"\033", result.stdout + result.stderr)
        self.assertIn(b"a?[2Jb?.png", result.stdout)

    def test_unreadable_photo(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        name = self.copy_picture("secret.png")
        os.chmod(name, 0)
        result = self.check(resnet("classify", "--model", MODEL, "--json", name), 1)
        self.assertEqual(self.json_lines(result)[0]["error"]["code"], "io")


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
        for words in ("<!DOCTYPE html>", "layer4.1.conv2", "1 photos of", "times smaller"):
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
        self.assertIn(b"with 1 photos", self.check(resnet("quantize", MODEL, "--calibrate", PICTURE, "--out", out),
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
            self.assertIn(b"all 3 pictures failed", result.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["labels.csv", "pictures"])

    def test_data_that_names_no_folder(self):
        for data in ("imagenet:", "coco:", "imagenet:labels.csv,", "coco:x.json,"):
            self.assertIn(b"give imagenet:LABELS.csv,DIR", self.eval(data, status=1).stderr)

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


class Bench(ProgramTest):
    KEYS = ["model", "device", "backend", "isa", "precision", "plan", "batch", "threads", "ms_median", "ms_min",
            "ms_p99", "images_per_s", "gflops", "layers", "machine", "commit"]

    def test_json_has_the_keys_of_the_contract(self):
        result = self.check(resnet("bench", "--model", MODEL, "--json", "--layers", "--seconds", "0", "--batch", "3",
                                   "--threads", "1"), 0)
        (report,) = self.json_lines(result)
        self.assertEqual(list(report), self.KEYS)
        self.assertEqual((report["model"], report["device"], report["precision"]), ("resnet18", "cpu", "fp32"))
        self.assertEqual((report["batch"], report["threads"]), (3, 1))
        self.assertTrue(0 < report["ms_min"] <= report["ms_median"] <= report["ms_p99"])
        self.assertAlmostEqual(report["images_per_s"], 3000 / report["ms_median"], places=3)
        self.assertTrue(report["layers"])
        for layer in report["layers"]:
            self.assertEqual(list(layer), ["module", "ms", "kernel", "gflops"])

    def test_text(self):
        text = self.check(resnet("bench", "--model", MODEL, "--layers", "--seconds", "0"), 0).stdout.decode()
        for words in ("machine", "median", "images/s", "kernel", "layer1.0"):
            self.assertIn(words, text)


class Doctor(ProgramTest):
    def test_json(self):
        (report,) = self.json_lines(self.check(resnet("doctor", "--json", env={"RESNET_MODELS": FIXTURE}), 0))
        for key in ("version", "commit", "compiler", "system", "processor", "features", "isas", "threads", "backends",
                    "image_formats", "gpu", "models"):
            self.assertIn(key, report)
        self.assertGreaterEqual(report["threads"]["count"], 1)
        self.assertIn("JPEG", report["image_formats"])
        self.assertIn(MODEL, [model["path"] for model in report["models"]])

    def test_text_says_where_the_thread_count_comes_from(self):
        text = self.check(resnet("doctor", env={"RESNET_THREADS": "3"}), 0).stdout.decode()
        self.assertRegex(text, r"threads +3 \(by RESNET_THREADS")


class Verify(ProgramTest):
    def dump(self, name="dump"):
        values = [((i * 7919) % 1000) / 500 - 1 for i in range(3 * 32 * 32)]
        with open(self.path("input.bin"), "wb") as file:
            file.write(struct.pack(f"<{len(values)}f", *values))
        self.check(resnet("verify", "-m", MODEL, "--input", self.path("input.bin"), "--dump", self.path(name)), 0)
        return self.path(name)

    def test_a_dump_is_a_reference_that_is_met(self):
        dump, page = self.dump(), self.path("page.html")
        result = self.check(resnet("verify", "-m", MODEL, "--reference", dump, "--html", page), 0)
        self.assertIn("[OK] e2e within", result.stdout.decode())
        self.assertTrue(os.path.exists(page))
        self.assertIn(b"[OK]", self.check(resnet("compare", dump, dump), 0).stdout)

    def test_quiet_tells_verdicts_only_where_they_are_bad(self):
        dump = self.dump()
        for command in (["verify", "-m", MODEL, "--reference", dump], ["compare", dump, dump]):
            self.assertIn(b"[OK]", self.check(resnet(*command, "--json"), 0).stderr)
            self.assertEqual(self.check(resnet(*command, "--json", "--quiet"), 0).stderr, b"")
        other = self.path("other")
        shutil.copytree(dump, other)
        with open(os.path.join(other, "head.bin"), "r+b") as file:
            file.write(struct.pack("<f", 1e6))
        for command in (["verify", "-m", MODEL, "--reference", other], ["compare", dump, other]):
            self.assertIn(b"[FAIL]", self.check(resnet(*command, "--json", "--quiet"), 1).stderr)

    def test_a_dump_into_the_reference_is_refused(self):
        dump = self.dump()
        with open(os.path.join(dump, "reference.json"), "rb") as file:
            before = file.read()
        result = self.check(resnet("verify", "-m", MODEL, "--reference", dump, "--dump", dump + "/"), 2)
        self.assertIn(b"--dump would overwrite", result.stderr)
        with open(os.path.join(dump, "reference.json"), "rb") as file:
            self.assertEqual(file.read(), before)


class OutputPaths(ProgramTest):
    """What cannot be written is refused before the work: here even before the model, which is not there, is read."""

    COMMANDS = {"tag": ["-m", "no-model.pth", PICTURE], "eval": ["-m", "no-model.pth", "--data", "imagenet:none"],
                "verify": ["-m", "no-model.pth", "--reference", "none"], "export": ["no-model.pth"],
                "quantize": ["no-model.pth", "--calibrate", "none"]}
    FILES = [("tag", "--html"), ("eval", "--html"), ("eval", "--logits"), ("verify", "--html"), ("export", "--out"),
             ("quantize", "--out"), ("quantize", "--html")]

    def refuse(self, command, option, path, *more, status=1):
        own = {"export": ["--format", "safetensors"], "quantize": ["--out", self.path("m8.safetensors")]}
        needed = [] if option == "--out" and command == "quantize" else own.get(command, [])
        before = sorted(os.listdir(self.folder))
        result = self.check(resnet(command, *self.COMMANDS[command], *needed, option, path, *more), status)
        self.assertEqual(result.stdout, b"")
        self.assertNotIn(b"no-model", result.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        return result.stderr.decode()

    def test_files(self):
        os.mkdir(self.path("folder"))
        os.symlink("/dev/null", self.path("device"))
        for command, option in self.FILES:
            with self.subTest(command=command, option=option):
                for name, words in (("folder", "is a folder; give the name of a file"), ("device", "no ordinary file"),
                                    ("none/x", f"there is no folder {self.path('none')}; make it first")):
                    error = self.refuse(command, option, self.path(name))
                    self.assertIn(f"{option} {self.path(name)}: ", error)
                    self.assertIn(words, error)
                self.assertIn(option, self.refuse(command, option, "", status=2))
                picture = self.copy_picture("photo.png")
                self.assertIn("is the name of a picture", self.refuse(command, option, picture, status=2))

    def test_two_outputs_are_two_files(self):
        one, other = self.path("x"), self.path(".", "x")
        self.assertIn("the same file", self.refuse("eval", "--logits", one, "--html", other, status=2))
        self.assertIn("the same file", self.refuse("quantize", "--out", one, "--html", other, status=2))

    def test_folders(self):
        with open(self.path("file"), "w") as file:
            file.write("x")
        for name in ("file", "file/x/y"):
            error = self.refuse("verify", "--dump", self.path(name))
            self.assertIn(f"--dump {self.path(name)}: ", error)
            self.assertIn("is no folder", error)
        self.assertIn("--dump", self.refuse("verify", "--dump", "", status=2))

    def test_folders_that_may_not_be_written_to(self):
        if os.geteuid() == 0:
            self.skipTest("root writes everywhere")
        os.mkdir(self.path("locked"))
        os.chmod(self.path("locked"), 0o555)
        for command, option in [*self.FILES, ("verify", "--dump")]:
            with self.subTest(command=command, option=option):
                error = self.refuse(command, option, self.path("locked", "x"))
                self.assertIn("Permission denied; choose a folder that you may write to", error)


class Output(ProgramTest):
    def test_a_full_disk_is_noticed(self):
        for arguments in (["doctor"], ["info", MODEL], ["classify", "--model", MODEL, PICTURE], ["--help"]):
            with open("/dev/full", "wb") as full:
                result = subprocess.run([PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=120)
            self.assertEqual(result.returncode, 1, arguments)
            self.assertIn(b"standard output", result.stderr)

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        for i in range(50):
            self.copy_picture("%02d.png" % i)
        process = subprocess.Popen([PROGRAM, "classify", "--model", MODEL, "--json", self.folder],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
        process.stderr.close()
        # It may be done before the pipe breaks; else it ends as programs do whose reader is gone.
        self.assertIn(process.wait(timeout=120), (0, -signal.SIGPIPE))
        self.assertEqual(error, b"")

    def test_closed_standard_output_is_noticed_and_harms_no_file(self):
        result = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", PROGRAM, "info", MODEL], stderr=subprocess.PIPE,
                                timeout=120)
        self.assertEqual(result.returncode, 1)
        # A file opened while descriptor 1 is free would get that number, and the lines printed would land in it.
        whole, other = self.path("whole.safetensors"), self.path("other.safetensors")
        self.check(resnet("export", MODEL, "--out", whole), 0)
        result = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", PROGRAM, "export", MODEL, "--out", other],
                                stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(result.returncode, 1)
        if os.path.exists(other):
            with open(whole, "rb") as one, open(other, "rb") as two:
                self.assertEqual(one.read(), two.read())

    def test_interrupt_leaves_whole_lines(self):
        for i in range(300):
            self.copy_picture("%03d.png" % i)
        # Unbuffered: communicate() reads the pipe itself and would miss what readline() took beyond its line.
        process = subprocess.Popen([PROGRAM, "classify", "--model", MODEL, "--json", self.folder], bufsize=0,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, error = process.communicate(timeout=120)
        lines = (first + rest).decode().splitlines()
        for line in lines:
            self.assertIn("predictions", json.loads(line))
        if len(lines) < 300:
            self.assertEqual(process.returncode, 1)
            self.assertIn(b"interrupted", error)

    def test_quiet_and_verbose(self):
        result = self.check(resnet("classify", "--model", MODEL, "--verbose", PICTURE), 0)
        self.assertIn(b"debug: ", result.stderr)
        result = self.check(resnet("classify", "--model", MODEL, "--quiet", PICTURE), 0)
        self.assertEqual(result.stderr, b"")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
