#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test_copyfault in a guest, each test with its fault set in the chip: TAP.

A fault that was never hit fails the test: it would prove nothing.
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests/testbed"))
import vm  # noqa: E402

PROGRAM = "/usr/lib/neuron/tests/test_copyfault"
TRIES = 20
# Test, fault, and what debugfs must have counted since: column of rings.
CASES = [
    ("stalled_queue", "udma-stall:count=1", "resets"),
    ("stalled_copy", "udma-stall:count=1", "resets"),
    ("lost_interrupts", "no-irq:vector=1", "missed_interrupts"),
    ("lost_memory", "ecc-uncorrected:channel=0,address=0x30000,every=50,count=10000", "resets"),
]


def rings(guest):
    """Sums of the columns of debugfs' rings over the hardware's four."""
    lines = guest.run(["cat", "/sys/kernel/debug/neuron/neuron0/rings"], timeout=60).out.splitlines()
    rows = [[int(x) for x in line.split()] for line in lines[1:]]
    return {name: sum(row[i] for row in rows) for i, name in enumerate(lines[0].split())}


def main():
    count = failed = 0
    with vm.VM(name="copyfaults", modprobe=True, devices=[[]], lifetime=600) as guest:
        for test, fault, counter in CASES:
            before = rings(guest)[counter]
            guest.chips[0].control("fault " + fault)
            # A copy that is done before its waiter sleeps needs no interrupt: again, until one did.
            for _ in range(TRIES if test == "lost_interrupts" else 1):
                r = guest.run([PROGRAM, "-t", test], timeout=200)
                after = rings(guest)[counter]
                if r.code or after > before:
                    break
            guest.chips[0].control("clear all")
            ok = not r.code and after > before
            count += 1
            failed += not ok
            if not ok:
                print("\n".join("# " + line for line in (r.out + r.err).splitlines() if not re.match("TAP|1\\.\\.", line)))
                print("# %s: %d before, %d after" % (counter, before, after))
            print("%s %d - %s" % ("ok" if ok else "not ok", count, test), flush=True)
        problems = guest.dmesg_problems()
    print("\n".join("# " + p for p in problems))
    print("%s %d - no problem in the kernel's log" % ("not ok" if problems else "ok", count + 1))
    print("1..%d" % (count + 1))
    sys.exit(1 if failed or problems else 0)


if __name__ == "__main__":
    main()
