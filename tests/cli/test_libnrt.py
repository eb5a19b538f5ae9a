#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""libnrt as programs see it: symbols, headers, pkg-config, the first program.

usage: test_libnrt.py [--out build]
"""
import os
import re
import shutil
import subprocess

import numpy as np

from tools import TOP, Tools
import neffs


# Documented for later runtimes than those of the Inf1 era.
LATER = {"nrt_get_status_as_str", "nrt_get_dmabuf_fd"}


def read(*names):
    with open(os.path.join(TOP, *names), encoding="utf-8") as file:
        return file.read()


def symbols(t):
    """What is exported is what the map lists is what the headers declare."""
    library = os.path.join(t.out, "lib", "libnrt.so.1")
    listing = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    exported = set(re.findall(r" T (\S+?)@@NRT_1$", listing, re.M))
    others = [line for line in listing.splitlines() if "@@NRT_1" not in line and not line.endswith(" A NRT_1")]
    mapped = set(re.findall(r"^\t(nrt_\w+);", read("userspace", "lib", "libnrt.map"), re.M))
    headers = [name for name in os.listdir(os.path.join(TOP, "userspace", "include", "nrt")) if name.endswith(".h")]
    text = "".join(read("userspace", "include", "nrt", name) for name in headers)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    declared = set(re.findall(r"\b(nrt_\w+)\(", text))
    t.tap.ok(exported == mapped, "the library exports what its map lists", str(exported ^ mapped))
    t.tap.ok(declared == mapped, "the headers declare what the map lists", str(declared ^ mapped))
    documented = re.search(r"/\* documented: \*/(.*)/\* end of documented \*/", read("tests", "unit", "nrt_abi.c"), re.S)
    documented = set(re.findall(r"\b(nrt_\w+)\(", documented[1]))
    ours = {name for name in exported - documented if not name.startswith("nrt_open_")} - LATER
    t.tap.ok(documented <= exported, "each function that is documented is there", str(documented - exported))
    t.tap.ok(not ours, "a function that is not documented says so by its name", str(ours))
    # A sanitizer's run-time has symbols of its own.
    others = [line for line in others if not re.search(r"__(a|ub|l)san|__sanitizer|asan|__interceptor", line)]
    t.tap.ok(not others, "nothing else is exported", "\n".join(others))
    dynamic = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    t.tap.ok("[libnrt.so.1]" in dynamic, "the library's name is libnrt.so.1")
    t.tap.ok(not re.search(r"NEEDED.*(neuronemu|python|stdc\+\+)", dynamic), "the emulator is inside", dynamic)
    t.tap.ok(os.readlink(os.path.join(t.out, "lib", "libnrt.so")) == "libnrt.so.1", "libnrt.so is a link for linking")


def headers_alone(t):
    """Each header compiles alone, as C and C++."""
    folder = os.path.join(TOP, "userspace", "include")
    compilers = [("gcc", ["-std=c99"]), ("g++", ["-std=c++11"])]
    for name in sorted(os.listdir(os.path.join(folder, "nrt"))):
        for compiler, flags in compilers:
            if not shutil.which(compiler):
                t.tap.skip(f"{name} with {compiler}", "no such compiler")
                continue
            source = t.path("h.cc" if compiler == "g++" else "h.c", f"#include <nrt/{name}>\nint main(void) {{ return 0; }}\n".encode())
            done = subprocess.run([compiler, *flags, "-Wall", "-Wextra", "-Werror", f"-I{folder}", "-fsyntax-only", source],
                                  capture_output=True, text=True, check=False)
            t.tap.ok(not done.returncode, f"{name} with {compiler}", done.stderr)


def first_program(t):
    t.path("m.neff", neffs.Copy((("dir/x", "dir/y"),), shape=(1, 10)).bytes())
    x = np.arange(10, dtype=np.float32)
    t.path("dir_x.bin", x.tobytes())
    emulator = {"NEURON_RT_DEVICE": "emulator"}
    t.expect("first_app", 0, "first_app", "m.neff", env=emulator, out=[r"^dir_y\.out: 40 bytes"])
    with open(t.path("dir_y.out"), "rb") as file:
        t.tap.ok(file.read() == x.tobytes(), "first_app's output")
    os.unlink(t.path("dir_x.bin"))
    t.expect("first_app without input", 0, "first_app", "m.neff", env=emulator, out=["dir_y"])
    with open(t.path("dir_y.out"), "rb") as file:
        t.tap.ok(file.read() == bytes(40), "missing inputs are zeros")
    t.path("bad.neff", neffs.Copy().bytes()[:-1])
    t.expect("first_app with a broken file", 1, "first_app", "bad.neff", env=emulator, err=[r"^nrt_load\(.*\): status 2 ", "ERROR NMGR:nrt_load Wrong NEFF file size"])
    if not os.path.exists("/dev/neuron0"):
        t.expect("first_app without a device", 1, "first_app", "m.neff", err=[r"^nrt_init\(.*\): status 1 ", "ERROR NRT:nrt_init Unable to determine Neuron Driver version. Please check neuron-dkms package is installed"])


def plain_gcc(t):
    """The example has no more than 15 calls, all documented for Inf1, and is built with gcc x.c -lnrt once headers and library are where gcc looks."""
    source = os.path.join(TOP, "userspace", "examples", "first_app.c")
    calls = set(re.findall(r"\b(nrt_\w+)\(", re.sub(r"/\*.*?\*/", "", read("userspace", "examples", "first_app.c"), flags=re.S)))
    documented = set(re.findall(r"\b(nrt_\w+)\(", read("tests", "unit", "nrt_abi.c").split("/* end of documented */")[0]))
    t.tap.ok(len(calls) == 15 and calls <= documented, "first_app has 15 calls", str(calls))
    env = dict(os.environ, C_INCLUDE_PATH=os.path.join(TOP, "userspace", "include"), LIBRARY_PATH=os.path.join(t.out, "lib"))
    done = subprocess.run(["gcc", source, "-lnrt", "-o", t.path("plain")], env=env, capture_output=True, text=True, check=False)
    if "sanitizer" in done.stderr or "__asan" in done.stderr:
        t.tap.skip("first_app built with gcc x.c -lnrt", "the library has a sanitizer in it")
        return
    t.tap.ok(not done.returncode, "first_app built with gcc x.c -lnrt", done.stderr)
    os.unlink(t.path("dir_y.out"))
    done = subprocess.run([t.path("plain"), "m.neff"], capture_output=True, text=True, check=False, cwd=t.folder.name,
                          env={"LD_LIBRARY_PATH": os.path.join(t.out, "lib"), "NEURON_RT_DEVICE": "emulator"})
    t.tap.ok(not done.returncode and os.path.getsize(t.path("dir_y.out")) == 40, "and runs a NEFF", done.stderr)


def pkg_config(t):
    """Somebody else's program, built as its documentation says."""
    if not shutil.which("pkg-config"):
        t.tap.skip("pkg-config", "not installed")
        return
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(t.out, "lib", "pkgconfig"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libnrt"], env=env, capture_output=True, text=True, check=False)
    t.tap.ok(not flags.returncode, "pkg-config knows libnrt", flags.stderr)
    source = os.path.join(TOP, "userspace", "examples", "first_app.c")
    done = subprocess.run(["gcc", source, *flags.stdout.split(), "-o", t.path("app")], capture_output=True, text=True, check=False)
    if "sanitizer" in done.stderr or "__asan" in done.stderr:
        t.tap.skip("first_app built with pkg-config", "the library has a sanitizer in it")
        return
    t.tap.ok(not done.returncode, "first_app built with pkg-config", done.stderr)


def main():
    t = Tools(__doc__)
    symbols(t)
    headers_alone(t)
    first_program(t)
    plain_gcc(t)
    pkg_config(t)
    t.exit()


if __name__ == "__main__":
    main()
