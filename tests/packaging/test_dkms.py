#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The driver as a dkms package: add, build, install, remove for each of Debian's kernels in scratch trees, so that
the host stays as it is; and what modinfo and the packaged files tell the system.

usage: test_dkms.py [--out build]
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests/lib")]

from ort import cache_dir   # noqa: E402
from tap import Tap         # noqa: E402

KERNELS = ("kernel-6.1", "kernel", "kernel-backports")
PARAMETERS_MOST = 4


def run(command, **kwargs):
    environment = {k: v for k, v in os.environ.items() if k not in (
        "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O", "ARCH")}
    environment.update(kwargs.pop("env", {}))
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, env=environment, **kwargs)
    return done.returncode, done.stdout + done.stderr


def config(name):
    with open(os.path.join(TOP, "dkms.conf")) as file:
        return re.search(r'^%s="(.*)"' % name, file.read(), re.M).group(1)


def packaged_files(tap, root):
    """Files that make the system do its part, and that they say it."""
    for path, want in (("udev/rules.d/60-neuron.rules", r'(?=.*GROUP="neuron")(?=.*MODE="0660")'),
                       ("modules-load.d/neuron.conf", r"^neuron$"), ("sysusers.d/neuron.conf", r"^g\s+neuron\s"),
                       ("tmpfiles.d/neuron.conf", r"^d\s+/run/neuron\s+1775\s+root\s+neuron\s")):
        name = os.path.join(root, "usr/lib", path)
        text = open(name).read() if os.path.exists(name) else ""
        tap.ok(re.search(want, text, re.M), "the package holds " + path, text or "it is not there")


def udev_rule(tap):
    """The rule matches what the driver makes: its class, its names."""
    rule = open(os.path.join(TOP, "driver/udev/60-neuron.rules")).read()
    source = "".join(open(name).read() for name in glob.glob(os.path.join(TOP, "driver/*.c")))
    wanted = (r'class_create\("%s"' % re.search(r'SUBSYSTEM=="(\w+)"', rule).group(1),
              r'dev_set_name\(&ndev->dev, "%s%%d"' % re.search(r'KERNEL=="(\w+)\[0-9\]\*"', rule).group(1))
    missing = [w for w in wanted if not re.search(w, source)]
    tap.ok(not missing, "the udev rule matches the driver's class and names", "\n".join(missing))


def pci_ids():
    with open(os.path.join(TOP, "uapi/neuron/regs.h")) as file:
        text = file.read()
    vendor = int(re.search(r"NEURON_PCI_VENDOR\w*\s+(0x\w+)", text).group(1), 16)
    return vendor, [int(i, 16) for i in re.findall(r"NEURON_PCI_DEVICE\w*\s+(0x\w+)", text)]


def module_info(tap, release, module):
    def field(name):
        return run(["modinfo", "-F", name, module])[1].split("\n")[:-1]
    vendor, devices = pci_ids()
    aliases = field("alias")
    missing = [d for d in devices if not any("v%08Xd%08X" % (vendor, d) in a for a in aliases)]
    tap.ok(len(devices) == 4 and not missing, f"{release}: the module has an alias for all four chips", "\n".join(aliases))
    tap.ok(field("firmware") == ["neuron/inferentia.bin"], f"{release}: the module names its firmware", str(field("firmware")))
    tap.ok(field("version") == [config("PACKAGE_VERSION")], f"{release}: module and package have one version", str(field("version")))
    parameters = field("parm")
    described = [p for p in parameters if re.match(r"\w+:.{10,}\(\w+\)$", p)]
    tap.ok(len(parameters) <= PARAMETERS_MOST and described == parameters,
           f"{release}: parameters are few and described", "\n".join(parameters))
    tap.ok(field("vermagic")[0].startswith(release + " "), f"{release}: the module is for this kernel", str(field("vermagic")))


def dkms_kernel(tap, name, trees, work):
    kernel = os.path.join(cache_dir(), name)
    with open(os.path.join(kernel, "release")) as file:
        release = file.read().strip()
    package = "neuron/" + config("PACKAGE_VERSION")
    env = {}
    if os.path.exists(os.path.join(kernel, "make")):
        os.makedirs(os.path.join(work, "bin"), exist_ok=True)
        os.symlink(os.path.join(kernel, "make"), os.path.join(work, "bin/make"))
        env["PATH"] = os.path.join(work, "bin") + ":" + os.environ["PATH"]
    os.makedirs(os.path.join(work, "modules", release))
    which = [package, "-k", release, *trees]
    for step in ("build", "install"):
        extra = ["--kernelsourcedir", os.path.join(kernel, "build")] if step == "build" else ["--no-depmod"]
        code, text = run(["dkms", step, *which, *extra], env=env)
        if code:
            for log in glob.glob(os.path.join(work, "dkms/neuron/*/build/make.log")):
                text += open(log, errors="replace").read()[-3000:]
        if not tap.ok(code == 0, f"{release}: dkms {step}", text):
            return
    found = glob.glob(os.path.join(work, "modules", release, "updates/dkms/neuron.ko*"))
    if tap.ok(len(found) == 1, f"{release}: the module is where modprobe looks first", str(found)):
        module_info(tap, release, found[0])
    code, text = run(["dkms", "remove", *which, "--no-depmod"], env=env)
    left = glob.glob(os.path.join(work, "modules", release, "**/neuron.ko*"), recursive=True)
    tap.ok(code == 0 and not left, f"{release}: dkms remove takes it away", text + str(left))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    options = parser.parse_args()
    tap = Tap()
    base = os.path.join(os.path.abspath(options.out), "tests")
    os.makedirs(base, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dkms-", dir=base) as work:
        code, text = run(["make", "--no-print-directory", f"O={options.out}", f"DESTDIR={work}/root", "install-dkms"])
        tap.ok(code == 0, "make install-dkms", text)
        packaged_files(tap, os.path.join(work, "root"))
        udev_rule(tap)
        version = config("PACKAGE_VERSION")
        trees = ["--dkmstree", os.path.join(work, "dkms"), "--sourcetree", os.path.join(work, "root/usr/src"),
                 "--installtree", os.path.join(work, "modules")]
        for tree in trees[1::2]:
            os.makedirs(tree, exist_ok=True)
        code, text = run(["dkms", "add", "neuron/" + version, *trees])
        if tap.ok(code == 0, "dkms add", text):
            for name in KERNELS:
                dkms_kernel(tap, name, trees, work)
    tap.exit()


if __name__ == "__main__":
    main()
