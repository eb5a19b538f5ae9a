#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ONNX project's own node tests: every one that neuron-cc's operators can reach.

Proves conformance with data that we did not write. Compiled with --fast-math none. Where no product runs
on the PE the tolerance is the suite's (rtol 1e-3, atol 1e-5); else the bound of
tests/ops/bounds.py for bfloat16 operands. Inputs that the compiler wants constant (weights,
limits, shapes) are made initializers. What cannot run is skipped with its reason, and so is what ONNX
Runtime gets as we do, but not as the suite has it.
usage: run.py [--out build] [PART OF A NAME]
"""
import argparse
import collections
import glob
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "ops")]

import bounds                   # noqa: E402
from neuron import CompileError, RunError, Runner, compile_model, supported_operators   # noqa: E402
from onnx_reader import Outline, read_tensor    # noqa: E402
from onnx_writer import with_initializers      # noqa: E402
from ort import Ort, OrtError, cache_dir        # noqa: E402
from tap import Tap             # noqa: E402

PRODUCTS = {"Conv", "ConvTranspose", "Gemm", "LRN", "MatMul"}
# Inputs that a network has as parameters and the node tests feed.
PARAMETERS = {"Conv": (1, 2), "BatchNormalization": (1, 2, 3, 4), "Clip": (1, 2), "Reshape": (1,), "Squeeze": (1,),
              "Unsqueeze": (1,), "Dropout": (1, 2), "ConvTranspose": (1, 2), "Expand": (1,), "Gather": (1,), "Pad": (1, 2, 3),
              "Resize": (1, 2, 3), "Slice": (1, 2, 3, 4), "Split": (1,), "Tile": (1,), "Upsample": (1,),
              **{f"Reduce{kind}": (1,) for kind in ("L1", "L2", "Max", "Mean", "Min", "Sum", "SumSquare")}}
# What the compiler does not take of a listed operator: part of a test's name -> why. It has to refuse
# these, and anything else that it refuses is a failure.
REFUSED = {"averagepool_3d_": "three spatial dimensions", "maxpool_3d_": "three spatial dimensions",
           "convtranspose_3d": "three spatial dimensions", "test_layer_normalization": "the mean as an output",
           "_antialias": "antialiasing", "_not_larger": "aspect ratio", "_not_smaller": "aspect ratio",
           "tf_crop_and_resize": "cropping", "exclude_outside": "exclude_outside", "test_pow": "exponents computed at run time",
          
           "_training_mode": "training", "training_dropout": "training"}


def folder_of_data():
    found = glob.glob(os.path.join(cache_dir(), "onnx-testdata", "**", "node"), recursive=True)
    if not found:
        sys.exit("no ONNX test data in the cache; run 'make setup'")
    return found[0]


def parameters(outline):
    """Names of graph inputs that are made constant."""
    names = {inputs[i] for op, inputs, _ in outline.nodes for i in PARAMETERS.get(op, ()) if i < len(inputs)}
    return names & set(outline.inputs)


def reason_to_skip(outline, supported):
    """Why this build cannot be expected to run the model, or None."""
    if outline.domains - {"", "ai.onnx"}:
        return "operator of another domain"
    unknown = sorted(set(outline.op_types) - supported)
    if unknown:
        return "operator not supported: " + unknown[0]
    if outline.subgraphs:
        return "subgraph"
    constant = parameters(outline)
    for tensor, (code, shape) in list(outline.inputs.items()) + list(outline.outputs.items()):
        if tensor in constant:
            continue
        if code != 1:
            kind = "input" if tensor in outline.inputs else "output"
            return f"{kind} is not a float32 tensor (element type {code})"
        if any(not isinstance(d, int) for d in shape):
            return "dynamic shape"
        if 0 in shape:
            return "empty tensor"
    return None


def tensors(folder, kind, names):
    paths = [os.path.join(folder, "test_data_set_0", f"{kind}_{i}.pb") for i in range(len(names))]
    return {name: read_tensor(path)[1] for name, path in zip(names, paths)}


def tolerance(outline, positive, inputs, want, ort):
    """@positive: the model with the absolute values of its parameters."""
    if not PRODUCTS & set(outline.op_types):
        return {n: 1e-3 * np.abs(y) + 1e-5 for n, y in want.items()}
    ort.load(positive)
    magnitude = ort.run({k: np.abs(v) for k, v in inputs.items()})
    return {n: bounds.PRODUCT * magnitude[n] + 1e-3 * np.abs(y) + 1e-5 for n, y in want.items()}


def difference(got, want, allowed):
    """Text of the first tensor that is too far off, or None."""
    for name, expected in want.items():
        if got[name].shape != expected.shape:
            return f"{name}: shape {got[name].shape}, expected {expected.shape}"
        finite = np.isfinite(expected)
        if not np.array_equal(got[name][~finite], expected[~finite], equal_nan=True):
            return f"{name}: infinities or NaN differ"
        excess = np.where(finite, np.abs(got[name].astype(np.float64) - expected) - allowed[name], 0)
        if np.any(excess > 0):
            return f"{name}: {np.count_nonzero(excess > 0)} of {excess.size} off by up to {np.max(excess):.3g} more than allowed"
    return None


def run_test(folder, outline, model, runner, ort):
    """None, or why the result does not count. Raises AssertionError, CompileError, RunError or OrtError."""
    inputs = tensors(folder, "input", [n for n in outline.inputs if n not in outline.initializers])
    want = tensors(folder, "output", list(outline.outputs))
    constant = {n: inputs.pop(n) for n in parameters(outline) & set(inputs)}
    runner.load(compile_model(with_initializers(model, constant), "--fast-math", "none", out=runner.out))
    got = runner.run(inputs)
    positive = with_initializers(model, {n: np.abs(v) if v.dtype == np.float32 else v
                                         for n, v in constant.items()})
    allowed = tolerance(outline, positive, inputs, want, ort)
    problem = difference(got, want, allowed)
    if not problem:
        return None
    ort.load(with_initializers(model, constant))
    assert not difference(got, ort.run(inputs), allowed), problem
    return "ONNX Runtime differs from the suite as well"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("part", nargs="?", default="")
    args = parser.parse_args()
    tap, reasons = Tap(), collections.Counter()
    supported = set(supported_operators(args.out))
    with Ort(args.out) as ort, Runner(args.out) as runner:
        for folder in sorted(glob.glob(os.path.join(folder_of_data(), "test_*"))):
            name = os.path.basename(folder)
            if args.part not in name:
                continue
            with open(os.path.join(folder, "model.onnx"), "rb") as file:
                model = file.read()
            outline = Outline(model)
            reason = reason_to_skip(outline, supported)
            if reason:
                reasons[reason] += 1
                tap.skip(name, reason)
                continue
            refusal = next((why for part, why in REFUSED.items() if part in name), None)
            try:
                reason = run_test(folder, outline, model, runner, ort)
                if reason:
                    reasons[reason] += 1
                    tap.skip(name, reason)
                    continue
                tap.ok(not refusal, name, f"accepted, though not supported: {refusal}")
            except CompileError as error:
                if not refusal:
                    tap.ok(False, name, str(error))
                    continue
                reasons[f"refused by the compiler: {refusal}"] += 1
                tap.skip(name, f"refused by the compiler: {refusal}")
            except (AssertionError, RunError, OrtError) as error:
                tap.ok(False, name, str(error))
    for reason, count in reasons.most_common():
        tap.note(f"skipped {count:4d}  {reason}")
    tap.note(f"conformance: {tap.number - tap.failed - tap.skipped} passed, {tap.skipped} skipped, {tap.failed} failed")
    tap.exit()


if __name__ == "__main__":
    main()
