#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real networks on the in-process emulator, each path of the host, against ONNX Runtime on the CPU in fp32.

ONNX Runtime and the emulator take turns on the same input; the medians are compared. Also what compiling
costs, against the limits that docs/testing.md gives, and the peak memory of compiler and emulator beside that
of ONNX Runtime with the same model. Figures of an emulator on this host, not of silicon.

usage: models.py [--out build] [--model NAME].. [--path NAME].. [--batch N].. [--threads N].. [--rounds N]
                 [--cpu] [--no-memory]
--cpu compares processor time instead of elapsed time, for a host that has other work; one thread only.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "models")]

import topologies               # noqa: E402
from neuron import Runner       # noqa: E402
from onnx_reader import Outline # noqa: E402
from ort import Ort             # noqa: E402
from table import Table         # noqa: E402
from test_networks import make_inputs   # noqa: E402

MODELS = {"resnet50": topologies.resnet50, "mobilenet_v2": topologies.mobilenet_v2, "bert-base": topologies.bert}
COMPILE_LIMITS = {"resnet50": 5, "bert-base": 10}       # seconds
PATHS = {"bf16": {"avx512_bf16"}, "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq"}, "avx2": {"avx2", "fma"}}
ROUNDS = 5
REFERENCE = "generic"   # scalar: seconds an inference, so one of the smallest is enough
SMALLEST = ("mobilenet_v2", 1, 1)


def host_paths():
    with open("/proc/cpuinfo") as file:
        flags = next((set(line.split()) for line in file if line.startswith("flags")), set())
    return [path for path, needs in PATHS.items() if needs <= flags]


def processor_time(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total * 1e-9


def peak_memory(pid):
    """MB"""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def run(command):
    """Seconds and peak MB of a process."""
    start = time.monotonic()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull,
                                                                         os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: status {status}")
    return time.monotonic() - start, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def rest(side):
    """Until its threads sleep: those of ONNX Runtime look for work for a while after a run, on processors that it shares."""
    before, end = -1, time.monotonic() + 2
    while (now := processor_time(side.process.pid)) != before and time.monotonic() < end:
        before = now
        time.sleep(0.02)


def timed(side, inputs, runs, cpu):
    """Milliseconds a run. Each side makes one first that is not timed, for its caches: ort-run does so by itself."""
    if not isinstance(side, Ort):
        side.time(inputs, 1)
    before = processor_time(side.process.pid)
    seconds = side.time(inputs, runs)
    busy = processor_time(side.process.pid) - before
    rest(side)
    return (busy / (runs + isinstance(side, Ort)) if cpu else seconds) * 1e3


def compare(ort, runner, inputs, rounds, cpu, once_only):
    """Medians of ours and the peer's, in turns."""
    once = max(ort.time(inputs, 1), 1e-3)
    runs = 1 if once_only else max(1, int(0.2 / once))
    rest(ort)
    ours, peer = [], []
    for _ in range(1 if once_only else rounds):
        peer.append(timed(ort, inputs, runs, cpu))
        ours.append(timed(runner, inputs, runs, cpu))
    return statistics.median(ours), statistics.median(peer)


def compile_one(table, name, batch, path, neff, args, folder):
    command = [os.path.join(args.out, "bin", "neuron-cc"), "compile", path, "--framework", "ONNX", "--output", neff]
    seconds, memory, busy = run(command)
    if batch == min(args.batch) and name in COMPILE_LIMITS:
        table.add(f"{name}-compile", busy if args.cpu else seconds, COMPILE_LIMITS[name], "s", "the limit",
                  lower_is_better=True)
    return memory


def bench_one(table, name, batch, args, folder):
    data = MODELS[name](batch=batch)
    path, neff_path = os.path.join(folder, "model.onnx"), os.path.join(folder, "model.neff")
    with open(path, "wb") as file:
        file.write(data)
    compiler_memory = compile_one(table, name, batch, path, neff_path, args, folder)
    with open(neff_path, "rb") as file:
        neff = file.read()
    inputs = make_inputs(Outline(data), {}, (-1, 1))
    for threads in args.threads:
        reference = args.reference and (name, batch, threads) == SMALLEST
        for which in args.path + [REFERENCE] * reference:
            env = {"NEURON_EMU_PATH": which, "NEURON_EMU_THREADS": str(threads)}
            with Ort(args.out, threads) as ort, Runner(args.out, env) as runner:
                ort.load(data)
                runner.load(neff)
                ours, peer = compare(ort, runner, inputs, args.rounds, args.cpu, which == REFERENCE)
                table.add(f"{name}-b{batch}-{threads}T-{which}", ours, peer, "ms",
                          f"ONNX Runtime, fp32, {threads} thread{'s' * (threads > 1)}", lower_is_better=True)
                memory = [peak_memory(side.process.pid) for side in (runner, ort)]
    if not args.no_memory:
        table.add(f"{name}-b{batch}-memory-compiler", compiler_memory, memory[1], "MB", "ONNX Runtime with the model",
                  lower_is_better=True)
        table.add(f"{name}-b{batch}-memory-emulator", *memory, "MB", "ONNX Runtime with the model",
                  lower_is_better=True)


def bench(table, args):
    with tempfile.TemporaryDirectory() as folder:
        for name in args.model:
            for batch in args.batch:
                bench_one(table, name, batch, args, folder)


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    paths = host_paths()
    parser.add_argument("--out", default="build")
    parser.add_argument("--model", action="append", choices=list(MODELS))
    parser.add_argument("--path", action="append", choices=[REFERENCE, *paths])
    parser.add_argument("--batch", action="append", type=int)
    parser.add_argument("--threads", action="append", type=int)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    args = parser.parse_args(argv)
    args.out = os.path.abspath(args.out)
    args.model = args.model or list(MODELS)
    args.reference = not args.path and bool(paths)
    args.path = args.path or paths or [REFERENCE]
    args.batch, args.threads = args.batch or [1, 8], args.threads or [1, 2]
    return args


if __name__ == "__main__":
    bench(Table(), arguments())
