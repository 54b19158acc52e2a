"""`resnet pull` against a server on this machine: pull_test.py PROGRAM FIXTURE_DIR [CLASS…]"""

import fcntl
import hashlib
import json
import os
import pathlib
import resource
import sys
import unittest

from program import PROGRAM, ProgramTest, TAGS, resnet

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from file_server import FileServer  # noqa: E402

NOWHERE = "http://127.0.0.1:1/none-00000000.pth"
CAN_FETCH = b"was made without" not in resnet("pull", "none", "--from", NOWHERE).stderr


class Pull(ProgramTest):
    def setUp(self):
        super().setUp()
        with open(TAGS, "rb") as file:
            self.data = file.read()
        digest = hashlib.sha256(self.data).hexdigest()
        self.file = f"/birds-{digest[:8]}.safetensors"
        self.server = FileServer({self.file: self.data})
        self.addCleanup(self.server.close)
        self.url = self.server.url + self.file
        self.models = self.path("cache", "resnet", "models")
        self.kept = os.path.join(self.models, "birds.safetensors")
        self.part = os.path.join(self.models, self.file[1:] + ".part")

    def pull(self, *arguments, status=0, **options):
        environment = {"XDG_CACHE_HOME": self.path("cache"), "RESNET_MODELS": "", "no_proxy": "*"}
        return self.check(resnet("pull", *arguments, env=environment, **options), status)

    def pull_birds(self, *arguments, **options):
        return self.pull("birds", "--from", self.url, *arguments, **options)

    def info(self, name):
        environment = {"XDG_CACHE_HOME": self.path("cache"), "RESNET_MODELS": ""}
        return json.loads(self.check(resnet("info", name, "--json", env=environment), 0).stdout)

    def put_part(self, data):
        os.makedirs(self.models)
        with open(self.part, "wb") as file:
            file.write(data)


class List(Pull):
    def test_the_list_needs_no_network(self):
        text = self.pull("--list").stdout.decode()
        models = self.json_lines(self.pull("--list", "--json"))
        self.assertEqual([m["name"] for m in models], ["resnet18", "resnet34", "resnet50", "resnet50-v2"])
        for model in models:
            self.assertIn(model["name"], text)
            self.assertIn(model["sha256_prefix"], model["url"])
            self.assertTrue(model["url"].startswith("https://download.pytorch.org/models/resnet"))
            self.assertFalse(model["here"])
        self.assertEqual([m["resize"] for m in models], [256, 256, 256, 232])

    def test_wrong_usage(self):
        for arguments in ([], ["resnet101"], ["resnet18", "--list"], ["resnet18", "--json"],
                          ["birds", "--from", self.server.url], ["resnet18", "--from", ""]):
            with self.subTest(arguments=arguments):
                self.pull(*arguments, status=2)
        self.assertIn(b"resnet50-v2", self.pull("resnet101", status=2).stderr)
        self.pull("../birds", "--from", self.url, status=1)
        self.assertEqual(self.server.requests, [])


@unittest.skipUnless(CAN_FETCH, "this build cannot fetch (libcurl4-openssl-dev, libssl-dev)")
class Fetch(Pull):
    def test_a_model_is_fetched_kept_and_found_by_its_name(self):
        self.assertEqual(self.pull_birds().stdout.decode().strip(), self.kept)
        self.assertEqual(os.listdir(self.models), ["birds.safetensors"])
        self.assertEqual(self.info("birds")["labels"]["first"][0], "kind 0")
        self.assertIn(b"here already", self.pull_birds().stderr)
        self.assertEqual(len(self.server.requests), 1)
        self.pull_birds("--force")
        self.assertEqual(len(self.server.requests), 2)

    def test_a_connection_that_breaks_off_goes_on_where_it_broke(self):
        self.server.break_after = len(self.data) // 3 + 1
        self.pull_birds()
        ranges = [wanted for _, wanted in self.server.requests]
        self.assertEqual(ranges, [None, f"bytes={self.server.break_after}-", f"bytes={2 * self.server.break_after}-"])

    def test_what_an_earlier_run_fetched_is_used(self):
        self.put_part(self.data[:1000])
        self.pull_birds()
        self.assertEqual(self.server.requests, [(self.file, "bytes=1000-")])
        os.remove(self.kept)
        with open(self.part, "wb") as file:  # ended between fetching and writing
            file.write(self.data)
        self.pull_birds()
        self.assertEqual(len(self.server.requests), 1)

    def test_a_server_that_ignores_ranges_and_a_part_that_is_another_file(self):
        self.put_part(b"x" * 1000)
        self.server.ranges = False
        self.pull_birds()
        os.remove(self.kept)
        self.server.ranges = True
        with open(self.part, "wb") as file:
            file.write(b"x" * (len(self.data) + 5))
        self.pull_birds()

    def test_another_hash_is_refused_and_nothing_is_left(self):
        self.server.files[self.file] = self.data[:-1] + b"?"
        self.assertIn(b"SHA-256", self.pull_birds(status=1).stderr)
        self.assertEqual(os.listdir(self.models), [])
        self.server.files[self.file] = self.data
        self.pull_birds()

    def test_what_the_server_answers_is_told(self):
        for status, word in ((404, b"no such file"), (403, b"refuses")):
            self.server.status, self.server.requests[:] = status, []
            self.assertIn(word, self.pull_birds(status=1).stderr)
            self.assertEqual(len(self.server.requests), 1)
        self.server.status, self.server.requests[:] = 503, []
        self.assertIn(b"503", self.pull_birds(status=1).stderr)
        self.assertEqual(len(self.server.requests), 5)

    def test_no_network(self):
        result = self.pull("resnet18", "--from", "http://127.0.0.1:1/models", status=1)
        self.assertIn(b"is there a network", result.stderr)
        self.assertIn(b"/models/resnet18-f37072fd.pth", result.stderr)

    def test_a_mirror_is_asked_for_the_listed_file(self):
        for mirror in ("", "/", "/some/models/"):
            self.pull("resnet18", "--from", self.server.url + mirror, status=1)
        self.assertEqual([path for path, _ in self.server.requests],
                         ["/resnet18-f37072fd.pth", "/resnet18-f37072fd.pth", "/some/models/resnet18-f37072fd.pth"])

    def test_the_preprocessing_of_the_list_is_recorded(self):
        self.pull("resnet50-v2", "--from", self.url)
        self.assertIn("232", json.dumps(self.info("resnet50-v2")["preprocess"]))

    def test_more_bytes_than_any_model_has(self):
        self.server.lie = 10**12
        self.assertIn(b"which no such file has", self.pull_birds(status=1).stderr)

    def test_a_full_disk(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))

        self.assertIn(b"cannot be written", self.pull_birds(status=1, preexec_fn=limit).stderr)
        self.assertEqual(os.listdir(self.models), [os.path.basename(self.part)])
        self.pull_birds()

    def test_a_file_that_is_no_model(self):
        data = b"<html>"
        name = f"/page-{hashlib.sha256(data).hexdigest()[:8]}.pth"
        self.server.files[name] = data
        self.pull("page", "--from", self.server.url + name, status=1)
        self.assertFalse(os.path.exists(os.path.join(self.models, "page.safetensors")))

    def test_two_at_once_do_not_mix(self):
        self.put_part(b"")
        with open(self.part, "ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            self.assertIn(b"another process", self.pull_birds(status=1).stderr)

    def test_a_cache_that_cannot_be_made(self):
        with open(self.path("cache"), "w"):
            pass
        self.assertIn(b"cache", self.pull_birds(status=1).stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
