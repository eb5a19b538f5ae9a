#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""KUnit suites of the driver's parts that need no device, in the debug guest: KTAP of the kernel as TAP.

The suite vm/debug runs them among others; this program runs them alone. A report of KASAN, UBSAN or lockdep ends the guest (panic_on_warn); leaks are looked for at the end.

usage: run_kunit.py
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests/lib"), os.path.join(TOP, "tests/testbed"), os.path.join(TOP, "tests/kselftest")]

import debug            # noqa: E402
import vm               # noqa: E402
from tap import Tap     # noqa: E402

CASE = re.compile(r"\s+(not )?ok \d+ (\S+)\s*(?:#\s*SKIP\s*(.*))?$")


def wanted():
    """{suite: its cases}, as the sources name them: what the module forgets must not go unseen."""
    suites = {}
    for path in glob.glob(os.path.join(HERE, "kunit_*.c")):
        with open(path) as file:
            text = file.read()
        for name in re.findall(r'\.name = "(\w+)"', text):
            suites[name] = re.findall(r"KUNIT_CASE\((\w+)\)", text)
    return suites


def suites(tap, guest):
    r = guest.run(["modprobe", "neuron_kunit"], timeout=120)
    tap.ok(r.code == 0, "the module loads", r.err)
    for suite, cases in sorted(wanted().items()):
        text = guest.run(["cat", f"/sys/kernel/debug/kunit/{suite}/results"]).out
        seen = {m.group(2): m for m in map(CASE.match, text.splitlines()) if m}
        for case in cases:
            tap.ok(case in seen and not seen[case].group(1), f"{suite} {case}", text)


def main():
    tap = Tap()
    try:
        with vm.VM(kernel="debug", name="kunit") as guest:
            suites(tap, guest)
            for name, problem in debug.problems(guest):
                tap.ok(not problem, name, problem)
    except vm.VMError as error:
        tap.ok(False, "the guest lives to the end", str(error))
    tap.exit()


if __name__ == "__main__":
    main()
