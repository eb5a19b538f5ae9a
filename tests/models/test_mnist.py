#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A trained network from the outside world, mnist-8, on 10,000 real digits, in process.

Proves that the compiled network classifies like the original, that compiling is
reproducible, and that the package is the public container.
usage: test_mnist.py [--out build]
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

from mnist import INPUT, MODEL, OUTPUT, in_process, load_digits     # noqa: E402
from neuron import compile_file     # noqa: E402
from ort import Ort                 # noqa: E402
from tap import Tap                 # noqa: E402

# A plain count of classes; ONNX Runtime in fp32 gets 99.41 % right on these digits.
LEAST_ACCURACY = 0.993


def reference(digits, out):
    with Ort(out) as ort, open(MODEL, "rb") as file:
        ort.load(file.read())
        return np.concatenate([ort.run({INPUT: d[None]})[OUTPUT] for d in digits])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out = parser.parse_args().out
    tap, (digits, labels) = Tap(), load_digits()
    with tempfile.TemporaryDirectory() as folder:
        neff, again = os.path.join(folder, "mnist.neff"), os.path.join(folder, "again.neff")
        compile_file(MODEL, neff, out=out)
        compile_file(MODEL, again, out=out)
        with open(neff, "rb") as first, open(again, "rb") as second:
            tap.ok(first.read() == second.read(), "compiling twice gives the same bytes")
        listing = subprocess.run(f"tail -c +1025 {neff} | tar tz", shell=True, capture_output=True, text=True, check=False)
        members = listing.stdout.split()
        tap.ok(listing.returncode == 0 and {"neff.json", "sg00/def.json", "sg00/pe.bin"} <= set(members),
               "tail -c +1025 mnist.neff | tar tz lists the package", listing.stdout + listing.stderr)
        (got, _), want = in_process(neff, digits, out), reference(digits, out)
    accuracy = np.mean(np.argmax(got, 1) == labels)
    tap.note(f"accuracy over {len(digits)} digits: {100 * accuracy:.2f} %, ONNX Runtime fp32: "
             f"{100 * np.mean(np.argmax(want, 1) == labels):.2f} %")
    tap.note(f"largest difference of the logits from ONNX Runtime: {np.max(np.abs(got - want)):.4f} "
             f"(largest logit {np.max(np.abs(want)):.1f}); same class for {100 * np.mean(np.argmax(got, 1) == np.argmax(want, 1)):.2f} %")
    tap.ok(len(digits) == 10000, "there are 10,000 digits", str(len(digits)))
    tap.ok(accuracy >= LEAST_ACCURACY, f"accuracy is at least {100 * LEAST_ACCURACY} %", f"{100 * accuracy:.2f} %")
    tap.exit()


if __name__ == "__main__":
    main()
