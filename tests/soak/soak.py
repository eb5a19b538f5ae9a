#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the long versions of tests: 1,000 races, random attacks, faults that stay, fuzzers. One line a part as it
goes on, "N passed, N failed" at the end; what each printed is in OUT/soak/.

usage: soak.py [--out DIR] [--seconds N] [--seed N] [PART...]

--seconds is shared by the parts that run by time; races take as long as their cycles do.
"""

import argparse
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CYCLES = 1000
INFERENCES = 100000
# Kinds of faults, roughly: each stays for its part of the time, in each of three loads.
FAULT_CELLS = 60


def parts(options):
    """Name, program that must be there, command."""
    seconds = options.seconds
    return [
        ("races", "tests/races/run_races.py", ["--cycles", str(options.cycles), "--seed", str(options.seed)]),
        ("attack", "tests/attack/run_attack.py", ["--seconds", str(max(1, seconds // 4)), "--seed", str(options.seed),
                                                  "--timeout", str(seconds + 600)]),
        ("faults", "tests/faults/run_matrix.py", ["--seconds", "%.1f" % max(0.3, seconds / 4 / FAULT_CELLS)]),
        ("faults-debug", "tests/faults/run_matrix.py", ["--kernel", "debug"]),
        ("copyfaults", "tests/kselftest/run_copyfaults.py", []),
        ("memory", "tests/kselftest/run_all_memory.py", []),
        ("allocations", "tests/kselftest/run_guest.py", ["--config", "debug-chips", "--long", "--timeout", "14400", "test_fault"]),
        ("inferences", "tests/groups/test_groups.py", ["--out", options.out, "--guest", str(options.inferences)]),
        ("networks-vm", "tests/models/test_networks_vm.py", ["--out", options.out, "--all"]),
        ("fuzz_vfu", "tests/fuzz/run.py", ["--out", options.out, "--seconds", str(max(1, seconds // 6)), "fuzz_vfu"]),
        ("fuzz_mmio", "tests/fuzz/run.py", ["--out", options.out, "--seconds", str(max(1, seconds // 6)), "fuzz_mmio"]),
        ("fuzz_fw", "tests/fuzz/run.py", ["--out", options.out, "--seconds", str(max(1, seconds // 6)), "fuzz_fw"]),
        ("fuzz_onnx", "tests/fuzz/run.py", ["--out", options.out, "--seconds", str(max(1, seconds // 6)), "fuzz_onnx"]),
        ("fuzz_ncc", "tests/fuzz/run.py", ["--out", options.out, "--seconds", str(max(1, seconds // 6)), "fuzz_ncc"]),
        ("fuzz_neff", "tests/fuzz/run.py", ["--out", options.out, "--seconds", str(max(1, seconds // 6)), "fuzz_neff"]),
        ("paths", "tests/models/test_paths.py", ["--out", options.out, "--long"]),
        ("dumps", "tests/conformance/dumps.py", ["--out", options.out]),
        ("packages", "tests/packaging/test_deb.py", ["--out", options.out, "--lintian"]),
        ("networks", "tests/models/test_networks.py", ["--out", options.out, "--all"]),
    ]


def run(name, program, arguments, directory):
    """(passed, failed) of a part. Its results are TAP; a part that fails without one counts as one failure."""
    path = os.path.join(TOP, program)
    if not os.access(path, os.X_OK):
        print("%s: %s is not there or cannot be run: the part has not been built or was removed" % (name, program))
        return 0, 1
    log = os.path.join(directory, name + ".tap")
    passed = failed = 0
    begin = time.monotonic()
    with open(log, "w", encoding="utf-8") as f:
        process = subprocess.Popen([path] + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", cwd=TOP)
        for line in process.stdout:
            f.write(line)
            f.flush()
            if re.match(r"(not )?ok\b", line):
                bad = line.startswith("not") and "# TODO" not in line
                passed, failed = passed + (not bad), failed + bad
                print("%s: %s" % (name, line.rstrip()), flush=True)
            elif line.startswith("Bail out!"):
                print("%s: %s" % (name, line.rstrip()), flush=True)
        code = process.wait()
    if (code and not failed) or not passed + failed:
        failed += 1
        print("%s: ended with code %d" % (name, code))
    print("%s: %d passed, %d failed, %.0f s; %s" % (name, passed, failed, time.monotonic() - begin,
                                                     os.path.relpath(log, TOP)), flush=True)
    return passed, failed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default="build")
    p.add_argument("--seconds", type=int, default=1800)
    p.add_argument("--seed", type=int, default=int(time.time()), help="default: another one each time, and printed")
    p.add_argument("--cycles", type=int, default=CYCLES, help="of races (%(default)s)")
    p.add_argument("--inferences", type=int, default=INFERENCES, help="by four processes of eight threads (%(default)s)")
    p.add_argument("parts", nargs="*", metavar="PART", help="default: all")
    options = p.parse_args()
    known = parts(options)
    for name in options.parts:
        if name not in [k[0] for k in known]:
            p.error("no part %s; there are %s" % (name, ", ".join(k[0] for k in known)))
    directory = os.path.join(TOP, options.out, "soak")
    os.makedirs(directory, exist_ok=True)
    print("soak: %d s, seed %d" % (options.seconds, options.seed), flush=True)
    passed = failed = 0
    for name, program, arguments in known:
        if not options.parts or name in options.parts:
            good, bad = run(name, program, arguments, directory)
            passed, failed = passed + good, failed + bad
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
