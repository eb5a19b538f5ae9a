#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--enable-saturate-infinity: what would be no number is what ONNX Runtime makes of the model with a Clip to the largest
number in front of each operator that is at risk; what needs no clipping is compiled as without the option.

usage: test_saturate.py [--out build]
"""
import argparse
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from neuron import RunError, Runner, compile_model  # noqa: E402
from onnx_writer import model, node     # noqa: E402
from ort import Ort             # noqa: E402
from tap import Tap             # noqa: E402

F32 = np.float32
INF = F32(np.inf)
FLAG = "--enable-saturate-infinity"
MAX = {"bf16": F32(3.38953139e38), "fp16": F32(65504), "fp32": np.finfo(F32).max}
W = np.array([[1, 0], [0, 1], [0, 0], [1, -1]], F32)


def clip(x, y):
    return node("Clip", [x, "low", "high"], [y])


def cases():
    """name, flags, largest number, (nodes, clipped nodes), inputs, constants"""
    one = np.array([[100, 1, 0, 0]], F32)
    product = [node("Exp", ["x"], ["e"]), node("MatMul", ["e", "w"], ["y"])]
    yield "0 times infinity in a product", (), "bf16", product, [product[0], clip("e", "c"), node("MatMul", ["c", "w"], ["y"])], {"x": one}, {"w": W}
    square = [node("Mul", ["x", "x"], ["e"]), node("MatMul", ["e", "w"], ["y"])]
    yield "more than fp16 has", ("--fast-math", "fp32-cast-all-fp16"), "fp16", square, \
        [square[0], clip("e", "c"), node("MatMul", ["c", "w"], ["y"])], {"x": np.array([[1024, 1, 0, 2]], F32)}, {"w": W}
    less = [node("Exp", ["x"], ["e"]), node("Sub", ["e", "e"], ["y"])]
    yield "infinity less infinity", ("--fast-math", "none"), "fp32", less, [less[0], clip("e", "c"), node("Sub", ["c", "c"], ["y"])], {"x": one}, {}
    masked = [node("Where", ["m", "x", "i"], ["s"]), node("Softmax", ["s"], ["y"], axis=-1)]
    yield "all of a row masked", ("--fast-math", "none"), "fp32", masked, [masked[0], clip("s", "c"), node("Softmax", ["c"], ["y"], axis=-1)], \
        {"x": np.array([[1, 2, 3, 4], [1, 2, 3, 4]], F32)}, {"m": np.array([[0, 0, 0, 0], [1, 1, 0, 0]], np.bool_), "i": -INF.reshape(())}
    given = [node("MatMul", ["x", "w"], ["y"])]
    yield "an infinite input", (), "bf16", given, [clip("x", "c"), node("MatMul", ["c", "w"], ["y"])], {"x": np.array([[INF, 1, -INF, 0]], F32)}, {"w": W}
    weights = [node("Mul", ["x", "v"], ["y"])]
    yield "an infinite constant", ("--fast-math", "none"), "fp32", weights, [clip("v", "c"), node("Mul", ["x", "c"], ["y"])], \
        {"x": np.array([[0, 1, 0, 0]], F32)}, {"v": np.array([[INF, 2, -INF, 1]], F32)}


def build(nodes, inputs, outputs, constants, limit=None):
    limits = {} if limit is None else {"low": -limit.reshape(()), "high": limit.reshape(())}
    return model(nodes, {k: v.shape for k, v in inputs.items()}, {"y": outputs}, {**constants, **limits})


def run_case(case, ort, runner, out):
    _, flags, kind, nodes, clipped, inputs, constants = case
    data = build(nodes, inputs, [None, None], constants)
    runner.load(compile_model(data, *flags, "--partition=off", out=out))
    try:
        bad = not np.all(np.isfinite(runner.run(inputs)["y"]))
    except RunError as error:
        bad = "1003" in str(error)
    assert bad, "without the option, there is a number already"
    ort.load(build(clipped, inputs, [None, None], constants, MAX[kind]))
    want = ort.run(inputs)["y"]
    runner.load(compile_model(data, *flags, FLAG, "--partition=off", out=out))
    got = runner.run(inputs)["y"]
    assert np.all(np.isfinite(got)), f"{got} is not finite"
    # Two roundings of operands to bf16, and that of the result.
    assert np.allclose(got, want, rtol=3 * 2.0 ** -8, atol=1e-6), f"{got} instead of {want}"


def untouched(out):
    """Sigmoid is never infinite, nor is what pooling and a factor that is not 0 make of it."""
    data = model([node("Sigmoid", ["x"], ["s"]), node("Mul", ["s", "two"], ["m"]), node("Relu", ["m"], ["r"]), node("Neg", ["r"], ["y"])],
                 {"x": [2, 8]}, {"y": [2, 8]}, {"two": F32(2).reshape(())})
    assert compile_model(data, FLAG, out=out) == compile_model(data, out=out), "another program"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out, tap = parser.parse_args().out, Tap()
    with Runner(out) as runner, Ort(out) as ort:
        for case in cases():
            tap.run(case[0], run_case, case, ort, runner, out)
    tap.run("nothing to clip", untouched, out)
    tap.exit()


if __name__ == "__main__":
    main()
