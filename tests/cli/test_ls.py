#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-ls: options and exit codes. With devices, in guests: test_guest.py.

usage: test_ls.py [--out build]
"""
import json
import os

from tools import Tools


def main():
    t = Tools(__doc__)
    t.common_options("neuron-ls", "--json-output")
    t.expect("unexpected argument", 2, "neuron-ls", "x", err=["unexpected argument 'x'"])
    if os.path.exists("/dev/neuron0"):
        t.expect("table", 0, "neuron-ls", out=[r"^\| NEURON \| NEURON ", r"^\| 0 "])
        done = t.expect("JSON", 0, "neuron-ls", "-j")
        t.tap.ok(json.loads(done.stdout)[0]["neuron_device"] == 0, "JSON has the device", done.stdout)
    else:
        for options in ([], ["-j"], ["--json"], ["-t"], ["--topology"], ["--wide", "-a"]):
            t.expect(f"no device {' '.join(options)}", 1, "neuron-ls", *options, err=["Neuron device", "modprobe neuron|no such function"])
    t.exit()


if __name__ == "__main__":
    main()
