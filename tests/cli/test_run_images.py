#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-run with pictures, bare bytes and names of classes: on models that copy their input, so that outputs are what
the picture became; sizes and normalisation against numpy.

usage: test_run_images.py [--out build]
"""
import base64
import json
import os
import pty
import select
import struct
import subprocess
import zlib

import numpy as np

from tools import Tools
import neffs

# 16 x 16 pixels of (200, 100, 50), made with libjpeg at quality 90.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/"
    "2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAQABADASIAAhEBAxEB/8QA"
    "FQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAABwj/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEAPwCQAHqQf//Z")


def png(pixels):
    """An 8-bit PNG of (height, width, 3 or 4) bytes; each row's filter is another one where it changes nothing."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def ppm(pixels, comment=b""):
    return b"P6\n" + comment + b"%d %d\n255\n" % pixels.shape[1::-1] + pixels.tobytes()


def run_picture(t, name, model, picture, *options):
    """What the model's input was."""
    if os.path.exists(t.path("y.npy")):
        os.unlink(t.path("y.npy"))
    t.expect(name, 0, "neuron-run", model, "-d", "emulator", "-i", picture, "-o", "y.npy", *options, out=["y: "])
    return np.load(t.path("y.npy")) if os.path.exists(t.path("y.npy")) else None


def same(t, name, got, want, bound=0.0):
    t.tap.ok(got is not None and got.shape == want.shape and np.abs(got.astype(float) - want).max() <= bound, name, f"{got}\n{want}")


def formats(t, pixels):
    nchw = pixels.transpose(2, 0, 1)[None].astype(float)
    alpha = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    t.path("a.png", png(pixels))
    t.path("alpha.png", png(alpha))
    t.path("a.ppm", ppm(pixels, b"# a comment\n"))
    t.path("a.jpg", JPEG)
    for name in ("a.png", "alpha.png", "a.ppm"):
        same(t, f"{name}: pixels", run_picture(t, name, "int.neff", name), nchw)
    got = run_picture(t, "a.jpg", "int.neff", "a.jpg")
    same(t, "a.jpg: its colour", got, np.broadcast_to(np.array([200, 100, 50.0])[None, :, None, None], nchw.shape), 3)
    grey = pixels[:, :, 0]
    t.path("g.pgm", b"P5 %d %d 255\n" % grey.shape[::-1] + grey.tobytes())
    same(t, "PGM to one channel", run_picture(t, "g.pgm", "grey.neff", "g.pgm"), grey[None, None].astype(float))
    luma = np.rint(pixels @ np.array([0.299, 0.587, 0.114]))
    same(t, "colours to one channel", run_picture(t, "grey of a.png", "grey.neff", "a.png"), luma[None, None], 1)


def normalisation(t, pixels):
    real = pixels.astype(np.float32).transpose(2, 0, 1)[None]
    mean, std = np.array([0.485, 0.456, 0.406])[:, None, None], np.array([0.229, 0.224, 0.225])[:, None, None]
    same(t, "floats are 0 .. 1", run_picture(t, "--scale default", "float.neff", "a.png"), real / 255, 1e-6)
    got = run_picture(t, "--mean --std", "float.neff", "a.png", "--mean", "0.485,0.456,0.406", "--std=0.229,0.224,0.225")
    same(t, "mean and std of each channel", got, (real / 255 - mean) / std, 1e-5)
    got = run_picture(t, "--scale", "float.neff", "a.png", "--scale", "1", "--mean", "127.5", "--std", "127.5")
    same(t, "scale, one mean", got, real / 127.5 - 1, 1e-5)
    got = run_picture(t, "--channel-order", "float.neff", "a.png", "--scale", "1", "--channel-order", "bgr", "--mean", "1,2,3")
    same(t, "blue first", got, real[:, ::-1] - np.array([1, 2, 3.0])[:, None, None], 1e-5)
    same(t, "channels last, seen from the shape", run_picture(t, "nhwc", "nhwc.neff", "a.png"), pixels[None].astype(float))


def sizes(t):
    """Models of 4 x 4."""
    rng = np.random.default_rng(2)
    big = rng.integers(0, 256, (8, 16, 3), np.uint8)
    t.path("big.ppm", ppm(big))
    real = big.astype(float)
    stretched = real.reshape(4, 2, 4, 4, 3).mean((1, 3)).transpose(2, 0, 1)[None]
    same(t, "stretch: means", run_picture(t, "--resize stretch", "float.neff", "big.ppm", "--scale", "1"), stretched, 1e-4)
    middle = real[:, 4:12].reshape(4, 2, 4, 2, 3).mean((1, 3)).transpose(2, 0, 1)[None]
    same(t, "crop: the middle", run_picture(t, "--resize crop", "float.neff", "big.ppm", "--resize", "crop", "--scale", "1"), middle, 1e-4)
    padded = np.zeros((1, 3, 4, 4))
    padded[:, :, 1:3] = real.reshape(2, 4, 4, 4, 3).mean((1, 3)).transpose(2, 0, 1)
    same(t, "pad: black around", run_picture(t, "--resize pad", "float.neff", "big.ppm", "--resize", "pad", "--scale", "1"), padded, 1e-4)
    ramp = np.zeros((2, 2, 3), np.uint8)
    ramp[:, 1] = 100
    t.path("ramp.ppm", ppm(ramp))
    want = np.broadcast_to(np.array([0, 25, 75, 100.0]), (1, 3, 4, 4))
    same(t, "larger: linear between pixels", run_picture(t, "enlarge", "float.neff", "ramp.ppm", "--scale", "1"), want, 1e-4)
    same(t, "one pixel", run_picture(t, "one pixel", "float.neff", t.path("one.ppm", ppm(ramp[:1, 1:])) or "one.ppm", "--scale", "1"),
         np.full((1, 3, 4, 4), 100.0), 1e-4)
    t.expect("--resize off", 1, "neuron-run", "float.neff", "-d", "emulator", "-i", "big.ppm", "--resize", "off",
             err=[r"big\.ppm: 16 x 8 pixels, but the model takes 4 x 4 \(see --resize\)"])


def bad_pictures(t, pixels):
    whole = {"png": png(pixels), "jpg": JPEG, "ppm": ppm(pixels)}
    base = ["neuron-run", "int.neff", "-d", "emulator", "-i"]
    for kind, data in whole.items():
        for cut in (len(data) // 2, len(data) - 20):
            t.path(f"cut.{kind}", data[:cut])
            t.expect(f"a {kind} of {cut} bytes", 1, *base, f"cut.{kind}", err=[rf"cut\.{kind}: (damaged|truncated)"])
    t.path("huge.ppm", b"P6 99999 99999 255\n")
    t.expect("a picture that is too large", 1, *base, "huge.ppm", err=[r"huge\.ppm: "])
    t.path("deep.ppm", b"P6 1 1 65535\n123456")
    t.expect("a PPM of 16 bits", 1, *base, "deep.ppm", err=["largest value is 65535; only 255"])
    t.expect("a picture for a model of lists", 1, "neuron-run", "list.neff", "-d", "emulator", "-i", "a.png", err=["a.png: the input's shape is none of pictures"])
    t.expect("a picture and --each", 1, *base, "a.png", "--each", err=["one inference"])
    for option, value in (("--resize", "x"), ("--mean", "1,2"), ("--mean", "nan"), ("--std", "0"), ("--std", "1,0,1"), ("--scale", "1,1,1"),
                          ("--scale", "0"), ("--layout", "chw"), ("--channel-order", "gbr"), ("--mean", "1,2,3,4")):
        t.expect(f"{option} {value}", 2, *base, "a.png", option, value, err=[f"{option} '{value}'"])


def raw_and_names(t):
    x = np.arange(10, dtype=np.float32)[::-1].copy()
    t.path("x.bin", x.tobytes())
    t.path("names.txt", b"null\none\ntwo\r\n\nfour\n")
    base = ["neuron-run", "list.neff", "-d", "emulator", "-i", "x.bin"]
    t.expect("bare bytes, names of classes", 0, *base, "--labels", "names.txt", "--top", "7",
             out=[r"^ +0  9  null$", r"^ +1  8  one$", r"^ +2  7  two$", r"^ +3  6  $", r"^ +4  5  four$", r"^ +6  3  $"])
    done = t.expect("names in JSON", 0, *base, "-l", "names.txt", "-t", "2", "--json")
    top = json.loads(done.stdout)["outputs"][0]["top"]
    t.tap.ok(top == [{"index": 0, "value": 9.0, "name": "null"}, {"index": 1, "value": 8.0, "name": "one"}], "top of JSON", str(top))
    t.path("xs.raw", np.stack([x, x + 1]).tobytes())
    t.expect("a file of several inferences", 0, "neuron-run", "list.neff", "-d", "emulator", "--each", "-i", "xs.raw", "-o", "ys.npy", out=["2 inferences"])
    t.tap.ok((np.load(t.path("ys.npy")) == np.stack([x, x + 1])).all(), "its outputs")
    t.path("short.bin", x.tobytes()[:-1])
    t.expect("too few bytes", 1, "neuron-run", "list.neff", "-d", "emulator", "-i", "short.bin", err=[r"short\.bin: 39 bytes, but input x has 40"])
    t.expect("no file of names", 1, *base, "--labels", "none.txt", err=["none.txt: No such file"])


def progress(t):
    """On a terminal, long runs say how far they are; the line is taken away."""
    leader, follower = pty.openpty()
    command = [os.path.join(t.out, "bin/neuron-run"), "list.neff", "-d", "emulator", "-i", "x.bin", "--repeat", "1000000000"]
    process = subprocess.Popen(command, cwd=t.folder.name, stdout=subprocess.DEVNULL, stderr=follower, stdin=subprocess.DEVNULL)
    os.close(follower)
    text = b""
    while b" left" not in text and select.select([leader], [], [], 60)[0]:
        text += os.read(leader, 4096)
    process.kill()
    process.wait()
    os.close(leader)
    t.tap.ok(b" of 1000000000 inferences, " in text, "progress on a terminal", text)


def main():
    t = Tools(__doc__)
    for name, dtype, shape in (("int", "int32", (1, 3, 16, 16)), ("grey", "uint8", (1, 1, 16, 16)), ("float", "float32", (1, 3, 4, 4)),
                               ("nhwc", "uint8", (1, 16, 16, 3)), ("list", "float32", (1, 10))):
        t.path(name + ".neff", neffs.Copy((("x", "y"),), dtype, shape).bytes())
    pixels = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    formats(t, pixels)
    small = np.random.default_rng(1).integers(0, 256, (4, 4, 3), np.uint8)
    bad_pictures(t, pixels)
    t.path("nhwc.neff", neffs.Copy((("x", "y"),), "uint8", (1, 4, 4, 3)).bytes())
    t.path("a.png", png(small))
    normalisation(t, small)
    sizes(t)
    raw_and_names(t)
    progress(t)
    t.exit()


if __name__ == "__main__":
    main()
