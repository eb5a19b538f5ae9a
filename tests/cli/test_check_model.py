#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-check-model: says of each operator what neuron-cc then does with it, and writes nothing.

usage: test_check_model.py [--out build]
"""
import collections
import json
import os
import sys

import numpy as np

from tools import TOP, Tools
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
from onnx_writer import model, node     # noqa: E402

TOOL = "neuron-check-model"
NOTHING = ["no operator of the model runs on the chip"]
HEADING = "| Op Type | Num Instances | Neuron Supported ? |"


def table(text, heading):
    """Rows of the first table with that heading, as lists of cells."""
    words = heading.strip("| ").split(" | ")
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if [cell.strip() for cell in line.strip("|").split("|")] == words:
            rows = []
            for row in lines[at + 2:]:
                if not row.startswith("|"):
                    break
                rows.append([cell.strip() for cell in row.strip("|").split("|")])
            return rows
    return None


def write_models(t):
    x = {"x": [1, 8]}
    w = {"w": np.arange(64, dtype=np.float32).reshape(8, 8) / 64}
    chain = [node("MatMul", ["x", "w"], ["h"], name="first"), node("Tan", ["h"], ["i"], name="bend"),
             node("MatMul", ["i", "w"], ["j"], name="second"), node("Relu", ["j"], ["y"], name="last")]
    t.path("both.onnx", model(chain, x, {"y": [1, 8]}, w))
    t.path("chip.onnx", model([chain[0], node("Relu", ["h"], ["y"], name="last")], x, {"y": [1, 8]}, w))
    t.path("cpu.onnx", model([node("Tan", ["x"], ["y"], name="evil\x1b[31m")], x, {"y": [1, 8]}))
    t.path("open.onnx", model([node("Relu", ["x"], ["y"], name="r")], {"x": ["N", 8]}, {"y": ["N", 8]}))
    t.path("bad.onnx", b"not a model")


def text(t):
    greedy = ("--partition", "greedy")
    done = t.expect("a model for both", 0, TOOL, "both.onnx", *greedy,
                    out=[r"^\* Total inference operations: 4$", r"^\* Total Neuron supported inference operations: 3$",
                         r"^\* Percent of total inference operations supported by Neuron: 75\.0$", r"^\* Minimum NeuronCores: 1$",
                         r"^  Tan: .*not supported"])
    rows = table(done.stdout, HEADING)
    t.tap.ok(rows == [["MatMul", "2", "Yes"], ["Tan", "1", "No"], ["Relu", "1", "Yes"]], "the documented columns", done.stdout)
    rows = table(done.stdout, "| Subgraph | Executor | Num Operations | Min NeuronCores |")
    t.tap.ok(rows == [["sg00", "Neuron Core", "1", "1"], ["cpu00", "CPU", "1", "0"], ["sg01", "Neuron Core", "2", "1"]],
             "NeuronCores of each subgraph", done.stdout)
    for spelling in ("--show_names", "--show-names"):
        done = t.expect(spelling, 0, TOOL, spelling, "both.onnx", *greedy, out=["Op Name"])
        rows = table(done.stdout, "| Op Type | Op Name | Neuron Supported ? |")
        t.tap.ok(rows == [["MatMul", "first", "Yes"], ["Tan", "bend", "No"], ["MatMul", "second", "Yes"], ["Relu", "last", "Yes"]],
                 f"{spelling}: each operator", done.stdout)
    done = t.expect("--expand_subgraph", 0, TOOL, "--expand_subgraph", "--model_path", "both.onnx", *greedy,
                    out=["^Subgraph sg00:$", "^Subgraph cpu00:$"])
    rows = table(done.stdout.split("Subgraph sg01:")[-1], HEADING)
    t.tap.ok(rows == [["MatMul", "1", "Yes"], ["Relu", "1", "Yes"]], "--expand_subgraph: operators of one", done.stdout)
    done = t.expect("nothing on the chip", 0, TOOL, "--show_names", "cpu.onnx", out=["operations: 0$", r"^\* Minimum NeuronCores: 0$"],
                    err=NOTHING)
    t.tap.ok("\x1b" not in done.stdout, "control characters are not passed on")
    t.expect("all on the chip", 0, TOOL, "chip.onnx", out=[r"Neuron: 100\.0$"])
    t.expect("--cpu-operators", 0, TOOL, "chip.onnx", "--cpu-operators", "Relu", out=[r"^\| Relu +\| 1 +\| No "])
    t.expect("--io-config", 0, TOOL, "open.onnx", "--io-config", '{"inputs": {"x": [[2, 8], "float32"]}, "outputs": ["y"]}',
             out=[r"^\* Total inference operations: 1$"])


def as_json(t):
    """The same as neuron-cc, which compiles, reports."""
    for name in ("both", "chip", "cpu"):
        options = ("--partition", "greedy", "--allow-no-ops-on-neuron")
        root = json.loads(t.expect(f"{name}: --json", 0, TOOL, "--json", f"{name}.onnx", *options, out=["."],
                                   err=NOTHING * (name == "cpu")).stdout)
        t.expect(f"{name}: neuron-cc", 0, "neuron-cc", "compile", f"{name}.onnx", *options, "--report=r.json", "--output", "m.neff",
                 out=["PASS"], err=NOTHING * (name == "cpu"))
        with open(t.path("r.json"), encoding="utf-8") as file:
            nodes = json.load(file)["nodes"]
        ran = [(n["name"], n["op_type"], n["part"], n["place"] == "chip") for n in nodes if n["place"] in ("chip", "cpu")]
        t.tap.ok([(n["name"], n["op_type"], n["subgraph"], n["supported"]) for n in root["nodes"]] == ran, f"{name}: nodes", root)
        counted = collections.Counter((n[1], n[3]) for n in ran)
        t.tap.ok({(o["op_type"], o["supported"]): o["instances"] for o in root["operators"]} == counted, f"{name}: operators", root)
        t.tap.ok(root["total_operations"] == len(ran) and root["supported_operations"] == sum(n[3] for n in ran), f"{name}: totals", root)
        neff = json.loads(t.expect(f"{name}: what is in the NEFF", 0, "neuron-packager", "info", "--json", "m.neff", out=["."]).stdout)
        t.tap.ok([(s["name"], s["executor"], s["min_neuroncores"]) for s in root["subgraphs"]] ==
                 [(n["name"], n["executor"], n["cores"]) for n in neff["nodes"]], f"{name}: subgraphs are the NEFF's", root)
        os.unlink(t.path("m.neff"))


def errors(t):
    t.common_options(TOOL, "--expand_subgraph")
    t.expect("no model", 2, TOOL, err=["needs a model", f"{TOOL} --help"])
    t.expect("two models", 2, TOOL, "a.onnx", "b.onnx", err=["one is compiled at a time"])
    t.path("model.pb", b"x")
    t.expect("a suffix", 2, TOOL, "model.pb", err=[r"^neuron-check-model: 'model\.pb' does not end .*--framework ONNX"])
    t.expect("a suffix of no file", 2, TOOL, "none.pb", err=[r"no such file, and 'none\.pb' does not end .*--framework ONNX"])
    t.expect("no such file", 1, TOOL, "none.onnx", err=[r"^neuron-check-model: none\.onnx: .*No such file"])
    t.expect("no model in it", 1, TOOL, "bad.onnx", err=[r"^neuron-check-model: bad\.onnx: "])
    t.expect("refused without a partition", 1, TOOL, "both.onnx", "--partition", "off", err=["both.onnx: .*bend"])
    t.tap.ok(not [f for f in os.listdir(t.folder.name) if f.endswith((".neff", ".part"))], "nothing was written")


def main():
    t = Tools(__doc__)
    write_models(t)
    text(t)
    as_json(t)
    errors(t)
    t.exit()


if __name__ == "__main__":
    main()
