#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes on the CPU, in a libnrt that is built with ASan and UBSan: right results, and messages where ONNX Runtime says no.

ONNX Runtime itself is not instrumented; what is proved is how libnrt hands memory to it, of tensors of the model
and between parts, of sizes that are known before and of others, and gives it back.

usage: test_cpu.py [--out build/san]        ort-run is in OUT/../tests
"""
import os
import sys

import numpy as np

from tools import Tools

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "models")]

import test_partition as models         # noqa: E402
from onnx_writer import model, node     # noqa: E402
from ort import Ort, library            # noqa: E402

F32, I64 = np.float32, np.int64
FLAGS = ("--fast-math", "none", "--partition=greedy", "--allow-no-ops-on-neuron", "--enable-fast-loading-neuron-binaries")


def cases():
    """(name, model, inputs)"""
    yield "chip, CPU, chip", *models.sandwich(8, 10)
    yield "control flow", models.branches(), {"x": models.integers(3, 1, 2, 8, 8), "which": np.array(True)}
    yield "a loop with an int64 input", models.loop(), {"x": models.integers(3, 1, 8), "count": np.array(3, I64)}
    ids, mask = models.integers(3, 1, 16, low=0, high=50).astype(I64), models.integers(4, 1, 16, 32) > 0
    yield "int64 and bool, two outputs", models.embedding(), {"ids": ids, "mask": mask}
    yield "a shape that depends on the data", *models.findings()
    yield "an output without elements", models.finder(), {"x": np.zeros((1, 1, 8, 8), F32)}


def environment(t):
    # What ONNX Runtime keeps until the process ends is not ours.
    leaks = t.path("leaks.supp", b"leak:libonnxruntime\n")
    return {"NEURON_RT_ONNXRUNTIME": library(), "LSAN_OPTIONS": f"suppressions={leaks}:print_suppressions=0",
            "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


def results(t, ort):
    env = environment(t)
    for name, data, inputs in cases():
        t.path("m.onnx", data)
        t.expect(f"{name}: compiles", 0, "neuron-cc", "compile", "m.onnx", "--output", "m.neff", *FLAGS, out=["PASS"])
        given = []
        for key, array in inputs.items():
            np.save(t.path(f"{key}.npy"), array)
            given += ["-i", f"{key}={key}.npy"]
        ort.load(data)
        want = ort.run(inputs)
        taken = [word for key in want for word in ("-o", f"{key}={key}.out.npy")]
        t.expect(f"{name}: runs, again and again", 0, "neuron-run", "m.neff", "-d", "emulator", "-r", "5", *given, *taken, env=env,
                 out=["5 inferences"])
        for key, expected in want.items():
            path = t.path(f"{key}.out.npy")
            got = np.load(path) if os.path.exists(path) else None
            t.tap.ok(got is not None and got.dtype == expected.dtype and got.shape == expected.shape and (got == expected).all(),
                     f"{name}: {key} is what ONNX Runtime says")


def refusals(t):
    """What ONNX Runtime finds out when the model is loaded, or only when it runs."""
    env = environment(t)
    t.path("m.onnx", model([node("Frobnicate", ["x"], ["y"], name="n")], {"x": [4]}, {"y": [4]}))
    t.expect("an operator that nobody has: compiles", 0, "neuron-cc", "compile", "m.onnx", "--output", "m.neff", *FLAGS,
             out=["PASS"], err=["no operator of the model runs on the chip"])
    np.save(t.path("x.npy"), np.ones(4, F32))
    t.expect("an operator that nobody has: does not load", 1, "neuron-run", "m.neff", "-d", "emulator", "-i", "x.npy", env=env,
             err=["Frobnicate"])
    t.path("m.onnx", model([node("Gather", ["t", "x"], ["y"], name="look_up")], {"x": ([4], I64)}, {"y": [4]}, {"t": np.ones(3, F32)}))
    t.expect("an index out of range: compiles", 0, "neuron-cc", "compile", "m.onnx", "--output", "m.neff", *FLAGS,
             out=["PASS"], err=["no operator"])
    np.save(t.path("x.npy"), np.array([0, 1, 2, 99], I64))
    t.expect("an index out of range: ends with a message", 1, "neuron-run", "m.neff", "-d", "emulator", "-i", "x.npy", env=env,
             err=["indices element out of data bounds|out of"])
    t.path("not.so", b"no library")
    np.save(t.path("x.npy"), np.array([0, 1, 2, 0], I64))
    t.expect("a file that is no library", 1, "neuron-run", "m.neff", "-d", "emulator", "-i", "x.npy",
             env={**env, "NEURON_RT_ONNXRUNTIME": t.path("not.so")}, err=["Gather", "not.so"])


def main():
    t = Tools(__doc__.splitlines()[0])
    with Ort(os.path.dirname(t.out)) as ort:
        results(t, ort)
    refusals(t)
    t.exit()


if __name__ == "__main__":
    main()
