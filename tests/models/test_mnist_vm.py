#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mnist-8 through /dev/neuron0 in a guest: the whole path, with and without interrupts; "make demo"; networks that
run partly on the CPU.

Proves that compiler, libnrt, driver, firmware and chip together give the bits of the
in-process emulator, that the demo's answers are right, and that the kernel has nothing to complain of.
usage: test_mnist_vm.py [--out build]
"""
import argparse
import contextlib
import io
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "testbed", "demo")] + [HERE]

import demo                         # noqa: E402
import mnist                        # noqa: E402
import test_networks_vm             # noqa: E402
from neuron import compile_file     # noqa: E402
from tap import Tap                 # noqa: E402
from vm import VM                   # noqa: E402


def show_demo(tap, vm, out, folder):
    chip, told = demo.Chip(vm, out, folder), io.StringIO()
    with contextlib.redirect_stdout(told):
        demo.show_networks(chip, *demo.own_pictures())
    tap.note("\n".join(line for line in told.getvalue().splitlines() if line[:4].strip()))
    wrong = [p for p in chip.problems if "differ" not in p]
    tap.ok(not wrong, "demo: digits, text and face are what they should be", "\n".join(wrong))
    for name, *_, same in chip.rows:
        tap.ok(same, f"demo: {name}'s outputs equal the in-process emulator's bit for bit")
    names = {name for name, *_ in chip.rows}
    tap.ok(names == {"mnist-8", "ppocr-det", "ppocr-cls", "ppocr-rec", "ultraface"}, "demo: all networks ran", str(names))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out, tap = os.path.abspath(parser.parse_args().out), Tap()
    os.environ["O"] = out
    digits, labels = mnist.load_digits(200)
    with tempfile.TemporaryDirectory() as folder:
        neff = os.path.join(folder, "mnist.neff")
        compile_file(mnist.MODEL, neff, out=out)
        want, _ = mnist.in_process(neff, digits, out)
        for name, options in (("MSI-X", []), ("no MSI-X", ["--no-msix"])):
            with VM(devices=[options], name="mnist", modprobe=True) as vm:
                got, _ = mnist.in_guest(vm, neff, digits)
                accuracy = np.mean(np.argmax(got, 1) == labels)
                tap.ok(accuracy >= 0.97, f"{name}: digits are read through /dev/neuron0", f"accuracy {accuracy}")
                tap.ok(got.tobytes() == want.tobytes(), f"{name}: outputs equal the in-process emulator's bit for bit",
                       f"largest difference {np.max(np.abs(got - want))}")
                if not options:
                    show_demo(tap, vm, out, folder)
                    test_networks_vm.compare_all(tap, vm, out)
                problems = vm.dmesg_problems()
                tap.ok(not problems, f"{name}: no warning in the kernel's log", "\n".join(problems))
    tap.exit()


if __name__ == "__main__":
    main()
