# SPDX-License-Identifier: Apache-2.0
"""Pictures as numpy arrays: PNG files, scaling, cutting out turned rectangles, outlines. uint8 [H,W,3] at rest,
float32 while something is computed."""
import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}     # colour type -> samples a pixel


class PictureError(Exception):
    """What is wrong with a file, and the way out."""


def chunks(data, path):
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        if len(body) < size:
            break
        yield kind, body
        at += 12 + size
        if kind == b"IEND":
            return
    raise PictureError(f"{path}: the file is cut off")


def unfilter(rows, step):
    """PNG's per-row filters undone, in place; @rows [H, 1 + bytes of a row] begin with their filter's number."""
    before = np.zeros(rows.shape[1] - 1, np.uint8)
    for row in rows:
        kind, line = row[0], row[1:]
        if kind == 1:
            for i in range(step):
                line[i::step] = np.cumsum(line[i::step], dtype=np.uint8)
        elif kind == 2:
            line += before
        elif kind in (3, 4):
            line[:] = unfilter_slowly(kind, bytes(line), bytes(before), step)
        before = line
    return rows[:, 1:]


def unfilter_slowly(kind, line, above, step):
    """Average and Paeth: each byte needs the one before it."""
    out = bytearray(line)
    for i, value in enumerate(line):
        a, b = out[i - step] if i >= step else 0, above[i]
        if kind == 3:
            guess = (a + b) >> 1
        else:
            c = above[i - step] if i >= step else 0
            pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
            guess = a if pa <= pb and pa <= pc else b if pb <= pc else c
        out[i] = (value + guess) & 255
    return np.frombuffer(bytes(out), np.uint8)


def read_png(path):
    """uint8 [H,W,3]. Grey becomes RGB, transparency is over white."""
    with open(path, "rb") as file:
        data = file.read()
    if not data.startswith(SIGNATURE):
        raise PictureError(f"{path}: not a PNG file; convert it to one")
    head, palette, packed = None, None, []
    for kind, body in chunks(data, path):
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", body)
        elif kind == b"PLTE":
            palette = np.frombuffer(body, np.uint8).reshape(-1, 3)
        elif kind == b"IDAT":
            packed.append(body)
    width, height, depth, colour, _, _, interlaced = head
    if depth != 8 or interlaced or colour not in CHANNELS:
        raise PictureError(f"{path}: {depth} bits a sample{', interlaced' if interlaced else ''}; save it as a PNG of "
                           "8 bits a sample that is not interlaced")
    step = CHANNELS[colour]
    try:
        raw = np.frombuffer(zlib.decompress(b"".join(packed)), np.uint8).copy()
        image = unfilter(raw.reshape(height, 1 + width * step), step).reshape(height, width, step)
    except (zlib.error, ValueError) as error:
        raise PictureError(f"{path}: the file is damaged ({error})") from error
    if colour == 3:
        return palette[image[..., 0]]
    if step in (2, 4):
        alpha = image[..., -1:] / np.float32(255)
        image = np.round(image[..., :-1] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(image, (height, width, 3)))


def write_png(path, image):
    height, width, _ = image.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    with open(path, "wb") as file:
        file.write(SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b""))


def triangles(size, target):
    """[target,size] weights of a linear interpolation, widened where it shrinks so that each pixel counts."""
    scale = size / target
    reach = max(1.0, scale)
    centres = (np.arange(target) + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(size) - centres[:, None]) / reach)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def resize(image, height, width):
    """float32 [height,width,3]"""
    rows = np.tensordot(triangles(image.shape[0], height), image.astype(np.float32), (1, 0))
    return np.ascontiguousarray(np.tensordot(triangles(image.shape[1], width), rows, (1, 1)).transpose(1, 0, 2))


def fit(image, height, width, fill):
    """(float32 [height,width,3] with the picture as large as it goes at its top left, factor of its size)"""
    factor = min(height / image.shape[0], width / image.shape[1])
    h, w = (max(1, round(n * factor)) for n in image.shape[:2])
    out = np.full((height, width, 3), fill, np.float32)
    out[:h, :w] = image if (h, w) == image.shape[:2] else resize(image, h, w)
    return out, factor


def sample(image, x, y):
    """Linear interpolation at float positions (pixel centres are whole numbers); outside the edge goes on."""
    height, width = image.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    fx, fy = ((v - v0)[..., None].astype(np.float32) for v, v0 in ((x, left), (y, top)))
    above = image[top, left] * (1 - fx) + image[top, left + 1] * fx
    below = image[top + 1, left] * (1 - fx) + image[top + 1, left + 1] * fx
    return above * (1 - fy) + below * fy


def cut_out(image, corners, height, width):
    """The parallelogram whose corners are given as (x, y) from its top left, clockwise, as float32 [height,width,3]."""
    a, b, _, d = np.asarray(corners, np.float64)
    # Where the result is smaller: several samples a pixel.
    dense = max(1, int(np.ceil(max(np.linalg.norm(b - a) / width, np.linalg.norm(d - a) / height))))
    across, down = ((np.arange(n * dense) + 0.5) / (n * dense) for n in (width, height))
    place = a + across[None, :, None] * (b - a) + down[:, None, None] * (d - a)
    out = sample(image, place[..., 0] - 0.5, place[..., 1] - 0.5)
    return out.reshape(height, dense, width, dense, 3).mean((1, 3))


def draw_outline(image, corners, colour, thickness=2):
    """A closed line through (x, y) points, in place."""
    corners = np.asarray(corners, np.float64)
    for a, b in zip(corners, np.roll(corners, -1, 0)):
        steps = int(np.ceil(2 * np.max(np.abs(b - a)))) + 1
        points = np.floor(a + np.linspace(0, 1, steps)[:, None] * (b - a)).astype(int) - thickness // 2
        for dx in range(thickness):
            for dy in range(thickness):
                x, y = points[:, 0] + dx, points[:, 1] + dy
                inside = (x >= 0) & (y >= 0) & (x < image.shape[1]) & (y < image.shape[0])
                image[y[inside], x[inside]] = colour
