#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Cut-down networks on the in-process emulator: the scalar path, every fast path of this host, and several threads a
core give the same bits.

Whole networks, because what neuron-cc makes of them has shapes and orders that random instructions have not; few
channels and odd sizes, because that is where tiles have rests. That results are right is what test_networks.py
proves.

usage: test_paths.py [--out build] [--long] [NAME...]
--long: larger networks, more inputs; for "make soak"
"""
import argparse
import glob
import itertools
import os
import re
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

import topologies               # noqa: E402
from neuron import CompileError, RunError, Runner, compile_model    # noqa: E402
from onnx_reader import Outline # noqa: E402
from tap import Tap             # noqa: E402

F32 = np.float32
# What a path needs of /proc/cpuinfo.
PATHS = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq"}, "bf16": {"avx512_bf16"}}
PRECISIONS = {"bf16": (), "fp16": ("--fast-math", "fp32-cast-all-fp16"), "fp32": ("--fast-math", "none")}


def detector(size=37, width=6):
    """Two scales with a feature pyramid, boxes and scores, as single-shot detectors have them."""
    net = topologies.Net(5, opset=14)

    def conv(x, cin, cout, k, stride=1, act="LeakyRelu"):
        y = net.norm(net.conv(x, cin, cout, k, stride), cout)
        return net.op(act, y, **({"alpha": 0.1} if act == "LeakyRelu" else {}))

    def head(x, c):
        box = net.conv(x, c, 12, 1, bias=True)
        score = net.op("Sigmoid", net.conv(x, c, 3, 3, bias=True))
        shape = [net.const(np.array([1, n, -1], np.int64)) for n in (4, 1)]
        return [net.op("Reshape", a, s) for a, s in zip((box, score), shape)]

    low = conv(conv("x", 3, width, 3, 2), width, 2 * width, 3, 2, "HardSwish")
    high = conv(net.op("MaxPool", low, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), 2 * width, 3 * width, 3)
    side = size
    for _ in range(2):
        side = (side + 1) // 2
    up = net.op("Resize", conv(high, 3 * width, 2 * width, 1), "", "", net.const(np.array([1, 2 * width, side, side], np.int64)),
                mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    low = conv(net.op("Concat", low, up, axis=1), 4 * width, width + 1, 3, 1, "Softplus")
    parts = [head(low, width + 1), head(high, 3 * width)]
    net.op("Transpose", net.op("Concat", *(p[0] for p in parts), axis=2), name="boxes", perm=[0, 2, 1])
    net.op("Softmax", net.op("Concat", *(p[1] for p in parts), axis=2), name="scores", axis=2)
    return net.done({"x": (1, 3, size, size)}, {"boxes": (1, "n", 4), "scores": (1, 1, "n")})


def recogniser(width=45, channels=7, classes=23):
    """A line of text: depthwise convolutions, the height pooled away, one layer of attention over the columns."""
    net = topologies.Net(6, opset=17)
    x = net.op("HardSwish", net.norm(net.conv("x", 3, channels, 3, 2), channels))
    x = net.op("Relu", net.norm(net.conv(x, channels, channels, 5, group=channels), channels))
    x = net.op("ReduceMean", x, axes=[2], keepdims=0)
    x = net.op("Transpose", x, perm=[0, 2, 1])
    scale, bias = (net.const(net.rng.uniform(0.5, 1.5, channels).astype(F32)) for _ in range(2))
    x = net.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5)
    scores = net.op("Softmax", net.op("MatMul", x, net.op("Transpose", x, perm=[0, 2, 1])), axis=-1)
    x = net.op("Tanh", net.op("Add", x, net.op("MatMul", scores, x)))
    net.op("Softmax", net.linear(x, channels, classes), name="y", axis=2)
    return net.done({"x": (1, 3, 19, width)}, {"y": (1, "n", classes)})


NETWORKS = {
    "resnet": (lambda: topologies.resnet50(size=37, depth=(1, 1, 1, 1), width=5, classes=11),
               lambda: topologies.resnet50(size=97, depth=(2, 1, 2, 1), width=24, classes=101)),
    "mobilenet": (lambda: topologies.mobilenet_v2(size=35, width=0.25, depth=4, classes=13),
                  lambda: topologies.mobilenet_v2(size=95, width=0.5, depth=7, classes=101)),
    "bert": (lambda: topologies.bert(layers=1, hidden=60, heads=3, sequence=21),
             lambda: topologies.bert(layers=2, hidden=252, heads=6, sequence=77)),
    "detector": (detector, lambda: detector(size=149, width=17)),
    "recogniser": (recogniser, lambda: recogniser(width=321, channels=61, classes=501)),
}


def host_paths():
    """Those that this host can have, the scalar one first. They must be known to the emulator, which takes another one
    for a name that it does not know."""
    source = "".join(open(name, encoding="utf-8").read() for name in glob.glob(os.path.join(TOP, "emulator", "nc_*.c")))
    known, flags = set(re.findall(r'\.name = "(\w+)"', source)), set()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            flags = next((set(line.split()) for line in file if line.startswith("flags")), set())
    assert {"generic", *PATHS} <= known, f"the emulator has {known}"
    return ["generic"] + [path for path, needs in PATHS.items() if needs <= flags]


def configurations(paths):
    """{name: environment}; the first is the reference."""
    found = {path: {"NEURON_EMU_PATH": path, "NEURON_EMU_THREADS": "1"} for path in paths}
    for threads, path in ((2, paths[-1]), (3, paths[-1]), (2, "generic")):
        found[f"{path}, {threads} threads"] = {"NEURON_EMU_PATH": path, "NEURON_EMU_THREADS": str(threads)}
    return found


def make_inputs(data, draws):
    rng = np.random.default_rng(3)
    shapes = {name: shape for name, (_, shape) in Outline(data).inputs.items()}
    # The last has values of all sizes, down to denormal ones, and zeros of both signs.
    plain = [{n: rng.standard_normal(s).astype(F32) for n, s in shapes.items()} for _ in range(draws)]
    wild = {n: (rng.standard_normal(s) * 2.0 ** rng.integers(-140, 7, s)).astype(F32) for n, s in shapes.items()}
    for array in wild.values():
        array.reshape(-1)[::17] = rng.choice(np.array([0.0, -0.0, 1e-40, -1e-45, 300], F32), array.reshape(-1)[::17].shape)
    return plain + [wild]


def difference(want, got):
    """What is not the same, bit for bit."""
    for name, array in want.items():
        a, b = (x.tobytes() for x in (array, got[name]))
        if a != b:
            bits = [np.frombuffer(x, np.uint32) for x in (a, b)]
            where = np.flatnonzero(bits[0] != bits[1])
            return f"{name}: {where.size} of {bits[0].size} differ, the first at {where[0]}: {bits[0][where[0]]:08x} and {bits[1][where[0]]:08x}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("names", nargs="*")
    args, tap = parser.parse_args(), Tap()
    cases, reference = [], None
    for name, (what, flags) in itertools.product(args.names or NETWORKS, PRECISIONS.items()):
        data = NETWORKS[name][args.long]()
        try:
            cases.append((f"{name}, {what}", compile_model(data, "--partition=off", *flags, out=args.out),
                          make_inputs(data, 4 if args.long else 1)))
        except CompileError as error:
            tap.ok(False, f"{name}, {what}: compiles", str(error))
    for config, env in configurations(host_paths()).items():
        start, results = time.monotonic(), {}
        with Runner(args.out, env) as runner:
            for name, neff, inputs in cases:
                try:
                    runner.load(neff)
                    results[name] = [runner.run(i) for i in inputs]
                except RunError as error:
                    tap.ok(False, f"{name} on {config}", str(error))
        tap.note(f"{config}: {time.monotonic() - start:.2f} s")
        if not reference:
            reference = results
            alive = all(np.isfinite(r[0][n]).all() and np.ptp(r[0][n]) > 0 for r in results.values() for n in r[0])
            tap.ok(alive and len(results) == len(cases), "the scalar path's results are numbers, and not all the same")
            continue
        for name, runs in results.items():
            problem = "".join(difference(want, got) for want, got in zip(reference[name], runs))
            tap.ok(not problem, f"{name}: {config} gives the scalar path's bits", problem)
    tap.exit()


if __name__ == "__main__":
    main()
