#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The kernel's own checkers on driver/ and uapi/: checkpatch --strict and sparse, both without a complaint.

usage: test_kernel_style.py [--out build]
"""
import argparse
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from ort import cache_dir   # noqa: E402
from tap import Tap         # noqa: E402

# The one file that may ask for kernel versions: it is there so that the others need not.
EXTRA = {"driver/neuron_compat.h": ["--ignore", "LINUX_VERSION_CODE,CONSTANT_COMPARISON"]}


def checkpatch(name):
    script = os.path.join(cache_dir(), "linux-source", "scripts", "checkpatch.pl")
    command = ["perl", script, "--no-tree", "--strict", "--terse", "--show-types", "--no-summary", "--max-line-length=100",
               *EXTRA.get(name, []), "-f", name]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def sparse(out):
    """Builds the module once more, with sparse in front of the compiler."""
    folder = os.path.join(out, "sparse")
    subprocess.run(["rm", "-rf", folder], check=True)
    done = subprocess.run(["make", "--no-print-directory", f"O={folder}", "C=1", "driver"], cwd=TOP, capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out, tap = os.path.abspath(parser.parse_args().out), Tap()
    for name in sorted(glob.glob("driver/*.[ch]", root_dir=TOP) + glob.glob("uapi/*/*.h", root_dir=TOP)):
        status, text = checkpatch(name)
        tap.ok(status == 0 and not text.strip(), f"checkpatch --strict {name}", text)
    status, text = sparse(out)
    tap.ok(status == 0 and not any(w in text for w in ("warning:", "error:")), "sparse on the driver", text)
    tap.exit()


if __name__ == "__main__":
    main()
