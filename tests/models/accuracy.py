#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How far trained networks on real inputs are from ONNX Runtime in fp32, for each rung of --fast-math.

Prints the table of docs/accuracy.md. Runs in process; the emulator's bits are the same everywhere, so the
figures change only when the compiler does. Distances are root mean squares, of the differences over that of the
results; what counts for a user is how many decisions stay the same.

usage: accuracy.py [--out build] [--digits N] [NAME...]
"""
import argparse
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "demo")] + [HERE]

import mnist                    # noqa: E402
import scenes                   # noqa: E402
from images import resize       # noqa: E402
from neuron import Runner, compile_model    # noqa: E402
from ort import Ort, cache_dir  # noqa: E402
from tasks import OPEN_INPUT, find_faces, read_page     # noqa: E402

# Each rung, what else it is called, and what becomes of tensors and of operands.
RUNGS = {"fp32-cast-all": "`all`, the default", "fp32-cast-all-fp16": "", "fp32-cast-matmult": "`none`",
         "fp32-cast-matmult-fp16": ""}


def network(name):
    path = mnist.MODEL if name == "mnist-8" else os.path.join(cache_dir(), "networks", name + ".onnx")
    with open(path, "rb") as file:
        return file.read()


class Recorder:
    """Runs the demo's tasks in ONNX Runtime, and keeps what each network is given."""

    def __init__(self, ort):
        self.ort, self.given = ort, {}

    def infer(self, name, inputs, outputs):
        self.ort.load(network(name))
        (key, array), results = next(iter(inputs.items())), []
        for one in array:
            self.given.setdefault(name, []).append({key: one[None]})
            results.append(self.ort.run(self.given[name][-1]))
        return {o: np.concatenate([r[o] for r in results]) for o in outputs}


def recorded(ort, digits):
    """{network: [inputs]}"""
    recorder, photo = Recorder(ort), scenes.photo()
    read_page(scenes.page(scenes.LINES, scenes.UPSIDE_DOWN), recorder.infer)
    find_faces(photo, recorder.infer)
    given = recorder.given
    given["mnist-8"] = [{mnist.INPUT: d[None]} for d in mnist.load_digits(digits)[0]]
    given["blazeface"] = [{"input:0": (resize(photo, 256, 256) / 127.5 - 1)[None].astype(np.float32)}]
    large = resize(photo, 512, 512)
    given["mlsd"] = [{"input_image_with_alpha:0": np.dstack([large, np.ones_like(large[:, :, :1])])[None].astype(np.float32)}]
    return given


def classes(axis):
    return lambda y: np.argmax(y, axis)


def above(limit):
    return lambda y: y > limit


# Network: what it is given, what its decisions are, and the output that has them.
DECISIONS = {
    "mnist-8": ("handwritten digits", "digits", mnist.OUTPUT, classes(-1)),
    "ppocr-det": ("a page of text", "pixels that are text", "sigmoid_0.tmp_0", above(0.3)),
    "ppocr-cls": ("its lines", "lines upside down", "softmax_0.tmp_0", classes(-1)),
    "ppocr-rec": ("its lines", "characters, column by column", "softmax_11.tmp_0", classes(-1)),
    "ultraface": ("a photo", "places with a face", "scores", classes(-1)),
    "blazeface": ("a photo", "places with a face", "Identity:0", above(0)),
    "mlsd": ("a photo", "pixels with a line's middle", "scores", above(0.1)),
}


def flags(name, rung, inputs):
    if name not in OPEN_INPUT:
        return ["--fast-math", rung]
    key, shape = OPEN_INPUT[name], list(inputs[OPEN_INPUT[name]].shape)
    return ["--fast-math", rung, "--io-config", '{"inputs": {"%s": [%s, "float32"]}}' % (key, shape)]


def cell(name, wants, gots):
    """(relative distance, largest over all outputs; decisions, those that differ)"""
    def rms(arrays):
        return np.sqrt(np.mean(np.concatenate([a.ravel() for a in arrays]).astype(np.float64) ** 2))
    _, _, output, decide = DECISIONS[name]
    distance = max(rms([g[n].reshape(w[n].shape) - w[n] for w, g in zip(wants, gots)]) / rms([w[n] for w in wants])
                   for n in wants[0])
    pairs = [(decide(w[output]), decide(g[output].reshape(w[output].shape))) for w, g in zip(wants, gots)]
    return distance, sum(a.size for a, _ in pairs), sum(int(np.sum(a != b)) for a, b in pairs)


def row(name, inputs, ort, out):
    ort.load(network(name))
    wants = [ort.run(i) for i in inputs]
    cells, count = [], 0
    for rung in RUNGS:
        with Runner(out) as runner:
            runner.load(compile_model(network(name), *flags(name, rung, inputs[0]), out=out))
            distance, count, wrong = cell(name, wants, [runner.run(i) for i in inputs])
        cells.append(f"{100 * distance:.2g} %, {wrong}")
    what, decisions = DECISIONS[name][:2]
    print(f"| {name} | {len(inputs)} x {what}: {count} {decisions} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--digits", type=int, default=1000)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    head = [f"`{rung}`" + (f" ({other})" if other else "") for rung, other in RUNGS.items()]
    print("| network | input and decisions | " + " | ".join(head) + " |\n|" + "---|" * (len(head) + 2))
    with Ort(args.out) as ort:
        given = recorded(ort, args.digits)
        for name in args.names or DECISIONS:
            row(name, given[name], ort, args.out)


if __name__ == "__main__":
    main()
