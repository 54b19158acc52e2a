"""The program from outside: program_test.py PROGRAM FIXTURE_DIR [CLASS…]

Runs PROGRAM as users do and checks what the command line promises: exit statuses, results on standard output and all
else on standard error, JSON a line, hostile input. models_test.py does so for the commands that make and judge models.
"""

import csv
import io
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import unittest

from program import FIXTURE, MODEL, PICTURE, PROGRAM, ProgramTest, TAGS, resnet

COMMANDS = ["tag", "classify", "info", "export", "verify", "compare", "bench", "eval", "quantize",
            "doctor"]


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
        self.assertIn("--tune", self.refuse("bench", "--tune", self.path("x"), "--batch", "3"))
        self.assertIn("--device cuda", self.refuse("bench", "--tune", self.path("x"), "--device", "cpu"))
        self.assertIn("one GPU", self.refuse("bench", "--tune", self.path("x"), "--device", "cuda:0,cuda:1"))
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


class Bench(ProgramTest):
    KEYS = ["model", "device", "backend", "isa", "precision", "plan", "batch", "calls", "input_type", "threads",
            "ms_median", "ms_min", "ms_p99", "clock", "call_ms_median", "images_per_s", "gflops", "layers", "machine",
            "commit"]

    def test_json_has_the_keys_of_the_contract(self):
        result = self.check(resnet("bench", "--model", MODEL, "--json", "--layers", "--seconds", "0", "--batch", "3",
                                   "--threads", "1"), 0)
        (report,) = self.json_lines(result)
        self.assertEqual(list(report), self.KEYS)
        self.assertEqual((report["model"], report["device"], report["precision"]), ("resnet18", "cpu", "fp32"))
        self.assertEqual((report["batch"], report["threads"]), (3, 1))
        self.assertTrue(0 < report["ms_min"] <= report["ms_median"] <= report["ms_p99"])
        self.assertAlmostEqual(report["images_per_s"], 3000 / report["ms_median"], places=3)
        self.assertEqual((report["clock"], report["call_ms_median"]), ("wall", report["ms_median"]))
        self.assertTrue(report["layers"])
        for layer in report["layers"]:
            self.assertEqual(list(layer), ["module", "ms", "kernel", "gflops"])

    def bench_file(self, *arguments, status=0):
        return self.check(resnet("bench", "--model", MODEL, "--seconds", "0", "--input", self.path("x.bin"),
                                 "--output", self.path("y.bin"), *arguments), status)

    def test_runs_on_a_file_and_writes_what_it_computed(self):
        pictures = [[((i * step) % 1000) / 500 - 1 for i in range(3 * 32 * 32)] for step in (7919, 6007)]
        logits = []
        for which in ([0], [1], [0, 1]):
            with open(self.path("x.bin"), "wb") as file:
                for k in which:
                    file.write(struct.pack(f"<{len(pictures[k])}f", *pictures[k]))
            self.bench_file("--batch", str(len(which)))
            logits.append(open(self.path("y.bin"), "rb").read())
        self.assertNotEqual(logits[0], logits[1])
        self.assertEqual(logits[2], logits[0] + logits[1])
        self.bench_file("--batch", "3")  # more than the file has
        self.assertEqual(open(self.path("y.bin"), "rb").read(), logits[2] + logits[0])

    def test_runs_on_pixels_and_several_calls_at_once(self):
        # Pixels of one value are a tensor of one value a channel: (v / 255 - mean) / std in fp32.
        with open(self.path("x.bin"), "wb") as file:
            file.write(bytes([124, 116, 104] * 32 * 32))
        report = self.json_lines(self.bench_file("--input-type", "u8", "--calls", "2", "--json"))[0]
        self.assertEqual((report["calls"], report["input_type"], report["clock"]), (2, "u8", "wall"))
        self.assertGreater(report["images_per_s"], 0)
        pixels = open(self.path("y.bin"), "rb").read()

        def fp32(x):
            return struct.unpack("f", struct.pack("f", x))[0]
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        values = [fp32(fp32(fp32(v / 255) - fp32(m)) / fp32(s)) for v, m, s in zip((124, 116, 104), mean, std)]
        with open(self.path("x.bin"), "wb") as file:
            for v in values:
                file.write(struct.pack("f", v) * (32 * 32))
        self.bench_file()
        self.assertEqual(open(self.path("y.bin"), "rb").read(), pixels)

    def test_decoding_alone(self):
        os.mkdir(self.path("photos"))
        for name in ("a.png", "b.png"):
            self.copy_picture(os.path.join("photos", name))
        result = self.check(resnet("bench", "--model", MODEL, "--photos", self.path("photos"), "--json"), 0)
        (report,) = self.json_lines(result)
        self.assertEqual(report["photos"], 2)
        self.assertEqual(list(report), ["photos", "failed", "threads", "seconds", "photos_per_s", "machine", "commit"])
        self.assertGreater(report["photos_per_s"], 0)
        self.assertEqual(report["failed"], 0)
        self.assertIn(b"no photos found",
                      self.check(resnet("bench", "--model", MODEL, "--photos", self.path("")), 1).stderr)

    def test_memory_sizes_are_checked(self):
        for size in ("4", "-1GiB", "GiB", "1e400GiB", "nanGB", "4 GiB", "0MB"):
            error = self.check(resnet("bench", "--model", MODEL, "--gpu-memory", size), 2).stderr.decode()
            self.assertIn("like 4GiB or 500MB", error)
        self.check(resnet("bench", "--model", MODEL, "--gpu-memory", "1.5gib", "--seconds", "0"), 0)

    def test_an_input_of_another_size_is_refused(self):
        with open(self.path("x.bin"), "wb") as file:
            file.write(b"\0" * 4 * 3 * 32 * 31)
        self.assertIn(b"no multiple of", self.bench_file(status=2).stderr)

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

    def test_a_gpu_that_is_not_there_is_named(self):
        (report,) = self.json_lines(self.check(resnet("doctor", "--json"), 0))
        (row,) = [backend for backend in report["backends"] if backend["name"] == "cuda_stepwise"]
        self.assertEqual((row["device"], row["precisions"]), ("cuda", ["fp32"]))
        if row["available"]:
            self.skipTest("needs a machine without a GPU")
        for options in (["--device", "cuda"], ["--device", "cuda:1"], ["--backend", "cuda_stepwise"]):
            result = self.check(resnet("bench", "--model", MODEL, *options), 1)
            self.assertIn(row["detail"], result.stderr.decode())
        result = self.check(resnet("bench", "--tune", self.path("table")), 1)
        self.assertIn(row["detail"], result.stderr.decode())
        self.assertFalse(os.path.exists(self.path("table")))
        self.check(resnet("bench", "--model", MODEL, "--seconds", "0", "--device", "auto"), 0)


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
