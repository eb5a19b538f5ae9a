#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Structures of uapi/ as pahole sees them: the same for 32- and 64-bit programs, without a hole and without padding.

usage: test_layout.py
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests/lib")]

from tap import Tap     # noqa: E402

STRUCT = re.compile(r"^struct (neuron_\w+) \{", re.M)


def structures(header):
    with open(os.path.join(TOP, "uapi", header)) as file:
        return STRUCT.findall(file.read())


def layouts(header, names, bits, folder):
    """{structure: its lines of pahole}; text of the compiler's complaint in place of it."""
    source, target = os.path.join(folder, "layout.c"), os.path.join(folder, f"layout{bits}.o")
    with open(source, "w") as file:
        file.write(f"#include <{header}>\n" + "".join(f"struct {n} variable_{n};\n" for n in names))
    triplet = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
    # Compiled only: neither libraries nor the C library's headers of the other size are needed.
    done = subprocess.run(["gcc", f"-m{bits}", "-g", "-ffreestanding", "-c", "-Iuapi", "-I" + folder, "-isystem",
                           "/usr/include/" + triplet,
                           "-o", target, source], cwd=TOP, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr
    found = {}
    for name in names:
        text = subprocess.run(["pahole", "-C", name, target], capture_output=True, text=True, check=False).stdout
        # Where cachelines end is no part of the layout.
        found[name] = [line.strip() for line in text.splitlines() if line.strip() and "cacheline" not in line]
    return found


def faults(lines):
    """Holes and padding. A structure that is unknown to pahole has no lines, which is one, too."""
    return [line for line in lines if re.search(r"\bhole|padding:|XXX", line)] or ([] if lines else ["not found by pahole"])


def main():
    tap = Tap()
    headers = [os.path.relpath(p, os.path.join(TOP, "uapi")) for p in sorted(glob.glob(os.path.join(TOP, "uapi/*/*.h")))]
    with tempfile.TemporaryDirectory() as folder:
        # That a difference and a hole are seen is shown with a structure that has them.
        with open(os.path.join(folder, "bad.h"), "w") as file:
            file.write("#include <linux/types.h>\nstruct neuron_bad { __u32 a; __u64 b; __u32 c; };\n")
        wide, narrow = (layouts("bad.h", ["neuron_bad"], bits, folder)["neuron_bad"] for bits in (64, 32))
        tap.ok(bool(faults(wide)) and wide != narrow, "a structure with a hole would be found", "\n".join(wide))
        for header in headers:
            names = structures(header)
            if not names:
                continue
            wide, narrow = (layouts(header, names, bits, folder) for bits in (64, 32))
            if not tap.ok(isinstance(wide, dict) and isinstance(narrow, dict), f"{header} compiles alone for 64 and 32 bits",
                          f"{wide}\n{narrow}"):
                continue
            for name in names:
                tap.ok(not faults(wide[name]), f"{name}: no hole, no padding", "\n".join(wide[name]))
                tap.ok(wide[name] == narrow[name], f"{name}: one layout for 64 and 32 bits",
                       "\n".join(wide[name] + ["--- 32 bits:"] + narrow[name]))
    tap.exit()


if __name__ == "__main__":
    main()
