"""quickstart's look at its arguments: quickstart_test.py SOURCE_FOLDER PROGRAM [CLASS…]

quickstart runs in a copy of its surroundings in which installing and building only say that they were reached, and the
program prints its arguments.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, PROGRAM = map(os.path.abspath, sys.argv[1:3])

COMMON = """root=%s
step() { echo "step $1"; }
"""


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="resnet_quickstart_test_")
        self.addCleanup(shutil.rmtree, self.folder)
        root = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(root, "build", "release"))
        os.mkdir(os.path.join(root, "scripts"))
        self.quickstart = shutil.copy(os.path.join(SOURCE, "quickstart"), root)
        with open(os.path.join(root, "scripts", "common.sh"), "w", encoding="utf-8") as file:
            file.write(COMMON % root)
        program = os.path.join(root, "build", "release", "resnet")
        with open(program, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nprintf "<%s>" "$@"\n')
        os.chmod(program, 0o755)
        for name in ("a photo.jpg", "weights.pth", "names.txt", "list"):
            open(os.path.join(self.folder, name), "w").close()
        os.mkdir(os.path.join(self.folder, "Pictures"))
        os.mkdir(os.path.join(self.folder, "models"))
        open(os.path.join(self.folder, "models", "birds.safetensors"), "w").close()

    def run_with(self, *arguments, models=""):
        environment = dict(os.environ, RESNET_MODELS=models, HOME=self.folder)
        environment.pop("XDG_CACHE_HOME", None)
        return subprocess.run([self.quickstart, *arguments], cwd=self.folder, env=environment, capture_output=True,
                              text=True, timeout=60)

    def accept(self, *arguments, **options):
        done = self.run_with(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "step install\nstep configure\nstep build\n" +
                         "".join(f"<{argument}>" for argument in ("tag", *arguments)))

    def refuse(self, word, *arguments, status=1, **options):
        done = self.run_with(*arguments, **options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "", "nothing is built")
        self.assertIn("quickstart: " + word, done.stderr)

    def test_what_is_there_goes_on_to_the_program(self):
        self.accept("--model", "weights.pth", "a photo.jpg")
        self.accept("-m", "weights.pth", "-r", "Pictures", "a photo.jpg", "--json")
        self.accept("--model=weights.pth", "--labels", "names.txt", "Pictures")
        self.accept("-mweights.pth", "--images-from", "list")
        self.accept("-mweights.pth", "--images-from", "-")
        self.accept("--xmp-remove", "Pictures")

    def test_values_of_options_are_no_photos(self):
        self.accept("--model", "weights.pth", "--top", "3", "--html", "report.html", "Pictures", "--threshold", "0.5")
        self.accept("--model", "weights.pth", "--some-new-option", "its-value", "--another=value", "Pictures")

    def test_models_by_name(self):
        models = "/nowhere:" + os.path.join(self.folder, "models")
        self.accept("--model", "birds", "Pictures", models=models)
        self.accept("--model", "birds.safetensors", "Pictures", models=models)
        self.refuse("birds: no such model", "--model", "birds", "Pictures")
        self.refuse("bees: no such model", "--model", "bees", "Pictures", models=models)

    def test_the_models_that_ship(self):
        self.refuse("no --model is given", "Pictures", status=2)
        self.refuse("tagger-resnet18-int8: no such model", "--model", "small", "Pictures")
        folder = os.path.join(self.folder, "root", "models")
        os.mkdir(folder)
        for depth in (50, 18):
            open(os.path.join(folder, f"tagger-resnet{depth}-int8.safetensors"), "w").close()
        self.accept("Pictures")
        self.accept("--model", "small", "Pictures", "--lang", "ko")

    def test_what_is_not_there_is_named_before_the_build(self):
        self.refuse("none.jpg: no such file", "--model", "weights.pth", "a photo.jpg", "none.jpg")
        self.refuse("none: no such file", "--model", "weights.pth", "-r", "none")
        self.refuse("--top: no such file", "--model", "weights.pth", "--", "--top")
        self.refuse("x/none.pth: no such model", "--model", "x/none.pth", "Pictures")
        self.refuse("none.pth: no such model", "--model=none.pth", "Pictures")
        self.refuse("none.pth: no such model", "-mnone.pth", "Pictures")
        self.refuse("none.txt: no such file", "-m", "weights.pth", "--labels", "none.txt", "Pictures")
        self.refuse("none.txt: no such file", "-m", "weights.pth", "--labels=none.txt", "Pictures")
        self.refuse("none: no such file", "-m", "weights.pth", "--images-from", "none")

    def test_what_is_missing(self):
        self.refuse("no --model is given", "Pictures", status=2)
        self.refuse("no photos given", "--model", "weights.pth", status=2)
        self.refuse("no photos given", "--model", "weights.pth", "--json", status=2)
        self.assertEqual(self.run_with().returncode, 2)

    def test_help_needs_no_build(self):
        done = self.run_with("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("./quickstart PATH", done.stdout)
        self.assertNotIn("step", done.stdout)

    def test_it_takes_no_option_with_a_value_for_one_without(self):
        with open(self.quickstart, encoding="utf-8") as file:
            named = re.search(r"^ *(-r \|.*)\) ;;$", file.read(), re.MULTILINE)[1].split(" | ")
        text = subprocess.run([PROGRAM, "tag", "--help"], capture_output=True, text=True, check=True).stdout
        entries = re.findall(r"^  ((?:-\w, )?--[a-z-]+)(?:  |$)", text, re.MULTILINE)
        self.assertLessEqual(set(named), {name for entry in entries for name in entry.split(", ")})


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
