#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models that run partly on the chip and partly on the CPU: where each operator goes, and that results are right.

Values are small integers, which bfloat16 and every sum here hold exactly, so results equal ONNX Runtime's.
Proves: order and wiring of parts; types and shapes that the chip does not have; control flow; the choice by
cost; reports; graphs written after each pass; what is said when ONNX Runtime is missing; threads.
usage: test_partition.py [--out build]
"""
import argparse
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
import threading

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from neuron import CompileError, Nrt, Runner, compile_file, compile_model     # noqa: E402
from onnx_writer import model, node, subgraph   # noqa: E402
from ort import Ort, library    # noqa: E402
from tap import Tap             # noqa: E402

F32, I64 = np.float32, np.int64
EXACT = ("--fast-math", "none")


def integers(seed, *shape, low=-2, high=3):
    return np.random.default_rng(seed).integers(low, high, shape).astype(F32)


def sandwich(channels=16, size=24):
    """chip, CPU (Mod), chip"""
    weights = {"w1": integers(1, channels, 3, 3, 3), "b1": integers(2, channels), "w2": integers(3, channels, channels, 3, 3),
               "eight": np.array(8, F32)}
    nodes = [node("Conv", ["x", "w1", "b1"], ["c"], name="first", pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]),
             node("Mod", ["r", "eight"], ["m"], name="modulo", fmod=1), node("Conv", ["m", "w2"], ["y"], name="second")]
    return model(nodes, {"x": [1, 3, size, size]}, {"y": [1, channels, size - 2, size - 2]}, weights), {"x": integers(4, 1, 3, size, size)}


def chain(length):
    """Products of the same size, one after the other."""
    nodes = [node("MatMul", [f"t{i}", f"w{i}"], [f"p{i}"]) for i in range(length)]
    nodes = [n for i, p in enumerate(nodes) for n in (p, node("Clip", [f"p{i}", "low", "high"], [f"t{i + 1}"]))]
    weights = {f"w{i}": integers(i, 32, 32) for i in range(length)}
    return model(nodes, {"t0": [16, 32]}, {f"t{length}": [16, 32]}, {**weights, "low": np.array(-2, F32), "high": np.array(2, F32)}), \
        {"t0": integers(99, 16, 32)}


def branches():
    """If with a body that uses tensors from outside, one of them made on the chip."""
    then = subgraph([node("Add", ["c", "bias"], ["t"])], {"t": [1, 4, 6, 6]})
    other = subgraph([node("Neg", ["c"], ["e"])], {"e": [1, 4, 6, 6]})
    nodes = [node("Conv", ["x", "w"], ["c"]), node("If", ["which"], ["y"], name="choice", then_branch=then, else_branch=other)]
    return model(nodes, {"x": [1, 2, 8, 8], "which": ([], np.bool_)}, {"y": [1, 4, 6, 6]},
                 {"w": integers(1, 4, 2, 3, 3), "bias": integers(2, 1, 4, 1, 1)})


def loop():
    """Loop whose body adds a tensor from outside, as often as an int64 input says."""
    body = subgraph([node("Identity", ["go_in"], ["go_out"]), node("Add", ["sum_in", "c"], ["sum_out"])],
                    {"go_out": [], "sum_out": [1, 4]})
    # The body's inputs: iteration, condition, the carried value.
    from onnx_writer import blob, value_info
    body += blob(11, value_info("i", [], I64)) + blob(11, value_info("go_in", [], np.bool_)) + \
        blob(11, value_info("sum_in", [1, 4]))
    body = body.replace(blob(12, value_info("go_out", [])), blob(12, value_info("go_out", [], np.bool_)))
    nodes = [node("MatMul", ["x", "w"], ["c"]), node("Loop", ["count", "", "c"], ["y"], name="again", body=body)]
    return model(nodes, {"x": [1, 8], "count": ([], I64)}, {"y": [1, 4]}, {"w": integers(1, 8, 4)})


def scan():
    """Scan whose body adds up what a product on the chip gives. Of what shape its results are is not told, so Neg is on the CPU too."""
    from onnx_writer import blob, value_info
    body = subgraph([node("Add", ["sum_in", "row"], ["sum_out"]), node("Identity", ["sum_out"], ["seen"])], {"sum_out": [4], "seen": [4]})
    body += blob(11, value_info("sum_in", [4])) + blob(11, value_info("row", [4]))
    nodes = [node("MatMul", ["x", "w"], ["c"]), node("Scan", ["start", "c"], ["last", "all"], name="over", num_scan_inputs=1, body=body),
             node("Neg", ["all"], ["y"])]
    return model(nodes, {"start": [4], "x": [5, 8]}, {"last": [4], "y": [5, 4]}, {"w": integers(1, 8, 4)})


def recurrent(op, gates):
    """A recurrent network between two products; with weights of 0 but for the input's, and what Relu gives, sums are exact."""
    hidden = 4
    weights = {"w": integers(1, 8, 6), "wx": integers(2, 1, gates * hidden, 6), "wr": np.zeros((1, gates * hidden, hidden), F32),
               "v": integers(3, hidden, 3), "shape": np.array([7, hidden], np.int64)}
    nodes = [node("MatMul", ["x", "w"], ["c"]), node("Unsqueeze", ["c", "one"], ["s"]), node(op, ["s", "wx", "wr"], ["h"], name="net", hidden_size=hidden),
             node("Reshape", ["h", "shape"], ["r"]), node("Round", ["r"], ["q"]), node("MatMul", ["q", "v"], ["y"])]
    return model(nodes, {"x": [7, 8]}, {"y": [7, 3]}, {**weights, "one": np.array([1], np.int64)})


def suppression():
    """Boxes that the chip scales, and NonMaxSuppression at the end."""
    nodes = [node("Mul", ["boxes", "two"], ["b"]), node("Relu", ["scores"], ["s"]),
             node("NonMaxSuppression", ["b", "s", "most", "overlap", "least"], ["chosen"], name="choice")]
    return model(nodes, {"boxes": [1, 20, 4], "scores": [1, 2, 20]}, {"chosen": (["n", 3], I64)},
                 {"two": np.array(2, F32), "most": np.array([5], np.int64), "overlap": np.array([0.5], F32), "least": np.array([0.5], F32)})


def embedding():
    """int64 and bool inputs: a table on the CPU, a product on the chip, a choice on the CPU."""
    nodes = [node("Gather", ["table", "ids"], ["e"], name="look_up"), node("MatMul", ["e", "w"], ["p"]),
             node("Where", ["mask", "p", "zero"], ["y"], name="mask_out"), node("ArgMax", ["y"], ["best"], axis=-1, keepdims=0)]
    return model(nodes, {"ids": ([1, 16], I64), "mask": ([1, 16, 32], np.bool_)}, {"y": [1, 16, 32], "best": ([1, 16], I64)},
                 {"table": integers(1, 50, 64), "w": integers(2, 64, 32), "zero": np.array(0, F32)})


def finder():
    """The shape of the result depends on the data; so does that of a tensor between two parts on the CPU."""
    nodes = [node("Conv", ["x", "w"], ["c"]), node("Relu", ["c"], ["r"]), node("NonZero", ["r"], ["where"])]
    return model(nodes, {"x": [1, 1, 8, 8]}, {"where": ([4, "n"], I64)}, {"w": integers(1, 2, 1, 3, 3)})


def findings():
    return finder(), {"x": integers(5, 1, 1, 8, 8)}


def tiny():
    """One small function between two operators of the CPU, and a convolution that is worth a trip."""
    nodes = [node("Mod", ["s", "three"], ["a"], fmod=1), node("Relu", ["a"], ["b"], name="small"),
             node("Mod", ["b", "three"], ["z"], fmod=1), node("Conv", ["x", "w"], ["y"], name="large")]
    return model(nodes, {"s": [1, 4], "x": [1, 32, 32, 32]}, {"z": [1, 4], "y": [1, 64, 30, 30]},
                 {"three": np.array(3, F32), "w": integers(1, 64, 32, 3, 3)})


def mixed_passes(middle):
    """What passes rewrite: normalisation, bias, residual, Gemm, and @middle between."""
    weights = {"w1": integers(1, 8, 3, 3, 3), "w2": integers(2, 8, 8, 1, 1), "g": integers(3, 8, low=1, high=3), "s": integers(4, 8),
               "mean": integers(5, 8), "var": np.full(8, 4, F32), "fc": integers(6, 10, 8), "fb": integers(7, 10), "five": np.array(5, F32)}
    nodes = [node("Conv", ["x", "w1"], ["c1"], pads=[1, 1, 1, 1]), node("BatchNormalization", ["c1", "g", "s", "mean", "var"], ["n"], epsilon=0.0),
             node("Relu", ["n"], ["r"]), node("Conv", ["r", "w2"], ["c2"]), node("Add", ["c2", "r"], ["a"]), middle,
             node("GlobalAveragePool", ["m"], ["p"]), node("Flatten", ["p"], ["f"]), node("Gemm", ["f", "fc", "fb"], ["y"], transB=1, alpha=2.0, beta=3.0)]
    return model(nodes, {"x": [1, 3, 8, 8]}, {"y": [1, 10]}, weights), {"x": integers(8, 1, 3, 8, 8)}


def taken_over():
    """Transposes that products take over, of operands and result, and a Pad that a convolution does."""
    pads = np.array([0, 0, 1, 0, 0, 0, 2, 1], np.int64)
    nodes = [node("Relu", ["x"], ["r"]), node("Transpose", ["r"], ["q"], perm=[0, 2, 1, 3]), node("Transpose", ["r"], ["k"], perm=[0, 2, 3, 1]),
             node("MatMul", ["q", "k"], ["s"]), node("Transpose", ["r"], ["v"], perm=[0, 2, 1, 3]), node("MatMul", ["s", "v"], ["o"]),
             node("Transpose", ["o"], ["t"], perm=[0, 2, 1, 3]), node("Pad", ["t", "pads"], ["p"]), node("Conv", ["p", "w"], ["y"], pads=[1, 1, 0, 1])]
    return (model(nodes, {"x": [1, 16, 4, 8]}, {"y": [1, 8, 6, 9]}, {"pads": pads, "w": integers(1, 8, 16, 3, 3)}),
            {"x": integers(2, 1, 16, 4, 8)})


class Tests:
    def __init__(self, out, folder, runner, ort):
        self.out, self.folder, self.runner, self.ort = out, folder, runner, ort

    def path(self, name):
        return os.path.join(self.folder, name)

    def compile(self, data, *flags):
        """(NEFF, {node: (place, reason)}, the report)"""
        neff = compile_model(data, *EXACT, *flags, f"--report={self.path('report.json')}", out=self.out)
        with open(self.path("report.json"), encoding="utf-8") as file:
            report = json.load(file)
        return neff, {n["name"]: (n["place"], n["reason"]) for n in report["nodes"]}, report

    def equal(self, data, inputs, *flags):
        neff, places, report = self.compile(data, *flags)
        self.runner.load(neff)
        self.check(data, inputs)
        return places, report

    def check(self, data, inputs):
        self.ort.load(data)
        want, got = self.ort.run(inputs), self.runner.run(inputs)
        for name, expected in want.items():
            assert got[name].dtype == expected.dtype and got[name].shape == expected.shape, \
                f"{name}: {got[name].dtype} {got[name].shape}, expected {expected.dtype} {expected.shape}"
            assert np.array_equal(got[name], expected), f"{name} differs"

    def sandwich(self):
        data, inputs = sandwich()
        places, report = self.equal(data, inputs, "--partition=greedy")
        assert places["first"][0] == places["second"][0] == "chip" and places["modulo"][0] == "cpu", places
        assert [n["part"] for n in report["nodes"]] == ["sg00", "sg00", "cpu00", "sg01"], report
        assert report["on_chip"] == 3 and report["flops_on_chip"] / report["flops"] > 0.99, report

    def all_on_cpu(self):
        data, inputs = sandwich()
        places, _ = self.equal(data, inputs, "--cpu-operators=all", "--allow-no-ops-on-neuron")
        assert all(place == "cpu" for place, _ in places.values()), places
        places, _ = self.equal(data, inputs, "--partition=greedy", "--cpu-operators", "Relu,Gemm")
        assert places["Relu_r"] == ("cpu", "asked for with --cpu-operators") and places["first"][0] == "chip", places

    def branches(self):
        data = branches()
        for which in (False, True):
            places, _ = self.equal(data, {"x": integers(3, 1, 2, 8, 8), "which": np.array(which)}, "--partition=greedy")
            assert places["choice"][0] == "cpu" and "control flow" in places["choice"][1] and places["Conv_c"][0] == "chip", places

    def loop(self):
        data = loop()
        for count in (0, 3):
            places, _ = self.equal(data, {"x": integers(3, 1, 8), "count": np.array(count, I64)}, "--partition=greedy")
            assert places["again"][0] == "cpu" and places["MatMul_c"][0] == "chip", places

    def sequences(self):
        places, _ = self.equal(scan(), {"start": integers(3, 4), "x": integers(4, 5, 8)}, "--partition=greedy")
        assert places["over"][0] == "cpu" and "control flow" in places["over"][1] and places["MatMul_c"][0] == "chip", places
        for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
            places, _ = self.equal(recurrent(op, gates), {"x": integers(5, 7, 8)}, "--partition=greedy")
            assert places["net"][0] == "cpu" and places["MatMul_c"][0] == places["MatMul_y"][0] == "chip", places

    def boxes(self):
        rng = np.random.default_rng(6)
        corners = rng.integers(0, 8, (1, 20, 2)).astype(F32)
        inputs = {"boxes": np.concatenate([corners, corners + rng.integers(1, 8, (1, 20, 2)).astype(F32)], 2), "scores": integers(7, 1, 2, 20)}
        places, _ = self.equal(suppression(), inputs, "--partition=greedy")
        assert places["choice"][0] == "cpu" and places["Mul_b"][0] == "chip", places

    def types(self):
        ids, mask = integers(3, 1, 16, low=0, high=50).astype(I64), integers(4, 1, 16, 32) > 0
        places, _ = self.equal(embedding(), {"ids": ids, "mask": mask}, "--partition=greedy")
        assert places["MatMul_p"][0] == "chip" and "int64" in places["look_up"][1], places

    def shapes(self):
        data = finder()
        self.runner.load(self.compile(data, "--partition=greedy")[0])
        counts = set()
        for seed in range(3):
            inputs = {"x": integers(seed, 1, 1, 8, 8) * (seed != 2)}
            self.check(data, inputs)
            counts.add(self.runner.run(inputs)["where"].shape[1])
        assert len(counts) == 3 and 0 in counts, counts

    def cost(self):
        data, inputs = tiny(), {"s": integers(1, 1, 4), "x": integers(2, 1, 32, 32, 32)}
        places, _ = self.equal(data, inputs)
        assert places["small"][0] == "cpu" and "not worth the transfers" in places["small"][1] and places["large"][0] == "chip", places
        places, _ = self.equal(data, inputs, "--partition=greedy")
        assert places["small"][0] == "chip", places
        places, _ = self.equal(data, inputs, "--partition=greedy", "--minimum-segment-size=2", "--allow-no-ops-on-neuron")
        assert places["large"][0] == "cpu" and "--minimum-segment-size" in places["large"][1], places

    def refused(self, data, words, *flags):
        try:
            compile_model(data, *flags, out=self.out)
        except CompileError as error:
            missing = [w for w in words if w not in str(error)]
            assert not missing, f"{error} does not say {missing}"
            return
        raise AssertionError("it compiles")

    def refusals(self):
        data = model([node("Unique", ["x"], ["y"], name="the_only_one")], {"x": [4]}, {"y": ["n"]})
        self.refused(data, ["the_only_one", "Unique", "no operator", "--allow-no-ops-on-neuron"])
        self.refused(sandwich()[0], ["modulo", "Mod"], "--partition=off")

    def summary(self):
        with open(self.path("m.onnx"), "wb") as file:
            file.write(sandwich()[0])
        said = compile_file(self.path("m.onnx"), self.path("m.neff"), "--partition=greedy", "--report", out=self.out)
        for words in ("3 of 4 operators, 99.7 % of the arithmetic, on the chip; on the CPU: Mod x1", "chip     sg01", "cpu      cpu00"):
            assert words in said, f"no '{words}' in:\n{said}"

    def dumps(self):
        multiply, cpu = node("Mul", ["a", "five"], ["m"]), node("Mod", ["a", "five"], ["m"], fmod=1)
        for part, (data, inputs) in (("off", mixed_passes(multiply)), ("greedy", mixed_passes(cpu)), ("off", taken_over())):
            self.ort.load(data)
            want = self.ort.run(inputs)["y"]
            with open(self.path("m.onnx"), "wb") as file:
                file.write(data)
            passes = ("read", "check", "shape", "partition", "fold", "fuse", "place", "tile", "schedule", "allocate", "sync", "emit")
            compile_file(self.path("m.onnx"), self.path("m.neff"), f"--partition={part}", f"--dump=after:allocate:{self.path('text')}",
                         *[f"--dump=after:{p}:{self.path(p)}.onnx" for p in passes], out=self.out)
            for name in passes:
                with open(self.path(f"{name}.onnx"), "rb") as file:
                    self.ort.load(file.read())
                got = self.ort.run(inputs)["y"]
                assert np.allclose(got, want, rtol=1e-5, atol=1e-4), f"--partition={part}: after {name}: {got} instead of {want}"
            self.notes(passes)

    def notes(self, passes):
        """What passes decided is in the ONNX that is written after them, and not before."""
        first = {b"neuron.sg00": "partition", b"part sg00": "partition", b"\nvalue 'y' output float32[": "place",
                 b"\ninstructions pe=": "tile", b"\nbuffer sbuf": "tile", b" sbuf=": "allocate", b" waits=": "sync"}
        for name in passes:
            with open(self.path(f"{name}.onnx"), "rb") as file:
                data = file.read()
            for what, since in first.items():
                assert (what in data) == (passes.index(name) >= passes.index(since)), f"{what} after {name}"
            if name == "allocate":
                written = re.findall(rb"buffer sbuf(\d+) (\d+) bytes a partition at (\d+) for (\d+)\.\.(\d+) '", data)
        with open(self.path("text"), "rb") as file:
            text = re.findall(rb"buffer s(\d+) (\d+) bytes at (\d+) for (\d+)\.\.(\d+) '", file.read())
        assert written and sorted(set(written)) == sorted(text), f"{written} instead of {text}"

    def pipeline(self):
        """Stages are as many as asked for, about the same, in a chain; each has a core, and the results are the same."""
        data, inputs = chain(12)
        for count in (2, 3, 4):
            for how in ("off", "cost"):
                _, report = self.equal(data, inputs, f"--neuroncore-pipeline-cores={count}", f"--partition={how}")
                stages = {}
                for n in report["nodes"]:
                    stages[n["part"]] = stages.get(n["part"], 0) + n["flops"]
                assert list(stages) == [f"sg{i:02}" for i in range(count)], stages
                assert max(stages.values()) < 1.35 * min(stages.values()), stages
        # Three nodes around one on the CPU are three stages at most.
        data, inputs = sandwich(32)
        neff, _, report = self.compile(data, "--partition=greedy", "--neuroncore-pipeline-cores=4")
        assert [n["part"] for n in report["nodes"]] == ["sg00", "sg01", "cpu00", "sg02"], report
        said = self.say(data, "--partition=greedy", "--neuroncore-pipeline-cores=4")
        assert "WARN" in said and "3 stages, not 4" in said, said
        self.runner.load(neff)
        self.check(data, inputs)

    def say(self, data, *flags):
        with open(self.path("m.onnx"), "wb") as file:
            file.write(data)
        return subprocess.run([os.path.join(self.out, "bin", "neuron-cc"), "compile", self.path("m.onnx"), "--output", self.path("m.neff"), *flags],
                              capture_output=True, text=True, check=True).stderr

    def masks(self):
        """A mask is nowhere but on the chip, so no cut goes through it, however many cores there are."""
        zero = np.array(0, F32)
        data = model([node("Less", ["x", "zero"], ["m"]), node("Neg", ["x"], ["n"]), node("Not", ["m"], ["k"]), node("Where", ["k", "n", "x"], ["w"]),
                      node("Where", ["m", "w", "zero"], ["v"]), node("Relu", ["v"], ["y"])], {"x": [4, 40]}, {"y": [4, 40]}, {"zero": zero})
        _, report = self.equal(data, {"x": integers(1, 4, 40)}, "--neuroncore-pipeline-cores=64", "--partition=off")
        parts = {n["name"]: n["part"] for n in report["nodes"]}
        assert len({parts[n] for n in ("Less_m", "Not_k", "Where_w", "Where_v")}) == 1 and parts["Relu_y"] != parts["Where_v"], parts

    def missing_library(self):
        with open(self.path("m.neff"), "wb") as file:
            file.write(self.compile(sandwich()[0], "--partition=greedy")[0])
        np.save(self.path("x.npy"), sandwich()[1]["x"])
        env = dict(os.environ, NEURON_RT_ONNXRUNTIME=self.path("nothing.so"))
        done = subprocess.run([os.path.join(self.out, "bin", "neuron-run"), self.path("m.neff"), "-d", "emulator", "-i", self.path("x.npy")],
                              capture_output=True, text=True, env=env, check=False)
        for words in ("Mod", "libonnxruntime", "NEURON_RT_ONNXRUNTIME"):
            assert done.returncode == 1 and words in done.stderr, f"status {done.returncode}: {done.stderr}"

    def threads(self):
        """One model, four threads: CPU nodes run on each of them."""
        data, inputs = sandwich(8, 10)
        self.ort.load(data)
        want, wrong = self.ort.run(inputs)["y"], []
        os.environ.update(NEURON_RT_DEVICE="emulator", NEURON_RT_ONNXRUNTIME=library())
        nrt = Nrt(os.path.join(self.out, "lib", "libnrt.so.1"))
        cores = ctypes.c_uint32()

        def work():
            for _ in range(10):
                if not np.array_equal(nrt.run(inputs)["y"], want):
                    wrong.append(1)

        for flags, expected in (((), 1), (("--neuroncore-pipeline-cores=2",), 2)):
            nrt.load(self.compile(data, "--partition=greedy", *flags)[0])
            nrt.do("nrt_get_model_nc_count", nrt.model, ctypes.byref(cores))
            assert cores.value == expected, cores
            workers = [threading.Thread(target=work) for _ in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        assert not wrong, f"{len(wrong)} of 80 results are wrong"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out, tap = parser.parse_args().out, Tap()
    with tempfile.TemporaryDirectory() as folder, Runner(out) as runner, Ort(out) as ort:
        tests = Tests(out, folder, runner, ort)
        for name, test in (("chip, CPU, chip", tests.sandwich), ("operators are sent to the CPU", tests.all_on_cpu),
                           ("If with tensors from outside", tests.branches), ("Loop with tensors from outside", tests.loop),
                           ("Scan, LSTM, GRU, RNN between operators of the chip", tests.sequences),
                           ("NonMaxSuppression behind the chip", tests.boxes), ("int64 and bool inputs and outputs", tests.types), ("shapes that depend on the data", tests.shapes),
                           ("small segments are not worth a trip", tests.cost), ("models that are refused", tests.refusals),
                           ("what is said", tests.summary), ("ONNX after each pass", tests.dumps),
                           ("stages for several cores", tests.pipeline), ("no stage ends within a mask", tests.masks),
                           ("no ONNX Runtime", tests.missing_library), ("four threads", tests.threads)):
            tap.run(name, test)
    tap.exit()


if __name__ == "__main__":
    main()
