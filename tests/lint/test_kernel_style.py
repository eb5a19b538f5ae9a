#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The kernel's own checkers on driver/ and uapi/, none with a complaint: checkpatch --strict, and W=1 builds for
all kernels with gcc (and sparse) and with clang. A good result is kept in the cache until a source, a checker, a kernel or a
compiler changes.

usage: test_kernel_style.py [--out build]
"""
import argparse
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from ort import cache_dir   # noqa: E402
from tap import Tap         # noqa: E402

# The one file that may ask for kernel versions: it is there so that the others need not.
EXTRA = {"driver/neuron_compat.h": ["--ignore", "LINUX_VERSION_CODE,CONSTANT_COMPARISON"]}
KERNELS = {"6.1": "kernel-6.1", "6.12": "kernel", "backports": "kernel-backports"}
# Kconfig's answers for a gcc that clang has no option or no feature for.
ONLY_GCC = ("GCC_VERSION CC_HAS_RETURN_THUNK RETHUNK MITIGATION_RETHUNK FTRACE_MCOUNT_USE_CC CC_HAS_MIN_FUNCTION_ALIGNMENT "
            "CC_HAS_SANE_FUNCTION_ALIGNMENT UBSAN_BOUNDS_STRICT GCC_NO_STRINGOP_OVERFLOW CC_NO_ARRAY_BOUNDS "
            "CC_HAS_NAMED_AS USE_X86_SEG_SUPPORT INIT_STACK_ALL_ZERO CLANG_VERSION GCC_ASM_GOTO_OUTPUT_WORKAROUND CC_HAS_SLS SLS MITIGATION_SLS").split()


def checkpatch_key(script, name):
    h = hashlib.sha256()
    for path in (os.path.abspath(__file__), script, os.path.join(TOP, name)):
        with open(path, "rb") as file:
            h.update(file.read())
    return h.hexdigest()


def checkpatch(names):
    """{name: what it says}."""
    script, stamp = os.path.join(cache_dir(), "linux-source", "scripts", "checkpatch.pl"), os.path.join(cache_dir(), "lint", "checkpatch")
    keys = {name: checkpatch_key(script, name) for name in names}
    good = set(open(stamp).read().split()) if os.path.exists(stamp) else set()
    said = run_checkpatch(script, [name for name in names if keys[name] not in good])
    keep(stamp, "\n".join(keys[name] for name in names if not said.get(name)))
    return {name: said.get(name, "") for name in names}


def run_checkpatch(script, names):
    """One run for each set of options."""
    said = {n: "" for n in names}
    for extra, files in [(e, [n]) for n, e in EXTRA.items() if n in names] + [([], [n for n in names if n not in EXTRA])]:
        if not files:
            continue
        command = ["perl", script, "--no-tree", "--strict", "--terse", "--show-types", "--no-summary",
                   "--max-line-length=100", *extra, "-f", *files]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).strip().splitlines()
        for line in lines:
            said[line.split(":")[0] if line.split(":")[0] in said else files[0]] += line + "\n"
        if done.returncode and not lines:
            said[files[0]] = f"exit status {done.returncode}"
    return said


def keep(stamp, text):
    os.makedirs(os.path.dirname(stamp), exist_ok=True)
    with open(stamp + ".new", "w") as file:
        file.write(text)
    os.replace(stamp + ".new", stamp)


def sources_key(kernel, compiler):
    h = hashlib.sha256()
    for tool in (compiler, "sparse"):
        h.update(subprocess.run([tool, "--version"], capture_output=True, check=True).stdout)
    names = [os.path.relpath(__file__, TOP), "driver/part.mk", "driver/Kbuild", "tests/lint/sparse.h", os.path.join(kernel, "release")]
    for pattern in ("driver/*.[ch]", "uapi/*/*.h"):
        names += sorted(glob.glob(pattern, root_dir=TOP))
    for name in names:
        with open(os.path.join(TOP, name), "rb") as file:
            h.update(name.encode() + b"\0" + file.read())
    return h.hexdigest()


def configure_for_clang(text, version):
    """A gcc's .config as Kconfig would answer for clang; text of auto.conf or autoconf.h."""
    define = "#define CONFIG_" in text
    text = re.sub(r"^(#define )?CONFIG_(%s)\b.*\n" % "|".join(ONLY_GCC), "", text, flags=re.M)
    text = text.replace("-Wimplicit-fallthrough=5", "-Wimplicit-fallthrough")
    text = re.sub(r"\bCONFIG_CC_IS_GCC\b", "CONFIG_CC_IS_CLANG", text)
    form = "#define CONFIG_%s %d\n" if define else "CONFIG_%s=%d\n"
    return text + form % ("CLANG_VERSION", version) + form % ("GCC_VERSION", 0)


def clang_tree(kernel, folder, version):
    """The kernel's build directory with the configuration changed for clang; the rest is linked."""
    build, target = os.path.realpath(os.path.join(kernel, "build")), os.path.join(folder, "build")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(build, target, symlinks=True)
    common, = glob.glob(os.path.join(os.path.dirname(build), "linux-headers-*-common"))
    with open(os.path.join(target, "Makefile"), "w") as file:
        file.write(f"KBUILD_OUTPUT := {target}\ninclude {common}/Makefile\n")
    for name in os.listdir(build):
        link = os.path.join(target, name)
        if os.path.islink(link):
            os.unlink(link)
            os.symlink(os.path.realpath(os.path.join(build, name)), link)
    for name in ("include/config/auto.conf", "include/generated/autoconf.h"):
        path = os.path.join(target, name)
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(configure_for_clang(text, version))
    if os.path.exists(os.path.join(kernel, "make")):
        os.symlink(os.path.join(kernel, "make"), os.path.join(folder, "make"))
    return target


def clang_version(kernel):
    """As Kconfig writes it: 190107 is 19.1.7. A kernel with a toolchain of its own is built with clang from there."""
    command = ["clang", "--version"]
    if os.path.exists(os.path.join(kernel, "make")):
        tools = os.path.join(cache_dir(), "toolchain")
        command = ["sh", "-c", "ls -d %s/usr/lib/llvm-*/lib/clang/*" % tools]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    numbers = [int(n) for n in (re.search(r"version (\d+)\.(\d+)\.(\d+)", text) or re.search(r"llvm-(\d+)()()", text)).groups("0") if n]
    numbers += [0] * (3 - len(numbers))
    return numbers[0] * 10000 + numbers[1] * 100 + numbers[2]


def build(out, name, compiler):
    """(ok, what make says)."""
    kernel = os.path.join(cache_dir(), KERNELS[name])
    if not os.path.exists(os.path.join(kernel, "release")):
        return False, f"there is no kernel {name}: run 'make setup'"
    folder, stamp = os.path.join(out, "lint", f"{name}-{compiler}"), os.path.join(cache_dir(), "lint", f"{name}-{compiler}")
    key = sources_key(kernel, compiler)
    if os.path.exists(stamp) and open(stamp).read() == key:
        return True, ""
    command = ["make", "--no-print-directory", "-j2", f"O={folder}", "W=1", f"CC={compiler}", "driver"]
    if compiler == "gcc":
        command += ["C=1", f"KDIR={kernel}/build"]
        if name == "backports":
            command += ["CF=-include " + os.path.join(HERE, "sparse.h")]
    else:
        command += ["KDIR=" + clang_tree(kernel, os.path.join(folder, "kernel"), clang_version(kernel))]
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O")}
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, env=environment)
    text = done.stdout + done.stderr
    ok = done.returncode == 0 and not re.search(r"\bwarning:|\berror:|not available", text)
    if ok:
        keep(stamp, key)
    return ok, text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--only", choices=["checkpatch", *KERNELS])
    options = parser.parse_args()
    out, tap = os.path.abspath(options.out), Tap()
    if options.only in (None, "checkpatch"):
        names = sorted(glob.glob("driver/*.[ch]", root_dir=TOP) + glob.glob("uapi/*/*.h", root_dir=TOP) +
                       glob.glob("tests/kunit/*.[ch]", root_dir=TOP))
        for name, text in checkpatch(names).items():
            tap.ok(not text, f"checkpatch --strict {name}", text)
    for name in KERNELS:
        if options.only in (None, name):
            for compiler in ("gcc", "clang"):
                ok, text = build(out, name, compiler)
                tap.ok(ok, f"Linux {name}: no warning of {compiler} at W=1{' and sparse' * (compiler == 'gcc')}", text)
    tap.exit()


if __name__ == "__main__":
    main()
