#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The corpus of bad models: what neuron-cc has to refuse, and what it has to say of it.

usage: bad_models.py DIRECTORY      writes them all, one file each

Each names its message as a list of words that come in it in this order, behind the name of the file.
"""
import gzip
import os
import struct
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from onnx_writer import attribute, blob, model, node, number, real, subgraph, tensor, value_info, varint     # noqa: E402

F32 = np.float32
OFF = ("--partition=off",)
DAMAGED = ["not a readable ONNX model", "damaged or cut off", "check that the file is complete"]
TOO_LARGE = ["is too large", "at most 1073741824 elements"]


class Bad:
    """One model: what is wrong with it, its bytes, what the message has to say, in this order, and with which flags.
    @files: {name: bytes} beside the model."""

    def __init__(self, what, data, message, flags=(), files=None):
        self.what, self.data, self.message, self.flags, self.files = what, data, message, flags, files or {}

    def file_name(self):
        return "".join(c if c.isalnum() else "_" for c in self.what) + ".onnx"


def ints(*values):
    return np.array(values, np.int64)


def small_model():
    weights = {"w": np.ones((2, 1, 3, 3), F32), "b": np.ones(2, F32)}
    return model([node("Conv", ["x", "w", "b"], ["c"], name="first_conv"), node("Relu", ["c"], ["y"])],
                 {"x": [1, 1, 5, 5]}, {"y": [1, 2, 3, 3]}, weights)


def raw_model(graph, opset=13):
    """A model around the bytes of a GraphProto."""
    return number(1, 7) + blob(7, graph) + blob(8, blob(1, "") + number(2, opset))


def relu_graph(*parts, x=(2, 4)):
    """A graph with one Relu, and @parts before it."""
    return b"".join(parts) + blob(1, node("Relu", ["x"], ["y"], name="r")) + blob(2, "g") + \
        blob(11, value_info("x", x)) + blob(12, value_info("y", x))


def one(op, inputs, shapes, initializers=None, opset=13, name="n", **attributes):
    """A model of one node called n, whose output is y."""
    return model([node(op, inputs, ["y"], name=name, **attributes)], shapes, {"y": []}, initializers, opset=opset)


def files():
    """What is no model at all, or only a part of one."""
    whole = small_model()
    yield Bad("empty file", b"", ["the file is empty"])
    yield Bad("text, not protobuf", b"This is not a model at all, just words.\n" * 4, DAMAGED)
    yield Bad("gzip of a model", gzip.compress(whole), DAMAGED)
    yield Bad("zip file", b"PK\3\4" + bytes(60), DAMAGED)
    yield Bad("truncated", whole[:-20], DAMAGED)
    yield Bad("truncated in the weights", whole[:150], DAMAGED)
    yield Bad("no graph", number(1, 7) + blob(8, number(2, 13)), ["not an ONNX model", "no graph"])
    yield Bad("length of 2 to the 63", number(1, 7) + varint(7 << 3 | 2) + varint(1 << 63), DAMAGED)
    yield Bad("length of 4 GiB", number(1, 7) + varint(7 << 3 | 2) + varint((1 << 32) - 1) + bytes(100), DAMAGED)
    yield Bad("length that wraps around", number(1, 7) + varint(7 << 3 | 2) + varint((1 << 64) - 3) + bytes(100), DAMAGED)
    yield Bad("varint of 11 bytes", b"\x08" + b"\xff" * 10 + b"\1" + whole, DAMAGED)
    yield Bad("group, which is no wire type any more", b"\x0b\x0c" + whole, DAMAGED)
    yield Bad("field number 0", b"\0\0" + whole, DAMAGED)
    yield Bad("inner length beyond the graph", raw_model(relu_graph(blob(1, varint(1 << 3 | 2) + varint(200)))),
              ["the nodes", "damaged or cut off"])


def bombs():
    """Small files that ask for much memory, time or depth."""
    deep = blob(1, node("Relu", ["x"], ["y"]))
    for _ in range(2000):
        deep = blob(1, blob(4, "If") + blob(5, blob(1, "then_branch") + blob(6, deep)))
    yield Bad("graphs 2000 deep", raw_model(relu_graph(deep)), ["the nodes", "nested", "16"])
    many = blob(5, blob(1, "g") + blob(6, b"")) * 100000
    yield Bad("100000 graphs in one node", model([node("If", ["x"], ["y"], name="n") + many], {"x": [2]}, {"y": [2]}),
              ["node 'n' (If)", "has 100000 attributes; at most 256"])
    yield Bad("packed dimensions by the thousand", raw_model(relu_graph(blob(5, blob(1, bytes(50000)) + number(2, 1) + blob(8, "w")))),
              ["'w'", "50000 dimensions", "at most 8"])
    yield Bad("one million elements, four bytes", raw_model(relu_graph(blob(5, number(1, 1 << 20) + number(2, 1) + blob(8, "w") + blob(9, b"abcd")))),
              ["'w'", "4 bytes of data", "1048576", "4194304"])
    yield Bad("dimensions whose product wraps around", raw_model(relu_graph(blob(5, number(1, 1 << 32) * 2 + number(2, 1) + blob(8, "w")))),
              ["'w'", *TOO_LARGE])
    yield Bad("dimension of 2 to the 63 - 1", raw_model(relu_graph(blob(5, number(1, (1 << 63) - 1) + number(2, 1) + blob(8, "w")))),
              ["'w'", *TOO_LARGE])
    yield Bad("huge input", one("Relu", ["x"], {"x": [1 << 40, 1 << 40]}), ["'x'", *TOO_LARGE])
    yield Bad("ConstantOfShape of a gigabyte", one("ConstantOfShape", ["s"], {}, {"s": ints(1 << 20, 1 << 20)}),
              ["'n'", "ConstantOfShape", "'y'", *TOO_LARGE])
    yield Bad("Expand to more than memory", one("Expand", ["x", "s"], {"x": [1]}, {"s": ints(1 << 29, 1 << 29)}),
              ["'n'", "Expand", *TOO_LARGE])
    yield Bad("Tile to more than memory", one("Tile", ["x", "s"], {"x": [4, 4]}, {"s": ints(1 << 30, 1 << 30)}),
              ["'n'", "Tile", *TOO_LARGE])
    yield Bad("Pad to more than memory", one("Pad", ["x", "s"], {"x": [4, 4]}, {"s": ints(1 << 62, 0, 1 << 62, 0)}),
              ["'n'", "Pad"])
    yield Bad("Resize to more than memory", one("Resize", ["x", "", "s"], {"x": [1, 1, 4, 4]}, {"s": np.array([1, 1, 1e9, 1e9], F32)}),
              ["'n'", "Resize"])
    yield Bad("Conv padding of 2 to the 62", one("Conv", ["x", "w"], {"x": [1, 1, 4, 4]}, {"w": np.ones((1, 1, 3, 3), F32)},
                                                pads=[1 << 62, 1 << 62, 1 << 62, 1 << 62]), ["'n'", "Conv"])
    yield Bad("pooling windows of 2 to the 62", one("MaxPool", ["x"], {"x": [1, 1, 4, 4]}, kernel_shape=[1 << 62, 1 << 62]),
              ["'n'", "MaxPool"])
    # These are valid, but nothing is computed or listed that is so much longer than the model.
    ones = {"c": np.ones(1, F32), "s": ints(1 << 29)}
    yield Bad("Expand of a constant to 2 GB", one("Expand", ["c", "s"], {}, ones), ["'n' (Expand)", "elements", "--allow-no-ops"])
    yield Bad("ConstantOfShape of 4 GB", one("ConstantOfShape", ["s"], {}, {"s": ints(1 << 15, 1 << 15)}),
              ["'n' (ConstantOfShape)", "constant of 1073741824 elements", "--allow-no-ops"])
    yield Bad("Range of a billion", one("Range", ["a", "b", "c"], {}, {"a": np.int64(0), "b": np.int64(1 << 30), "c": np.int64(1)}),
              ["'n' (Range)", "1073741824 elements", "--allow-no-ops"])
    yield Bad("Tile along half a billion", one("Tile", ["x", "s"], {"x": [1]}, ones), ["'n' (Tile)", "axis of 536870912", "--allow-no-ops"])
    yield Bad("Pad by half a billion", one("Pad", ["x", "s"], {"x": [1]}, {"s": ints(1 << 29, 0)}), ["'n' (Pad)", "axis of", "--allow-no-ops"])
    yield Bad("Resize to half a billion", one("Resize", ["x", "", "s"], {"x": [1]}, {"s": np.array([1 << 29], F32)}),
              ["'n' (Resize)", "axis of 536870912", "--allow-no-ops"])
    yield Bad("Slice of a billion", one("Slice", ["x", "a", "a"], {"x": [1 << 30]}, {"a": ints(1)}), ["'n' (Slice)", "axis of 1073741824", "--allow-no-ops"])
    yield Bad("Split of a billion", model([node("Split", ["x"], ["y", "z"], name="n")], {"x": [1 << 30]}, {"y": [], "z": []}),
              ["'n' (Split)", "axis of 1073741824", "--allow-no-ops"])
    yield Bad("a chain that doubles 60 times", model([node("Concat", [f"t{i}", f"t{i}"], [f"t{i + 1}"], name=f"double{i}", axis=0)
                                                      for i in range(60)], {"t0": [64]}, {"t60": []}),
              ["Concat", *TOO_LARGE])


def structure():
    x4 = {"x": [2, 4]}
    relu = node("Relu", ["x"], ["y"], name="r")
    yield Bad("empty graph", raw_model(b""), ["no outputs"])
    yield Bad("no outputs", model([relu], x4, {}), ["no outputs"])
    yield Bad("no nodes, output is the input", model([], x4, {"x": [2, 4]}), ["'x'", "is a graph input", "Identity"])
    yield Bad("missing initializer", model([node("Add", ["x", "w"], ["y"], name="adder")], x4, {"y": [2, 4]}),
              ["node 'adder' (Add)", "'w' is neither a graph input nor an initializer, and no node makes it"])
    yield Bad("missing weights of a convolution", model([node("Conv", ["x", "w", "b"], ["y"], name="c")], {"x": [1, 1, 4, 4]}, {"y": []},
                                                        {"w": np.ones((1, 1, 3, 3), F32)}), ["node 'c' (Conv)", "'b' is neither"])
    yield Bad("cycle", model([node("Add", ["x", "b"], ["a"], name="one"), node("Relu", ["a"], ["b"], name="two")], x4,
                             {"b": [2, 4]}), ["depends on its own output", "cycle"])
    yield Bad("node that eats its own output", one("Add", ["x", "y"], x4), ["node 'n' (Add)", "its own output 'y'", "cycle"])
    ring = [node("Relu", [f"t{i}"], [f"t{(i + 1) % 5000}"], name=f"r{i}") for i in range(5000)]
    yield Bad("cycle of 5000 nodes", model(ring, x4, {"t0": []}), ["Relu", "depends on its own output", "cycle"])
    yield Bad("tensor made twice", model([relu, node("Abs", ["x"], ["y"], name="two")], x4, {"y": [2, 4]}),
              ["node 'two' (Abs)", "output 'y' is already made elsewhere"])
    yield Bad("node that makes a graph input", model([node("Relu", ["x"], ["x"], name="r")], x4, {"x": [2, 4]}),
              ["node 'r' (Relu)", "output 'x' is already made elsewhere"])
    yield Bad("node that makes an initializer", model([node("Relu", ["x"], ["w"], name="r")], x4, {"w": [2]}, {"w": np.ones(2, F32)}),
              ["node 'r' (Relu)", "output 'w' is already made elsewhere"])
    yield Bad("output that no node makes", model([relu], x4, {"z": [2, 4]}), ["graph output 'z' is made by no node"])
    yield Bad("two inputs of one name", raw_model(relu_graph(blob(11, value_info("x", [2, 4])))), ["two graph inputs are called 'x'"])
    yield Bad("two outputs of one name", raw_model(relu_graph(blob(12, value_info("y", [2, 4])))), ["two graph outputs are called 'y'"])
    yield Bad("two initializers of one name", raw_model(relu_graph(blob(5, tensor("w", np.ones(2, F32))) * 2)),
              ["two initializers are called 'w'"])
    yield Bad("initializer without a name", raw_model(relu_graph(blob(5, tensor("", np.ones(2, F32))))), ["initializer has no name"])
    yield Bad("input without a name", raw_model(relu_graph(blob(11, value_info("", [2])))), ["input or output has no name"])
    yield Bad("node without an operator", raw_model(relu_graph(blob(1, blob(1, "x") + blob(2, "q") + blob(3, "nameless")))),
              ["'nameless'", "no operator"])
    yield Bad("operator that does not exist", one("Frobnicate", ["x"], x4), ["node 'n' (Frobnicate)", "not supported", "list-operators"], OFF)
    yield Bad("operator that no part can compile", one("Frobnicate", ["x"], x4), ["Frobnicate", "--allow-no-ops-on-neuron"])
    yield Bad("unsupported operator", one("NonMaxSuppression", ["x"], x4), ["'n'", "NonMaxSuppression", "list-operators"], OFF)
    yield Bad("domain that is not imported", model([node("Relu", ["x"], ["y"], name="r") + blob(7, "com.example")], x4, {"y": [2, 4]}),
              ["node 'r' (Relu)", "com.example", "opset_import"])
    yield Bad("no opset", number(1, 7) + blob(7, relu_graph()), ["opset"])
    yield Bad("opset 5", model([relu], x4, {"y": []}, opset=5), ["node 'r' (Relu)", "opset 5", "onnx.version_converter"], OFF)
    yield Bad("opset of minus one", raw_model(relu_graph(), opset=-1), ["opset -1"])
    yield Bad("too few inputs", one("Conv", ["x"], {"x": [1, 1, 4, 4]}), ["node 'n' (Conv)", "has 1 inputs, needs 2 to 3"])
    yield Bad("too many inputs", one("Relu", ["x", "x"], x4), ["node 'n' (Relu)", "has 2 inputs, needs 1 to 1"])
    yield Bad("input left out", one("Add", ["", "x"], x4), ["node 'n' (Add)", "input 0 is missing"])
    yield Bad("node without outputs", raw_model(relu_graph(blob(1, blob(1, "x") + blob(3, "mute") + blob(4, "Relu")))),
              ["node 'mute' (Relu)", "has 0 outputs, needs 1 to 1"])
    yield Bad("control flow", if_model(), ["node 'n' (If)", "control flow", "then_branch"], OFF)
    captured = subgraph([node("Relu", ["nothing"], ["t"])], {"t": [2]})
    yield Bad("branch that captures what is not there", model([node("If", ["c"], ["y"], name="n", then_branch=captured, else_branch=captured)],
              {"c": ([], np.bool_)}, {"y": [2]}), ["node 'n' (If)", "'nothing' is neither"])
    yield Bad("sparse initializer", raw_model(relu_graph(blob(1, node("Add", ["x", "s"], ["z"], name="a")),
                                                         blob(15, blob(1, tensor("s", np.ones(1, F32)))))),
              ["'s'", "sparse"])


def if_model():
    branch = subgraph([node("Relu", ["x"], ["t"])], {"t": [2]})
    return model([node("If", ["c"], ["y"], name="n", then_branch=branch, else_branch=branch)],
                 {"c": ([], np.bool_), "x": [2]}, {"y": [2]})


def types():
    w = np.ones(4, F32)
    yield Bad("int64 where float32 is computed", one("Relu", ["x"], {"x": ([2, 4], np.int64)}), ["'x'", "int64"], OFF)
    yield Bad("two types in one sum", one("Add", ["x", "w"], {"x": [2, 4]}, {"w": ints(1, 2, 3, 4)}), ["node 'n' (Add)", "int64", "float32"])
    sequence = blob(1, "x") + blob(2, blob(4, blob(1, blob(1, number(1, 1)))))
    yield Bad("input that is a sequence", raw_model(blob(1, node("Relu", ["x"], ["y"])) + blob(11, sequence) + blob(12, value_info("y", [2]))),
              ["'x'", "type"])
    texts = blob(1, "x") + blob(2, blob(1, number(1, 8) + blob(2, blob(1, number(1, 2)))))
    yield Bad("input of texts", raw_model(blob(1, node("Relu", ["x"], ["y"])) + blob(11, texts) + blob(12, value_info("y", [2]))),
              ["'x'", "string"])
    yield Bad("initializer of type 99", raw_model(relu_graph(blob(5, number(1, 2) + number(2, 99) + blob(8, "w") + blob(9, bytes(8))))),
              ["'w'", "99"], OFF)
    short = number(1, 4) + number(2, 1) + blob(8, "w") + blob(9, bytes(8))
    yield Bad("initializer shorter than its shape", raw_model(relu_graph(blob(5, short))), ["'w'", "8 bytes of data", "[4]", "float32", "needs 16"])
    few = number(1, 4) + number(2, 1) + blob(8, "w") + blob(4, struct.pack("<3f", 1, 2, 3))
    yield Bad("initializer with too few numbers", raw_model(relu_graph(blob(5, few))), ["'w'", "3 elements", "[4]", "needs 4"])
    other = number(1, 2) + number(2, 1) + blob(8, "w") + blob(7, b"\1\2")
    yield Bad("initializer whose data are of another type", raw_model(relu_graph(blob(5, other))), ["'w'", "0 elements", "needs 2"])
    odd = number(1, 2) + number(2, 1) + blob(8, "w") + blob(4, b"\0\0\0")
    yield Bad("packed floats of odd length", raw_model(relu_graph(blob(5, odd))), ["the initializers", "damaged"])
    minus = number(1, -2) + number(2, 1) + blob(8, "w")
    yield Bad("initializer of negative size", raw_model(relu_graph(blob(5, minus))), ["'w'", "dimension 0", "-2"])
    yield Bad("Reshape to a shape of floats", one("Reshape", ["x", "w"], {"x": [4]}, {"w": w}), ["node 'n' (Reshape)", "'w'", "float32"])
    yield Bad("Cast to type 99", one("Cast", ["x"], {"x": [4]}, to=99), ["node 'n' (Cast)", "99"])
    yield Bad("Gather with float indices", one("Gather", ["x", "w"], {"x": [4]}, {"w": w}), ["node 'n' (Gather)", "float32"])


def names():
    yield Bad("name that is not UTF-8", one("Relu", [b"x\xff\xfe"], {}), ["UTF-8"])
    yield Bad("name with a zero byte", one("Add", ["x", "w\0a"], {"x": [2]}, {"w\0b": np.ones(2, F32)}), ["zero byte"])
    yield Bad("name with control characters", one("Add", ["x", "w\x1b[31m\n"], {"x": [2]}), ["node 'n' (Add)", "'w?[31m?' is neither"])
    yield Bad("name of 100000 bytes", one("Add", ["x", "w"], {"x": [2]}, name="n" * 100000), ["nnnn"])


def shapes():
    x4, image = {"x": [2, 4]}, {"x": [1, 4, 8, 8]}
    relu = node("Relu", ["x"], ["y"], name="r")
    yield Bad("dynamic shape of float16", model([relu], {"x": (["batch", 4], np.float16)}, {"y": (["batch", 4], np.float16)}), ["is dynamic", "[[...], \"float16\"]"])
    yield Bad("dynamic shape", model([relu], {"x": ["batch", 4]}, {"y": ["batch", 4]}), ["'x' [batch,4]", "dimension 0 (batch) is dynamic", "--io-config"])
    yield Bad("unknown dimension", model([relu], {"x": [None, 4]}, {"y": [None, 4]}), ["'x'", "dimension 0", "--io-config"])
    yield Bad("dimension 0", model([relu], {"x": [0, 4]}, {"y": [0, 4]}), ["'x'", "dimension 0", "--io-config"])
    yield Bad("negative dimension", model([relu], {"x": [-3, 4]}, {"y": [-3, 4]}), ["'x'", "dimension 0", "--io-config"])
    bare = blob(1, "x") + blob(2, blob(1, number(1, 1)))
    yield Bad("input without a shape", raw_model(blob(1, relu) + blob(11, bare) + blob(12, value_info("y", [2]))), ["'x' has no shape", "--io-config"])
    yield Bad("9 dimensions", model([relu], {"x": [1] * 9}, {"y": [1] * 9}), ["'x'", "more than 8 dimensions"])
    yield Bad("matrices that do not fit", one("MatMul", ["x", "w"], x4, {"w": np.ones((5, 3), F32)}), ["node 'n' (MatMul)", "4", "5"])
    yield Bad("Gemm of a vector", one("Gemm", ["x", "w"], {"x": [4]}, {"w": np.ones((4, 3), F32)}), ["node 'n' (Gemm)", "2 dimensions"])
    yield Bad("sum that does not broadcast", one("Add", ["x", "w"], x4, {"w": np.ones(3, F32)}), ["node 'n' (Add)", "[2,4]", "[3]"])
    yield Bad("convolution of a matrix", one("Conv", ["x", "w"], x4, {"w": np.ones((1, 1, 3, 3), F32)}), ["node 'n' (Conv)", "'x'", "dimensions"])
    yield Bad("weights of the wrong rank", one("Conv", ["x", "w"], image, {"w": np.ones((4, 4, 3), F32)}), ["node 'n' (Conv)", "'w' [4,4,3] do not fit input 'x' [1,4,8,8]"])
    yield Bad("channels that do not fit", one("Conv", ["x", "w"], image, {"w": np.ones((4, 3, 3, 3), F32)}), ["node 'n' (Conv)", "'w' [4,3,3,3] do not fit input 'x' [1,4,8,8]", "group 1"])
    yield Bad("bias that does not fit", one("Conv", ["x", "w", "b"], image, {"w": np.ones((2, 4, 3, 3), F32), "b": np.ones(3, F32)}),
              ["node 'n' (Conv)", "'b'"])
    yield Bad("group that divides nothing", one("Conv", ["x", "w"], image, {"w": np.ones((4, 1, 3, 3), F32)}, group=3), ["node 'n' (Conv)", "group"])
    yield Bad("group 0", one("Conv", ["x", "w"], image, {"w": np.ones((4, 4, 3, 3), F32)}, group=0), ["node 'n' (Conv)", "group"])
    yield Bad("kernel larger than its input", one("Conv", ["x", "w"], {"x": [1, 1, 2, 2]}, {"w": np.ones((1, 1, 5, 5), F32)}),
              ["node 'n' (Conv)", "5", "2"])
    yield Bad("statistics of the wrong length", one("BatchNormalization", ["x", "s", "s", "s", "s"], image, {"s": np.ones(5, F32)}),
              ["node 'n' (BatchNormalization)", "'s'"])
    yield Bad("Concat that does not fit", one("Concat", ["x", "w"], x4, {"w": np.ones((3, 3), F32)}, axis=1), ["node 'n' (Concat)"])
    yield Bad("Reshape to another size", one("Reshape", ["x", "s"], x4, {"s": ints(3, 3)}), ["node 'n' (Reshape)", "[2,4]"])
    yield Bad("Reshape with two open sizes", one("Reshape", ["x", "s"], x4, {"s": ints(-1, -1)}), ["node 'n' (Reshape)", "-1"])
    yield Bad("Split that does not add up", model([node("Split", ["x", "s"], ["y", "z"], name="n", axis=1)], x4, {"y": [], "z": []}, {"s": ints(1, 1)}),
              ["node 'n' (Split)"])
    yield Bad("Slice with step 0", one("Slice", ["x", "a", "b", "c", "d"], x4, {"a": ints(0), "b": ints(2), "c": ints(0), "d": ints(0)}),
              ["node 'n' (Slice)", "step"])
    yield Bad("Gather outside", one("Gather", ["x", "i"], x4, {"i": ints(7)}), ["node 'n' (Gather)", "index 7 of 'i' is outside of axis 0 of 'x' [2,4]"])
    yield Bad("Squeeze of what is not 1", one("Squeeze", ["x", "a"], x4, {"a": ints(1)}), ["node 'n' (Squeeze)", "1"])


def attributes():
    x4, image, w = {"x": [2, 4]}, {"x": [1, 4, 8, 8]}, {"w": np.ones((4, 4, 3, 3), F32)}

    def conv(**kw):
        return one("Conv", ["x", "w"], image, w, **kw)

    yield Bad("zero stride", one("MaxPool", ["x"], image, kernel_shape=[2, 2], strides=[0, 1]), ["node 'n' (MaxPool)", "strides"])
    yield Bad("negative stride", conv(strides=[-1, 1]), ["node 'n' (Conv)", "strides"])
    yield Bad("zero dilation", conv(dilations=[0, 1]), ["node 'n' (Conv)", "dilations"])
    yield Bad("three strides", conv(strides=[1, 1, 1]), ["node 'n' (Conv)", "strides", "3"])
    yield Bad("strides that are a text", conv(strides="1,1"), ["node 'n' (Conv)", "'strides'", "list of integers"])
    yield Bad("strides that are one number", conv(strides=1), ["node 'n' (Conv)", "'strides'", "list of integers"])
    yield Bad("group that is a float", conv(group=1.0), ["node 'n' (Conv)", "'group'", "integer"])
    yield Bad("pads for one axis", conv(pads=[1, 1]), ["node 'n' (Conv)", "pads", "2"])
    yield Bad("negative pads", conv(pads=[-1, 0, 0, 0]), ["node 'n' (Conv)", "pads"])
    yield Bad("kernel_shape that is not the weights'", conv(kernel_shape=[5, 5]), ["node 'n' (Conv)", "kernel_shape"])
    yield Bad("unknown auto_pad", conv(auto_pad="SIDEWAYS"), ["node 'n' (Conv)", "auto_pad", "SIDEWAYS"])
    yield Bad("pooling without a window", one("MaxPool", ["x"], image), ["node 'n' (MaxPool)", "kernel_shape"])
    yield Bad("Softmax along axis 9", one("Softmax", ["x"], x4, axis=9), ["node 'n' (Softmax)", "axis", "9"])
    yield Bad("Softmax along a text", one("Softmax", ["x"], x4, axis="last"), ["node 'n' (Softmax)", "'axis'", "integer"])
    yield Bad("Concat without axis", one("Concat", ["x", "x"], x4), ["node 'n' (Concat)", "axis"])
    yield Bad("Concat along axis -3", one("Concat", ["x", "x"], x4, axis=-3), ["node 'n' (Concat)", "axis", "-3"])
    yield Bad("perm that repeats", one("Transpose", ["x"], x4, perm=[0, 0]), ["node 'n' (Transpose)", "perm"])
    yield Bad("perm out of range", one("Transpose", ["x"], x4, perm=[0, 2]), ["node 'n' (Transpose)", "perm"])
    yield Bad("perm of another rank", one("Transpose", ["x"], x4, perm=[0, 1, 2]), ["node 'n' (Transpose)", "perm"])
    yield Bad("alpha that is a text", one("LeakyRelu", ["x"], x4, alpha="0.1"), ["node 'n' (LeakyRelu)", "'alpha'", "float"])
    yield Bad("Resize with sizes of a float type", one("Resize", ["x", "", "s", "s"], image, {"s": np.array([1, 1, 2, 2], F32)}),
              ["node 'n' (Resize)", "scales or sizes do not fit 'x'"], OFF)
    yield Bad("Resize with more axes than there are", one("Resize", ["x", "", "s"], image, {"s": np.array([1, 1, 2, 2], F32)}, axes=[0, 1, 2, 3, 0]),
              ["node 'n' (Resize)", "attribute axes does not fit 'x'"], OFF)
    yield Bad("unknown mode of Resize", one("Resize", ["x", "", "s"], image, {"s": np.array([1, 1, 2, 2], F32)}, mode="quantum"),
              ["node 'n' (Resize)", "attribute mode has a value that is not supported"], OFF)
    yield Bad("reduction along axis 5", one("ReduceMean", ["x"], x4, axes=[5]), ["node 'n' (ReduceMean)", "5"])
    twice = node("Softmax", ["x"], ["y"], name="n", axis=1) + blob(5, attribute("axis", 0))
    yield Bad("attribute given twice", model([twice], x4, {"y": []}), ["node 'n' (Softmax)", "'axis'", "twice"])
    nameless = node("Relu", ["x"], ["y"], name="n") + blob(5, real(2, 1.0) + number(20, 1))
    yield Bad("attribute without a name", model([nameless], x4, {"y": []}), ["node 'n' (Relu)", "attribute", "no name"])


def io_configs():
    data = one("Relu", ["x"], {"x": ["batch", 4]})

    def config(what, text, *message):
        return Bad("io-config: " + what, data, list(message), ("--io-config", text))

    yield config("not JSON", '{"inputs"', "--io-config", "not JSON")
    yield config("list", '{"inputs": [1]}', "--io-config", "must be an object")
    yield config("unknown input", '{"inputs": {"q": [[2, 4], "float32"]}}', "--io-config", "no input 'q'")
    yield config("other size", '{"inputs": {"x": [[2, 5], "float32"]}}', "--io-config", "dimension 1 of input 'x' is 4", "not 5")
    yield config("other rank", '{"inputs": {"x": [[2], "float32"]}}', "--io-config", "'x' has 2 dimensions", "not 1")
    yield config("other type", '{"inputs": {"x": [[2, 4], "int8"]}}', "--io-config", "'x' has type float32", "not int8")
    yield config("negative size", '{"inputs": {"x": [[-2, 4], "float32"]}}', "--io-config", "'x' must be [[SIZE")
    yield config("fraction", '{"inputs": {"x": [[2.5, 4], "float32"]}}', "--io-config", "'x' must be [[SIZE")
    yield config("no shape", '{"inputs": {"x": "float32"}}', "--io-config", "'x' must be [[SIZE")
    yield config("huge size", '{"inputs": {"x": [[4611686018427387904, 4], "float32"]}}', "'x'", *TOO_LARGE)
    yield config("number beyond 64 bits", '{"inputs": {"x": [[99999999999999999999, 4], "float32"]}}', "--io-config", "not JSON", "too big")
    yield config("the same input twice", '{"inputs": {"x": [[2, 4], "float32"], "x": [[3, 4], "float32"]}}', "--io-config", "duplicate")
    yield config("unknown output", '{"inputs": {"x": [[2, 4], "float32"]}, "outputs": ["q"]}', "--io-config", "'q' is no tensor")
    yield config("output twice", '{"inputs": {"x": [[2, 4], "float32"]}, "outputs": ["y", "y"]}', "--io-config", "'y' is listed twice")
    yield config("no outputs", '{"inputs": {"x": [[2, 4], "float32"]}, "outputs": []}', "--io-config", "outputs", "list")
    yield config("nested 5000 deep", '{"inputs": ' + "[" * 5000, "--io-config", "not JSON", "depth")
    yield config("type left out, dimension still open", '{"outputs": ["y"]}', "'x'", "dimension 0 (batch) is dynamic", "--io-config")


def external(**entries):
    """A model whose initializer w, 4 floats, is in another file."""
    w = number(1, 4) + number(2, 1) + blob(8, "w") + number(14, 1)
    w += b"".join(blob(13, blob(1, k) + blob(2, v)) for k, v in entries.items())
    return raw_model(blob(5, w) + blob(1, node("Add", ["x", "w"], ["y"], name="a")) + blob(2, "g") +
                     blob(11, value_info("x", [2, 4])) + blob(12, value_info("y", [2, 4])))


def external_data():
    data = {"w.bin": bytes(16)}
    yield Bad("external data: no file", external(location="w.bin"), ["'w'", "'w.bin'", "No such file", "beside the model"])
    yield Bad("external data: no location", external(offset="0"), ["'w'", "location"])
    yield Bad("external data: empty location", external(location=""), ["'w'", "location"])
    yield Bad("external data: absolute path", external(location="/etc/passwd"), ["'w'", "'/etc/passwd'", "absolute"])
    yield Bad("external data: path that leads out", external(location="../w.bin"), ["'w'", "'../w.bin'", ".."])
    yield Bad("external data: path that leads out later", external(location="a/../../w.bin"), ["'w'", ".."])
    yield Bad("external data: directory", external(location="."), ["'w'", "'.'"])
    yield Bad("external data: file too short", external(location="w.bin"), ["'w'", "16 bytes of data at offset 0 of the file 'w.bin', which has only 12"], (), {"w.bin": bytes(12)})
    yield Bad("external data: offset behind the end", external(location="w.bin", offset="17"), ["'w'", "at offset 17 of the file 'w.bin', which has only 16"], (), data)
    yield Bad("external data: offset that wraps around", external(location="w.bin", offset=str((1 << 64) - 8)), ["'w'", "offset"], (), data)
    yield Bad("external data: offset that is no number", external(location="w.bin", offset="ten"), ["'w'", "offset", "'ten'"], (), data)
    yield Bad("external data: negative offset", external(location="w.bin", offset="-4"), ["'w'", "offset", "'-4'"], (), data)
    yield Bad("external data: length that does not fit", external(location="w.bin", length="12"), ["'w' has 12 bytes of data in the file 'w.bin', but", "need 16"], (), data)
    yield Bad("external data: zero byte in the path", external(location="w.bin\0/x"), ["'w'"], (), data)


def odd_models():
    """Not bad: (what, model, flags) that compile, but did not always."""
    x4 = {"x": [4]}
    yield "Split of 4 into 3 and nothing", model([node("Split", ["x"], ["y", "z", "e"], name="n")], x4, {"y": [2], "e": [0]}), ("--allow-no-ops-on-neuron",)


def all_models():
    for part in (files, bombs, structure, types, names, shapes, attributes, io_configs, external_data):
        yield from part()


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    for bad in all_models():
        with open(os.path.join(directory, bad.file_name()), "wb") as file:
            file.write(bad.data)


if __name__ == "__main__":
    main()
