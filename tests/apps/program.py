"""The program under test, PROGRAM and FIXTURE_DIR of the command line, and what its tests have in common.

FIXTURE_DIR is made by make_fixture.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, FIXTURE = map(os.path.abspath, sys.argv[1:3])
MODEL = os.path.join(FIXTURE, "tiny.safetensors")
TAGS = os.path.join(FIXTURE, "tags.safetensors")
PICTURE = os.path.join(FIXTURE, "picture.png")


def resnet(*arguments, **options):
    """Runs the program; standard output and error come back as bytes."""
    environment = dict(os.environ, **options.pop("env", {}))
    return subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=120, env=environment, **options)


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
