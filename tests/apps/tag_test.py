"""`resnet tag` from outside: tag_test.py PROGRAM FIXTURE_DIR [CLASS...]

FIXTURE_DIR is made by make_fixture. Every test has a cache folder of its own, so that no run remembers another test's.
"""

import csv
import html.parser
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
import unittest
import urllib.parse
import zlib

PROGRAM, FIXTURE = sys.argv[1:3]
MODEL = os.path.join(FIXTURE, "tiny.safetensors")
TAGS = os.path.join(FIXTURE, "tags.safetensors")
PICTURE = os.path.join(FIXTURE, "picture.png")
HAS_XMP = b"without Exempi" not in subprocess.run([PROGRAM, "tag", "--xmp-remove", PICTURE], capture_output=True).stderr


def png(width, height, seed):
    """A small PNG whose colours follow from `seed`."""
    row = bytes((seed * 7 + x * 31 + c * 59) % 256 for x in range(width) for c in range(3))
    data = zlib.compress(b"".join(b"\0" + bytes((v + y * 13) % 256 for v in row) for y in range(height)), 1)

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


class TagTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="resnet_tag_test_")
        self.addCleanup(shutil.rmtree, self.folder)
        self.photos = os.path.join(self.folder, "photos")
        os.mkdir(self.photos)
        self.environment = dict(os.environ, XDG_CACHE_HOME=os.path.join(self.folder, "cache"))
        self.environment.pop("RESNET_MODELS", None)

    def path(self, *names):
        return os.path.join(self.photos, *names)

    def add(self, name, seed=0, size=(40, 36)):
        target = os.path.join(os.fsencode(self.photos), name) if isinstance(name, bytes) else self.path(name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(png(*size, seed))
        return target

    def run_tag(self, *arguments, model=MODEL, **options):
        command = [PROGRAM, "tag", *arguments] + (["--model", model] if model else [])
        return subprocess.run(command, capture_output=True, timeout=280, env=self.environment, **options)

    def tag(self, *arguments, status=0, **options):
        result = self.run_tag(*arguments, **options)
        self.assertEqual(result.returncode, status, result.stderr.decode(errors="replace"))
        return result

    def lines(self, *arguments, **options):
        return [json.loads(line) for line in self.tag(*arguments, "--json", **options).stdout.decode().splitlines()]


class Tags(TagTest):
    def test_softmax_gives_the_five_best_and_top_and_threshold_choose(self):
        photo = self.add("a.png")
        (line,) = self.lines(photo)
        self.assertEqual(list(line), ["path", "width", "height", "predictions", "ms"])
        self.assertEqual([line["path"], line["width"], line["height"]], [photo, 40, 36])
        self.assertEqual(len(line["predictions"]), 5)
        scores = [p["score"] for p in line["predictions"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual(sorted(line["ms"]), ["decode", "infer", "preprocess"])
        self.assertEqual(len(self.lines(photo, "--top", "3")[0]["predictions"]), 3)
        best = scores[0]
        self.assertEqual(len(self.lines(photo, "--threshold", str(best * 0.9999))[0]["predictions"]), 1)
        self.assertEqual(self.lines(photo, "--threshold", "1")[0]["predictions"], [])

    def test_sigmoid_gives_what_reaches_its_threshold(self):
        photo = self.add("a.png")
        everything = self.lines(photo, "--threshold", "0", model=TAGS)[0]["predictions"]
        self.assertEqual(len(everything), 10)
        own = self.lines(photo, model=TAGS)[0]["predictions"]
        self.assertEqual(own, [p for p in everything if p["score"] >= 0.25])
        self.assertEqual(self.lines(photo, "--top", "4", model=TAGS)[0]["predictions"], everything[:4])
        middle = everything[4]["score"]
        got = self.lines(photo, "--threshold", repr(middle), model=TAGS)[0]["predictions"]
        self.assertEqual(len(got), sum(p["score"] >= middle for p in everything))

    def test_text_has_a_line_a_photo_aligned(self):
        for i, name in enumerate(["a.png", "longer name.png", "b.png"]):
            self.add(name, i)
        lines = self.tag(self.photos).stdout.decode().splitlines()
        self.assertEqual(len(lines), 3)
        for line, name in zip(lines, ["a.png", "b.png", "longer name.png"]):
            self.assertRegex(line, r"^" + re.escape(self.path(name)) + r" {2,}kind \d \d\.\d\d(, kind \d \d\.\d\d){4}$")
        none = self.tag(self.path("a.png"), "--threshold", "1").stdout.decode()
        self.assertEqual(none, self.path("a.png") + "  -\n")

    def test_csv_is_read_back_whatever_the_names(self):
        names = ["a.png", "comma, \"quote\".png", "line\nfeed.png", "\u65e5\u672c.png"]
        for i, name in enumerate(names):
            self.add(name, i)
        text = self.tag(self.photos, "--csv", "--top", "2").stdout.decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        self.assertEqual(rows[0], ["path", "rank", "index", "label", "score"])
        self.assertTrue(text.startswith("path,rank,index,label,score\r\n") and text.endswith("\r\n"))
        self.assertEqual([r[0] for r in rows[1::2]], sorted(self.path(n) for n in names))
        self.assertEqual([r[1] for r in rows[1:]], ["1", "2"] * 4)
        for row in rows[1:]:
            self.assertEqual(row[3], "kind " + row[2])
            self.assertTrue(0 <= float(row[4]) <= 1)
        empty = self.tag(self.path("a.png"), "--csv", "--threshold", "1").stdout.decode()
        self.assertEqual(list(csv.reader(io.StringIO(empty, newline="")))[1], [self.path("a.png"), "", "", "", ""])

    def test_failures_are_named_keep_their_place_and_the_rest_goes_on(self):
        self.add("a.png")
        with open(self.path("b.png"), "wb") as file:
            file.write(png(40, 36, 1)[:60])
        os.mkfifo(self.path("c.png"))
        os.symlink("nowhere", self.path("d.png"))
        open(self.path("e.png"), "wb").close()
        self.add("f.png")
        result = self.tag(self.photos, "--json", status=1)
        got = [json.loads(line) for line in result.stdout.decode().splitlines()]
        self.assertEqual([g["path"] for g in got], [self.path(c + ".png") for c in "abcdef"])
        self.assertEqual(["error" in g for g in got], [False, True, True, True, True, False])
        for line in got[1:5]:
            self.assertEqual(sorted(line["error"]), ["code", "message"])
            self.assertIn(line["path"], result.stderr.decode())

    def test_names_that_are_no_utf8_come_through(self):
        name = self.add(b"caf\xe9.png")
        (line,) = self.lines(self.photos)
        self.assertEqual(bytes.fromhex(line["path_bytes"]), name)
        self.assertIn(b"caf\xe9.png", self.tag(self.photos, "--csv").stdout)
        self.tag("--images-from", "-", input=name + b"\0")

    def test_recursion_and_loops(self):
        self.add("a.png")
        self.add("one/b.png")
        self.add("one/two/c.png")
        os.symlink(self.photos, self.path("one", "two", "loop"))
        self.assertEqual(len(self.lines(self.photos)), 1)
        self.assertEqual([x["path"] for x in self.lines(self.photos, "-r")],
                         [self.path("a.png"), self.path("one", "b.png"), self.path("one", "two", "c.png")])

    def test_wrong_usage(self):
        photo = self.add("a.png")
        for arguments in (["--json", "--csv", photo], [], [photo, "--threshold", "2"], [photo, "--top", "0"],
                          [photo, "--dry-run"], [photo, "--xmp-parent", "x"], [photo, "--xmp", "inside"], ["--xmp-remove", "--json", photo]):
            with self.subTest(arguments=arguments):
                self.tag(*arguments, status=2)
        self.assertIn(b"en or ko", self.tag(photo, "--lang", "fr", status=2).stderr)


class Shipped(TagTest):
    """The models that ship, which are looked for beside the program: so it lies in a folder of its own."""

    def setUp(self):
        super().setUp()
        self.program = os.path.join(self.folder, "resnet")
        try:
            os.link(PROGRAM, self.program)
        except OSError:
            shutil.copy(PROGRAM, self.program)

    def run_shipped(self, *arguments, status=0):
        result = subprocess.run([self.program, "tag", *arguments], capture_output=True, timeout=280, env=self.environment)
        self.assertEqual(result.returncode, status, result.stderr.decode(errors="replace"))
        return result

    def install(self, name, model):
        folder = os.path.join(self.folder, "models")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(model, os.path.join(folder, name + ".safetensors"))

    def test_each_is_found_beside_the_program(self):
        photo = self.add("a.png")
        self.install("tagger-resnet50-int8", TAGS)
        self.install("tagger-resnet18-int8", MODEL)
        for arguments, model in (([], TAGS), (["--model", "small"], MODEL)):
            got = json.loads(self.run_shipped(photo, "--json", *arguments).stdout)["predictions"]
            self.assertEqual(got, self.lines(photo, model=model)[0]["predictions"])

    def test_without_them_it_says_what_is_missing_and_where_it_would_be_found(self):
        photo = self.add("a.png")
        for arguments, name in (([], "tagger-resnet50-int8"), (["--model", "small"], "tagger-resnet18-int8")):
            text = self.run_shipped(photo, *arguments, status=2).stderr.decode()
            self.assertIn(name + ".safetensors", text)
            self.assertIn("--model MODEL", text)
            self.assertIn(os.path.join(self.folder, "models"), text)


class Korean(TagTest):
    LABELS = ["person", "kind 1", "zebra", "dog", "cat", "tv", "stop sign", "teddy bear", "bicycle", "cup"]
    KOREAN = ["\uc0ac\ub78c", "kind 1", "\uc5bc\ub8e9\ub9d0", "\uac1c", "\uace0\uc591\uc774", "TV",
              "\uc815\uc9c0 \ud45c\uc9c0\ud310", "\uacf0 \uc778\ud615", "\uc790\uc804\uac70", "\ucef5"]

    def setUp(self):
        super().setUp()
        self.photo = self.add("a.png")
        labels = os.path.join(self.folder, "labels.txt")
        with open(labels, "w", encoding="utf-8") as file:
            file.write("\n".join(self.LABELS))
        self.options = ["--labels", labels, "--threshold", "0", "--top", "10", self.photo]

    def test_every_output_has_the_names_of_the_language(self):
        for language, names in (("en", self.LABELS), ("ko", self.KOREAN)):
            options = [*self.options, "--lang", language]
            got = {p["index"]: p["label"] for p in self.lines(*options)[0]["predictions"]}
            self.assertEqual([got[i] for i in range(10)], names)
            text = self.tag(*options).stdout.decode()
            table = list(csv.reader(io.StringIO(self.tag(*options, "--csv").stdout.decode(), newline="")))
            self.assertEqual({row[3] for row in table[1:]}, set(names))
            page = os.path.join(self.folder, "report.html")
            self.tag(*options, "--html", page)
            with open(page, encoding="utf-8") as file:
                html = file.read()
            for name in names:
                self.assertIn(name, text)
                self.assertIn(name, html)
        self.assertEqual(self.lines(*self.options), self.lines(*self.options, "--lang", "en"))

    @unittest.skipUnless(HAS_XMP, "this build has no XMP")
    def test_keywords_change_with_the_language(self):
        for language, names, others in (("en", self.LABELS, self.KOREAN), ("ko", self.KOREAN, self.LABELS)):
            self.tag(*self.options, "--xmp", "sidecar", "--lang", language)
            with open(self.photo + ".xmp", encoding="utf-8") as file:
                xmp = file.read()
            for name in names:
                self.assertIn(f"<rdf:li>{name}</rdf:li>", xmp)
            for name in set(others) - set(names):
                self.assertNotIn(f">{name}<", xmp)


class SecondRun(TagTest):
    def test_unchanged_photos_are_skipped_and_their_tags_remembered(self):
        for i in range(5):
            self.add(f"{i}.png", i)
        first = self.lines(self.photos)
        result = self.tag(self.photos, "--json")
        second = [json.loads(line) for line in result.stdout.decode().splitlines()]
        self.assertIn(b"0 photos tagged, 5 unchanged", result.stderr)
        for a, b in zip(first, second):
            self.assertEqual({k: a[k] for k in ("path", "width", "height", "predictions")},
                             {k: b[k] for k in ("path", "width", "height", "predictions")})
            self.assertEqual(b["ms"], {"decode": 0.0, "preprocess": 0.0, "infer": 0.0})

    def test_what_changed_is_done_again(self):
        for i in range(4):
            self.add(f"{i}.png", i)
        self.tag(self.photos)
        self.add("1.png", 77, size=(50, 40))
        os.utime(self.path("2.png"), (1, 1))
        self.add("4.png", 4)
        self.assertIn(b"3 photos tagged, 2 unchanged", self.tag(self.photos).stderr)
        self.assertIn(b"5 photos tagged", self.tag(self.photos, "--force").stderr)
        self.assertNotIn(b"unchanged", self.tag(self.photos, "--no-cache").stderr)

    def test_other_options_and_models_are_other_runs(self):
        for i in range(2):
            self.add(f"{i}.png", i)
        self.tag(self.photos)
        for arguments, model in ((["--top", "2"], MODEL), (["--threshold", "0.1"], MODEL), (["--exif", "ignore"], MODEL),
                                 ([], TAGS)):
            self.assertNotIn(b"unchanged", self.tag(self.photos, *arguments, model=model).stderr)
        self.assertIn(b"0 photos tagged, 2 unchanged", self.tag(self.photos).stderr)

    def test_failures_are_tried_again(self):
        self.add("a.png")
        with open(self.path("b.png"), "wb") as file:
            file.write(b"not yet there")
        self.tag(self.photos, status=1)
        self.add("b.png")
        self.assertEqual(len(self.lines(self.photos)), 2)

    def test_cache_that_cannot_be_written_is_no_failure(self):
        self.add("a.png")
        self.add("b.png")
        with open(self.environment["XDG_CACHE_HOME"], "wb"):
            pass
        self.assertIn(b"cannot skip", self.tag(self.photos).stderr)


class ManyPhotos(TagTest):
    def measured(self, *arguments):
        """Peak memory in KB and standard output of one run."""
        output = os.path.join(self.folder, "output")
        with open(output, "wb") as file:
            command = [PROGRAM, "tag", *arguments, "--json", "--threads", "2", "--model", MODEL]
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL, env=self.environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        with open(output, encoding="utf-8") as file:
            return usage.ru_maxrss, file.read()

    def test_two_thousand_in_order_in_bounded_memory_with_every_output(self):
        names = []
        for i in range(2000):
            name = f"{i // 100:02}/{i:04}.png"
            self.add(name, i, size=(24, 20))
            names.append(self.path(*name.split("/")))
        page = os.path.join(self.folder, "report.html")
        few, _ = self.measured(self.path("00"))
        peak, out = self.measured("-r", self.photos, "--html", page, "--force")
        got = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([g["path"] for g in got], names)
        self.assertTrue(all(len(g["predictions"]) == 5 for g in got))
        # Twenty times the photos need no more memory than a hundred. A sanitizer's own memory is not counted.
        with open(PROGRAM, "rb") as file:
            program = file.read()
        if b"__asan_init" not in program and b"__tsan_init" not in program:
            self.assertLess(peak, few + 60_000)
        with open(page, encoding="utf-8") as file:
            self.assertEqual(file.read().count("<figure>"), 2000)
        result = self.tag("-r", self.photos, "--json", "--threads", "1")
        self.assertIn(b"0 photos tagged, 2,000 unchanged", result.stderr)
        again = [json.loads(line) for line in result.stdout.decode().splitlines()]
        self.assertEqual([g["predictions"] for g in got], [a["predictions"] for a in again])

    def test_interrupt_leaves_complete_outputs_and_says_how_far_it_came(self):
        for i in range(3000):
            self.add(f"{i:04}.png", i, size=(24, 20))
        page = os.path.join(self.folder, "report.html")
        command = [PROGRAM, "tag", self.photos, "--json", "--html", page, "--model", MODEL, "--threads", "1"]
        for number in (signal.SIGINT, signal.SIGTERM):
            shutil.rmtree(self.environment["XDG_CACHE_HOME"], ignore_errors=True)
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment)
            first = process.stdout.readline()
            process.send_signal(number)
            with process.stdout, process.stderr:
                out, err = process.stdout.read(), process.stderr.read()
            self.assertEqual(process.wait(timeout=60), 1, err.decode())
            done = [json.loads(line) for line in (first + out).decode().splitlines()]
            self.assertTrue(0 < len(done) < 3000)
            self.assertIn(f"interrupted after {len(done):,} photo{'' if len(done) == 1 else 's'}".encode(), err)
            with open(page, encoding="utf-8") as file:
                text = file.read()
            self.assertEqual(text.count("<figure>"), len(done))
            self.assertTrue(text.endswith("</html>\n"))
            self.assertIn("stopped early", text)
            self.assertEqual(sorted(os.listdir(self.folder)), ["cache", "photos", "report.html"])
        # What was done is not done again.
        self.assertIn(f"{len(done):,} unchanged".encode(), self.tag(self.photos).stderr)

    def test_names_on_standard_input_are_answered_as_they_come(self):
        self.add("a.png")
        command = [PROGRAM, "tag", "--images-from", "-", "--json", "--model", MODEL]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment)
        for _ in range(3):
            process.stdin.write(self.path("a.png").encode() + b"\n")
            process.stdin.flush()
            self.assertEqual(json.loads(process.stdout.readline())["path"], self.path("a.png"))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), 1)
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()


class Html(TagTest):
    class Page(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.elements, self.links, self.handlers = {}, [], []

        def handle_starttag(self, tag, attributes):
            self.elements[tag] = self.elements.get(tag, 0) + 1
            self.links += [v for k, v in attributes if k == "href"]
            self.handlers += [k for k, _ in attributes if k.startswith("on")]

    def test_hostile_names_make_no_markup(self):
        names = [b"<script>alert(1)<script>.png", b"\" onerror=\"alert(1)\".png",
                 b"'><img src=x onerror=alert(1)>.png", b"&lt;i&gt;.png", b"caf\xe9\xff.png", b"a?b#c%41.png"]
        for i, name in enumerate(names):
            self.add(name, i)
        with open(self.path("<b>broken.png"), "wb") as file:
            file.write(b"<script>alert(2)</script>")
        page = os.path.join(self.folder, "out", "report.html")
        os.mkdir(os.path.dirname(page))
        self.tag(self.photos, "--html", page, status=1)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        parsed = self.Page()
        parsed.feed(text)
        self.assertEqual(parsed.elements["script"], 1)
        self.assertEqual(parsed.elements["img"], len(names))
        self.assertEqual(parsed.elements["figure"], len(names))
        self.assertNotIn("b", parsed.elements)
        self.assertEqual(parsed.handlers, [])
        self.assertNotRegex(text, r"https?://")
        there = {os.path.normpath(os.path.join(os.fsencode(os.path.dirname(page)), urllib.parse.unquote_to_bytes(link)))
                 for link in parsed.links}
        self.assertEqual(there, {os.path.join(os.fsencode(self.photos), name) for name in names})

    def test_second_run_has_all_thumbnails_again(self):
        for i in range(3):
            self.add(f"{i}.png", i)
        page = os.path.join(self.folder, "report.html")
        self.tag(self.photos, "--html", page)
        self.assertIn(b"0 photos tagged, 3 unchanged", self.tag(self.photos, "--html", page).stderr)
        with open(page, encoding="utf-8") as file:
            self.assertEqual(file.read().count("src=\"data:image/jpeg;base64,"), 3)

    def test_page_that_cannot_be_written(self):
        self.add("a.png")
        result = self.run_tag(self.photos, "--html", os.path.join(self.folder, "none", "report.html"))
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"none/report.html", result.stderr)

    def test_full_disk_costs_the_page_and_nothing_else(self):
        for i in range(3):
            self.add(f"{i}.png", i)
        page = os.path.join(self.folder, "report.html")
        with open(page, "w") as file:
            file.write("yesterday's")

        def limit():  # writes beyond 8 KB fail as they do on a full disk
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

        result = self.run_tag(self.photos, "--html", page, "--no-cache", preexec_fn=limit)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stdout.splitlines()), 3)
        self.assertIn(b"report.html: cannot be written", result.stderr)
        with open(page) as file:
            self.assertEqual(file.read(), "yesterday's")
        self.assertEqual(sorted(os.listdir(self.folder)), ["photos", "report.html"])


@unittest.skipUnless(HAS_XMP, "needs a build with Exempi (libexempi-dev)")
class Xmp(TagTest):
    EXISTING = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmp:Rating="3"><dc:subject><rdf:Bag><rdf:li>holiday</rdf:li><rdf:li>{}</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""

    def read(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read().decode("utf-8", errors="replace")

    @staticmethod
    def keywords(xml):
        found = re.search(r"<dc:subject>.*?</dc:subject>", xml, re.S)
        return re.findall(r"<rdf:li>(.*?)</rdf:li>", found.group(0)) if found else []

    def test_sidecars_are_written_skipped_and_removed(self):
        self.add("a.png")
        self.add("b.png", 1)
        best = [p["label"] for p in self.lines(self.path("b.png"))[0]["predictions"]]
        with open(self.path("b.xmp"), "w") as file:
            file.write(self.EXISTING.format(best[0]))
        self.tag(self.photos, "--xmp", "sidecar")
        labels = [p["label"] for p in self.lines(self.path("a.png"))[0]["predictions"]]
        self.assertEqual(self.keywords(self.read("a.png.xmp")), labels)
        self.assertIn("lr:hierarchicalSubject", self.read("a.png.xmp"))
        self.assertEqual(self.keywords(self.read("b.xmp")), ["holiday"] + best)
        self.assertIn('Rating="3"', self.read("b.xmp"))
        self.assertFalse(os.path.exists(self.path("b.png.xmp")))

        stamps = [os.stat(self.path(n)).st_mtime_ns for n in ("a.png.xmp", "b.xmp")]
        result = self.tag(self.photos, "--xmp", "sidecar")
        self.assertIn(b"0 written, 2 already as they should be", result.stderr)
        self.assertEqual(stamps, [os.stat(self.path(n)).st_mtime_ns for n in ("a.png.xmp", "b.xmp")])
        os.remove(self.path("a.png.xmp"))
        self.assertIn(b"1 written, 1 already", self.tag(self.photos, "--xmp", "sidecar").stderr)

        plan = self.tag(self.photos, "--xmp-remove", "--dry-run", model=None).stdout.decode()
        self.assertIn("would delete " + self.path("a.png.xmp"), plan)
        self.assertIn("would change " + self.path("b.xmp"), plan)
        users = next(line for line in plan.splitlines() if "b.xmp" in line)
        self.assertIn("-" + best[1], users)
        self.assertNotIn("-" + best[0], users)
        self.tag(self.photos, "--xmp-remove", model=None)
        self.assertFalse(os.path.exists(self.path("a.png.xmp")))
        self.assertEqual(self.keywords(self.read("b.xmp")), ["holiday", best[0]])
        self.assertIn('Rating="3"', self.read("b.xmp"))

    def test_dry_run_changes_nothing(self):
        self.add("a.png")
        before = self.read("a.png")
        for where in ("sidecar", "embed"):
            result = self.tag(self.photos, "--xmp", where, "--dry-run")
            self.assertIn(b"would ", result.stdout)
            self.assertEqual(os.listdir(self.photos), ["a.png"])
            self.assertEqual(self.read("a.png"), before)
        self.assertNotIn(b"would ", self.tag(self.photos, "--xmp", "sidecar", "--dry-run", "--json").stdout)

    def test_embedding_skips_the_second_time_and_is_removed(self):
        photo = self.add("a.png")
        with open(photo, "rb") as file:
            original = file.read()
        self.tag(photo, "--xmp", "embed", "--top", "2")
        labels = [p["label"] for p in self.lines(photo, "--top", "2")[0]["predictions"]]
        self.assertEqual(self.keywords(self.read("a.png")), labels)
        stamp = os.stat(photo).st_mtime_ns
        result = self.tag(photo, "--xmp", "embed", "--top", "2", "--json")
        self.assertEqual(json.loads(result.stdout)["ms"]["infer"], 0, "the changed file is known")
        self.assertEqual(os.stat(photo).st_mtime_ns, stamp)
        self.tag(photo, "--xmp-remove", model=None)
        with open(photo, "rb") as file:
            cleaned = file.read()
        picture = re.search(rb"....IDAT.*", original, re.S).group(0)
        self.assertTrue(cleaned.endswith(picture))
        self.assertEqual(self.keywords(cleaned.decode(errors="replace")), [])
        self.assertEqual(os.listdir(self.photos), ["a.png"])

    def test_place_that_cannot_be_written_is_named_and_the_rest_goes_on(self):
        self.add("a.png")
        self.add("b.png", 1)
        os.mkdir(self.path("a.png.xmp"))  # nobody can write a file there, root included
        with open(self.path("b.xmp"), "w") as file:
            file.write("<x:xmpmeta broken")
        self.add("c.png", 2)
        result = self.tag(self.photos, "--xmp", "sidecar", status=1)
        self.assertEqual(len(result.stdout.splitlines()), 3)
        self.assertIn(b"a.png.xmp", result.stderr)
        self.assertIn(b"b.xmp", result.stderr)
        self.assertEqual(self.read("b.xmp"), "<x:xmpmeta broken")
        self.assertEqual(len(self.keywords(self.read("c.png.xmp"))), 5)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
