#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whole networks compiled and run in process, against ONNX Runtime in fp32.

Proves that real networks compile, run on the chip alone, and compute what they should. Trained ones come
from the cache ("prepare networks"); well-known topologies get seeded weights (topologies.py).

How far a result may be off is not fitted. With --fast-math all, each weight and each tensor between
operators is rounded to bfloat16: a relative error of at most U = 2^-8 each. What rounding the weights does
is measured with ONNX Runtime itself, on the model with every weight moved by a random relative error
of up to U; let s be the root mean square of the change that it makes, and m the largest change, over
several draws. Rounding the activations has an effect of the same size (a product changes as much by one factor
as by the other), and so has the rounding of what residual connections carry: three independent
contributions, sqrt(3) s together. They are drawn once, and correlated where one rounded tensor is read by
many channels: a factor of 2. So the root mean square of the difference must be below 2 sqrt(3) s, and
the largest below 2 sqrt(3) m; fp32's own roundings (2^-16 of the largest result) are allowed in any case.

usage: test_networks.py [--out build] [--all] [--list] [NAME...]
Without --all only those are run that take a second or two; the others are for "make soak" and by hand.
"""
import argparse
import os
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

import topologies               # noqa: E402
from neuron import CompileError, RunError, Runner, compile_model    # noqa: E402
from onnx_reader import Outline # noqa: E402
from ort import Ort, cache_dir  # noqa: E402
from tap import Tap             # noqa: E402

U, DRAWS = 2.0 ** -8, 3
LIMIT = 2 * np.sqrt(3)


def cached(*path):
    with open(os.path.join(cache_dir(), *path), "rb") as file:
        return file.read()


def light(name):
    return topologies.seeded(cached("onnx-testdata", "light", f"light_{name}.onnx"))


# name: (model, shapes of inputs where the model leaves them open, range of the inputs or "text", quick)
NETWORKS = {
    "resnet50-cut": (lambda: topologies.resnet50(size=64, depth=(1, 1, 1, 1), width=16), {}, (-1, 1), True),
    "resnet50": (topologies.resnet50, {}, (-1, 1), False),
    "mobilenet_v2-cut": (lambda: topologies.mobilenet_v2(size=96, width=0.5, depth=5), {}, (-1, 1), True),
    "mobilenet_v2": (topologies.mobilenet_v2, {}, (-1, 1), False),
    "squeezenet1_1": (topologies.squeezenet1_1, {}, (-1, 1), True),
    "bert-cut": (lambda: topologies.bert(layers=2, hidden=256, heads=4, sequence=64), {}, (-1, 1), True),
    "bert-base": (topologies.bert, {}, (-1, 1), False),
    "light/squeezenet": (lambda: light("squeezenet"), {}, (-1, 1), True),
    "light/shufflenet": (lambda: light("shufflenet"), {}, (-1, 1), True),
    "light/inception_v1": (lambda: light("inception_v1"), {}, (-1, 1), False),
    "light/inception_v2": (lambda: light("inception_v2"), {}, (-1, 1), False),
    "light/resnet50": (lambda: light("resnet50"), {}, (-1, 1), False),
    "light/densenet121": (lambda: light("densenet121"), {}, (-1, 1), False),
    "light/alexnet": (lambda: light("bvlc_alexnet"), {}, (-1, 1), False),
    "light/zfnet512": (lambda: light("zfnet512"), {}, (-1, 1), False),
    "light/vgg19": (lambda: light("vgg19"), {}, (-1, 1), False),
    "ppocr-cls": (lambda: cached("networks", "ppocr-cls.onnx"), {"x": [1, 3, 48, 192]}, "text", True),
    "ppocr-rec": (lambda: cached("networks", "ppocr-rec.onnx"), {"x": [1, 3, 48, 320]}, "text", True),
    "ppocr-det": (lambda: cached("networks", "ppocr-det.onnx"), {"x": [1, 3, 160, 160]}, "text", True),
    "ultraface": (lambda: cached("networks", "ultraface.onnx"), {}, (-1, 1), True),
    "blazeface": (lambda: cached("networks", "blazeface.onnx"), {}, (-1, 1), True),
    "mlsd": (lambda: cached("networks", "mlsd.onnx"), {}, (0, 255), False),
}


def picture(rng, shape, low, high):
    """Bright bars over a slow gradient, and some noise: more like a page or a scene than white noise is."""
    if len(shape) < 4:
        return rng.standard_normal(shape).astype(np.float32)
    last = shape[1] > 4             # [N,H,W,C]
    height, width = shape[1:3] if last else shape[2:]
    y, x = np.mgrid[0:height, 0:width]
    image = 0.5 + 0.2 * np.sin(x / 37) * np.cos(y / 29)
    for _ in range(12):
        top, left = rng.integers(0, height - 4), rng.integers(0, width - 4)
        bottom, right = top + rng.integers(2, height // 4 + 3), left + rng.integers(2, width // 2 + 3)
        image[top:bottom, left:right] = rng.uniform(0, 1)
    channels = np.stack([image * rng.uniform(0.7, 1) for _ in range(shape[3] if last else shape[1])], 2 if last else 0)
    channels = np.clip(channels + rng.normal(0, 0.03, channels.shape), 0, 1) * (high - low) + low
    return np.broadcast_to(channels, shape).astype(np.float32)


def text(rng, shape):
    """Lines of handwritten digits, black on white, from 1 for white to -1."""
    digits, image = np.load(os.path.join(cache_dir(), "models", "digits.npy")), np.ones(shape, np.float32)
    for top in range(10, shape[2] - 28, 48):
        for left in range(4, shape[3] - 28, 22):
            digit = digits[rng.integers(0, len(digits))][0]
            part = image[:, :, top:top + 28, left:left + 28]
            np.minimum(part, 1 - 2 * digit, out=part)
    return image


def make_inputs(outline, shapes, kind):
    rng, inputs = np.random.default_rng(7), {}
    for name, (_, shape) in outline.inputs.items():
        if name in outline.initializers:
            continue
        shape = shapes.get(name, shape)
        if name == "mask":          # the last eighth is padding
            inputs[name] = np.where(np.arange(shape[-1]) < shape[-1] * 7 // 8, 0, -10000).astype(np.float32).reshape(shape)
        elif kind == "text":
            inputs[name] = text(rng, shape)
        else:
            inputs[name] = picture(rng, shape, *kind)
    return inputs


def deviations(ort, data, inputs, want):
    """What rounding the weights does to each output: {name: (root mean square, largest change)}."""
    rng, samples = np.random.default_rng(11), []
    for _ in range(DRAWS):
        ort.load(topologies.perturbed(data, rng, U))
        moved = {n: (x * (1 + rng.uniform(-U, U, x.shape))).astype(np.float32) for n, x in inputs.items()}
        samples.append(ort.run(moved))
    return {n: (np.sqrt(np.mean([(s[n] - y) ** 2 for s in samples])), max(np.max(np.abs(s[n] - y)) for s in samples))
            for n, y in want.items()}


def run_network(tap, name, ort, runner, out):
    make, shapes, kind, _ = NETWORKS[name]
    data = make()
    config = ", ".join(f'"{n}": [{s}, "float32"]' for n, s in shapes.items())
    flags = ["--io-config", '{"inputs": {%s}}' % config] if shapes else []
    start = time.monotonic()
    try:
        neff = compile_model(data, "--partition=off", *flags, out=out)
        compiled = time.monotonic() - start
        inputs = make_inputs(Outline(data), shapes, kind)
        runner.load(neff)
        start = time.monotonic()
        got = runner.run(inputs)
        ran = time.monotonic() - start
    except (CompileError, RunError) as error:
        tap.ok(False, f"{name} compiles and runs", str(error))
        return
    ort.load(data)
    want = ort.run(inputs)
    for output, (s, m) in deviations(ort, data, inputs, want).items():
        y = want[output]
        error, floor = np.abs(got[output].reshape(y.shape) - y), 2.0 ** -16 * np.max(np.abs(y))
        rms, peak = np.sqrt(np.mean(error ** 2)), np.max(error)
        allowed_rms, allowed_peak = LIMIT * s + floor, LIMIT * m + floor
        text = (f"rms {rms:.3g} of {allowed_rms:.3g}, largest {peak:.3g} of {allowed_peak:.3g} allowed; "
                f"results up to {np.max(np.abs(y)):.3g}")
        tap.ok(np.isfinite(rms) and rms <= allowed_rms and peak <= allowed_peak, f"{name} {output}", text)
        tap.note(text)
    tap.note(f"{name}: compiled in {compiled:.2f} s, {len(neff) / 1e6:.1f} MB, ran in {ran:.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.list:
        print("\n".join(NETWORKS))
        return
    names = args.names or [n for n, (*_, quick) in NETWORKS.items() if quick or args.all]
    tap = Tap()
    for name in names:
        with Ort(args.out) as ort, Runner(args.out) as runner:
            run_network(tap, name, ort, runner, args.out)
    tap.exit()


if __name__ == "__main__":
    main()
