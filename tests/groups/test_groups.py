#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models in groups of NeuronCores: in process with the emulator, or (--guest) in a guest of its own with four chips
and so many inferences by four processes.

usage: test_groups.py [--out build] [--guest INFERENCES]
"""
import argparse
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("lib", "testbed")] + [HERE]

import groups           # noqa: E402
from tap import Tap     # noqa: E402


def in_guest(tap, out, folder, inferences):
    os.environ["O"] = out
    import programs     # reads O
    import vm
    with vm.VM(devices=groups.CHIPS, name="groups", modprobe=True, lifetime=600 + inferences / 10) as guest:
        on, known = groups.in_guest(tap, guest, out, folder, inferences)
        chip = 1
        groups.dying_chip(tap, on, known, lambda: guest.kill_chip(guest.emulators[chip]), chip)
        programs.check_log(tap, guest)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--guest", type=int, metavar="INFERENCES")
    options = parser.parse_args()
    out, tap = os.path.abspath(options.out), Tap()
    with tempfile.TemporaryDirectory() as folder:
        if options.guest:
            groups.PATIENCE += options.guest // 10
            in_guest(tap, out, folder, options.guest)
        else:
            neffs = groups.compile_all(out)
            local = groups.Local(out, folder, neffs)
            groups.groups(tap, local, groups.hashes(local, neffs), "emulator")
    tap.exit()


if __name__ == "__main__":
    main()
