#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the tree: licences, sizes, who may include whom, what may not be named.

usage: test_tree.py
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from tap import Tap     # noqa: E402

MOST_LINES = 1000
SOURCES = (".c", ".h", ".S", ".py", ".sh", ".mk", ".def", ".ld", ".lds")
# Directory -> what its #include lines may name of ours, besides files of the same directory.
ALLOWED = {
    "uapi/": r"types\.h|isa\.def|linux/(ioctl|types)\.h",
    "compiler/": r"neuron/(isa|neff|types)\.(h|def)",
    "driver/": r"neuron/(?!isa|neff|mgmt)\w+\.h|linux/neuron\.h|uapi/.*",
    "firmware/": r"neuron/(?!neff)\w+\.h",
    "emulator/": r"neuron/(?!neff)\w+\.(h|def)",
    # The one tool that asks the compiler.
    "userspace/tools/neuron_check_model.c": r"ncc\.h|options\.h",
    "userspace/": r"neuron/(?!mgmt)\w+\.(h|def)|linux/neuron\.h|nrt/\w+\.h|emulator/emu\.h|emu\.h",
}
PRODUCT = ("uapi", "compiler", "driver", "firmware", "emulator", "userspace")
FORBIDDEN = re.compile(r"(?<![\w.$}])/(work|farm|root|home/\w+)/|registry\.npmjs|(deb|snapshot|security)\.debian\.org|pypi\.org")


def tracked():
    listing = subprocess.run(["git", "-C", TOP, "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True,
                             text=True, check=True)
    return [f for f in listing.stdout.splitlines() if os.path.isfile(os.path.join(TOP, f))]


def read(name):
    with open(os.path.join(TOP, name), errors="replace") as file:
        return file.read()


def wrong_includes(name, text, files):
    """Includes of @name that reach a part that it may not know."""
    rule = next((r for d, r in ALLOWED.items() if name.startswith(d)), None)
    if not rule:
        return []
    folder, part = os.path.dirname(name), name.split("/")[0] + "/"
    found = []
    for bracket, target in re.findall(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', text, re.M):
        if bracket == "<" and "/" not in target:
            continue    # the system's
        local = os.path.normpath(os.path.join(folder, target))
        if local in files:
            if not local.startswith(part) and not re.fullmatch(rule, local):
                found.append(f"{name}: {target}")
            continue
        ours = any(f == target or f.endswith("/" + target) for f in files if f.startswith(PRODUCT))
        inside = any(f.startswith(part) and f.endswith("/" + target) for f in files)
        if ours and not inside and not re.fullmatch(rule, target):
            found.append(f"{name}: {target}")
    return found


def main():
    tap, names = Tap(), tracked()
    files, texts = set(names), {n: read(n) for n in names if n.endswith(SOURCES) or n.endswith(".md") or "Makefile" in n}
    sources = [n for n in texts if n.endswith(SOURCES)]

    bad = [n for n in sources if "SPDX-License-Identifier:" not in "\n".join(texts[n].split("\n")[:2])]
    tap.ok(not bad, "every source begins with its licence", "\n".join(bad))
    used = {i for n in sources for line in texts[n].split("\n")[:2] if "SPDX-License" in line
            for i in re.findall(r"[A-Za-z]+-[\w.-]+", line.split("Identifier:")[1])}
    have = {os.path.splitext(f)[0] for f in os.listdir(os.path.join(TOP, "LICENSES"))}
    tap.ok(used <= have, "every licence that is named has its text in LICENSES/", str(used - have))
    bad = [f"{n}: {len(texts[n].splitlines())}" for n in sources if len(texts[n].splitlines()) > MOST_LINES]
    tap.ok(not bad, f"no source has more than {MOST_LINES} lines", "\n".join(bad))
    bad = [line for n in sources for line in wrong_includes(n, texts[n], files)]
    tap.ok(not bad, "parts include only what they may know", "\n".join(bad))
    bad = [f"{n}: {m.group(0)}" for n, text in texts.items() for m in FORBIDDEN.finditer(text) if not n.startswith("tests/lint/")]
    tap.ok(not bad, "no path of a machine and no registry's host is named", "\n".join(bad))
    bad = [n for n, text in texts.items() if n.startswith(PRODUCT) and re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text)]
    tap.ok(not bad, "nothing in the product is marked as unfinished", "\n".join(bad))
    tap.exit()


if __name__ == "__main__":
    main()
