#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make install and uninstall: each installed file is used from below DESTDIR. Manual pages are without warnings and there
is one for each function and tool; completion offers the options that --help names, and the tools know them.

usage: test_install.py [--out build]
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests/lib"), os.path.join(TOP, "tests/cli")]

from tap import Tap     # noqa: E402
import neffs            # noqa: E402

FIXED = ("udev/rules.d/60-neuron.rules", "modules-load.d/neuron.conf", "sysusers.d/neuron.conf", "tmpfiles.d/neuron.conf",
         "firmware/neuron/inferentia.bin")
ONE_TOOL = "neuron-run"


def run(command, cwd=TOP, **env):
    clean = {k: v for k, v in os.environ.items() if not re.match(r"NEURON_RT|(MAKEFLAGS|MFLAGS|MAKELEVEL|O|LD_LIBRARY_PATH)$", k)}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace", check=False, timeout=300,
                          env={**clean, **env})
    return done.returncode, done.stdout + done.stderr


def make(out, target, dest, *variables):
    return run(["make", "--no-print-directory", f"O={out}", f"DESTDIR={dest}", *variables, target])


def functions():
    with open(os.path.join(TOP, "userspace/lib/libnrt.map"), encoding="utf-8") as file:
        return set(re.findall(r"^\t(nrt_\w+);", file.read(), re.M))


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, names in os.walk(folder) for f in names)


def library(tap, prefix, work):
    """The example is compiled by what pkg-config says, and runs."""
    pc = os.path.join(prefix, "lib/pkgconfig")
    root = prefix[:-len("/usr/local")]
    code, flags = run(["pkg-config", "--cflags", "--libs", "libnrt"], PKG_CONFIG_LIBDIR=pc, PKG_CONFIG_SYSROOT_DIR=root)
    app, x = os.path.join(work, "app"), bytes(range(40))
    source = os.path.join(prefix, "share/doc/neuron/examples/first_app.c")
    code = code or run(["gcc", "-Wall", "-Werror", source, *flags.split(), "-o", app])[0]
    tap.ok(code == 0, "the installed example compiles with the installed pkg-config file", flags)
    for name, data in (("m.neff", neffs.Copy((("x", "y"),), shape=(1, 10)).bytes()), ("x.bin", x)):
        with open(os.path.join(work, name), "wb") as file:
            file.write(data)
    code, text = run([app, "m.neff"], work, NEURON_RT_DEVICE="emulator", LD_LIBRARY_PATH=os.path.join(prefix, "lib"))
    got = os.path.join(work, "y.out")
    tap.ok(code == 0 and os.path.exists(got) and open(got, "rb").read() == x, "it runs a model with the installed library", text)
    text = "".join(f"#include <{h}>\n" for h in sorted(
        os.path.relpath(p, prefix + "/include") for p in glob.glob(prefix + "/include/*/*.h")))
    source = os.path.join(work, "all.c")
    with open(source, "w") as file:
        file.write(text)
    code, said = run(["gcc", "-std=gnu11", "-Wall", "-Werror", "-I", prefix + "/include", "-fsyntax-only", source])
    tap.ok(code == 0 and "nrt/nrt.h" in text and "linux/neuron.h" in text, "all installed headers together compile", said)


def tools(tap, prefix, work):
    names = sorted(os.listdir(prefix + "/bin"))
    for name in names:
        code, text = run([f"{prefix}/bin/{name}", "--version"], work)
        tap.ok(code == 0 and re.match(rf"{name} \d", text), f"{name} starts where it is installed", text)
    code, text = run([prefix + "/bin/neuron-run", "m.neff", "-d", "emulator", "-i", "x.npy", "-j"], work)
    tap.ok("x.npy" in text and code == 1, "neuron-run finds the installed library", text)
    emu = subprocess.Popen([prefix + "/bin/neuron-emu", "--socket", os.path.join(work, "socket"), "--control", os.path.join(work, "ctl")],
                           stderr=subprocess.PIPE, text=True)
    try:
        while emu.poll() is None and not os.path.exists(os.path.join(work, "ctl")):
            subprocess.run(["sleep", "0.02"], check=True)
        alive = emu.poll() is None
    finally:
        emu.terminate()
    tap.ok(alive, "neuron-emu finds the installed firmware", emu.communicate()[1])
    return names


def manual(tap, prefix, names):
    """mandoc and groff have nothing to say; each tool and function has its page."""
    pages = sorted(glob.glob(prefix + "/share/man/man?/*"))
    have = {os.path.basename(p) for p in pages}
    wanted = {n + ".1" for n in names} | {n + ".3" for n in functions()} | {"libnrt.3", "neuron.4"}
    tap.ok(have == wanted, "a manual page for each tool and function", str(have ^ wanted))
    if shutil.which("mandoc"):
        code, text = run(["mandoc", "-T", "lint", "-W", "warning", *pages])
        tap.ok(code == 0 and not text, "mandoc has no warnings", text)
    else:
        tap.skip("mandoc has no warnings", "mandoc is not installed")
    code, text = run(["groff", "-man", "-ww", "-Tutf8", "-z", *pages])
    tap.ok(code == 0 and not text, "groff has no warnings", text)
    bad = []
    for page in pages:
        with open(page, encoding="utf-8") as file:
            body = file.read()
        if not re.search(r"^\.SH NAME\n\S+ \\- \S", body, re.M) or ".SH SEE ALSO" not in body:
            bad.append(page)
    tap.ok(not bad, "each page has a name that whatis understands", "\n".join(bad))
    if shutil.which("man"):
        env = {"MANPATH": prefix + "/share/man", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"}
        for page, want in (("nrt_load", "NRT_UNSUPPORTED_NEFF_VERSION"), ("neuron-run", "--device")):
            code, text = run(["man", page], **env)
            tap.ok(code == 0 and want in text, f"man {page}", text[:500])


def complete(prefix, tool, line, work):
    """What bash offers for the last word of @line."""
    words = re.findall(r"=|[^\s=]+", line) + ([""] if line.endswith(" ") else [])
    script = (f'source "{prefix}/share/bash-completion/completions/{tool}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              f'$(complete -p {tool} | sed "s/.*-F \\([^ ]*\\).*/\\1/") ; printf "%s\\n" "${{COMPREPLY[@]}}"')
    code, text = run(["bash", "-c", script, "bash", *words], work)
    return set(text.split()) if code == 0 else {text}


def known(prefix, tool, command, option, work):
    """Whether the tool takes the option for one of its own."""
    text = run([f"{prefix}/bin/{tool}", *command, option], work)[1]
    return not re.search(r"unrecognized option|unknown option|invalid option|is not an option", text)


def completion(tap, prefix, names, work):
    for tool in names:
        text = run([f"{prefix}/bin/{tool}", "--help"], work)[1]
        commands = [[c] for c in dict.fromkeys(re.findall(rf"^  {tool} ([a-z][\w-]*)(?= |$)", text, re.M))]
        offered = complete(prefix, tool, tool + " ", work)
        if commands:
            tap.ok({c[0] for c in commands} == offered, f"completion of {tool}: its commands", str(offered))
        for command in [[]] + commands:
            name = " ".join([tool, *command])
            text = run([f"{prefix}/bin/{tool}", *command, "--help"], work)[1]
            want = set()
            for spec in re.findall(r"^ {1,8}(-[^\n]*?)(?: {2,}|$)", text, re.M):
                want |= set(re.findall(r"(?:^|, )(-\w|--[\w-]+)", spec))
            got = complete(prefix, tool, name + " -", work)
            tap.ok(got == want, f"completion of {name}: the options of --help", f"{got ^ want}")
            strange = [o for o in got if not known(prefix, tool, command, o, work)]
            tap.ok(not strange, f"{name} knows the options of its --help", str(strange))


def completion_files(tap, prefix, work):
    folder = os.path.join(work, "files")
    os.mkdir(folder)
    for name in ("a.neff", "a.npy", "other.txt"):
        open(os.path.join(folder, name), "w").close()
    for line, want in (("neuron-run ", "a.neff"), ("neuron-run a.neff --output x=", "a.npy"), ("neuron-run --device em", "emulator")):
        got = complete(prefix, ONE_TOOL, line, folder)
        tap.ok(want in got and "other.txt" not in got, f"completion of \"{line}\"", str(got))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out = parser.parse_args().out
    tap = Tap()
    base = os.path.join(os.path.abspath(out), "tests")
    os.makedirs(base, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="install-", dir=base) as work:
        root, usr = os.path.join(work, "root"), os.path.join(work, "usr")
        code, text = make(out, "install", root)
        tap.ok(code == 0, "make install", text)
        prefix = root + "/usr/local"
        library(tap, prefix, work)
        names = tools(tap, prefix, work)
        manual(tap, prefix, names)
        completion(tap, prefix, names, work)
        completion_files(tap, prefix, work)
        missing = [f for f in FIXED if not os.path.exists(f"{root}/usr/lib/{f}")]
        tap.ok(not missing and glob.glob(root + "/usr/src/neuron-*/dkms.conf"), "the driver's package is installed", str(missing))
        open(prefix + "/include/nrt/mine.h", "w").close()
        code, text = make(out, "uninstall", root)
        left = files_below(root)
        tap.ok(code == 0 and left == ["usr/local/include/nrt/mine.h"], "make uninstall takes away what was installed, and no more",
               text + str(left))
        places = ("prefix=/usr", "libdir=/usr/lib/x-y", "mandir=/m", "includedir=/usr/include/z")
        code, text = make(out, "install-user", usr, *places)
        listing = files_below(usr)
        wanted = {"usr/lib/x-y/libnrt.so.1", "usr/lib/x-y/pkgconfig/libnrt.pc", "m/man3/nrt_load.3", "usr/include/z/nrt/nrt.h",
                  "usr/bin/neuron-run"}
        tap.ok(code == 0 and wanted <= set(listing) and not any("usr/src" in f for f in listing),
               "install-user with places of its own, without the driver", text + "\n".join(listing))
        flags = run(["pkg-config", "--cflags", "--libs", "libnrt"], PKG_CONFIG_LIBDIR=usr + "/usr/lib/x-y/pkgconfig")[1].split()
        tap.ok(flags == ["-I/usr/include/z", "-L/usr/lib/x-y", "-lnrt"], "the pkg-config file names them", str(flags))
    tap.exit()


if __name__ == "__main__":
    main()
