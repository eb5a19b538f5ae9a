#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the demo does before and after its networks, and that its answers are right, on the in-process emulator.

Proves: PNG files of each kind and what is said of others; scaling, cutting out and connected sets against plain
versions; suppression of boxes, smallest rectangles, decoding of text on cases worked out by hand; the page is read as it
was drawn and the face is where a person sees it; and that the demo fails when they are not.
usage: test_demo.py [--out build]
"""
import argparse
import contextlib
import io
import os
import struct
import sys
import tempfile
import zlib

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "models", "testbed")] + [HERE]

import demo                     # noqa: E402
import faces                    # noqa: E402
import images                   # noqa: E402
import neuron_run               # noqa: E402
import reading                  # noqa: E402
import scenes                   # noqa: E402
from neuron import compile_file     # noqa: E402
from ort import cache_dir       # noqa: E402
from tap import Tap             # noqa: E402
from tasks import OPEN_INPUT, find_faces, read_page     # noqa: E402
from typeface import TypefaceError, draw_text           # noqa: E402


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples, colour, filters=None, depth=8, interlaced=0, palette=None):
    """A PNG of uint8 [H,W,C], each row with the filter that @filters says, written plainly from the standard."""
    height, width, step = samples.shape
    flat, rows = samples.reshape(height, -1).astype(int), []
    for y in range(height):
        kind, row = filters[y] if filters else 0, []
        for i in range(width * step):
            a = flat[y, i - step] if i >= step else 0
            b = flat[y - 1, i] if y else 0
            c = flat[y - 1, i - step] if y and i >= step else 0
            near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            row.append((flat[y, i] - (0, a, b, (a + b) // 2, near)[kind]) % 256)
        rows.append(bytes([kind, *row]))
    packed = zlib.compress(b"".join(rows))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (images.SIGNATURE + chunk(b"IHDR", head) + (chunk(b"PLTE", palette.tobytes()) if palette is not None else b"") +
            chunk(b"IDAT", packed[:7]) + chunk(b"IDAT", packed[7:]) + chunk(b"IEND", b""))


def read_back(data):
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(data)
        file.flush()
        return images.read_png(file.name)


def test_png():
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (10, 7, 3), np.uint8)
    assert np.array_equal(read_back(png(picture, 2, [0, 1, 2, 3, 4] * 2)), picture), "filters"
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        images.write_png(file.name, picture)
        assert np.array_equal(images.read_png(file.name), picture), "written and read"
    grey = picture[..., :1]
    assert np.array_equal(read_back(png(grey, 0)), np.repeat(grey, 3, 2)), "grey"
    palette = rng.integers(0, 256, (16, 3), np.uint8)
    assert np.array_equal(read_back(png(grey % 16, 3, palette=palette)), palette[grey[..., 0] % 16]), "palette"
    alpha = np.concatenate([picture, np.full((10, 7, 1), 255, np.uint8)], 2)
    alpha[3:, :, 3] = 0
    seen = read_back(png(alpha, 6))
    assert np.array_equal(seen[:3], picture[:3]) and np.all(seen[3:] == 255), "transparency"


def test_bad_png():
    picture = np.zeros((4, 4, 3), np.uint8)
    good = png(picture, 2)
    cases = {"not a PNG": b"\xff\xd8\xff\xe0JFIF", "cut off": good[:-20], "16 bits": png(picture, 2, depth=16),
             "interlaced": png(picture, 2, interlaced=1), "damaged": png(picture[:3], 2).replace(struct.pack(">II", 4, 3), struct.pack(">II", 4, 4))}
    for words, data in cases.items():
        try:
            read_back(data)
        except images.PictureError as error:
            assert words in str(error) and ".png" in str(error), f"{words}: {error}"
        else:
            raise AssertionError(f"{words}: accepted")


def test_scaling():
    rng = np.random.default_rng(2)
    picture = rng.uniform(0, 255, (12, 18, 3)).astype(np.float32)
    assert np.allclose(images.resize(picture, 12, 18), picture, atol=1e-3), "same size"
    flat = np.full((40, 30, 3), 77, np.float32)
    assert np.allclose(images.resize(flat, 9, 50), 77), "one colour"
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32)[None, :, None], (8, 64, 3))
    assert np.allclose(images.resize(ramp, 8, 16)[:, 2:-2, 0], np.arange(16)[2:-2] * 4 + 1.5, atol=1e-3), "centres of pixels"
    fitted, factor = images.fit(flat, 20, 20, 5)
    assert factor == 0.5 and np.allclose(fitted[:, :15], 77) and np.all(fitted[:, 15:] == 5), "fitted"


def test_cutting():
    rng = np.random.default_rng(3)
    picture = rng.uniform(0, 255, (30, 40, 3)).astype(np.float32)
    box = np.array([(5, 8), (25, 8), (25, 18), (5, 18)])
    assert np.allclose(images.cut_out(picture, box, 10, 20), picture[8:18, 5:25], atol=1e-3), "upright"
    assert np.allclose(images.cut_out(picture, np.roll(box, 2, 0), 10, 20), picture[8:18, 5:25][::-1, ::-1], atol=1e-3), "upside down"
    assert np.allclose(images.cut_out(picture, np.roll(box, -1, 0), 20, 10), np.rot90(picture[8:18, 5:25]), atol=1e-3), "on its side"


def test_overlaps():
    boxes = np.array([(0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 30), (2, 2, 4, 4), (7, 7, 7, 7)], float)
    assert np.allclose(faces.overlaps(boxes[0], boxes), [1, 50 / 150, 0, 4 / 100, 0])


def test_suppression():
    """The best box stays; what overlaps it by more than the limit goes, but does not take others along."""
    boxes = np.array([(0, 0, 10, 10), (1, 0, 11, 10), (8, 0, 18, 10), (40, 0, 50, 10)], float)
    assert faces.suppress(boxes, np.array([0.9, 0.95, 0.8, 0.3]), 0.3) == [1, 2, 3]
    assert faces.suppress(boxes, np.array([0.9, 0.8, 0.7, 0.6]), 0.9) == [0, 1, 2, 3]
    chain = np.array([(0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)], float)
    assert faces.suppress(chain, np.array([0.9, 0.8, 0.7]), 0.4) == [0, 2]
    assert faces.suppress(np.zeros((0, 4)), np.zeros(0), 0.3) == []


def test_components():
    """Against a flood fill, on random spots of many densities and on a spiral."""
    def flood(mask):
        left, sets = set(zip(*map(list, np.nonzero(mask)))), []
        while left:
            todo = [left.pop()]
            found = set(todo)
            while todo:
                y, x = todo.pop()
                near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
                left -= near
                found |= near
                todo += near
            sets.append(frozenset((int(a), int(b)) for a, b in found))
        return set(sets)

    rng = np.random.default_rng(4)
    spiral = np.zeros((21, 21), bool)
    for ring in range(0, 10, 2):
        spiral[ring, ring:21 - ring] = spiral[20 - ring, ring:21 - ring] = spiral[ring:21 - ring, 20 - ring] = True
        spiral[ring + 2:21 - ring, ring] = True
    masks = [spiral, np.zeros((5, 5), bool), np.ones((6, 9), bool), *(rng.random((25, 31)) < d for d in (0.1, 0.2, 0.3, 0.5, 0.8))]
    for mask in masks:
        got = [frozenset(zip(ys.tolist(), xs.tolist())) for ys, xs in reading.components(mask)]
        assert len(set(got)) == len(got) and set(got) == flood(mask)


def test_rectangles():
    y, x = np.mgrid[0:200, 0:300]
    for degrees in (0, 10, -25, 44, 80, 90):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        along, across = (x - 150) * c + (y - 100) * s, (y - 100) * c - (x - 150) * s
        ys, xs = np.nonzero((np.abs(along) <= 60) & (np.abs(across) <= 15))
        centre, axis, length, breadth = reading.smallest_rectangle(reading.outermost(ys, xs))
        assert abs(length - 121) < 3 and abs(breadth - 31) < 3, (degrees, length, breadth)
        assert abs(abs(axis @ [c, s]) - 1) < 0.002 and np.allclose(centre, [150.5, 100.5], atol=1), (degrees, axis, centre)
    line = reading.grown(np.array([50.0, 20.0]), np.array([-1.0, 0.0]), 60, 15)
    more = 60 * 15 * 1.6 / 150
    assert np.allclose(line, [(20 - more, 12.5 - more), (80 + more, 12.5 - more), (80 + more, 27.5 + more), (20 - more, 27.5 + more)])


def test_decoding():
    names = ["", "a", "b", " "]

    def decoded(*steps):
        return reading.decode(np.array([[0.9 if i == s else 0.03 for i in range(4)] for s in steps], np.float32), names)

    assert decoded(1, 1, 2, 2, 2)[0] == "ab", "a letter that goes on is one"
    assert decoded(0, 1, 0, 1, 0)[0] == "aa", "nothing between them: two"
    assert decoded(1, 3, 3, 2)[0] == "a b"
    assert decoded(0, 0, 0) == ("", 0.0)
    assert abs(decoded(0, 1, 1, 2)[1] - 0.9) < 1e-6
    known = reading.characters()
    assert len(known) == 6625 and known[0] == "" and known[-1] == " " and len(set(known)) == 6625


def test_typeface():
    ink = draw_text("|", 40)
    assert ink.max() > 0.9 and ink.min() == 0 and ink.shape[0] > 30, ink.shape
    assert draw_text("iiii", 40).shape[1] < draw_text("WWWW", 40).shape[1]
    assert draw_text("a b", 40).shape[1] > draw_text("ab", 40).shape[1], "a blank is as wide as it should be"
    try:
        draw_text("ok \U0001f980", 40)
    except TypefaceError as error:
        assert "no character" in str(error), error
    else:
        raise AssertionError("a character that the typeface does not have")


class InProcess:
    """Stands for the demo's chip: networks run on the emulator in this process's child."""

    def __init__(self, out, folder):
        self.out, self.folder, self.problems, self.neffs, self.known = out, folder, [], {}, {}

    def infer(self, name, inputs, outputs):
        key = (name, *(array.tobytes() for array in inputs.values()))
        if key not in self.known:
            self.known[key] = self.run(name, inputs, outputs)
        return self.known[key]

    def run(self, name, inputs, outputs):
        shape = next(iter(inputs.values())).shape[1:]
        if (name, shape) not in self.neffs:
            neff = self.neffs[name, shape] = os.path.join(self.folder, f"{len(self.neffs)}.neff")
            flags = ["--io-config", '{"inputs": {"%s": [%s, "float32"]}}' % (OPEN_INPUT[name], [1, *shape])] if name in OPEN_INPUT else []
            compile_file(os.path.join(cache_dir(), "networks", name + ".onnx"), neff, *flags, out=self.out)
        return neuron_run.in_process(self.neffs[name, shape], inputs, outputs, self.out, each=True)[0]


def problems_of(chip, show, *args):
    """What the demo finds wrong with its own answers."""
    chip.problems = []
    with contextlib.redirect_stdout(io.StringIO()):
        show(chip, *args)
    return chip.problems


def test_page(chip):
    page = scenes.page(scenes.LINES, scenes.UPSIDE_DOWN)
    found = read_page(page, chip.infer)
    assert [text for text, *_ in found] == scenes.LINES, found
    assert {i for i, (_, _, turned, _) in enumerate(found) if turned} == scenes.UPSIDE_DOWN, found
    blank = page[:, :32].repeat(16, 1)
    assert read_page(blank, chip.infer) == [], "an empty page"


def test_page_that_is_wrong(chip):
    page = scenes.page(scenes.LINES, scenes.UPSIDE_DOWN)
    assert not problems_of(chip, demo.show_page, page, scenes.LINES, True)
    for other in (["Hello, inferentia!", *scenes.LINES[1:]], scenes.LINES[:2], [*scenes.LINES, "a"], scenes.LINES[::-1]):
        assert problems_of(chip, demo.show_page, page, other, True), other


def test_face(chip):
    photo = scenes.photo()
    known = np.array(scenes.FACES[0], float)
    for name, picture, box in (("as it is", photo, known), ("mirrored", photo[:, ::-1], [512 - known[2], known[1], 512 - known[0], known[3]])):
        found = find_faces(picture, chip.infer)
        assert len(found) == 1 and faces.overlaps(np.array(box), found[0][1][None])[0] > demo.LEAST_OVERLAP, f"{name}: {found}"
    assert find_faces(photo[250:], chip.infer) == [], "a part without a face"


def test_face_that_is_elsewhere(chip):
    photo = scenes.photo()
    assert not problems_of(chip, demo.show_faces, photo, scenes.FACES)
    assert problems_of(chip, demo.show_faces, photo[:, ::-1], scenes.FACES)
    assert problems_of(chip, demo.show_faces, photo[250:], scenes.FACES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    options, tap = parser.parse_args(), Tap()
    for name, test in (("PNG files are read and written", test_png), ("PNG files that are not read say why", test_bad_png),
                       ("pictures are scaled", test_scaling), ("rectangles are cut out", test_cutting),
                       ("boxes overlap", test_overlaps), ("the best of boxes that overlap stays", test_suppression),
                       ("pixels that touch are one set", test_components), ("smallest rectangles", test_rectangles),
                       ("text is decoded", test_decoding), ("text is drawn", test_typeface)):
        tap.run(name, test)
    with tempfile.TemporaryDirectory() as folder:
        chip = InProcess(options.out, folder)
        for name, test in (("the page is read as it was drawn", test_page), ("another page is a failure", test_page_that_is_wrong),
                           ("the face is found", test_face), ("a face that is elsewhere is a failure", test_face_that_is_elsewhere)):
            tap.run(name, test, chip)
    tap.exit()


if __name__ == "__main__":
    main()
