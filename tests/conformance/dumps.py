#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Graphs written as ONNX after each pass (--dump=after:PASS:FILE.onnx) compute what the model computes.

Runs in ONNX Runtime, over the ONNX project's node tests and cut-down networks: what passes make of operators, and
have no name for in ONNX, is written in terms of what ONNX has. Tolerances are those for fp32 in another order.

usage: dumps.py [--out build] [--every N] [PART]       each N-th node test, 1 for all
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "models")] + [HERE]

import run                      # noqa: E402
import test_paths               # noqa: E402
from onnx_reader import Outline # noqa: E402
from onnx_writer import with_initializers   # noqa: E402
from ort import Ort, OrtError   # noqa: E402
from tap import Tap             # noqa: E402

PASSES = ("read", "check", "shape", "partition", "fold", "fuse", "place", "tile", "emit")


def compare(ort, data, inputs, want, flags, out):
    """What is wrong with the graphs after the passes."""
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m.onnx")
        with open(model, "wb") as file:
            file.write(data)
        dumps = {p: os.path.join(folder, f"{p}.onnx") for p in PASSES}
        command = [os.path.join(out, "bin", "neuron-cc"), "compile", model, "--output", os.path.join(folder, "m.neff"),
                   *(f"--dump=after:{p}:{path}" for p, path in dumps.items()), *flags]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            return done.stderr
        for name, path in dumps.items():
            try:
                with open(path, "rb") as file:
                    ort.load(file.read())
                allowed = {n: 2e-3 * np.abs(y.astype(np.float64)) + 1e-4 if y.dtype == np.float32 else np.zeros(y.shape)
                           for n, y in want.items()}
                run.compare(ort.run(inputs), want, allowed)
            except (AssertionError, OrtError) as error:
                return f"after {name}: {error}"
    return ""


def node_test(ort, case, out):
    names = {i[k] for op, i, _ in case.outline.nodes for k in run.PARAMETERS.get(op, ()) if k < len(i)}
    constant = {n: v for n, v in case.inputs.items() if n in names}
    inputs = {n: v for n, v in case.inputs.items() if n not in constant}
    data = with_initializers(case.model, constant) if constant else case.model
    flags = ("--partition=greedy", "--allow-no-ops-on-neuron", *case.io_config(inputs))
    return compare(ort, data, inputs, case.want, flags, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("part", nargs="?", default="")
    args, tap, count = parser.parse_args(), Tap(), 0
    with Ort(args.out) as ort:
        for name, (make, _) in test_paths.NETWORKS.items():
            data = make()
            inputs = {n: np.random.default_rng(1).standard_normal(s).astype(np.float32) for n, (_, s) in Outline(data).inputs.items()}
            ort.load(data)
            problem = compare(ort, data, inputs, ort.run(inputs), ("--partition=off",), args.out)
            tap.ok(not problem, f"{name} after each pass", problem)
        for folder in sorted(glob.glob(os.path.join(run.folder_of_data(), "test_*"))):
            case = run.Case(folder)
            if args.part not in case.name or run.unreachable(case.outline):
                continue
            count += 1
            if count % args.every:
                continue
            case.read()
            try:
                case.reference(ort)
            except (AssertionError, OrtError):
                continue
            problem = node_test(ort, case, args.out)
            tap.ok(not problem, f"{case.name} after each pass", problem)
    tap.exit()


if __name__ == "__main__":
    main()
