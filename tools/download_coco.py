#!/usr/bin/env python3
"""Fetches COCO 2017: photos and boxes of its training and validation splits.

    tools/download_coco.py                 everything: 20.4 GB to fetch, 40 GB of disk space while unpacking
    tools/download_coco.py --val-only      the validation photos and the boxes of both splits: 1.1 GB
    tools/download_coco.py --out DIR       where to (default: data/coco)

What there is afterwards:

    DIR/annotations/instances_train2017.json, instances_val2017.json
    DIR/val2017/*.jpg        5,000 photos
    DIR/train2017/*.jpg      118,287 photos

Interrupted, it goes on where it stopped when it is started again, and it does nothing where all is there. Each archive
is checked by its published size and SHA-256, and every file in it by its CRC, before it gets its name. Nothing but
Python's standard library is needed. Annotations are under CC BY 4.0, each photo under a Flickr licence of its own.
Exit status: 0 all is there, 1 it failed (run it again to go on), 2 wrong usage.
"""
import argparse
import dataclasses
import errno
import fcntl
import hashlib
import http.client
import os
import pathlib
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
import zipfile

SERVER = "http://images.cocodataset.org"  # plain HTTP is what the project offers; the SHA-256 makes up for it
CHUNK = 1 << 20
TIMEOUT_SECONDS = 60
TRIES = 6  # in a row without a byte of progress
PAUSE_SECONDS = 0.5  # before the second one; the pause doubles
SPARE_BYTES = 200_000_000


class Failure(Exception):
    """Ends the program with its message."""


@dataclasses.dataclass(frozen=True)
class Archive:
    path: str  # below the server's address
    size: int  # bytes
    sha256: str
    files: int  # how many it holds for us
    unpacked: int  # bytes they take, about
    wanted: str  # which of its files: a regular expression for the whole name
    folder: str  # where they come to lie, and the first part of their names

    @property
    def name(self):
        return self.path.rsplit("/", 1)[-1]


ANNOTATIONS = Archive("annotations/annotations_trainval2017.zip", 252_907_541,
                      "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268", 2, 470_000_000,
                      r"annotations/instances_(train|val)2017\.json", "annotations")
VAL = Archive("zips/val2017.zip", 815_585_330, "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
              5_000, 830_000_000, r"val2017/\d+\.jpg", "val2017")
TRAIN = Archive("zips/train2017.zip", 19_336_861_798,
                "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929", 118_287, 19_700_000_000,
                r"train2017/\d+\.jpg", "train2017")


def gigabytes(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class Progress:
    """A line on a terminal: part done, speed, time left. Elsewhere it prints nothing."""

    def __init__(self, what, total, done=0):
        self.what, self.total, self.first, self.done = what, total, done, done
        self.start = self.drawn = time.monotonic()
        self.visible = sys.stderr.isatty()

    def advance(self, count):
        self.done += count
        now = time.monotonic()
        if not self.visible or now - self.drawn < 0.1:
            return
        self.drawn = now
        speed = (self.done - self.first) / (now - self.start)
        left = (self.total - self.done) / speed if speed > 0 else 0
        bar = "#" * int(20 * self.done / self.total)
        print(f"\r{self.what}  [{bar:-<20}]  {gigabytes(self.done)} of {gigabytes(self.total)}  "
              f"{speed / 1e6:.1f} MB/s  {int(left) // 3600}:{int(left) // 60 % 60:02}:{int(left) % 60:02} left\033[K",
              end="", file=sys.stderr, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.visible:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def note(text):
    print(text, file=sys.stderr, flush=True)


def offered_size(response, begin):
    """Bytes of the whole file by the answer's headers; None where they do not say."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if not match or int(match[1]) != begin:
            raise Failure(f"{response.url}: the server answers with another part of the file than it was asked for")
        return int(match[2])
    length = response.headers.get("Content-Length")
    return int(length) if length and length.isdigit() else None


def fetch_once(url, archive, file, progress):
    """One request, for what is missing behind the end of `file`."""
    begin = file.seek(0, os.SEEK_END)
    request = urllib.request.Request(url, headers={"Range": f"bytes={begin}-"} if begin else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        offered = offered_size(response, begin)
        if offered not in (None, archive.size):
            raise Failure(f"{url}: the server offers {offered:,} bytes where {archive.size:,} were published; it is not "
                          "that file (a proxy's page, perhaps?)")
        if begin and response.status == 200:  # it ignores ranges
            file.truncate(0)
            file.seek(0)
            progress.first -= begin
            progress.done -= begin
        while block := response.read(CHUNK):
            file.write(block)
            progress.advance(len(block))
            if file.tell() > archive.size:
                raise Failure(f"{url}: the server sends more than the {archive.size:,} bytes that were published")


def explain(url, error):
    """The Failure for an answer that trying again will not change; None for one that it may."""
    if not isinstance(error, urllib.error.HTTPError):
        return None
    if error.code == 416 or error.code in (408, 429) or error.code >= 500:
        return None
    return Failure(f"{url}: the server answers {error.code} {error.reason}; look whether the data set has moved "
                   "(cocodataset.org) and give its new address with --server")


def fetch(server, archive, part):
    """Completes `part` to the whole archive, in as many requests as it takes."""
    url = f"{server}/{archive.path}"
    with open(part, "ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failure(f"{part}: another download is running there; wait for it or give another --out") from None
        if file.seek(0, os.SEEK_END) > archive.size:
            file.truncate(0)
        begin = file.tell()
        if begin == archive.size:
            return
        note(f"{archive.name}: fetching {gigabytes(archive.size - begin)}" +
             (f", {gigabytes(begin)} are there" if begin else ""))
        idle = 0
        with Progress(archive.name, archive.size, begin) as progress:
            while (before := file.seek(0, os.SEEK_END)) < archive.size:
                reason = "the connection broke off"
                try:
                    fetch_once(url, archive, file, progress)
                except (OSError, http.client.HTTPException) as error:
                    if failure := explain(url, error):
                        raise failure from None
                    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):  # not the network
                        raise
                    cause = getattr(error, "reason", error)
                    reason = getattr(cause, "strerror", None) or str(cause) or type(error).__name__
                    if getattr(error, "code", 0) == 416:  # what is there is not the beginning of that file
                        file.truncate(0)
                file.flush()
                if file.seek(0, os.SEEK_END) >= archive.size:
                    break
                idle = 0 if file.tell() > before else idle + 1
                if idle == TRIES:
                    raise Failure(f"{url}: {reason}; {gigabytes(file.tell())} of {gigabytes(archive.size)} are kept: "
                                  "run this again to go on")
                time.sleep(min(2**idle, 30) * PAUSE_SECONDS)


def check(archive, part):
    digest = hashlib.sha256()
    with open(part, "rb") as file, Progress(f"checking {archive.name}", archive.size) as progress:
        while block := file.read(CHUNK):
            digest.update(block)
            progress.advance(len(block))
    if digest.hexdigest() != archive.sha256:
        os.unlink(part)
        raise Failure(f"{archive.name}: its SHA-256 is {digest.hexdigest()}, published is {archive.sha256}; it was "
                      "damaged on the way or is not that file, and is removed: run this again to fetch it anew")


def unpack(archive, part, out):
    """Into a folder beside the last one, which takes its name when it is complete."""
    target, draft = out / archive.folder, out / f".{archive.folder}.unpacking"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    with zipfile.ZipFile(part) as file:
        members = [m for m in file.infolist() if re.fullmatch(archive.wanted, m.filename)]
        if len(members) != archive.files:
            raise Failure(f"{archive.name}: {len(members):,} files of the kind wanted, not {archive.files:,}")
        note(f"{archive.name}: unpacking {archive.files:,} files")
        with Progress(f"unpacking {archive.name}", sum(m.file_size for m in members) or 1) as progress:
            for member in members:
                # The name is checked by `wanted`: one folder, one plain file name. Reading checks the CRC.
                with file.open(member) as source, open(draft / member.filename.rsplit("/", 1)[-1], "wb") as copy:
                    shutil.copyfileobj(source, copy, CHUNK)
                progress.advance(member.file_size)
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)


def complete(archive, out):
    """True where all its files lie in place: the folder gets its name when it is complete, so a count tells."""
    try:
        names = os.listdir(out / archive.folder)
    except OSError:
        return False
    return sum(bool(re.fullmatch(archive.wanted, f"{archive.folder}/{name}")) for name in names) == archive.files


def part_file(archive, out):
    return out / f"{archive.name}.part"


def require_space(archives, out):
    """Archives go once they are unpacked, so at most one lies beside the unpacked files."""
    need = have = 0
    for archive in archives:
        part = part_file(archive, out)
        there = part.stat().st_size if part.exists() else 0
        need = max(need, have + archive.size - there + archive.unpacked)
        have += archive.unpacked - there
    free = shutil.disk_usage(out).free
    if need + SPARE_BYTES > free:
        raise Failure(f"{out}: {gigabytes(need + SPARE_BYTES)} are needed there and {gigabytes(free)} are free; make "
                      "room, give another --out, or take --val-only (about 2.5 GB)")


def download(out, archives, server):
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"{out}: cannot be made: {error.strerror}") from None
    missing = [archive for archive in archives if not complete(archive, out)]
    require_space(missing, out)
    for archive in missing:
        part = part_file(archive, out)
        fetch(server, archive, part)
        check(archive, part)
        try:
            unpack(archive, part, out)
        except zipfile.BadZipFile as error:
            raise Failure(f"{archive.name}: {error}") from None
        part.unlink()
    for archive in archives:
        print(f"{out / archive.folder}: {archive.files:,} files{'' if archive in missing else ', were there already'}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--val-only", action="store_true", help="leave out the 19 GB of training photos")
    parser.add_argument("--out", default="data/coco", metavar="DIR", help="folder to put it in (default: data/coco)")
    parser.add_argument("--server", default=SERVER, metavar="URL",
                        help=f"a mirror with the same files (default: {SERVER})")
    options = parser.parse_args(arguments)
    archives = [ANNOTATIONS, VAL] + ([] if options.val_only else [TRAIN])
    try:
        download(pathlib.Path(options.out), archives, options.server.rstrip("/"))
    except Failure as error:
        print(f"download_coco: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"download_coco: {error.filename or options.out}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("download_coco: interrupted; run it again to go on", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
