"""Reads event files without anything of ours or of TensorBoard's: events_test.py WRITE_EVENTS

Framing and checksums by the definition of TFRecord, messages field by field by the encoding rules of protocol buffers.
"""

import os
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

WRITE_EVENTS = sys.argv[1]


def crc32c(data):
    """Bit by bit, as RFC 3720 defines it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        length, length_crc = struct.unpack_from("<QI", data, at)
        assert masked(data[at:at + 8]) == length_crc, f"checksum of the length at {at}"
        body = data[at + 12:at + 12 + length]
        assert len(body) == length, "cut off"
        assert masked(body) == struct.unpack_from("<I", data, at + 12 + length)[0], f"checksum of the record at {at}"
        yield body
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def message(data):
    """{field: [values]}: integers, 8-byte doubles, 4-byte floats, bytes."""
    fields, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            (value,), at = struct.unpack_from("<d", data, at), at + 8
        elif kind == 5:
            (value,), at = struct.unpack_from("<f", data, at), at + 4
        else:
            assert kind == 2, f"wire type {kind}"
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            assert len(value) == length
        fields.setdefault(key >> 3, []).append(value)
    return fields


def picture():
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + bytes([255, 0, 0, 0, 0, 255]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class Events(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="resnet_events_test_")
        run = os.path.join(cls.folder.name, "logs", "run")  # neither folder is there
        cls.picture = os.path.join(cls.folder.name, "picture.png")
        with open(cls.picture, "wb") as file:
            file.write(picture())
        subprocess.run([WRITE_EVENTS, run, cls.picture], check=True, timeout=60)
        cls.files = [os.path.join(run, name) for name in sorted(os.listdir(run))]
        cls.events = [[message(r) for r in records(path)] for path in cls.files]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def values(self, file):
        """(step, fields of Summary.Value) of each summary."""
        result = []
        for event in self.events[file][2:]:
            (summary,), (step,) = event[5], event[2]
            (value,) = message(summary)[1]
            result.append((step, message(value)))
        return result

    def test_the_second_file_comes_behind_the_first_by_name(self):
        self.assertEqual(len(self.files), 2)
        for path in self.files:
            self.assertRegex(os.path.basename(path), r"^events\.out\.tfevents\.\d{10}\.")
        self.assertEqual(len(self.values(0)), 6)

    def test_a_file_opens_with_its_version_and_the_step_where_it_begins(self):
        for events, step in zip(self.events, (0, 4)):
            self.assertEqual(events[0][3], [b"brain.Event:2"])
            self.assertNotIn(5, events[0])
            self.assertEqual(events[1][2], [step])
            self.assertEqual(message(events[1][7][0]), {1: [1]})
            for event in events:
                self.assertLess(abs(event[1][0] - time.time()), 300)

    def test_scalars(self):
        got = self.values(0)
        self.assertEqual([step for step, _ in got], [1, 2, 3, 4, 5, 6])
        for step, value in got[:5]:
            self.assertEqual(value[1], [b"train/loss"])
            self.assertAlmostEqual(value[2][0], 1 / step, places=6)
        self.assertNotEqual(got[5][1][2][0], got[5][1][2][0])  # NaN stays NaN
        self.assertEqual(self.values(1)[3][0], 1 << 40)

    def test_histogram(self):
        step, value = self.values(1)[4]
        self.assertEqual((step, value[1]), (6, [b"weights/conv1"]))
        histogram = message(value[5][0])
        self.assertEqual([histogram[i][0] for i in range(1, 6)], [-1, 1, 5, 0, 2.5])
        self.assertEqual(struct.unpack("<4d", histogram[6][0]), (-0.5, 0, 0.5, 1))
        self.assertEqual(struct.unpack("<4d", histogram[7][0]), (1, 1, 1, 2))

    def test_image(self):
        step, value = self.values(1)[5]
        self.assertEqual((step, value[1]), (6, [b"photos/0 dog"]))
        tensor = message(value[8][0])
        self.assertEqual(tensor[1], [7])  # strings
        self.assertEqual(message(message(tensor[2][0])[2][0]), {1: [3]})
        self.assertEqual(tensor[8], [b"2", b"1", picture()])
        metadata = message(value[9][0])
        self.assertEqual(message(metadata[1][0]), {1: [b"images"]})
        self.assertEqual((metadata[3], metadata[4]), ([b"dog, *person*"], [3]))

    def test_text(self):
        step, value = self.values(1)[6]
        self.assertEqual((step, value[1]), (6, [b"photos/0"]))
        tensor = message(value[8][0])
        self.assertEqual(tensor[1], [7])  # strings
        self.assertEqual(message(message(tensor[2][0])[2][0]), {1: [1]})
        self.assertEqual(tensor[8], ["dog 0.93, \uc0ac\ub78c 0.5".encode()])
        metadata = message(value[9][0])
        self.assertEqual(message(metadata[1][0]), {1: [b"text"]})
        self.assertEqual(metadata[4], [2])  # shown as a tensor


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
