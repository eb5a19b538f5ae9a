#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models with float16 tensors run on the chip and agree with ONNX Runtime; inputs and outputs keep their type.

What is computed, the chip rounds where --fast-math says and once more to the type of an output, and ONNX Runtime
rounds each result to float16: the bound is that of tests/ops/bounds.py for as many roundings to 8 bits, which are
coarser than float16's 11. What only moves or casts is equal to the bit.

usage: test_half.py [--out build]
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from neuron import BF16, Nrt, Runner, compile_model    # noqa: E402
from onnx_writer import model, node     # noqa: E402
from ort import Ort             # noqa: E402
from tap import Tap             # noqa: E402

F16, F32, U = np.float16, np.float32, 2.0 ** -8
PASSES = ("partition", "fold", "fuse", "place", "emit")


def some(seed, *shape, low=-1, high=1, dtype=F16):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(dtype)


def cases():
    """name, nodes, inputs, {output: (shape, dtype)}, constants, roundings (0: equal to the bit)"""
    conv = {"w": some(1, 12, 5, 3, 3, low=-0.3, high=0.3), "b": some(2, 12)}
    net = [node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]), node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2])]
    x = {"x": some(3, 1, 5, 10, 8)}
    yield "convolution and pooling", net, x, {"p": ([1, 12, 5, 4], F16)}, conv, 5
    yield "two outputs, one read further", net, x, {"r": ([1, 12, 10, 8], F16), "p": ([1, 12, 5, 4], F16)}, conv, 5
    cast = [node("Cast", ["x", ], ["x16"], to=10), node("Conv", ["x16", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
            node("Sigmoid", ["c"], ["s"]), node("Cast", ["s"], ["y"], to=1)]
    yield "float32 outside", cast, {"x": x["x"].astype(F32)}, {"y": ([1, 12, 10, 8], F32)}, conv, 5
    weights = [node("Cast", ["w32"], ["w"], to=10), node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1])]
    yield "constants are cast", weights, x, {"y": ([1, 12, 10, 8], F16)}, {"w32": conv["w"].astype(F32), "b": conv["b"]}, 4
    attention = [node("MatMul", ["q", "k"], ["m"]), node("Softmax", ["m"], ["s"], axis=-1), node("MatMul", ["s", "v"], ["a"]),
                 node("MatMul", ["a", "w"], ["g"]), node("Add", ["g", "b"], ["y"])]
    yield "attention", attention, {"q": some(4, 2, 9, 16), "k": some(5, 2, 16, 9), "v": some(6, 2, 9, 16)}, {"y": ([2, 9, 20], F16)}, \
        {"w": some(7, 16, 20, low=-0.3, high=0.3), "b": some(8, 20)}, 16
    norm = [node("LayerNormalization", ["x", "s", "b"], ["y"], axis=-1)]
    yield "layer normalisation", norm, {"x": some(9, 3, 48)}, {"y": ([3, 48], F16)}, {"s": some(10, 48), "b": some(11, 48)}, 8
    move = [node("Transpose", ["x"], ["t"], perm=[2, 0, 1]), node("Concat", ["t", "t"], ["y"], axis=1)]
    yield "moved", move, {"x": some(12, 3, 4, 50, low=-60000, high=60000)}, {"y": ([50, 6, 4], F16)}, {}, 0
    mask = [node("Greater", ["x", "z"], ["m"]), node("Cast", ["m"], ["n"], to=10), node("Where", ["m", "n", "x"], ["y"])]
    yield "a mask", mask, {"x": some(13, 5, 40)}, {"y": ([5, 40], F16)}, {"z": np.zeros((), F16)}, 1
    around = [node("Relu", ["x"], ["r"]), node("Atan", ["r"], ["m"]), node("Add", ["m", "r"], ["y"])]
    yield "the CPU in the middle", around, {"x": some(14, 4, 60)}, {"y": ([4, 60], F16)}, {}, None
    same = {"c": (some(15, 3), F16)}
    yield "a constant output", [node("Identity", ["w"], ["c"]), node("Neg", ["x"], ["y"])], {"x": some(16, 7)}, \
        {"c": ([3], F16), "y": ([7], F16)}, {"w": same["c"][0]}, 0


def compare(got, want, roundings):
    for name, y in want.items():
        assert got[name].dtype == y.dtype, f"{name} is {got[name].dtype}, not {y.dtype}"
        allowed = roundings * U * max(float(np.abs(y.astype(F32)).max()), 1)
        worst = np.abs(got[name].astype(F32) - y.astype(F32)).max()
        assert worst <= allowed, f"{name} is off by {worst}, allowed are {allowed}"


def dumped(ort, data, inputs, want, how, roundings, out):
    """The graph after passes, in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.onnx")
        with open(path, "wb") as file:
            file.write(data)
        subprocess.run([os.path.join(out, "bin", "neuron-cc"), "compile", path, "--output", path + ".neff", how,
                        *(f"--dump=after:{p}:{folder}/{p}.onnx" for p in PASSES)], check=True, capture_output=True)
        for name in PASSES:
            with open(f"{folder}/{name}.onnx", "rb") as file:
                ort.load(file.read())
            compare(ort.run(inputs), want, roundings)


def run_case(case, ort, runner, out):
    _, nodes, inputs, outputs, constants, roundings = case
    data = model(nodes, {k: (v.shape, v.dtype) for k, v in inputs.items()}, outputs, constants, opset=17)
    how = "--partition=greedy" if roundings is None else "--partition=off"
    ort.load(data)
    want = ort.run(inputs)
    for fast_math in ("none", "all", "fp32-cast-all-fp16"):
        runner.load(compile_model(data, how, "--fast-math", fast_math, out=out))
        compare(runner.run(inputs), want, roundings or (3 if roundings is None else 0))
    dumped(ort, data, inputs, want, how, roundings or (3 if roundings is None else 0), out)


def bfloat16(out):
    """What is exact in 8 bits, on bfloat16 inside and outside: the upper halves of float32."""
    values = {"x": some(17, 6, 40, dtype=F32), "w": some(18, 6, 40, dtype=F32)}
    bits = {k: (v.view(np.uint32) >> 16).astype(np.uint16) for k, v in values.items()}
    x, w = ((bits[k].astype(np.uint32) << 16).view(F32) for k in ("x", "w"))
    data = model([node("Transpose", ["x"], ["t"], perm=[1, 0]), node("Neg", ["t"], ["n"]), node("Max", ["x", "w"], ["m"]), node("Cast", ["m"], ["y"], to=1)],
                 {"x": ((6, 40), BF16)}, {"n": ((40, 6), BF16), "y": ((6, 40), F32)}, {"w": bits["w"].view(BF16)}, opset=17)
    os.environ["NEURON_RT_DEVICE"] = "emulator"
    nrt = Nrt(os.path.join(out, "lib", "libnrt.so.1"))
    for fast_math in ("none", "all", "fp32-cast-all-fp16"):
        nrt.load(compile_model(data, "--partition=off", "--fast-math", fast_math, out=out))
        got = nrt.run({"x": bits["x"].view(BF16)})
        assert np.array_equal((got["n"].view(np.uint16).astype(np.uint32) << 16).view(F32), -x.T), f"{fast_math}: not the negative"
        assert np.array_equal(got["y"], np.maximum(x, w)), f"{fast_math}: not the maximum"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out, tap = parser.parse_args().out, Tap()
    with Runner(out) as runner, Ort(out) as ort:
        for case in cases():
            tap.run(case[0], run_case, case, ort, runner, out)
    tap.run("bfloat16", bfloat16, out)
    tap.exit()


if __name__ == "__main__":
    main()
