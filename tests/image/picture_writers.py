"""PNG and TIFF files of every kind, written here because Pillow writes only some of them."""

import struct
import zlib

import numpy as np

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PNG_KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16),
             (6, 8), (6, 16)]  # colour type, bits
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pack_bits(samples, bits):
    """Rows of samples (any width) to rows of bytes, the first sample in the high bits."""
    samples = np.asarray(samples)
    rows = samples.reshape(samples.shape[0], -1)
    if bits == 8:
        return rows.astype(np.uint8)
    if bits == 16:
        return rows.astype(">u2").view(np.uint8)
    shifts = np.arange(bits - 1, -1, -1)
    return np.packbits((rows[:, :, None] >> shifts & 1).reshape(rows.shape[0], -1).astype(np.uint8), axis=1)


def png(samples, color, bits, interlaced=False, palette=None, transparency=None, extra=b""):
    """samples: [height, width, channels]. extra: chunks before the pixels."""
    height, width = samples.shape[:2]
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    data = b""
    for x, y, step_x, step_y in passes:
        part = samples[y::step_y, x::step_x]
        if part.size:
            data += b"".join(b"\0" + row.tobytes() for row in pack_bits(part, bits))
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced))
    out += extra
    if palette is not None:
        out += chunk(b"PLTE", np.asarray(palette, np.uint8).tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def tiff(samples, bits, photometric, big_endian=False, planar=False, tile=None, rows_per_strip=None, extra_samples=(),
         sample_format=None, palette=None, orientation=None, fill_order=None, deflate=False, more_tags=()):
    """samples: [height, width, channels], unsigned unless sample_format says otherwise."""
    order = ">" if big_endian else "<"
    height, width, channels = samples.shape

    def encode(block):
        rows = block.reshape(block.shape[0], -1)
        if bits == 32:
            data = np.ascontiguousarray(rows.astype({3: "f4", 2: "i4"}.get(sample_format, "u4"))).astype(
                order + {3: "f4", 2: "i4"}.get(sample_format, "u4")).tobytes()
        elif bits == 16:
            data = rows.astype(np.int64).astype(order + ("i2" if sample_format == 2 else "u2")).tobytes()
        else:
            data = pack_bits(block, bits).tobytes()
        if fill_order == 2:
            data = bytes(int(f"{b:08b}"[::-1], 2) for b in data)
        return zlib.compress(data) if deflate else data

    pieces = []
    for plane in (samples[:, :, c:c + 1] for c in range(channels)) if planar else [samples]:
        if tile:
            for y in range(0, height, tile):
                for x in range(0, width, tile):
                    block = np.zeros((tile, tile, plane.shape[2]), plane.dtype)
                    part = plane[y:y + tile, x:x + tile]
                    block[:part.shape[0], :part.shape[1]] = part
                    pieces.append(encode(block))
        else:
            step = rows_per_strip or height
            pieces += [encode(plane[y:y + step]) for y in range(0, height, step)]

    tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * channels), (259, 3, [8 if deflate else 1]),
            (262, 3, [photometric]), (277, 3, [channels]), (284, 3, [2 if planar else 1])]
    if fill_order:
        tags.append((266, 3, [fill_order]))
    if orientation:
        tags.append((274, 3, [orientation]))
    if palette is not None:
        tags.append((320, 3, [int(v) * 257 for c in range(3) for v in np.asarray(palette)[:, c]]))
    if extra_samples:
        tags.append((338, 3, list(extra_samples)))
    if sample_format:
        tags.append((339, 3, [sample_format] * channels))
    tags += more_tags

    offsets, at = [], 8
    for piece in pieces:
        offsets.append(at)
        at += len(piece) + len(piece) % 2
    counts = [len(piece) for piece in pieces]
    if tile:
        tags += [(322, 4, [tile]), (323, 4, [tile]), (324, 4, offsets), (325, 4, counts)]
    else:
        tags += [(273, 4, offsets), (278, 4, [rows_per_strip or height]), (279, 4, counts)]

    directory = struct.pack(order + "H", len(tags))
    overflow_at, overflow = at + 2 + 12 * len(tags) + 4, b""
    for tag, kind, values in sorted(tags):
        body = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'B' if kind == 1 else 'I'}", *values)
        if len(body) > 4:
            place = struct.pack(order + "I", overflow_at + len(overflow))
            overflow += body + b"\0" * (len(body) % 2)
        else:
            place = body.ljust(4, b"\0")
        directory += struct.pack(order + "HHI", tag, kind, len(values)) + place
    body = b"".join(piece + b"\0" * (len(piece) % 2) for piece in pieces)
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(order + "I", at)
    return head + body + directory + struct.pack(order + "I", 0) + overflow
