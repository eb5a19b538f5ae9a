#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian packages: built by dpkg-buildpackage, installed in a clean system, used there, and purged.

The copyright file says of each file what its SPDX line says; the symbols file lists what the library exports.

usage: test_deb.py [--out build] [--lintian]
"""
import argparse
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests/lib"), os.path.join(TOP, "tests/cli")]

from tap import Tap             # noqa: E402
import clean_root               # noqa: E402
import onnx_writer as onnx      # noqa: E402

PACKAGES = ("libnrt-dev", "libnrt1", "neuron-cc", "neuron-dkms", "neuron-emulator", "neuron-tools")
SAME = {"GPL-2.0 with Linux-syscall-note exception": "GPL-2.0 WITH Linux-syscall-note",
        "GPL-2.0 with Linux-syscall-note exception or Apache-2.0": "(GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0"}


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def licences(tap):
    """DEP-5 against the SPDX lines: the last paragraph that matches a file holds."""
    rules = []
    for paragraph in read("debian/copyright").split("\n\n"):
        files = re.search(r"^Files:(.*(?:\n .*)*)", paragraph, re.M)
        if files:
            licence = re.search(r"^License: (.*)", paragraph, re.M).group(1)
            rules += [(pattern, SAME.get(licence, licence)) for pattern in files.group(1).split()]
    listing = subprocess.run(["git", "-C", TOP, "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    wrong = []
    for name in listing:
        path = os.path.join(TOP, name)
        if not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            said = re.search(r"^\W*SPDX-License-Identifier: (.*?)(?: \*/| -->)?$", file.readline() + file.readline(), re.M)
        told = [licence for pattern, licence in rules if fnmatch.fnmatchcase(name, pattern)][-1]
        if said and said.group(1) != told:
            wrong.append(f"{name}: {said.group(1)}, and debian/copyright says {told}")
    tap.ok(not wrong, "debian/copyright agrees with the SPDX line of each file", "\n".join(wrong))


def symbols(tap):
    mapped = set(re.findall(r"^\t(nrt_\w+);", read("userspace/lib/libnrt.map"), re.M))
    listed = set(re.findall(r"^ (nrt_\w+)@NRT_1 ", read("debian/libnrt1.symbols"), re.M))
    tap.ok(mapped == listed, "debian/libnrt1.symbols lists what the library exports", f"differ: {mapped ^ listed}")


def versions(tap):
    told = {"mk/config.mk": r"^VERSION := (\S+)", "dkms.conf": r'^PACKAGE_VERSION="(.*)"', "debian/changelog": r"^neuron \((.*?)\)"}
    found = {name: re.search(pattern, read(name), re.M).group(1) for name, pattern in told.items()}
    tap.ok(len(set(found.values())) == 1, "build, dkms and packages have one version", str(found))


def build(tap, out):
    done = subprocess.run([os.path.join(TOP, "packaging/build-deb"), "--out", out], stdout=subprocess.PIPE, cwd=TOP,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    debs = {os.path.basename(p).split("_")[0]: p for p in glob.glob(os.path.join(out, "deb", "*.deb")) if "-dbgsym" not in p}
    tap.ok(not done.returncode and tuple(sorted(debs)) == PACKAGES, "dpkg-buildpackage makes the packages",
           done.stdout[-5000:] + str(sorted(debs)))
    complaints = re.findall(r"^(?:dpkg-\w+|dh_\w+): (?:warning|error): .*", done.stdout, re.M)
    tap.ok(not complaints, "its tools have no warnings", "\n".join(complaints))
    return debs if not done.returncode else {}


def lintian(tap, out):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", *glob.glob(os.path.join(out, "deb/*.changes"))],
                          capture_output=True, text=True, check=False)
    tap.ok(done.returncode == 0, "lintian", done.stdout + done.stderr)


def step(tap, root, name, command, want=r""):
    """One command inside has to succeed, and to print @want."""
    code, text = root.run(command)
    return tap.ok(code == 0 and re.search(want, text, re.M | re.S), name, f"status {code}, wanted {want!r}\n{text[-3000:]}")


def driver(tap, root):
    """dkms built the module for the kernel whose headers are there, when the package was configured."""
    step(tap, root, "dkms has built the module", "dkms status", r"^neuron/\S+, \S+, \S+: installed$")
    step(tap, root, "modinfo finds it and its firmware",
         "k=$(ls /lib/modules) && modinfo -k $k neuron && test -s /lib/firmware/neuron/$(basename $(modinfo -k $k -F firmware neuron))",
         r"^alias: +pci:v00001D0F")
    step(tap, root, "the group of the devices is there", "getent group neuron", r"^neuron:")


def models(tap, root):
    """A model through the compiler, the tool, and a program that somebody compiles there."""
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((1, 64), np.float32), rng.standard_normal((64, 8), np.float32)
    b = np.arange(-3, 5, dtype=np.float32)
    nodes = [onnx.node("MatMul", ["x", "w"], ["m"]), onnx.node("Add", ["m", "b"], ["a"]), onnx.node("Relu", ["a"], ["y"])]
    with open(root.exchange("model.onnx"), "wb") as file:
        file.write(onnx.model(nodes, {"x": x.shape}, {"y": (1, 8)}, {"w": w, "b": b}))
    np.save(root.exchange("x.npy"), x)
    with open(root.exchange("x.bin"), "wb") as file:
        file.write(x.tobytes())
    step(tap, root, "neuron-cc compiles a model", "cd /exchange && neuron-cc compile model.onnx --output model.neff && test -s model.neff")
    step(tap, root, "neuron-run runs it on the emulator",
         "cd /exchange && neuron-run model.neff --device emulator --input x.npy --output y.npy --json", r'"cycles"')
    # Operands are rounded to bfloat16, and so is the result.
    want, bound = np.maximum(x @ w + b, 0), 2.0 ** -7 * (np.abs(x) @ np.abs(w) + np.abs(b))
    got = np.load(root.exchange("y.npy")) if os.path.exists(root.exchange("y.npy")) else want * np.nan
    tap.ok((np.abs(got - want) <= bound).all(), "its result is right", f"{got} and not {want}")
    step(tap, root, "gcc first_app.c -lnrt", "cd /exchange && cp /usr/share/doc/libnrt-dev/examples/first_app.c* . && "
         "{ test -e first_app.c || gunzip first_app.c.gz; } && gcc -Wall -Werror first_app.c -o first_app -lnrt && "
         "test \"$(pkg-config --libs --cflags libnrt)\" = \"-lnrt \" -o \"$(pkg-config --libs --cflags libnrt)\" = -lnrt")
    step(tap, root, "the program runs", "cd /exchange && NEURON_RT_DEVICE=emulator ./first_app model.neff", r"y\.out: 32 bytes")
    out = np.fromfile(root.exchange("y.out"), np.float32) if os.path.exists(root.exchange("y.out")) else np.zeros(0)
    tap.ok(np.array_equal(out, got.ravel()), "and gives the same bits", f"{out} and not {got}")
    step(tap, root, "it runs without a file for its input", "cd /exchange && mkdir empty && cd empty && "
         "NEURON_RT_DEVICE=emulator ../first_app ../model.neff && test \"$(ls)\" = y.out", r"y\.out: 32 bytes")
    path = root.exchange("empty/y.out")
    out = np.fromfile(path, np.float32) if os.path.exists(path) else np.zeros(0)
    # Whole numbers below 8 are bfloat16s.
    tap.ok(np.array_equal(out, np.maximum(b, 0)), "which it takes for zeros", f"{out} and not {np.maximum(b, 0)}")


# Two users of the group that may use chips, and one who is nobody. /dev/shm is another one than the host's.
USERS = """set -e
mount -t tmpfs tmpfs /dev/shm
trap 'kill $(jobs -p) 2>/dev/null || :' EXIT
group=$(getent group neuron | cut -d: -f3)
as() { user=$1; shift; setpriv --reuid $user --regid $user --groups $group "$@"; }
work() { as 1001 sh -c 'echo $$ >/tmp/pid.new; mv /tmp/pid.new /tmp/pid; until test -e /tmp/go; do sleep 0.1; done
  exec neuron-run /exchange/model.neff --device emulator --input /exchange/x.npy --repeat 1000000000 >/dev/null' & }
started() { for i in $(seq 600); do test -e /tmp/pid && break; sleep 0.1; done; pid=$(cat /tmp/pid); }
appears() { for i in $(seq 600); do test -e $1/$pid.* && return; sleep 0.1; done; return 1; }
seen() { setpriv --reuid 65534 --regid 65534 --clear-groups neuron-top --batch --json | grep "\\"pid\\": *$pid\\b"; }
chmod 1777 /tmp; rm -f /tmp/pid /tmp/go
"""
SHARED = USERS + """
touch /tmp/go; work; started; appears /run/neuron
if as 1002 rm -f /run/neuron/$pid.* 2>/dev/null; then exit 1; fi
seen
"""
FORGED = USERS + """
work; started
as 1002 touch /run/neuron/.new-$pid /run/neuron/$pid.$(awk '{print $22}' /proc/$pid/stat)
touch /tmp/go; appears /dev/shm/neuron-1001
seen
"""


def statistics(tap, root):
    """Processes of users that share /run/neuron are seen; who puts files of their names there does not hide them."""
    step(tap, root, "/run/neuron is made for the users of chips", "stat -c '%a %U %G' /run/neuron", r"^1775 root neuron$")
    step(tap, root, "a process of one publishes there for everybody", SHARED)
    step(tap, root, "a forged file of another does not hide it", FORGED)


def around(tap, root):
    """Manual, completion, emulator, unit file."""
    step(tap, root, "man finds the pages", "man nrt_execute && man neuron-run && man neuron-cc && man neuron-emu && man 4 neuron",
         r"NRT_EXEC_BAD_INPUT.*--device.*--output.*--socket.*fw_load")
    step(tap, root, "completion is loaded by bash-completion",
         "bash -c '. /usr/share/bash-completion/bash_completion; for t in run cc emu ls; do _completion_loader neuron-$t; "
         "complete -p neuron-$t || exit 1; done'", r"_neuron_run neuron-run")
    step(tap, root, "each tool says its version", "for t in /usr/bin/neuron-*; do $t --version || exit 1; done", r"neuron-run \d")
    step(tap, root, "neuron-emu has firmware", "cd /tmp && neuron-emu --socket s --control c & "
         "while kill -0 $! && ! test -S /tmp/c; do sleep 0.1; done; kill $! && wait $!", r"")
    step(tap, root, "no program needs a path that is not searched", "for f in /usr/bin/neuron-*; do ldd $f; done", r"libnrt\.so\.1 => /lib")
    step(tap, root, "the unit, if there is one, is one for systemd", "u=/usr/lib/systemd/system/neuron-monitor.service; "
         "test ! -e /usr/bin/neuron-monitor || systemd-analyze verify --man=no $u")


def purged(tap, root):
    names = " ".join(PACKAGES)
    step(tap, root, "the packages go without a trace",
         f"dpkg --purge {names} && ! dpkg -s {names} 2>/dev/null && ! test -e /usr/src/neuron-* && ! find /lib/modules -name 'neuron.ko*' | grep . "
         "&& ! find /usr /etc /var/lib/dkms -name '*neuron*' ! -path '/usr/share/bash-completion/*' | grep -v -e /usr/src/linux")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--lintian", action="store_true")
    options = parser.parse_args()
    tap, out = Tap(), os.path.abspath(options.out)
    licences(tap)
    symbols(tap)
    versions(tap)
    debs = build(tap, out)
    if options.lintian:
        lintian(tap, out)
    reason = clean_root.reason_to_skip()
    if reason or not debs:
        tap.skip("packages in a clean system", reason or "there are none")
        tap.exit()
    base = os.path.join(out, "tests")
    os.makedirs(base, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="deb-", dir=base) as work:
        root = clean_root.CleanRoot(work)
        for path in debs.values():
            shutil.copy(path, root.exchange(""))
        if step(tap, root, "the packages can be installed", "dpkg --install /exchange/*.deb"):
            driver(tap, root)
            models(tap, root)
            statistics(tap, root)
            around(tap, root)
            purged(tap, root)
    tap.exit()


if __name__ == "__main__":
    main()
