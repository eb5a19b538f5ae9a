#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ratios against a peer of the same run. Figures of an emulator on this host, not of silicon.

Prints a table and writes OUT/bench.tsv: name, ours, peer, ratio (higher is better), unit.
usage: bench.py [--out build]
"""
import argparse
import os
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "models", "testbed")]

import mnist                    # noqa: E402
import models                   # noqa: E402
from neuron import compile_file     # noqa: E402
from ort import Ort             # noqa: E402
from table import Table         # noqa: E402
from vm import VM               # noqa: E402

ROUNDS = 5
DIGITS = 100


def rate(report):
    return 1e6 / report["mean_us"]


def bench_inference(table, vm, neff, folder, out):
    """Inferences a second: guest, in process and ONNX Runtime take turns."""
    digits, _ = mnist.load_digits(DIGITS)
    guest, local, ort_rate = [], [], []
    with Ort(out) as ort, open(mnist.MODEL, "rb") as model:
        ort.load(model.read())
        for _ in range(ROUNDS):
            guest.append(rate(mnist.in_guest(vm, neff, digits)[1]))
            local.append(rate(mnist.in_process(neff, digits, out)[1]))
            ort_rate.append(1 / ort.time({mnist.INPUT: digits[:1]}, DIGITS))
    guest, local, ort_rate = (statistics.median(x) for x in (guest, local, ort_rate))
    table.add("mnist-guest", guest, local, "inferences/s", "in process")
    table.add("mnist-in-process", local, ort_rate, "inferences/s", "ONNX Runtime, fp32, 1 thread")


PEERS = {
    "us": "a byte to another thread and back",
    "MB/s": "memcpy in the guest",
    "jobs/s": "bytes to another thread and back, 32 at a time",
    "interrupts/job": "one for each job",
}


def bench_driver(table, vm, devices, out):
    vm.push(os.path.join(out, "tests", "guest-bench"), "/tmp/guest-bench")
    for line in vm.run(["/tmp/guest-bench", str(devices)], timeout=600, check=True).out.splitlines():
        name, ours, peer, unit = line.split()
        table.add(name, float(ours), float(peer), unit, PEERS[unit],
                  lower_is_better=unit in ("us", "interrupts/job"))


def boot(devices, command):
    """Seconds from the start of the emulators and QEMU until @command has ended in the guest."""
    start = time.monotonic()
    with VM(devices=devices, name="bench-boot") as vm:
        vm.run(command, timeout=60, check=True)
        return time.monotonic() - start


def bench_boot(table):
    """To a loaded driver with its device node, and the same guest without a chip."""
    ours, peer = [], []
    for _ in range(ROUNDS):
        ours.append(boot(1, "modprobe neuron; while [ ! -c /dev/neuron0 ]; do sleep 0.02; done"))
        peer.append(boot(0, "true"))
    table.add("boot-to-neuron0", statistics.median(ours), statistics.median(peer), "s", "boot without a chip",
              lower_is_better=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out = os.path.abspath(parser.parse_args().out)
    os.environ["O"] = out
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        neff = os.path.join(folder, "mnist.neff")
        compile_file(mnist.MODEL, neff, out=out)
        with VM(devices=1, name="bench", modprobe=True) as vm:
            bench_inference(table, vm, neff, folder, out)
            bench_driver(table, vm, 1, out)
        with VM(devices=4, memory=2048, name="bench-chips", modprobe=True) as vm:
            bench_driver(table, vm, 4, out)
    bench_boot(table)
    models.bench(table, models.arguments(["--out", out]))
    table.write(os.path.join(out, "bench.tsv"))
    print(f"written to {os.path.relpath(os.path.join(out, 'bench.tsv'))}")


if __name__ == "__main__":
    main()
