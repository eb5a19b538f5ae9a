#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All of a chip's memory belongs to one owner after another: the next one reads zeros. TAP on standard output.

Takes as much of the host's memory as the chip has, which is why it is a part of 'make soak' only.
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/testbed"))
import vm  # noqa: E402

COMMAND = ["/usr/lib/neuron/tests/test_mem", "-t", "next_owner_sees_zeros_in_all_of_it"]
SECONDS = 300           # the harness has a limit of its own, below that


def main():
    with vm.VM(devices=1, name="all-memory", modprobe=True, lifetime=SECONDS + 60) as guest:
        r = guest.run(COMMAND, env={"NEURON_TEST_LONG": "1"}, timeout=SECONDS)
        problems = guest.dmesg_problems() + guest.chip_errors()
    result = re.search(r"^ok \d+ +(?!.*# SKIP)\S*next_owner_sees_zeros_in_all_of_it", r.out, re.M)
    print("TAP version 13")
    print("\n".join("# " + line for line in (r.out + r.err).splitlines()))
    print("%s 1 - the next owner of all of the chip's memory reads zeros" % ("ok" if result and not r.code else "not ok"))
    for line in "\n".join(problems).splitlines():
        print("# " + line)
    print("%s 2 - kernel and chip find no fault with it" % ("not ok" if problems else "ok"))
    print("1..2")
    return 0 if result and not r.code and not problems else 1


if __name__ == "__main__":
    sys.exit(main())
