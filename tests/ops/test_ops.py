#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every operator that neuron-cc lists, over shapes and modes, against ONNX Runtime.

Proves that compiler, chip and runtime compute what ONNX means, within bounds derived
in bounds.py. An operator that neuron-cc lists and no case uses is a failure.
usage: test_ops.py [--out build] [PART OF A NAME]
"""
import argparse
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

import cases                    # noqa: E402
from neuron import CompileError, RunError, Runner, compile_model, supported_operators   # noqa: E402
from ort import Ort, OrtError   # noqa: E402
from tap import Tap             # noqa: E402

MODES = ("none", "all")


class Reference:
    """ONNX Runtime's results for one case; evaluate() is what the bounds call."""

    def __init__(self, ort, case):
        self.ort, self.case = ort, case
        ort.load(case.model)
        self.outputs = ort.run(case.inputs)

    def evaluate(self, inputs):
        if isinstance(inputs, str) and inputs == "absolute":
            self.ort.load(self.case.absolute)
            return self.ort.run({k: np.abs(v) for k, v in self.case.inputs.items()})
        if isinstance(inputs, str):         # "perturbed"
            changed, inputs = self.case.perturbed()
            self.ort.load(changed)
            return self.ort.run(inputs)
        self.ort.load(self.case.model)
        return self.ort.run(inputs)


def compare(name, got, want, bound):
    """Text of what is wrong, or None."""
    if got.shape != want.shape:
        return f"{name}: shape {got.shape}, ONNX Runtime has {want.shape}"
    if not np.all(np.isfinite(got)):
        return f"{name}: {np.count_nonzero(~np.isfinite(got))} values are not finite"
    excess = np.abs(got.astype(np.float64) - want) - bound
    if np.all(excess <= 0):
        return None
    at = np.unravel_index(np.argmax(excess), excess.shape)
    return (f"{name}{list(at)}: {got[at]!r}, ONNX Runtime {want[at]!r}, allowed difference {np.broadcast_to(bound, want.shape)[at]:.3g}; "
            f"{np.count_nonzero(excess > 0)} of {want.size} values are off")


def run_case(case, mode, reference, runner):
    try:
        neff = compile_model(case.model, "--fast-math", mode, "--partition=off", out=runner.out)
        runner.load(neff)
        got = runner.run(case.inputs)
    except (CompileError, RunError) as error:
        return str(error)
    bound = case.bound(mode, reference.outputs, case.inputs, reference.evaluate)
    problems = [compare(n, got[n], want, bound[n]) if n in got else f"no output {n}"
                for n, want in reference.outputs.items()]
    return "\n".join(p for p in problems if p)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("part", nargs="?", default="")
    args = parser.parse_args()
    tap, supported, used = Tap(), set(supported_operators(args.out)), set()
    with Ort(args.out) as ort, Runner(args.out) as runner:
        for case in cases.every_case():
            if args.part not in case.name:
                continue
            used |= case.op_types
            try:
                reference = Reference(ort, case)
            except OrtError as error:
                tap.ok(False, case.name, f"ONNX Runtime refuses the case: {error}")
                continue
            for mode in MODES:
                problem = run_case(case, mode, reference, runner)
                tap.ok(not problem, f"{case.name} [{mode}]", problem)
    if not args.part:
        missing = supported - used
        tap.ok(not missing, "every listed operator has a case", f"without a case: {', '.join(sorted(missing))}")
        unlisted = used - supported
        tap.ok(not unlisted, "every operator of a case is listed", f"not listed: {', '.join(sorted(unlisted))}")
    else:
        tap.ok(tap.number, f"there is a case named like '{args.part}'")
    tap.note(f"operators: {tap.number - tap.failed} passed, {tap.skipped} skipped, {tap.failed} failed")
    tap.exit()


if __name__ == "__main__":
    main()
