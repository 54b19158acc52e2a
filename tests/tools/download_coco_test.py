"""tools/download_coco.py against a server on this machine: download_coco_test.py DOWNLOAD_COCO.py

The archives are small ones of the test's own, put in the place of the published ones.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import io
import os
import pathlib
import shutil
import sys
import tempfile
import unittest
import unittest.mock
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from file_server import FileServer  # noqa: E402

sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("download_coco", sys.argv[1])
coco = importlib.util.module_from_spec(spec)
sys.modules["download_coco"] = coco
spec.loader.exec_module(coco)
coco.PAUSE_SECONDS = 0
coco.SPARE_BYTES = 0
coco.CHUNK = 1000


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return buffer.getvalue()


def photos(split, count):
    return {f"{split}/{i:012}.jpg": os.urandom(2000 + i) for i in range(count)}


ANNOTATIONS = {"annotations/instances_train2017.json": b"{}" * 500, "annotations/instances_val2017.json": b"[]",
               "annotations/captions_val2017.json": b"not wanted"}
VAL, TRAIN = photos("val2017", 5), {"train2017/": b"", **photos("train2017", 9)}


def archive(published, files):
    data = zipped(files)
    wanted = [name for name in files if coco.re.fullmatch(published.wanted, name)]
    return coco.dataclasses.replace(published, size=len(data), sha256=hashlib.sha256(data).hexdigest(), files=len(wanted),
                                    unpacked=sum(len(files[n]) for n in wanted)), data


class DownloadCoco(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="resnet_coco_test_"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.out = self.folder / "data" / "coco"
        served = {}
        for name, files in (("ANNOTATIONS", ANNOTATIONS), ("VAL", VAL), ("TRAIN", TRAIN)):
            small, data = archive(getattr(coco, name), files)
            self.patch(name, small)
            served["/" + small.path] = data
        self.server = FileServer(served)
        self.addCleanup(self.server.close)

    def patch(self, name, value):
        patch = unittest.mock.patch.object(coco, name, value)
        patch.start()
        self.addCleanup(patch.stop)

    def run_it(self, *arguments, status=0):
        """What it says on standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            got = coco.main(["--out", str(self.out), "--server", self.server.url, *arguments])
        self.assertEqual(got, status, err.getvalue())
        return err.getvalue()

    def check_files(self, *contents):
        expected = {name: data for files in contents for name, data in files.items()
                    if not name.endswith("/") and "captions" not in name}
        got = {str(p.relative_to(self.out)): p.read_bytes() for p in self.out.rglob("*") if p.is_file()}
        self.assertEqual(got, expected)

    def test_everything_and_again_does_nothing(self):
        self.run_it()
        self.check_files(ANNOTATIONS, VAL, TRAIN)
        self.assertEqual(len(self.server.requests), 3)
        self.run_it()
        self.assertEqual(len(self.server.requests), 3)

    def test_val_only_and_the_rest_later(self):
        self.run_it("--val-only")
        self.check_files(ANNOTATIONS, VAL)
        self.run_it()
        self.check_files(ANNOTATIONS, VAL, TRAIN)
        self.assertEqual([path for path, _ in self.server.requests],
                         ["/" + a.path for a in (coco.ANNOTATIONS, coco.VAL, coco.TRAIN)])

    def test_a_connection_that_breaks_off_goes_on_where_it_broke(self):
        self.server.break_after = 3000
        self.run_it("--val-only")
        self.check_files(ANNOTATIONS, VAL)
        ranges = [wanted for path, wanted in self.server.requests if path == "/" + coco.VAL.path]
        self.assertEqual(ranges[0], None)
        self.assertEqual(ranges[1], "bytes=3000-")

    def test_what_an_earlier_run_fetched_is_used(self):
        self.server.status = 404
        self.run_it("--val-only", status=1)
        data = self.server.files["/" + coco.ANNOTATIONS.path]
        coco.part_file(coco.ANNOTATIONS, self.out).write_bytes(data[:100])
        self.server.status = None
        self.assertIn("are there", self.run_it("--val-only"))
        self.assertIn(("/" + coco.ANNOTATIONS.path, "bytes=100-"), self.server.requests)
        self.check_files(ANNOTATIONS, VAL)

    def test_a_server_that_ignores_ranges_begins_anew(self):
        self.out.mkdir(parents=True)
        coco.part_file(coco.ANNOTATIONS, self.out).write_bytes(b"x" * 100)
        self.server.ranges = False
        self.run_it("--val-only")
        self.check_files(ANNOTATIONS, VAL)

    def test_a_part_that_is_too_long_or_wrong(self):
        self.out.mkdir(parents=True)
        part = coco.part_file(coco.ANNOTATIONS, self.out)
        part.write_bytes(b"x" * (coco.ANNOTATIONS.size + 1))
        self.run_it("--val-only")
        shutil.rmtree(self.out)
        self.out.mkdir()
        part.write_bytes(b"x" * coco.ANNOTATIONS.size)
        self.assertIn("SHA-256", self.run_it("--val-only", status=1))
        self.assertFalse(part.exists())
        self.run_it("--val-only")
        self.check_files(ANNOTATIONS, VAL)

    def test_wrong_size_is_told_before_anything_is_fetched(self):
        self.server.files["/" + coco.VAL.path] += b"more"
        self.assertIn("were published", self.run_it("--val-only", status=1))
        self.server.length = False
        self.assertIn("sends more", self.run_it("--val-only", status=1))
        self.assertFalse((self.out / "val2017").exists())

    def test_a_damaged_archive_is_not_unpacked(self):
        data = bytearray(self.server.files["/" + coco.VAL.path])
        data[500] ^= 1
        self.server.files["/" + coco.VAL.path] = bytes(data)
        self.assertIn("SHA-256", self.run_it("--val-only", status=1))
        self.assertFalse((self.out / "val2017").exists())
        # With the right sum, the CRC of the file inside is the next guard.
        self.patch("VAL", coco.dataclasses.replace(coco.VAL, sha256=hashlib.sha256(data).hexdigest()))
        self.assertIn("CRC", self.run_it("--val-only", status=1))
        self.assertFalse((self.out / "val2017").exists())

    def test_answers_that_trying_again_does_not_change(self):
        self.server.status = 404
        text = self.run_it(status=1)
        self.assertIn("404", text)
        self.assertIn("--server", text)
        self.assertEqual(len(self.server.requests), 1)

    def test_no_progress_ends_after_a_few_tries(self):
        self.server.status = 503
        self.assertIn("run this again", self.run_it(status=1))
        self.assertEqual(len(self.server.requests), coco.TRIES)
        self.server.status, self.server.break_after = None, 0
        self.run_it(status=1)
        self.server.break_after = None
        self.run_it()

    def test_no_server(self):
        self.server.close()
        self.server.close = lambda: None
        self.assertIn("run this again", self.run_it(status=1))

    def test_disk_space_is_asked_for_first(self):
        self.patch("TRAIN", coco.dataclasses.replace(coco.TRAIN, unpacked=10**18))
        text = self.run_it(status=1)
        self.assertIn("are needed", text)
        self.assertIn("--val-only", text)
        self.assertEqual(self.server.requests, [])
        self.run_it("--val-only")

    def test_two_at_once_do_not_mix(self):
        self.out.mkdir(parents=True)
        with open(coco.part_file(coco.ANNOTATIONS, self.out), "ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            self.assertIn("another download", self.run_it(status=1))

    def test_names_that_lead_elsewhere_are_not_unpacked(self):
        small, data = archive(coco.VAL, {**VAL, "val2017/../../evil.jpg": b"x", "/val2017/1.jpg": b"x"})
        self.patch("VAL", small)
        self.server.files["/" + small.path] = data
        self.run_it("--val-only")
        self.check_files(ANNOTATIONS, VAL)
        self.assertEqual(list(self.folder.rglob("evil.jpg")), [])

    def test_a_folder_that_lost_files_is_made_anew(self):
        self.run_it("--val-only")
        next((self.out / "val2017").iterdir()).unlink()
        self.run_it("--val-only")
        self.check_files(ANNOTATIONS, VAL)

    def test_without_a_terminal_there_is_no_progress_line(self):
        self.assertNotIn("\r", self.run_it())

    def test_a_folder_that_cannot_be_made(self):
        self.folder.joinpath("data").write_bytes(b"")
        self.assertIn("cannot be made", self.run_it(status=1))


class Published(unittest.TestCase):
    def test_the_list(self):
        archives = [coco.ANNOTATIONS, coco.VAL, coco.TRAIN]
        self.assertEqual(sum(a.size for a in archives), 20_405_354_669)
        for a in archives:
            self.assertRegex(a.sha256, r"^[0-9a-f]{64}$")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
