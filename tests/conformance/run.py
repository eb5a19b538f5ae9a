#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ONNX project's own node tests: every one whose tensors libnrt can pass, on the chip or the CPU.

Proves conformance with data that we did not write. Each test that ONNX Runtime itself passes has to pass
here, or is listed with its reason in exceptions.txt. Compiled with --fast-math none and
--partition=greedy: what the chip can run runs there, the rest in ONNX Runtime inside libnrt. Inputs
that the chip wants constant (weights, limits, shapes) are made initializers. On the chip, where a product
runs on the PE the tolerance is the bound of tests/ops/bounds.py for bfloat16 operands; else it is the
suite's (rtol 1e-3, atol 1e-5), as it is on the CPU.
What passes on the chip is compiled once more for the CPU alone, which proves that path.
usage: run.py [--out build] [--cpu | --chip] [--reasons] [PART OF A NAME]
--cpu: everything on the CPU alone. --chip: only what runs on the chip, wholly or in part.
"""
import argparse
import collections
import glob
import json
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "ops")]

import bounds                   # noqa: E402
from neuron import CompileError, RunError, Runner, compile_model   # noqa: E402
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
REACHABLE = {1, 6, 7, 9}        # float32, int32, int64, bool
WANTED = 0.98                   # of what ONNX Runtime passes


def folder_of_data():
    found = glob.glob(os.path.join(cache_dir(), "onnx-testdata", "**", "node"), recursive=True)
    if not found:
        sys.exit("no ONNX test data in the cache; run 'make setup'")
    return found[0]


def exceptions():
    """{name: reason} of tests that do not pass here, though ONNX Runtime passes them."""
    with open(os.path.join(HERE, "exceptions.txt"), encoding="utf-8") as file:
        lines = [line.split(None, 1) for line in file if line.strip() and not line.startswith("#")]
    return {name: reason.strip() for name, reason in lines}


def unreachable(outline):
    """Why the test is not one for us, or None."""
    if outline.domains - {"", "ai.onnx"}:
        return "operator of another domain"
    if outline.subgraphs:
        return "control flow"
    for code, _ in list(outline.inputs.values()) + list(outline.outputs.values()):
        if code not in REACHABLE:
            return "tensors of other types than float32, int32, int64, bool" if code else "sequences, optional values, maps"
    return None


def tensors(folder, kind, names):
    paths = [os.path.join(folder, "test_data_set_0", f"{kind}_{i}.pb") for i in range(len(names))]
    return {name: read_tensor(path)[1] for name, path in zip(names, paths)}


def compare(got, want, allowed):
    """Raises AssertionError where an output is further from @want than @allowed."""
    for name, expected in want.items():
        result = got[name]
        assert result.shape == expected.shape, f"{name}: shape {result.shape}, expected {expected.shape}"
        assert result.dtype == expected.dtype, f"{name}: type {result.dtype}, expected {expected.dtype}"
        finite = np.isfinite(expected)
        assert np.array_equal(result[~finite], expected[~finite], equal_nan=True), f"{name}: infinities or NaN differ"
        difference = np.abs(np.where(finite, result, 0).astype(np.float64) - np.where(finite, expected, 0))
        excess = np.where(finite, difference - allowed[name], 0)
        assert np.all(excess <= 0), \
            f"{name}: {np.count_nonzero(excess > 0)} of {excess.size} off by up to {np.max(excess):.3g} more than allowed"


def suite_tolerance(want):
    return {n: 1e-3 * np.abs(y.astype(np.float64)) + 1e-5 if y.dtype == np.float32 else np.zeros(y.shape)
            for n, y in want.items()}


def product_tolerance(model, constant, inputs, want, ort):
    """The bound for bfloat16 operands, from the model with the absolute values of everything."""
    positive = {n: np.abs(v) if v.dtype == np.float32 else v for n, v in constant.items()}
    ort.load(with_initializers(model, positive))
    magnitude = ort.run({k: np.abs(v) if v.dtype == np.float32 else v for k, v in inputs.items()})
    return {n: bounds.PRODUCT * magnitude[n] + 1e-3 * np.abs(y) + 1e-5 for n, y in want.items()}


class Case:
    """One test: its model, its data, and what became of it."""

    def __init__(self, folder):
        self.folder, self.name = folder, os.path.basename(folder)
        with open(os.path.join(folder, "model.onnx"), "rb") as file:
            self.model = file.read()
        self.outline = Outline(self.model)
        self.report = {}

    def read(self):
        self.inputs = tensors(self.folder, "input", [n for n in self.outline.inputs if n not in self.outline.initializers])
        self.want = tensors(self.folder, "output", list(self.outline.outputs))

    def reference(self, ort):
        """Raises OrtError or AssertionError if ONNX Runtime does not pass."""
        ort.load(self.model)
        compare(ort.run(self.inputs), self.want, suite_tolerance(self.want))

    def io_config(self, inputs):
        """Sizes that the model leaves open."""
        open_ones = {n: [list(inputs[n].shape), str(inputs[n].dtype)] for n, (_, shape) in self.outline.inputs.items()
                     if n in inputs and any(not isinstance(d, int) or d < 1 for d in shape)}
        return ["--io-config", json.dumps({"inputs": open_ones})] if open_ones else []

    def run(self, runner, ort, cpu, only_chip=False):
        """False if nothing of it is on the chip."""
        names = {i[k] for op, i, _ in self.outline.nodes for k in PARAMETERS.get(op, ()) if k < len(i)}
        constant = {} if cpu else {n: v for n, v in self.inputs.items() if n in names}
        inputs = {n: v for n, v in self.inputs.items() if n not in constant}
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            neff = compile_model(with_initializers(self.model, constant) if constant else self.model, "--fast-math", "none",
                                 "--partition", "greedy", "--allow-no-ops-on-neuron", f"--report={report.name}",
                                 *(["--cpu-operators", "all"] if cpu else []), *self.io_config(inputs), out=runner.out)
            self.report = json.load(report)
        on_chip = {n["op_type"] for n in self.report["nodes"] if n["place"] == "chip"}
        if only_chip and not on_chip:
            return False
        runner.load(neff)
        got = runner.run(inputs)
        if PRODUCTS & on_chip:
            compare(got, self.want, product_tolerance(self.model, constant, inputs, self.want, ort))
        else:
            compare(got, self.want, suite_tolerance(self.want))
        return bool(on_chip)

    def place(self):
        if not self.report.get("operators", 1):
            return "compiler"
        if not self.report.get("on_cpu", 1):
            return "chip"
        return "both" if self.report.get("on_chip") else "CPU"


class Suite:
    """Counts, and the lines of TAP."""

    def __init__(self, args):
        self.args, self.tap, self.listed = args, Tap(), exceptions()
        self.skipped, self.places, self.refused = collections.Counter(), collections.Counter(), collections.Counter()
        self.reachable = self.ort_passes = self.both = 0

    def skip(self, case, reason):
        self.skipped[reason] += 1
        self.tap.skip(case.name, reason)

    def run(self, case, runner, ort):
        reason = unreachable(case.outline)
        if reason:
            return self.skip(case, reason)
        self.reachable += 1
        case.read()
        try:
            case.reference(ort)
        except (AssertionError, OrtError) as error:
            self.tap.note(f"{case.name}: ONNX Runtime: {str(error)[:200]}")
            return self.skip(case, "ONNX Runtime does not pass it")
        self.ort_passes += 1
        problem = ""
        try:
            on_chip = case.run(runner, ort, self.args.cpu, self.args.chip)
            if self.args.chip and not on_chip:
                return self.skip(case, "nothing of it runs on the chip")
            report = case.report
            if on_chip and not self.args.chip:
                case.run(runner, ort, True)
                self.both += 1
            case.report = report
        except (AssertionError, CompileError, RunError, OrtError) as error:
            problem = str(error)
        return self.judge(case, problem)

    def judge(self, case, problem):
        listed = self.listed.get(case.name)
        if listed and not self.args.cpu:
            self.places["listed"] += 1
            return self.tap.ok(problem, f"{case.name} does not pass: {listed}", "it does: take it off exceptions.txt")
        if self.tap.ok(not problem, f"{case.name} ({case.place()})", problem):
            self.places[case.place()] += 1
            for node in case.report["nodes"]:
                if node["place"] == "cpu":
                    self.refused[f"{node['op_type']}: {node['reason']}"[:110]] += 1
        return not problem

    def finish(self):
        passed = sum(n for place, n in self.places.items() if place != "listed")
        if self.args.reasons:
            for reason, count in self.refused.most_common():
                self.tap.note(f"on the CPU {count:4d}  {reason}")
        for reason, count in self.skipped.most_common():
            self.tap.note(f"skipped {count:4d}  {reason}")
        if not self.args.part and not self.args.chip:
            self.tap.ok(passed >= WANTED * self.ort_passes,
                        f"at least {WANTED:.0%} of what ONNX Runtime passes, passes", f"{passed} of {self.ort_passes}")
        self.tap.note(f"conformance: {self.reachable} reachable, ONNX Runtime passes {self.ort_passes}; here {passed} pass: "
                      f"{self.places['chip']} on the chip ({self.both} of these and of the next on the CPU alone too), "
                      f"{self.places['both']} partly, {self.places['CPU']} on the CPU, {self.places['compiler']} computed by the compiler; "
                      f"{self.places['listed']} listed as exceptions, {self.tap.failed} failed")
        self.tap.exit()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--cpu", action="store_true", help="everything on the CPU")
    parser.add_argument("--chip", action="store_true", help="only what runs on the chip")
    parser.add_argument("--reasons", action="store_true", help="list why operators run on the CPU")
    parser.add_argument("part", nargs="?", default="")
    suite = Suite(parser.parse_args())
    with Ort(suite.args.out) as ort, Runner(suite.args.out) as runner:
        for folder in sorted(glob.glob(os.path.join(folder_of_data(), "test_*"))):
            if suite.args.part in os.path.basename(folder):
                suite.run(Case(folder), runner, ort)
    suite.finish()


if __name__ == "__main__":
    main()
