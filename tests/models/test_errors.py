#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad models: neuron-cc names what is wrong and ends with status 1, whatever it is given, and in little memory.

usage: test_errors.py [--out build] [WORD]     only what has WORD in its name
"""
import argparse
import os
import random
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

from bad_models import Bad, all_models, external, odd_models, raw_model, small_model        # noqa: E402
from onnx_writer import blob, model, node, tensor, value_info  # noqa: E402
from tap import Tap             # noqa: E402

MEGABYTES = 800         # ASan's own share of it is about 100; the models themselves are small


class Compiler:
    """neuron-cc on files in a directory of its own."""

    def __init__(self, out, folder):
        self.program, self.folder = os.path.join(out, "bin", "neuron-cc"), folder
        self.neff = os.path.join(folder, "bad.neff")

    def run(self, data, flags=(), name="bad.onnx"):
        """(status, stderr, megabytes at most, stdout); the status is negative for a signal."""
        path = os.path.join(self.folder, name)
        if data is not None:
            with open(path, "wb") as file:
                file.write(data)
        if os.path.exists(self.neff):
            os.unlink(self.neff)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            child = subprocess.Popen([self.program, "compile", path, "--output", self.neff, *flags], stdout=out, stderr=errors)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), errors.seek(0)
            return child.returncode, errors.read().decode(errors="replace"), usage.ru_maxrss // 1024, \
                out.read().decode(errors="replace")

    def judge(self, bad):
        """What is wrong with the refusal of a bad model, or an empty text; and the megabytes that it took."""
        for name, data in bad.files.items():
            with open(os.path.join(self.folder, name), "wb") as file:
                file.write(data)
        status, text, megabytes, _ = self.run(bad.data, bad.flags)
        for name in bad.files:
            os.unlink(os.path.join(self.folder, name))
        pattern = r"ERROR: \S*bad\.onnx: .*" + ".*".join(re.escape(w) for w in bad.message)
        if status != 1:
            return f"status {status}, not 1\n{text}", megabytes
        if not re.search(pattern, text):
            return f"the message is not: bad.onnx: ... {' ... '.join(bad.message)}\n{text}", megabytes
        if os.path.exists(self.neff):
            return "there is a NEFF", megabytes
        return f"took {megabytes} MB" if megabytes > MEGABYTES else "", megabytes


def corpus(tap, cc, word):
    most, count, names = 0, 0, set()
    for bad in all_models():
        if word not in bad.what:
            continue
        problem, megabytes = cc.judge(bad)
        tap.ok(not problem, f"{bad.what}: refused", problem)
        most, count = max(most, megabytes), count + 1
        assert bad.what not in names
        names.add(bad.what)
    tap.note(f"{count} bad models, {most} MB at most")


def damaged(tap, cc):
    whole = small_model()
    bad = [n for n in range(0, len(whole), 2) if cc.run(whole[:n])[0] not in (0, 1)]
    tap.ok(not bad, f"each of {len(whole) // 2} truncations ends with status 0 or 1", f"lengths {bad}")
    rng, crashed = random.Random(1), []
    for trial in range(200):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if cc.run(bytes(data))[0] not in (0, 1):
            crashed.append(trial)
    tap.ok(not crashed, "200 damaged models end with status 0 or 1", f"trials {crashed}")
    tap.ok(cc.run(whole)[0] == 0, "the undamaged model compiles")


def no_files(tap, cc):
    status, text, *_ = cc.run(None, name="nowhere/x.onnx")
    tap.ok(status == 1 and "nowhere/x.onnx: cannot open: No such file" in text, "a missing file is named", text)
    os.mkdir(os.path.join(cc.folder, "directory.onnx"))
    status, text, *_ = cc.run(None, name="directory.onnx")
    tap.ok(status == 1 and "directory.onnx: is not a regular file" in text, "a directory is named", text)
    os.mkfifo(os.path.join(cc.folder, "pipe.onnx"))
    status, text, *_ = cc.run(None, name="pipe.onnx")
    tap.ok(status == 1 and "pipe.onnx: is not a regular file" in text, "a pipe is named, and not waited for", text)
    for place, why in (("nowhere/x.neff", "No such file"), ("directory.onnx", "")):
        status, text, *_ = cc.run(small_model(), ["--output", os.path.join(cc.folder, place)])
        tap.ok(status == 1 and place in text and why in text, f"output {place} is named", text)


def links(tap, cc):
    """Data beside the model, but not really."""
    secret = os.path.join(cc.folder, "secret")
    os.mkdir(secret)
    with open(os.path.join(secret, "w.bin"), "wb") as file:
        file.write(bytes(16))
    link, directory, fifo = (os.path.join(cc.folder, n) for n in ("link.bin", "linked", "fifo.bin"))
    os.symlink(os.path.join(secret, "w.bin"), link)
    os.symlink(secret, directory)
    os.mkfifo(fifo)
    for location, why in (("link.bin", "symbolic link"), ("linked/w.bin", "cannot be opened"), ("fifo.bin", "not a regular file")):
        problem, _ = cc.judge(Bad(location, external(location=location), ["'w'", f"'{location}'", why]))
        tap.ok(not problem, f"external data: {location} is refused: {why}", problem)
    status, text, *_ = cc.run(external(location="secret/w.bin"))
    tap.ok(status == 0, "external data: a directory below the model's is read", text)


def beside(tap, cc):
    """The same model with its data inside and beside it: the same NEFF, for the chip and for the CPU."""
    w = np.arange(4, dtype=np.float32)
    inside = raw_model(blob(5, tensor("w", w)) + blob(1, node("Add", ["x", "w"], ["y"], name="a")) + blob(2, "g") +
                       blob(11, value_info("x", [2, 4])) + blob(12, value_info("y", [2, 4])))
    with open(os.path.join(cc.folder, "w.bin"), "wb") as file:
        file.write(b"12345678" + w.tobytes() + b"rest")
    for where, flags in (("chip", ()), ("CPU", ("--cpu-operators", "all", "--allow-no-ops-on-neuron"))):
        results = []
        for data in (inside, external(location="w.bin", offset="8", length="16")):
            status, text, *_ = cc.run(data, [*flags, "--enable-fast-loading-neuron-binaries"])
            with open(cc.neff, "rb") as file:
                results.append(file.read() if status == 0 else text)
        # The CPU's tensor need not have its fields in the same order.
        same = results[0] == results[1] if where == "chip" else w.tobytes() in results[1]
        tap.ok(same and isinstance(results[0], bytes), f"external data: what runs on the {where} has them", str(results)[:400])


def odd(tap, cc):
    for what, data, flags in odd_models():
        status, text, *_ = cc.run(data, flags)
        tap.ok(status == 0, f"{what}: compiles", f"status {status}\n{text}")


def notes(tap, cc):
    """Valid, but worth a word."""
    status, text, *_ = cc.run(model([node("Relu", ["x"], ["y"])], {"x": [2]}, {"y": [2]}, opset=999))
    tap.ok(status == 0 and "WARN" in text and "opset 999 is newer" in text, "a newer opset is a warning", text)
    status, text, *_ = cc.run(model([node("Relu", ["x"], ["y"], name="é☃𝄞")], {"x": [2]}, {"y": [2]}))
    tap.ok(status == 0 and not text, "names may be any UTF-8", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("word", nargs="?", default="")
    args, tap = parser.parse_args(), Tap()
    with tempfile.TemporaryDirectory() as folder:
        cc = Compiler(args.out, folder)
        corpus(tap, cc, args.word)
        if not args.word:
            for part in (damaged, no_files, links, beside, odd, notes):
                part(tap, cc)
    tap.exit()


if __name__ == "__main__":
    main()
