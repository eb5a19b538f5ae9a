# SPDX-License-Identifier: Apache-2.0
"""Chains of operators that the compiler runs as one, or whose data it keeps in SBUF between them."""
import numpy as np

import bounds
from cases import Case, values
from onnx_writer import node


def number(x):
    return np.float32(x).reshape(())


# name: (nodes from "c" to "y", constants, opset)
FUNCTIONS = {
    "Gelu by Erf": ([node("Div", ["c", "r"], ["d"]), node("Erf", ["d"], ["e"]), node("Add", ["e", "one"], ["a"]),
                     node("Mul", ["c", "a"], ["m"]), node("Mul", ["m", "half"], ["y"])],
                    {"r": number(2 ** 0.5), "one": number(1), "half": number(0.5)}, 13),
    "Gelu by Erf, halved first": ([node("Mul", ["c", "half"], ["h"]), node("Mul", ["c", "r"], ["d"]),
                                   node("Erf", ["d"], ["e"]), node("Add", ["one", "e"], ["a"]),
                                   node("Mul", ["h", "a"], ["y"])],
                                  {"r": number(0.5 ** 0.5), "one": number(1), "half": number(0.5)}, 13),
    "not quite Gelu": ([node("Mul", ["c", "r"], ["d"]), node("Erf", ["d"], ["e"]), node("Add", ["one", "e"], ["a"]),
                        node("Mul", ["c", "a"], ["y"])], {"r": number(0.9), "one": number(1)}, 13),
    "SiLU": ([node("Sigmoid", ["c"], ["s"]), node("Mul", ["c", "s"], ["y"])], {}, 13),
    "HardSwish by Clip": ([node("Add", ["c", "three"], ["a"]), node("Clip", ["a", "zero", "six"], ["k"]),
                           node("Mul", ["c", "k"], ["m"]), node("Div", ["m", "six"], ["y"])],
                          {"three": number(3), "zero": number(0), "six": number(6)}, 13),
    "HardSwish": ([node("HardSwish", ["c"], ["y"])], {}, 14),
    "HardSigmoid": ([node("HardSigmoid", ["c"], ["y"], alpha=0.3, beta=0.4)], {}, 13),
    "LeakyRelu": ([node("LeakyRelu", ["c"], ["y"], alpha=0.2)], {}, 13),
    "Elu": ([node("Elu", ["c"], ["y"], alpha=0.7)], {}, 13),
    "Relu6": ([node("Clip", ["c", "zero", "six"], ["y"])], {"zero": number(0), "six": number(1.5)}, 13),
    "Clip that is no Relu": ([node("Clip", ["c", "low", "six"], ["y"])], {"low": number(-1), "six": number(1.5)}, 13),
}


def functions():
    for group in (1, 20):
        for what, (nodes, weights, opset) in FUNCTIONS.items():
            name = f"conv, group {group}, {what}"
            own = {"w": values(name + "w", 20, 20 // group, 3, 3, low=-0.3, high=0.3), "b": values(name + "b", 20)}
            yield Case(name, [node("Conv", ["x", "w", "b"], ["c"], group=group, pads=[1, 0, 1, 1])] + nodes,
                       {"x": values(name, 2, 20, 7, 6, low=-3, high=3)}, {"y": [2, 20, 7, 5]}, {**own, **weights},
                       bounds.chain(3), opset=opset)


def moves():
    weights = {"w": values("moves", 20, 20, 1, 1), "p": np.array([0, 0, 1, 2, 0, 0, 3, 1], np.int64),
               "z": np.array([2, 20, 14, 12], np.int64), "from": np.array([1, 5], np.int64),
               "to": np.array([6, 0], np.int64), "axes": np.array([2, 3], np.int64), "step": np.array([1, -2], np.int64)}
    for what, middle in {
            "Pad": node("Pad", ["c", "p"], ["m"]), "edge": node("Pad", ["c", "p"], ["m"], mode="edge"),
            "nearest": node("Resize", ["c", "", "", "z"], ["m"], mode="nearest"),
            "linear": node("Resize", ["c", "", "", "z"], ["m"], mode="linear"),
            "Slice": node("Slice", ["c", "from", "to", "axes", "step"], ["m"])}.items():
        name = f"conv, {what}, conv"
        yield Case(name, [node("Conv", ["x", "w"], ["c"]), middle, node("Conv", ["m", "w"], ["y"])],
                   {"x": values(name, 2, 20, 7, 6)}, {"y": [None] * 4}, weights, bounds.chain(4))
    name = "depthwise conv behind Pad"
    yield Case(name, [node("Pad", ["x", "p"], ["m"]), node("Conv", ["m", "d"], ["y"], group=20, strides=[2, 2])],
               {"x": values(name, 2, 20, 7, 6)}, {"y": [None] * 4}, {"p": weights["p"], "d": values(name, 20, 1, 3, 3)},
               bounds.chain(2))


def frames():
    """Convolutions of single channels behind others: zeros around the images, several images, chunks of channels, strips of rows."""
    for what, shape, kernel, more in (
            ("same", (2, 20, 9, 8), (3, 3), {"pads": [1, 1, 1, 1]}), ("before", (1, 20, 9, 8), (3, 3), {"pads": [2, 1, 0, 0]}),
            ("behind", (2, 20, 8, 9), (3, 3), {"pads": [0, 0, 1, 2], "strides": [2, 2]}),
            ("one row", (1, 20, 1, 9), (1, 5), {"pads": [0, 2, 0, 2]}), ("rows", (1, 20, 30, 28), (5, 1), {"pads": [2, 0, 2, 0]}),
            ("dilated", (1, 20, 30, 31), (3, 3), {"pads": [2, 2, 2, 2], "dilations": [2, 2], "strides": [1, 2]}),
            ("chunks", (2, 150, 12, 11), (3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]})):
        name, channels = f"conv, depthwise {what}", shape[1]
        weights = {"w": values(name + "w", channels, shape[1], 1, 1, low=-0.2, high=0.2), "b": values(name + "b", channels),
                   "d": values(name + "d", channels, 1, *kernel)}
        nodes = [node("Conv", ["x", "w", "b"], ["c"]), node("Relu", ["c"], ["r"]),
                 node("Conv", ["r", "d"], ["y"], group=channels, **more)]
        yield Case(name, nodes, {"x": values(name, *shape)}, {"y": [None] * 4}, weights, bounds.chain(3))
        yield Case(name + ", read twice", nodes + [node("Conv", ["r", "w"], ["z"])], {"x": values(name, *shape)},
                   {"y": [None] * 4, "z": [None] * 4}, weights, bounds.chain(3))


def heads():
    """Products of heads inside and outside, of several images; rows beyond one chunk of partitions."""
    for batch, rows, count, size in ((2, 20, 4, 32), (1, 140, 3, 64), (2, 9, 2, 24)):
        width = count * size
        name = f"heads {batch} x {rows} x {count} x {size}"
        weights = {k: values(name + k, width, width, low=-0.1, high=0.1) for k in ("wq", "wk", "wv")}
        weights["split"] = np.array([batch, rows, count, size], np.int64)
        weights["merge"] = np.array([batch, rows, width], np.int64)
        nodes = []
        for k, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
            nodes += [node("MatMul", ["x", "w" + k], [k]), node("Reshape", [k, "split"], [k + "s"]),
                      node("Transpose", [k + "s"], [k + "t"], perm=perm)]
        nodes += [node("MatMul", ["qt", "kt"], ["s"]), node("Div", ["s", "n"], ["d"]), node("MatMul", ["d", "vt"], ["c"]),
                  node("Transpose", ["c"], ["ct"], perm=[0, 2, 1, 3]), node("Reshape", ["ct", "merge"], ["m"]),
                  node("MatMul", ["m", "wq"], ["y"])]
        weights["n"] = number(rows)
        yield Case(name, nodes, {"x": values(name, batch, rows, width)}, {"y": [batch, rows, width]}, weights,
                   bounds.chain(5))


def norms():
    for rows in (20, 140):
        name = f"LayerNormalization of {rows} rows before a product"
        weights = {"w": values(name + "w", 48, 30, low=-0.2, high=0.2), "s": values(name + "s", 48, low=0.5, high=1.5),
                   "b": values(name + "b", 48)}
        yield Case(name, [node("LayerNormalization", ["x", "s", "b"], ["n"], axis=-1), node("MatMul", ["n", "w"], ["y"])],
                   {"x": values(name, 1, rows, 48)}, {"y": [1, rows, 30]}, weights, bounds.chain(3), opset=17)


def rows_added():
    """What is added to a product: all of it, or rows that stand for others."""
    for rows, shapes in ((20, ([30], [1, 30], [1, 1, 1, 30], [2, 1, 1, 30], [1, 3, 1, 30], [2, 3, 20, 30], [20, 1])),
                         (140, ([2, 1, 1, 30],))):
        for shape in shapes:
            name = f"product of {rows} rows and {shape}"
            yield Case(name, [node("MatMul", ["a", "b"], ["c"]), node("Mul", ["c", "n"], ["d"]),
                              node("Add", ["r", "d"], ["e"]), node("Relu", ["e"], ["y"])],
                       {"a": values(name + "a", 2, 3, rows, 24), "b": values(name + "b", 2, 3, 24, 30),
                        "r": values(name + "r", *shape)}, {"y": [2, 3, rows, 30]}, {"n": number(0.3)}, bounds.chain(3))


def transposes():
    """Of what a convolution leaves with the channels on the partitions: to an output, a product, a convolution."""
    for shape, perm in (((2, 20, 7, 6), (0, 2, 3, 1)), ((2, 20, 7, 6), (1, 0, 2, 3)), ((2, 20, 7, 6), (0, 3, 2, 1)),
                        ((2, 20, 7, 6), (2, 0, 1, 3)), ((2, 20, 7, 6), (0, 2, 1, 3)), ((1, 20, 1, 6), (3, 2, 0, 1)),
                        ((1, 140, 5, 4), (0, 2, 3, 1))):
        name, last = f"conv of {shape}, Transpose {perm}", shape[perm[-1]]
        weights = {"w": values(name + "w", shape[1], shape[1], 1, 1, low=-0.2, high=0.2), "m": values(name + "m", last, 9)}
        yield Case(name, [node("Conv", ["x", "w"], ["c"]), node("Transpose", ["c"], ["t"], perm=list(perm)),
                          node("Relu", ["t"], ["r"]), node("MatMul", ["t", "m"], ["p"]),
                          node("Softmax", ["p"], ["y"], axis=-1), node("Add", ["r", "t"], ["z"])],
                   {"x": values(name, *shape)}, {"y": [None] * 4, "z": [None] * 4}, weights, bounds.chain(4))
    name = "groups of channels shuffled"
    weights = {"w": values(name + "w", 24, 4, 1, 1), "a": np.array([2, 6, 4, 7, 6], np.int64),
               "b": np.array([2, 24, 7, 6], np.int64)}
    yield Case(name, [node("Conv", ["x", "w"], ["c"], group=6), node("Reshape", ["c", "a"], ["s"]),
                      node("Transpose", ["s"], ["t"], perm=[0, 2, 1, 3, 4]), node("Reshape", ["t", "b"], ["u"]),
                      node("Conv", ["u", "w"], ["y"], group=6)],
               {"x": values(name, 2, 24, 7, 6)}, {"y": [None] * 4}, weights, bounds.chain(3))


groups = (functions, transposes, moves, frames, heads, norms, rows_added)
