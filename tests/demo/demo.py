#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main job from end to end: compile a real model, boot a guest with an emulated chip, load the driver,
read handwritten digits through /dev/neuron0.

usage: demo.py [--out build]
"""
import argparse
import os
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "models", "testbed")]

import mnist                    # noqa: E402
from vm import VM               # noqa: E402

SHADES = " .:-=+*#%@"
COUNT = 1000


def step(text):
    print(f"\n== {text}", flush=True)


def draw(digits, labels, answers):
    """Digits side by side, each 28x28 pixels as 14 lines of 28 characters cut to its middle."""
    for first in range(0, len(digits), 5):
        row = [d[0, 4:26].reshape(11, 2, 28).mean(1)[:, 4:24] for d in digits[first:first + 5]]
        for line in range(11):
            print("  " + " ".join("".join(SHADES[min(9, int(v * 10))] for v in d[line]) for d in row))
        texts = [f"predicted {a}, is {label}" for a, label in zip(answers[first:first + 5], labels[first:first + 5])]
        print("  " + " ".join(f"{t:^20}" for t in texts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out = os.path.abspath(parser.parse_args().out)
    os.environ["O"] = out
    folder = os.path.join(out, "demo")
    os.makedirs(folder, exist_ok=True)
    neff = os.path.join(folder, "mnist.neff")

    step("neuron-cc compiles mnist-8.onnx")
    command = [os.path.join(out, "bin", "neuron-cc"), "compile", mnist.MODEL, "--framework", "ONNX", "--output", neff]
    print("  $ " + " ".join(os.path.relpath(c) if os.path.isabs(c) and c.startswith(out) else os.path.basename(c) for c in command), flush=True)
    subprocess.run(command, check=True)
    print(f"  {os.path.relpath(neff)}: {os.path.getsize(neff)} bytes")

    step("a guest boots with one emulated Inferentia chip, and loads the driver")
    start = time.monotonic()
    with VM(devices=1, name="demo", modprobe=True) as vm:
        print(f"  Linux {vm.release}, /dev/neuron0 after {time.monotonic() - start:.1f} s; console: {os.path.relpath(vm.console)}")
        step("neuron-ls in the guest")
        print(vm.run(["neuron-ls"], timeout=60, check=True).out)
        step(f"neuron-run reads {COUNT} handwritten digits through /dev/neuron0")
        digits, labels = mnist.load_digits(COUNT)
        logits, report = mnist.in_guest(vm, neff, digits, folder)
        problems = vm.dmesg_problems()

    answers = np.argmax(logits, 1)
    shown = [int(np.argmax(labels == d)) for d in range(10)]
    draw(digits[shown], labels[shown], answers[shown])
    here, local = mnist.in_process(neff, digits, folder, out)
    same = logits.tobytes() == here.tobytes()
    print(f"  accuracy          {100 * np.mean(answers == labels):.1f} % of {COUNT} digits")
    print(f"  time              {report['mean_us'] / 1000:.3f} ms an inference in the guest, "
          f"{local['mean_us'] / 1000:.3f} ms in process (an emulator's times, not silicon's)")
    print(f"  modelled          {report['cycles']} NeuronCore cycles an inference")
    print(f"  bit for bit       outputs {'equal' if same else 'DIFFER FROM'} the in-process emulator's")
    for problem in problems:
        print(f"  kernel log        {problem}")
    sys.exit(0 if same and not problems else 1)


if __name__ == "__main__":
    main()
