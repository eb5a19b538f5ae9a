#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whole networks through /dev/neuron0 of a guest: outputs equal the in-process emulator's bit for bit, also where parts
of the network run on the CPU, in ONNX Runtime inside the guest.

That they are the right ones is what test_networks.py and test_partition.py prove.
"make check" runs the quick ones in the guest of test_mnist_vm.py; all of them are for "make soak".
usage: test_networks_vm.py [--out build] [--all] [--list] [NAME...]
"""
import argparse
import os
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "testbed")] + [HERE]

import neuron_run                   # noqa: E402
import test_partition               # noqa: E402
from neuron import CompileError, RunError, compile_file     # noqa: E402
from onnx_reader import Outline     # noqa: E402
from ort import library             # noqa: E402
from tap import Tap                 # noqa: E402
from test_networks import NETWORKS, make_inputs     # noqa: E402
from vm import VM, VMError          # noqa: E402

# What a second is enough for, beside the demo's.
QUICK = ("resnet50-cut",)
# Small integers, so that any order of additions gives the same bits: the guest's CPU is not the host's.
PARTLY = {"chip, CPU, chip": test_partition.sandwich, "a shape that depends on the data": test_partition.findings,
          "a table and a choice on the CPU": test_partition.embedding}


def network(name):
    """(model, inputs, neuron-cc's options)"""
    make, shapes, kind, _ = NETWORKS[name]
    data = make()
    config = ", ".join(f'"{n}": [{s}, "float32"]' for n, s in shapes.items())
    flags = ["--partition=off"] + (["--io-config", '{"inputs": {%s}}' % config] if shapes else [])
    return data, make_inputs(Outline(data), shapes, kind), flags


def partly(name):
    made = PARTLY[name]()
    if isinstance(made, tuple):
        data, inputs = made
    else:
        data, rng = made, np.random.default_rng(5)
        inputs = {"ids": rng.integers(0, 50, (1, 16)), "mask": rng.random((1, 16, 32)) < 0.5}
    return data, inputs, [*test_partition.EXACT, "--partition=greedy"]


def compare(tap, vm, name, made, folder, out):
    """One result: the same NEFF and inputs, both ways."""
    data, inputs, flags = made
    model, neff = os.path.join(folder, "model.onnx"), os.path.join(folder, "model.neff")
    with open(model, "wb") as file:
        file.write(data)
    start = time.monotonic()
    try:
        compile_file(model, neff, *flags, out=out)
        outputs = list(Outline(data).outputs)
        want, here = neuron_run.in_process(neff, inputs, outputs, out)
        ran = time.monotonic()
        got, there = neuron_run.in_guest(vm, neff, inputs, outputs)
    except (CompileError, RunError, VMError) as error:
        tap.ok(False, f"{name} runs", str(error))
        return
    wrong = [o for o in outputs if got[o].tobytes() != want[o].tobytes() or got[o].shape != want[o].shape or not want[o].size]
    flat = [o for o in outputs if want[o].size > 1 and np.all(want[o] == want[o].flat[0])]
    tap.ok(not wrong and not flat, f"{name}: outputs equal the in-process emulator's bit for bit",
           f"different: {wrong}, of one value: {flat}")
    tap.note(f"{name}: {here['mean_us'] / 1000:.1f} ms in process, {there['mean_us'] / 1000:.1f} ms in the guest; "
             f"took {ran - start:.1f} s + {time.monotonic() - ran:.1f} s")


def cpu_parts(tap, vm, names, folder, out):
    """A guest without ONNX Runtime says so; with it, networks run partly on its CPU."""
    neff = os.path.join(folder, "partly.neff")
    data, inputs, flags = partly("chip, CPU, chip")
    with open(os.path.join(folder, "partly.onnx"), "wb") as file:
        file.write(data)
    compile_file(file.name, neff, *flags, out=out)
    np.save(os.path.join(folder, "x.npy"), inputs["x"])
    vm.push(neff, "/tmp/partly.neff")
    vm.push(os.path.join(folder, "x.npy"), "/tmp/x.npy")
    done = vm.run(["neuron-run", "/tmp/partly.neff", "-i", "/tmp/x.npy"], timeout=60)
    tap.ok(done.code == 1 and "ONNX Runtime is needed" in done.err, "without ONNX Runtime the guest says what is missing", repr(done))
    vm.push_program(library(), "/usr/lib/libonnxruntime.so.1")
    for name in names:
        compare(tap, vm, name, partly(name), folder, out)


def compare_all(tap, vm, out, names=QUICK, parts=tuple(PARTLY)[:2]):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            compare(tap, vm, name, network(name), folder, out)
        cpu_parts(tap, vm, parts, folder, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.list:
        print("\n".join(NETWORKS))
        return
    out, tap = os.path.abspath(options.out), Tap()
    os.environ["O"] = out
    names = options.names or (list(NETWORKS) if options.all else QUICK)
    # The largest has 0.3 GB of weights: as a file, and while it is loaded.
    with VM(devices=1, name="networks", modprobe=True, memory=4096 if options.all or options.names else 1024, lifetime=7200) as vm:
        compare_all(tap, vm, out, names, tuple(PARTLY))
        problems = vm.dmesg_problems()
        tap.ok(not problems, "no warning in the kernel's log", "\n".join(problems))
    tap.exit()


if __name__ == "__main__":
    main()
