#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The NeuronCore's kernels as machine code: the hot loops keep their sums in registers, whatever the
compiler; and the sources compile for a host that is no x86.

usage: test_core.py [--out build]
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from tap import Tap     # noqa: E402

CROSS = "aarch64-linux-gnu-gcc"
# object, function with the loop, instruction that multiplies, how many of it a round has at least
LOOPS = (
    ("nc_kernels_avx2", "k_dot_tile_6x2", "vfmadd231ps", 24),
    ("nc_kernels_avx2", "k_dot_fetch_6x2", "vfmadd231ps", 24),
    ("nc_kernels_avx512", "k_dot_tile_12x2", "vfmadd231ps", 48),
    ("nc_kernels_avx512", "k_dot_fetch_12x2", "vfmadd231ps", 48),
    ("nc_kernels_bf16", "zmm_tile_6x4", "vdpbf16ps", 24),
)


def functions(path):
    """Instructions by function name; clones of one count as it."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True).stdout
    found = {}
    for block in re.split(r"\n\n", text):
        head = re.match(r"\s*([0-9a-f]+) <([\w.]+)>:\n", block)
        if head:
            rows = re.findall(r"^\s*([0-9a-f]+):\t(.*)$", block, re.M)
            found.setdefault(head.group(2).split(".")[0], []).append([(int(at, 16), insn) for at, insn in rows])
    return found


def loops(insns):
    """The bodies of all innermost loops: from the target of a jump back to the jump."""
    for end, (at, insn) in enumerate(insns):
        jump = re.match(r"j\w+\s+([0-9a-f]+)", insn)
        if jump and int(jump.group(1), 16) < at:
            start = next((i for i, (a, _) in enumerate(insns) if a == int(jump.group(1), 16)), None)
            if start is not None:
                yield [text for _, text in insns[start:end + 1]]


def check_loop(out, name, function, multiply, count):
    path = os.path.join(out, "obj", "libneuronemu", "emulator", name + ".o")
    bodies = [b for f in functions(path).get(function, []) for b in loops(f)]
    hot = [b for b in bodies if sum(multiply in i for i in b) >= count]
    if not hot:
        return f"no loop of {function} has {count} times {multiply}"
    spills = [i for b in hot for i in b if re.search(r"[xyz]mm\d+.*\((%rsp|%rbp)|\((%rsp|%rbp)\).*[xyz]mm\d+", i)]
    return "\n".join(spills)


def compile_for_arm(source):
    return subprocess.run([CROSS, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror",
                           "-Wno-unused-parameter", "-I" + os.path.join(ROOT, "uapi"),
                           "-I" + os.path.join(ROOT, "emulator"), "-c", "-o", os.devnull, source],
                          capture_output=True, text=True, check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="build")
    args = parser.parse_args()
    tap = Tap()
    for name, function, multiply, count in LOOPS:
        what = f"{name}: the loop of {function} keeps its sums in registers"
        if os.uname().machine != "x86_64":
            tap.skip(what, "not an x86 host")
            continue
        wrong = check_loop(args.out, name, function, multiply, count)
        tap.ok(not wrong, what, wrong)
    if shutil.which(CROSS):
        done = [compile_for_arm(s) for s in sorted(glob.glob(os.path.join(ROOT, "emulator", "nc_*.c")))]
        tap.ok(not any(d.returncode for d in done), "the core compiles for arm64", "".join(d.stderr for d in done))
    else:
        tap.skip("the core compiles for arm64", f"no {CROSS}")
    tap.exit()


if __name__ == "__main__":
    main()
