#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad models: neuron-cc names what is wrong and ends with status 1, whatever it is given.

usage: test_errors.py [--out build]
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from onnx_writer import blob, model, node, number      # noqa: E402
from tap import Tap             # noqa: E402

F32 = np.float32


def small_model():
    weights = {"w": np.ones((2, 1, 3, 3), F32), "b": np.ones(2, F32)}
    return model([node("Conv", ["x", "w", "b"], ["c"], name="first_conv"), node("Relu", ["c"], ["y"])],
                 {"x": [1, 1, 5, 5]}, {"y": [1, 2, 3, 3]}, weights)


def bad_models():
    """(what, bytes, words that the message has to contain)"""
    x4 = {"x": [2, 4]}
    yield "empty file", b"", ["empty"]
    yield "text, not protobuf", b"This is not a model at all, just words.\n" * 4, []
    yield "truncated", small_model()[:-20], []
    yield "unsupported operator", model([node("NonMaxSuppression", ["x"], ["y"], name="nms_1")], x4, {"y": [1]}), \
        ["nms_1", "NonMaxSuppression", "list-operators"]
    yield "other domain", model([node("Relu", ["x"], ["y"], name="r") + blob(7, "com.example")], x4, {"y": [2, 4]}), \
        ["r", "com.example"]
    yield "dynamic shape", model([node("Relu", ["x"], ["y"])], {"x": ["batch", 4]}, {"y": ["batch", 4]}), \
        ["x", "batch", "--io-config"]
    yield "unknown dimension", model([node("Relu", ["x"], ["y"])], {"x": [None, 4]}, {"y": [None, 4]}), ["x", "--io-config"]
    yield "missing initializer", model([node("Add", ["x", "w"], ["y"], name="adder")], x4, {"y": [2, 4]}), ["adder", "w"]
    yield "cycle", model([node("Add", ["x", "b"], ["a"], name="one"), node("Relu", ["a"], ["b"], name="two")], x4,
                         {"b": [2, 4]}), ["b"]
    yield "tensor made twice", model([node("Relu", ["x"], ["y"], name="one"), node("Abs", ["x"], ["y"], name="two")], x4,
                                     {"y": [2, 4]}), ["y"]
    yield "output that no node makes", model([node("Relu", ["x"], ["y"])], x4, {"z": [2, 4]}), ["z"]
    yield "wrong type", model([node("Relu", ["x"], ["y"], name="r")], {"x": ([2, 4], np.int64)}, {"y": ([2, 4], np.int64)}), \
        ["x", "int64"]
    yield "shapes that do not fit", model([node("MatMul", ["x", "w"], ["y"], name="mm")], x4, {"y": [2, 3]},
                                          {"w": np.ones((5, 3), F32)}), ["mm"]
    yield "kernel larger than its input", model([node("Conv", ["x", "w"], ["y"], name="c")], {"x": [1, 1, 2, 2]}, {"y": [1, 1, 1, 1]},
                                                {"w": np.ones((1, 1, 5, 5), F32)}), ["c"]
    yield "zero stride", model([node("MaxPool", ["x"], ["y"], name="p", kernel_shape=[2, 2], strides=[0, 1])],
                               {"x": [1, 1, 4, 4]}, {"y": [1, 1, 3, 3]}), ["p", "strides"]
    yield "huge dimensions", model([node("Relu", ["x"], ["y"])], {"x": [1 << 40, 1 << 40]}, {"y": [1 << 40, 1 << 40]}), ["x"]
    yield "negative dimension", model([node("Relu", ["x"], ["y"])], {"x": [-3, 4]}, {"y": [-3, 4]}), ["x"]
    yield "reshape to another size", model([node("Reshape", ["x", "s"], ["y"], name="rs")], x4, {"y": [3, 3]},
                                           {"s": np.array([3, 3], np.int64)}), ["rs"]
    yield "initializer shorter than its shape", short_initializer(), ["w"]
    yield "too few inputs", model([node("Conv", ["x"], ["y"], name="lonely")], {"x": [1, 1, 4, 4]}, {"y": [1, 1, 4, 4]}), \
        ["lonely"]
    yield "no graph", number(1, 7) + blob(8, number(2, 13)), ["graph"]


def short_initializer():
    tensor = number(1, 4) + number(2, 1) + blob(8, "w") + blob(9, b"\0" * 8)
    whole = model([node("Add", ["x", "w"], ["y"])], {"x": [2, 4]}, {"y": [2, 4]}, {"w": np.zeros(4, F32)})
    good = number(1, 4) + number(2, 1) + blob(8, "w") + blob(9, b"\0" * 16)
    # The two differ in length, so the enclosing graph is written again.
    graph = blob(1, node("Add", ["x", "w"], ["y"])) + blob(2, "test") + blob(5, tensor)
    assert blob(5, good) in whole
    rest = whole.split(blob(5, good))[1]
    inputs_and_outputs = rest[:rest.rindex(blob(8, blob(1, "") + number(2, 13)))]
    return number(1, 7) + blob(7, graph + inputs_and_outputs) + blob(8, number(2, 13))


def compile_bytes(data, folder, out):
    path = os.path.join(folder, "bad.onnx")
    with open(path, "wb") as file:
        file.write(data)
    command = [os.path.join(out, "bin", "neuron-cc"), "compile", path, "--output", os.path.join(folder, "bad.neff")]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, check=False)


def judge(done, words):
    """What is wrong with a refusal, or an empty text."""
    missing = [w for w in words if w not in done.stderr]
    if done.returncode != 1:
        return f"status {done.returncode}\n{done.stderr}"
    if "bad.onnx" not in done.stderr:
        return f"the message does not name the file\n{done.stderr}"
    return f"the message does not contain {missing}\n{done.stderr}" if missing else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out, tap = parser.parse_args().out, Tap()
    with tempfile.TemporaryDirectory() as folder:
        for what, data, words in bad_models():
            problem = judge(compile_bytes(data, folder, out), words)
            tap.ok(not problem, f"{what} is refused", problem)
        whole = small_model()
        bad = [n for n in range(len(whole)) if compile_bytes(whole[:n], folder, out).returncode not in (0, 1)]
        tap.ok(not bad, f"each of {len(whole)} truncations ends with status 0 or 1", f"lengths {bad}")
        rng, crashed = random.Random(1), []
        for trial in range(400):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            if compile_bytes(bytes(data), folder, out).returncode not in (0, 1):
                crashed.append(trial)
        tap.ok(not crashed, "400 damaged models end with status 0 or 1", f"trials {crashed}")
        tap.ok(compile_bytes(whole, folder, out).returncode == 0, "the undamaged model compiles")
        missing = subprocess.run([os.path.join(out, "bin", "neuron-cc"), "compile", "/nowhere/x.onnx"], capture_output=True,
                                 text=True, check=False)
        tap.ok(missing.returncode == 1 and "/nowhere/x.onnx" in missing.stderr, "a missing file is named", missing.stderr)
    tap.exit()


if __name__ == "__main__":
    main()
