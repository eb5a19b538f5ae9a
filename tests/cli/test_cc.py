#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The command line of neuron-cc: documented options, those that frameworks pass, exit statuses, streams.

usage: test_cc.py [--out build]
"""
import os
import sys

import numpy as np

from tools import Tools

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from onnx_writer import model, node     # noqa: E402

PASS = r"^Compiler status PASS$"
CASTS = ("fp32-cast-all", "fp32-cast-all-fp16", "fp32-cast-matmult", "fp32-cast-matmult-bf16", "fp32-cast-matmult-fp16")


def commands(t):
    t.expect("--help", 0, "neuron-cc", "--help", out=["^usage: neuron-cc", "list-operators", "Exit status"])
    t.expect("--version", 0, "neuron-cc", "--version", out=[r"^neuron-cc \d+\.\d+\.\d+$"])
    t.expect("compile --help names each option", 0, "neuron-cc", "compile", "--help",
             out=["--framework", "--io-config", "--output", "--neuroncore-pipeline-cores", "--enable-saturate-infinity",
                  "--enable-fast-loading-neuron-binaries", "--enable-fast-context-switch", "--fast-math", "no-fast-relayout", "--verbose",
                  *CASTS])
    t.expect("list-operators --help", 0, "neuron-cc", "list-operators", "--help", out=["--framework"])
    done = t.expect("list-operators", 0, "neuron-cc", "list-operators", "--framework", "ONNX", out=["^Conv$", "^MatMul$"])
    names = done.stdout.split()
    t.tap.ok(len(names) > 80 and len(set(names)) == len(names) and all(n.isalnum() for n in names), "one name a line", done.stdout)
    for args, words in (((), "no command"), (("frobnicate",), "frobnicate"), (("compile",), "needs a model"), (("list-operators",), "--framework ONNX"),
                        (("compile", "m.onnx", "--frobnicate"), "--frobnicate"), (("compile", "m.onnx", "n.onnx"), "one is compiled at a time")):
        t.expect(f"wrong usage: {' '.join(args) or 'nothing'}", 2, "neuron-cc", *args, err=[words])
    for name in ("TENSORFLOW", "MXNET", "XLA"):
        t.expect(f"--framework {name}", 2, "neuron-cc", "compile", "m.onnx", "--framework", name, err=[name, "convert the model to ONNX"])


def accepted(t):
    def compiles(name, *args, out=()):
        t.expect(name, 0, "neuron-cc", "compile", "m.onnx", *args, out=[PASS, *out])
    compiles("the default output")
    t.tap.ok(os.path.exists(t.path("out.neff")), "it is out.neff")
    compiles("--framework, --output", "--framework", "ONNX", "--output", "a.neff")
    t.expect("URIs", 0, "neuron-cc", "compile", "file://" + t.path("m.onnx"), "--output", "file://" + t.path("u.neff"), out=[PASS])
    with open(t.path("a.neff"), "rb") as a, open(t.path("u.neff"), "rb") as u:
        t.tap.ok(a.read() == u.read(), "of the same model, the same file")
    compiles("no compression", "--enable-fast-loading-neuron-binaries", "--output", "plain.neff")
    for words in [("all",), ("none",), *((c,) for c in CASTS), ("fp32-cast-all", "fast-relayout"), ("fp32-cast-matmult", "no-fast-relayout"),
                  ("none", "fp32-cast-all-fp16"), ("fp32-cast-matmult no-fast-relayout",)]:
        compiles(f"--fast-math {' '.join(words)}", "--fast-math", *words)
    for word in ("all", "all-fp16", "matmult", "matmult-bf16", "matmult-fp16"):
        compiles(f"--fp32-cast {word}", "--fp32-cast", word)
    note = "^Note: these options change nothing here: "
    for args in (("--enable-fast-context-switch",), ("--pipeline", "compile", "SaveTemps"), ("-O2",),
                 ("--batching_en", "--rematerialization_en", "--spill_dis", "--sb_size", "80", "--enable-replication", "True"),
                 ("--static-weights",), ("--tensorizer-options=--disable-inline-cast",), ("--enable-experimental-tensorized-scheduler",),
                 ("--workdir", "w"), ("--dynamic-batch-size",), ("--extract-weights", "inf1.2xlarge")):
        compiles(" ".join(args) + ": with a note", *args, out=[note + args[0].split("=")[0]])
    compiles("--enable-saturate-infinity", "--enable-saturate-infinity")
    for level in ("DEBUG", "info", "WARN", "ERROR", "0", "1", "2", "35"):
        compiles(f"--verbose {level}", "--verbose", level)
    compiles("--neuroncore-pipeline-cores 1", "--neuroncore-pipeline-cores", "1", "--num-neuroncores=1")


def stronger(t):
    """A cast is stronger than all or none, --fp32-cast than --fast-math: the NEFFs are the same."""
    def neff(*args):
        t.expect(" ".join(args), 0, "neuron-cc", "compile", "m.onnx", "--output", "s.neff", *args, out=[PASS])
        with open(t.path("s.neff"), "rb") as file:
            return file.read()
    same = [neff("--fast-math", "fp32-cast-all-fp16"), neff("--fast-math", "none", "fp32-cast-all-fp16"),
            neff("--fast-math", "none", "--fp32-cast", "all-fp16"), neff("--fp32-cast", "all-fp16", "--fast-math", "fp32-cast-matmult")]
    t.tap.ok(len(set(same)) == 1, "the strongest cast counts")
    t.tap.ok(neff("--fast-math", "all") == neff() != same[0], "all is the default, and another one")


def refused(t):
    for args, words in ((("--fast-math", "fp32-cast-all", "fp32-cast-matmult"), "exclude each other"), (("--fast-math", "all", "none"), "exclude each other"),
                        (("--fast-math", "fast-relayout", "no-fast-relayout"), "exclude each other"), (("--fast-math", "quick"), "'quick' is unknown"),
                        (("--fp32-cast", "some"), "'some' is unknown"), (("--verbose", "LOUD"), "'LOUD'"),
                        (("--neuroncore-pipeline-cores", "0"), "1 to 64, not '0'"), (("--neuroncore-pipeline-cores", "65"), "not '65'"),
                        (("--num-neuroncores", "x"), "not 'x'"), (("--io-config", "nothing.json"), "'nothing.json': No such file"),
                        (("--io-config", "."), "'.': Is a directory"), (("--io-config", "large.json"), "larger than 1 MiB"),
                        (("--dump=after:nothing",), "no pass 'nothing'"), (("--output",), "--output needs"), (("--partition", "x"), "'x' is unknown")):
        t.expect(f"refused: {' '.join(args)}", 2, "neuron-cc", "compile", "m.onnx", *args, err=[words])
    done = t.expect("a model that is not there", 1, "neuron-cc", "compile", "n.onnx", err=["^ERROR: n.onnx: cannot open", "^Compiler status ERROR$"])
    t.tap.ok(not done.stdout, "errors go to stderr")


def io_config(t):
    open_model = model([node("Relu", ["x"], ["h"]), node("Neg", ["h"], ["y"])], {"x": ["n", 4]}, {"y": ["n", 4]})
    t.path("open.onnx", open_model)
    text = '{"inputs": {"x": [[3, 4], "float32"]}, "outputs": ["h"]}'
    t.path("io.json", text.encode())
    for name, value in (("inline", text), ("in a file", "io.json"), ("by a URI", "file://" + t.path("io.json"))):
        t.expect(f"--io-config {name}", 0, "neuron-cc", "compile", "open.onnx", "--io-config", value, "--dump=after:shape", out=[PASS, r"h:float32\[3,4\]"])


def pipeline(t):
    """A core for each stage, or one for all of them if there are not as many."""
    t.path("six.onnx", model([node("Neg", [f"t{i}"], [f"t{i + 1}"]) for i in range(6)], {"t0": [2, 3]}, {"t6": [2, 3]}))
    np.save(t.path("x.npy"), np.arange(6, dtype=np.float32).reshape(2, 3))
    for stages in (2, 6):
        t.expect(f"{stages} stages", 0, "neuron-cc", "compile", "six.onnx", "--neuroncore-pipeline-cores", str(stages), "--output", "six.neff",
                 out=[PASS])
        t.expect(f"neuron-objdump tells of {stages} stages", 0, "neuron-objdump", "--header", "six.neff", out=[f"1 at least, {stages} at best, {stages} asked for"])
        t.expect(f"neuron-run on 4 cores runs {stages} stages", 0, "neuron-run", "six.neff", "-d", "emulator", "-i", "x.npy", "-o", "y.npy")
        t.tap.ok(np.array_equal(np.load(t.path("y.npy")), np.load(t.path("x.npy"))), "the result is right")


def main():
    t = Tools(__doc__.splitlines()[0])
    w = np.random.default_rng(1).standard_normal((8, 4)).astype(np.float32)
    t.path("m.onnx", model([node("MatMul", ["x", "w"], ["y"])], {"x": [2, 8]}, {"y": [2, 4]}, {"w": w}))
    t.path("large.json", b"{" + b" " * (1 << 20))
    for part in (commands, accepted, stronger, refused, io_config, pipeline):
        part(t)
    t.exit()


if __name__ == "__main__":
    main()
