#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main job from end to end: compile trained networks, boot a guest with an emulated chip, load the driver, and
read handwritten digits, read a page of text and find a face in a photo through /dev/neuron0.

usage: demo.py [--out build] [--text TEXT | --page FILE.png] [--photo FILE.png]

The networks run in the guest; what is before and after them (pictures to arrays, boxes, characters) is numpy on the
host. Each inference is repeated in process, and the bits compared. Exit status 1: an answer is not the known one, bits
differ, or the guest's kernel complains.
"""
import argparse
import os
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "models", "testbed")] + [HERE]

import faces                    # noqa: E402
import mnist                    # noqa: E402
import neuron_run               # noqa: E402
import scenes                   # noqa: E402
from images import PictureError, draw_outline, read_png, write_png     # noqa: E402
from neuron import CompileError, RunError, compile_file   # noqa: E402
from ort import cache_dir       # noqa: E402
from tasks import OPEN_INPUT, find_faces, read_page     # noqa: E402
from typeface import TypefaceError              # noqa: E402
from vm import VM, VMError      # noqa: E402

SHADES = " .:-=+*#%@"
COUNT = 1000
GREEN, RED = (0, 220, 60), (230, 40, 40)
LEAST_OVERLAP, LEAST_SIDE = 0.6, 32


def step(text):
    print(f"\n== {text}", flush=True)


def say(text):
    print("  " + text, flush=True)


class Chip:
    """Compiles networks and runs them through the guest's /dev/neuron0, and once more in process."""

    def __init__(self, vm, out, folder):
        self.vm, self.out, self.folder = vm, out, folder
        self.rows, self.problems = [], []

    def compile(self, name, path, *flags):
        neff, start = os.path.join(self.folder, name + ".neff"), time.monotonic()
        told = compile_file(path, neff, *flags, out=self.out).splitlines()
        where = next((line for line in told if "operator" in line), "compiled")
        say(f"neuron-cc {name}: {where.lower()}; {time.monotonic() - start:.2f} s, {os.path.getsize(neff) / 1e3:.0f} kB")
        return neff

    def run(self, name, neff, inputs, outputs):
        count = len(next(iter(inputs.values())))
        got, there = neuron_run.in_guest(self.vm, neff, inputs, outputs, each=True)
        want, here = neuron_run.in_process(neff, inputs, outputs, self.out, each=True)
        same = all(got[o].tobytes() == want[o].tobytes() for o in outputs)
        say(f"/dev/neuron0 {name}: {count} inference{'s' if count > 1 else ''}, {there['mean_us'] / 1000:.1f} ms each")
        self.rows.append((name, count, there["mean_us"] / 1000, here["mean_us"] / 1000, there["cycles"], same))
        if not same:
            self.problems.append(f"{name}: outputs through /dev/neuron0 differ from the in-process emulator's")
        return got

    def infer(self, name, inputs, outputs):
        """A network of the cache, compiled for inputs of these shapes."""
        flags = []
        if name in OPEN_INPUT:
            shape = [1, *inputs[OPEN_INPUT[name]].shape[1:]]
            flags = ["--io-config", '{"inputs": {"%s": [%s, "float32"]}}' % (OPEN_INPUT[name], shape)]
        neff = self.compile(name, os.path.join(cache_dir(), "networks", name + ".onnx"), *flags)
        return self.run(name, neff, inputs, outputs)

    def table(self):
        say(f"{'network':<12}{'inferences':>11}{'ms, guest':>11}{'ms, in process':>16}{'NeuronCore cycles':>19}   bits")
        for name, count, there, here, cycles, same in self.rows:
            say(f"{name:<12}{count:>11}{there:>11.2f}{here:>16.2f}{cycles:>19}   {'equal' if same else 'DIFFERENT'}")


def draw(digits, labels, answers):
    """Digits side by side, each 28x28 pixels as 14 lines of 28 characters cut to its middle."""
    for first in range(0, len(digits), 5):
        row = [d[0, 4:26].reshape(11, 2, 28).mean(1)[:, 4:24] for d in digits[first:first + 5]]
        for line in range(11):
            print("  " + " ".join("".join(SHADES[min(9, int(v * 10))] for v in d[line]) for d in row))
        texts = [f"predicted {a}, is {label}" for a, label in zip(answers[first:first + 5], labels[first:first + 5])]
        print("  " + " ".join(f"{t:^20}" for t in texts) + "\n")


def show_digits(chip):
    step(f"mnist-8 reads {COUNT} handwritten digits")
    neff = chip.compile("mnist-8", mnist.MODEL)
    digits, labels = mnist.load_digits(COUNT)
    logits = chip.run("mnist-8", neff, {mnist.INPUT: digits}, [mnist.OUTPUT])[mnist.OUTPUT]
    answers = np.argmax(logits.reshape(COUNT, -1), 1)
    shown = [int(np.argmax(labels == d)) for d in range(10)]
    draw(digits[shown], labels[shown], answers[shown])
    say(f"{100 * np.mean(answers == labels):.1f} % of {COUNT} digits are right")
    if np.mean(answers == labels) < 0.97:
        chip.problems.append("mnist-8 reads fewer digits than it should")


def show_page(chip, image, expected, must):
    """@expected: the lines that are on it, None if that is not known; @must: reading them wrong is a failure."""
    step("PP-OCRv4 reads a page: where lines are, which way up, what they say")
    given, marked = (os.path.join(chip.folder, n) for n in ("page.png", "page-read.png"))
    write_png(given, image)
    say(f"the page: {os.path.relpath(given)}")
    lines, image = read_page(image, chip.infer), image.copy()
    for text, sure, turned, corners in lines:
        draw_outline(image, corners, RED if turned else GREEN)
        say(f"read: \"{text}\" ({100 * sure:.1f} % sure{', was upside down' if turned else ''})")
    write_png(marked, image)
    say(f"lines are marked in {os.path.relpath(marked)}" if lines else "no text was found")
    if expected is not None:
        right = [text for text, *_ in lines] == expected
        say("as it was drawn" if right else "was drawn: " + ", ".join(f'"{line}"' for line in expected))
        if must and not right:
            chip.problems.append(f"the page was read as {[text for text, *_ in lines]}, not as {expected}")


def show_faces(chip, image, known):
    """@known: boxes of the faces, None if nobody has drawn them."""
    step("UltraFace finds faces in a photo")
    found, marked = find_faces(image, chip.infer), image.copy()
    path = os.path.join(chip.folder, "faces.png")
    for score, box in found:
        draw_outline(marked, faces.corners(box), GREEN, max(2, min(image.shape[:2]) // 200))
        say(f"a face at x {box[0]:.0f} to {box[2]:.0f}, y {box[1]:.0f} to {box[3]:.0f} ({100 * score:.1f} % sure)")
    write_png(path, marked)
    say(f"marked in {os.path.relpath(path)}" if found else f"no face was found; the photo is {os.path.relpath(path)}")
    if known is not None:
        boxes = np.array([box for _, box in found]).reshape(-1, 4)
        hit = [max(faces.overlaps(np.array(k), boxes), default=0) for k in known]
        say("overlap with the box that a person drew: " + ", ".join(f"{100 * h:.0f} %" for h in hit))
        if min(hit) < LEAST_OVERLAP or len(found) != len(known):
            chip.problems.append("the faces found are not those in the photo")


def picture(path):
    image = read_png(path)
    if min(image.shape[:2]) < LEAST_SIDE:
        raise PictureError(f"{path}: {image.shape[1]} x {image.shape[0]} pixels are too few; {LEAST_SIDE} each way are needed")
    return image


def pictures(options):
    """(page, lines on it or None, whether they must be read right, photo, known boxes or None)"""
    page, lines, must, photo, known = own_pictures()
    if options.page:
        page, lines, must = picture(options.page), None, False
    elif options.text:
        lines, must = scenes.wrapped(options.text), False
        if not lines:
            raise TypefaceError("there is nothing to draw: --text has no letter")
        page = scenes.page(lines)
    if options.photo:
        photo, known = picture(options.photo), None
    return page, lines, must, photo, known


def own_pictures():
    return scenes.page(scenes.LINES, scenes.UPSIDE_DOWN), scenes.LINES, True, scenes.photo(), scenes.FACES


def show_networks(chip, page, lines, must, photo, known):
    show_digits(chip)
    show_page(chip, page, lines, must)
    show_faces(chip, photo, known)


def show(options, out, folder):
    page, lines, must, photo, known = pictures(options)
    print("Trained networks are compiled, and run on one emulated Inferentia chip through /dev/neuron0 of a guest: digits,\n"
          "text, faces. All times are an emulator's, not silicon's.")
    step("a guest boots with one emulated chip, and loads the driver")
    start = time.monotonic()
    with VM(devices=1, name="demo", modprobe=True) as vm:
        say(f"Linux {vm.release}, /dev/neuron0 after {time.monotonic() - start:.1f} s; console: {os.path.relpath(vm.console)}")
        print(vm.run(["neuron-ls"], timeout=60, check=True).out, end="")
        chip = Chip(vm, out, folder)
        show_networks(chip, page, lines, must, photo, known)
        chip.problems += [f"the guest's kernel says: {line}" for line in vm.dmesg_problems()]
    step("what ran, and whether its outputs equal the in-process emulator's")
    chip.table()
    say(f"To look into one: {os.path.relpath(os.path.join(out, 'bin', 'neuron-objdump'))} "
        f"{os.path.relpath(os.path.join(folder, 'ultraface.neff'))}")
    for problem in chip.problems:
        say("PROBLEM: " + problem)
    if not chip.problems:
        say("All answers are right, all bits are equal, and the guest's kernel has nothing to complain of." if must and known
            else "All bits are equal, and the guest's kernel has nothing to complain of.")
    return 1 if chip.problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--text", help="draw and read this instead of the demo's own page")
    what.add_argument("--page", metavar="FILE.png", help="read this picture")
    parser.add_argument("--photo", metavar="FILE.png", help="find the faces of this picture")
    options = parser.parse_args()
    out = os.path.abspath(options.out)
    os.environ["O"] = out
    folder = os.path.join(out, "demo")
    os.makedirs(folder, exist_ok=True)
    try:
        return show(options, out, folder)
    except (PictureError, TypefaceError, CompileError, RunError, VMError, OSError) as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
