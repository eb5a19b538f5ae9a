#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-run: results, exit codes and messages, on the in-process emulator.

usage: test_run.py [--out build]
"""
import json
import os

import numpy as np

from tools import Tools
import neffs


def results(t):
    """Arrays go in and come out."""
    tap = t.tap
    x = np.arange(10, dtype=np.float32).reshape(1, 10)
    np.save(t.path("x.npy"), x)
    t.path("m.neff", neffs.Copy(shape=(1, 10)).bytes())
    base = ["neuron-run", "m.neff", "--device", "emulator"]
    t.expect("prints the largest elements", 0, *base, "-i", "x=x.npy", "--top", "2",
             out=[r"^y: float32 \(1, 10\)$", r"^ +9  9$", r"^ +8  8$", r"1 inference, .* us each .* modelled cycles"])
    t.expect("input without a name, output to a file", 0, *base, "-i", "x.npy", "--output", "y=y.npy", out=[r"-> y\.npy"])
    y = np.load(t.path("y.npy"))
    tap.ok(y.dtype == x.dtype and y.shape == x.shape and (y == x).all(), "the output file is the array")
    done = t.expect("--json", 0, *base, "-i", "x.npy", "--json", "--repeat", "7")
    report = json.loads(done.stdout)
    tap.ok(report["inferences"] == 7 and report["mean_us"] >= report["best_us"] > 0 and report["cycles"] > 0
           and report["outputs"][0]["values"] == x.reshape(-1).tolist() and report["nan"] is False,
           "JSON has times, cycles and values", done.stdout)
    t.expect("emulator by environment", 0, "neuron-run", "m.neff", "-i", "x.npy", env={"NEURON_RT_DEVICE": "emulator"}, out=["y:"])
    np.save(t.path("f.npy"), np.asfortranarray(np.ones((1, 10), np.float32)))
    t.path("two.neff", neffs.Copy((("a", "b"), ("c", "d/e:0")), "int32", (2, 3)).bytes())
    a, c = np.arange(6, dtype=np.int32).reshape(2, 3), -np.arange(6, dtype=np.int32).reshape(2, 3)
    np.save(t.path("a.npy"), a)
    np.save(t.path("c.npy"), c)
    t.expect("two inputs, two outputs", 0, "neuron-run", "two.neff", "-d", "emulator", "-i", "c=c.npy", "-i", "a=a.npy",
             "-o", "d/e:0=d.npy", "-o", "b=b.npy", out=[r"^b: int32 \(2, 3\) -> b\.npy", "  0, 1, 2, 3, 4, 5$"])
    np.save(t.path("big.npy"), np.array([[1234567891, -2147483647, 1234567], [0, 2147483647, -1]], np.int32))
    big = ["neuron-run", "two.neff", "-d", "emulator", "-i", "c=c.npy", "-i", "a=big.npy"]
    t.expect("integers are printed whole", 0, *big, out=["  1234567891, -2147483647, 1234567, 0, 2147483647, -1$"])
    done = t.expect("integers in JSON", 0, *big, "--json")
    tap.ok([1234567891, -2147483647, 1234567, 0, 2147483647, -1] in [o["values"] for o in json.loads(done.stdout)["outputs"]]
           and "1234567891," in done.stdout.replace(" ", "").replace("\n", ""), "JSON has integers as integers", done.stdout)
    tap.ok((np.load(t.path("b.npy")) == a).all() and (np.load(t.path("d.npy")) == c).all(), "each tensor has its file")


def streams(t):
    """--each: lists of inferences."""
    rows = np.random.default_rng(1).standard_normal((500, 10), dtype=np.float32)
    base = ["neuron-run", "m.neff", "--device", "emulator", "--each"]
    for name, given, shape in (("along the batch", rows, (500, 10)), ("along a new axis", rows[:, None], (500, 1, 10))):
        np.save(t.path("xs.npy"), given)
        done = t.expect(f"--each {name}", 0, *base, "-i", "xs.npy", "-o", "ys.npy", "--json")
        ys = np.load(t.path("ys.npy"))
        t.tap.ok(ys.shape == shape and ys.tobytes() == given.tobytes() and json.loads(done.stdout)["inferences"] == 500,
                 f"outputs of --each {name}", str(ys.shape))
    np.save(t.path("labels.npy"), np.argmax(rows, 1).astype(np.uint8))
    t.expect("--labels, all right", 0, *base, "-i", "xs.npy", "--labels", "labels.npy", out=[r"^500 of 500 right: 100\.00 %"])
    wrong = np.argmax(rows, 1)
    wrong[:5] = (wrong[:5] + 1) % 10
    np.save(t.path("labels.npy"), wrong)
    t.expect("--labels, five wrong", 0, *base, "-i", "xs.npy", "--labels", "labels.npy", out=[r"^495 of 500 right: 99\.00 %"])
    np.save(t.path("labels.npy"), wrong[:-1])
    t.expect("too few labels", 1, *base, "-i", "xs.npy", "--labels", "labels.npy", err=[r"labels\.npy: not one integer for each of 500"])
    np.save(t.path("xs.npy"), rows[:0])
    t.expect("no inference at all", 1, *base, "-i", "xs.npy", err=[r"shape \(0, 10\)", "with --each"])
    np.save(t.path("as.npy"), np.zeros((4, 2, 3), np.int32))
    np.save(t.path("cs.npy"), np.zeros((5, 2, 3), np.int32))
    t.expect("lists of two lengths", 1, "neuron-run", "two.neff", "-d", "emulator", "--each", "-i", "a=as.npy", "-i", "c=cs.npy",
             err=["5 inferences, but the files before have 4"])


def wrong_inputs(t):
    base = ["neuron-run", "m.neff", "--device", "emulator"]
    its = r"its inputs are: x float32 \(1, 10\)"
    t.expect("missing input", 1, *base, err=["needs an --input for x", its])
    t.expect("unknown input", 1, *base, "-i", "z=x.npy", err=["has no input z", its])
    t.expect("unknown output", 1, *base, "-i", "x.npy", "-o", "z=z.npy", err=["has no output z", "its outputs are: y"])
    t.expect("two inputs need names", 1, "neuron-run", "two.neff", "-d", "emulator", "-i", "a.npy", err=["name the one for a.npy", "a int32"])
    t.expect("no such file", 1, *base, "-i", "none.npy", err=[r"none\.npy: No such file"])
    np.save(t.path("w.npy"), np.zeros((1, 11), np.float32))
    t.expect("wrong shape", 1, *base, "-i", "w.npy", err=[r"w\.npy has shape \(1, 11\)", its])
    np.save(t.path("w.npy"), np.zeros(10, np.float32))
    t.expect("wrong rank", 1, *base, "-i", "w.npy", err=[r"shape \(10,\)", its])
    for dtype in (np.float64, np.int8, np.float16):
        np.save(t.path("w.npy"), np.zeros((1, 10), dtype))
        t.expect(f"wrong type {np.dtype(dtype)}", 1, *base, "-i", "w.npy",
                 err=[r"type is (float64|int8|float16), but input x is float32", r"astype\('float32'\)"])
    np.save(t.path("w.npy"), np.zeros((1, 10), ">f4"))
    t.expect("big-endian", 1, *base, "-i", "w.npy", err=["big-endian"])
    np.save(t.path("w.npy"), np.asfortranarray(np.zeros((2, 3), np.int32)))
    t.expect("Fortran order", 1, "neuron-run", "two.neff", "-d", "emulator", "-i", "a=w.npy", "-i", "c=c.npy", err=["ascontiguousarray"])
    t.path("w.npy", b"hello")
    t.expect("not an array", 1, *base, "-i", "w.npy", err=[r"w\.npy: not a \.npy file"])
    t.expect("output cannot be written", 1, *base, "-i", "x.npy", "-o", "y=/nonexistent/y.npy", err=["/nonexistent/y.npy: No such"])
    t.expect("standard output is full", 1, "/bin/sh", "-c", f"{t.out}/bin/neuron-run m.neff -d emulator -i x.npy > /dev/full",
             err=["standard output: No space left"])


def broken_files(t):
    good = neffs.Copy(shape=(1, 10))
    whole = good.bytes()
    body = whole[1024:]
    cases = [
        ("no such file", None, "No such file"), ("empty file", b"", "not a NEFF: 0 bytes"), ("text", b"hello " * 400, "not a NEFF"),
        ("truncated", whole[:-9], "truncated"), ("one byte more", whole + b"x", "longer than it should be"),
        ("damaged body", whole[:-9] + b"x" + whole[-8:], "hash mismatch"),
        ("version 3.0", good.bytes(version=(3, 0)), "supported: 2.0 received: 3.0"),
        ("feature bits", good.bytes(features=0x100), "features: 0x100 are not supported"),
        ("instructions of the silicon", good.bytes(features=0), "instructions of the silicon"),
        ("not gzip", neffs.header(b"a" * 3000) + b"a" * 3000, "untar"),
        ("half an archive", neffs.header(body[:300]) + body[:300], "untar")]
    for what, data, text in cases:
        path = "none.neff" if data is None else os.path.basename(t.path("bad.neff", data))
        t.expect(f"broken NEFF: {what}", 1, "neuron-run", path, "-d", "emulator", "-i", "x.npy", err=[rf"{path}: .*{text}"])
    for what, spoil, text in (
            ("JSON", lambda c: c.graph.update(nodes="x"), "nodes"), ("unknown executor", lambda c: c.graph["nodes"][0].update(executor="GPU"), "executor GPU"),
            ("segment out of range", lambda c: c.var["x"].update(segment=300), "segment"),
            ("sizes that differ", lambda c: c.var["x"].update(size=44), "44 bytes"),
            ("half an instruction", lambda c: c.streams.update(dma=c.streams["dma"][:-1]), "multiple of an instruction"),
            ("unknown opcode", lambda c: c.streams.update(dma=neffs.insn(0x99)), "opcode 0x99"),
            ("two members of one name", lambda c: c.extra.append(("neff.json", b"{}")), "two members neff.json"),
            ("path out of the package", lambda c: c.extra.append(("../evil", b"")), "outside of it")):
        model = neffs.Copy(shape=(1, 10))
        spoil(model)
        t.path("bad.neff", model.bytes())
        t.expect(f"broken NEFF: {what}", 1, "neuron-run", "bad.neff", "-d", "emulator", "-i", "x.npy", err=[f"bad.neff: .*{text}"])
    fault = neffs.Copy(shape=(1, 10))
    fault.streams["dma"] = neffs.dma_copy(2, 1, 41)
    t.path("bad.neff", fault.bytes())
    t.expect("program that reaches too far", 1, "neuron-run", "bad.neff", "-d", "emulator", "-i", "x.npy",
             err=["segment", "instruction 0 of engine dma", "NRT_EXEC_COMPLETED_WITH_ERR"])


def devices(t):
    if not os.path.exists("/dev/neuron0"):
        t.expect("no device", 1, "neuron-run", "m.neff", "-i", "x.npy", err=["Neuron device", "NEURON_RT_DEVICE=emulator|modprobe neuron"])
        t.expect("no such device", 1, "neuron-run", "m.neff", "-i", "x.npy", "-d", "7", err=["/dev/neuron7"])
    t.expect("more cores than there are", 1, "neuron-run", "m.neff", "-d", "emulator", "-i", "x.npy", env={"NEURON_RT_VISIBLE_CORES": "3-4"},
             err=[r"NeuronCore\(s\) not available - Requested:nc3-nc4 Available:4"])
    t.expect("wrong variable", 1, "neuron-run", "m.neff", "-d", "emulator", "-i", "x.npy", env={"NEURON_RT_NUM_CORES": "all"},
             err=["NEURON_RT_NUM_CORES=all is not a number"])
    t.expect("log lines of the documented form", 0, "neuron-run", "m.neff", "-d", "emulator", "-i", "x.npy",
             env={"NEURON_RT_LOG_LEVEL": "INFO"}, out=["y:"],
             err=[r"^\d{4}-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d\.\d{4} \d+:\d+ INFO NMGR:nrt_load "])


def usage(t):
    base = ["neuron-run", "m.neff"]
    t.common_options("neuron-run", "--input")
    t.expect("no model", 2, "neuron-run", err=[r"no MODEL\.neff", "--help"])
    t.expect("two models", 2, *base, "m.neff", err=["one model at a time"])
    t.expect("--each with --repeat", 2, *base, "--each", "--repeat", "2", "-i", "x.npy", err=["exclude each other"])
    t.expect("--each without input", 2, *base, "--each", err=["needs an --input"])
    t.expect("--labels without --each", 2, *base, "--labels", "l.npy", err=["needs --each"])
    for option, value in (("--repeat", "0"), ("--repeat", "x"), ("--top", "-1"), ("--device", "gpu"), ("--input", "x="), ("--input", "=x.npy")):
        t.expect(f"{option} {value}", 2, *base, option, value, err=[f"'?{value}|{option}"])
    t.expect("one input twice", 2, *base, "-i", "x=x.npy", "-i", "x=y.npy", err=["two files for x"])


def main():
    t = Tools(__doc__)
    results(t)
    streams(t)
    wrong_inputs(t)
    broken_files(t)
    devices(t)
    usage(t)
    t.exit()


if __name__ == "__main__":
    main()
