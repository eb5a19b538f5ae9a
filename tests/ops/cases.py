# SPDX-License-Identifier: Apache-2.0
"""The operator cases: small models with inputs, grouped by operator. Each yields Case objects."""
import itertools
import zlib

import numpy as np

import bounds
from onnx_writer import model, node


class Case:
    """A model, its inputs and the bound on its error.

    weights are initializers; for the bound on absolute values a second model is made with
    their absolute values (positive: names whose sign must not change, such as variances).
    """

    def __init__(self, name, nodes, inputs, outputs, weights=None, bound=bounds.pointwise, opset=13, keep=()):
        self.name, self.inputs, self.bound = name, inputs, bound
        shapes = {k: v.shape for k, v in inputs.items()}
        weights = weights or {}
        self.model = model(nodes, shapes, outputs, weights, opset)
        absolute = {k: v if k in keep or v.dtype != np.float32 else np.abs(v) for k, v in weights.items()}
        self.absolute = model(nodes, shapes, outputs, absolute, opset)
        self.op_types = set(self.ops(nodes))
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.make = lambda w: model(nodes, shapes, outputs, w, opset)
        self.weights = weights

    def perturbed(self):
        """The model and its inputs, each value moved by a random relative error of at most U."""
        def move(x):
            return (x * (1 + self.rng.uniform(-bounds.U, bounds.U, x.shape))).astype(x.dtype)
        return (self.make({k: move(v) if v.dtype == np.float32 else v for k, v in self.weights.items()}),
                {k: move(v) for k, v in self.inputs.items()})

    @staticmethod
    def ops(nodes):
        from onnx_reader import fields
        for data in nodes:
            yield next(bytes(v).decode() for n, _, v in fields(data) if n == 4)


def values(name, *shape, low=-1.0, high=1.0):
    """Seeded by the name of the case, so that a case is the same alone and in the suite."""
    rng = np.random.default_rng(zlib.crc32(repr((name, shape)).encode()))
    return rng.uniform(low, high, shape).astype(np.float32)


def unary(op, shapes, low=-4.0, high=4.0, opset=13, bound=bounds.pointwise, **attributes):
    for shape in shapes:
        name = f"{op} {shape}" + (f" {attributes}" if attributes else "") + (f" opset {opset}" if opset != 13 else "")
        yield Case(name, [node(op, ["x"], ["y"], **attributes)], {"x": values(name, *shape, low=low, high=high)},
                   {"y": unknown_shape(op, shape, attributes)}, bound=bound, opset=opset)


def unknown_shape(op, shape, attributes):
    """Rank of the output with unknown extents: the compiler has to infer them."""
    if op == "Flatten":
        return [None, None]
    return [None] * len(shape)


SHAPES = [(5,), (3, 7), (2, 3, 4, 5), (1, 130, 3, 3), (200, 9)]


def elementwise():
    for op in ("Relu", "Sigmoid", "Tanh", "Exp", "Abs", "Neg", "Identity"):
        exact = op in ("Relu", "Abs", "Neg", "Identity")
        yield from unary(op, SHAPES, bound=bounds.moved if exact else bounds.pointwise)
    for op in ("Sqrt", "Reciprocal"):
        yield from unary(op, SHAPES, low=0.1, high=9.0)
    for low, high in ((-1.0, 1.0), (0.0, 6.0)):
        name = f"Clip {low} {high}"
        yield Case(name, [node("Clip", ["x", "lo", "hi"], ["y"])], {"x": values(name, 2, 5, 6, low=-8, high=8)},
                   {"y": [2, 5, 6]}, {"lo": np.float32(low).reshape(()), "hi": np.float32(high).reshape(())}, bounds.moved)
    yield from unary("Clip", [(3, 4)], opset=7, bound=bounds.moved, min=-0.5, max=0.75)
    yield from unary("Dropout", [(3, 4)], opset=7, bound=bounds.moved)


BROADCASTS = [((4, 5), (4, 5)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 1)), ((1, 8, 6, 6), (8, 1, 1)), ((5, 1), (1, 7)),
              ((3,), (2, 1, 3)), ((2, 130, 2, 2), (1, 130, 1, 1)), ((1, 10), (10,)), ((6, 7), ())]


def binary():
    for op, (a, b) in itertools.product(("Add", "Sub", "Mul", "Div", "Max", "Min"), BROADCASTS):
        low = 0.5 if op == "Div" else -2.0
        bound = bounds.moved if op in ("Max", "Min") else bounds.pointwise
        shape = np.broadcast_shapes(a, b)
        for constant in (False, True):
            name = f"{op} {a} {b}" + (" constant" if constant else "")
            x, w = values(name, *a, low=-2.0, high=2.0), values(name + "w", *b, low=low, high=2.5)
            inputs = {"x": x} if constant else {"x": x, "w": w}
            yield Case(name, [node(op, ["x", "w"], ["y"])], inputs, {"y": shape}, {"w": w} if constant else None, bound)
    name = "Max of three"
    yield Case(name, [node("Max", ["a", "b", "c"], ["y"])], {k: values(name + k, 3, 5) for k in "abc"}, {"y": [3, 5]},
               bound=bounds.moved)
    name = "Sum of three"
    yield Case(name, [node("Sum", ["a", "b", "c"], ["y"])], {k: values(name + k, 3, 5) for k in "abc"}, {"y": [3, 5]})


CONVS = [  # input, weight, attributes
    ((1, 1, 8, 8), (4, 1, 3, 3), {}),
    ((1, 3, 9, 7), (5, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((2, 4, 8, 8), (6, 4, 1, 1), {}),
    ((1, 3, 11, 11), (8, 3, 5, 5), {"pads": [2, 2, 2, 2], "strides": [2, 2]}),
    ((1, 8, 7, 7), (8, 8, 3, 3), {"pads": [0, 1, 2, 0], "strides": [1, 2]}),
    ((1, 6, 9, 9), (6, 1, 3, 3), {"group": 6, "pads": [1, 1, 1, 1]}),
    ((1, 8, 6, 6), (12, 2, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}),
    ((1, 4, 12, 12), (4, 4, 3, 3), {"dilations": [2, 2], "pads": [2, 2, 2, 2]}),
    ((1, 140, 5, 5), (150, 140, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((1, 130, 4, 4), (130, 1, 3, 3), {"group": 130, "pads": [1, 1, 1, 1], "strides": [2, 2]}),
    ((1, 3, 40, 40), (16, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((2, 20, 9, 8), (20, 1, 5, 3), {"group": 20, "pads": [1, 2, 2, 0], "strides": [2, 1], "dilations": [1, 2]}),
    ((1, 33, 30, 30), (33, 1, 3, 3), {"group": 33, "pads": [1, 1, 1, 1]}),
    ((1, 2, 10, 9), (3, 2, 3, 2), {"auto_pad": "SAME_UPPER"}),
    ((1, 2, 10, 9), (3, 2, 4, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ((1, 2, 6, 6), (3, 2, 3, 3), {"auto_pad": "VALID"}),
    ((3, 5, 17), (7, 5, 3), {"pads": [1, 1], "strides": [2]}),
    ((1, 4, 3, 3), (4, 4, 3, 3), {"pads": [3, 3, 3, 3]}),
]


def conv():
    for (x, w, attributes), bias in itertools.product(CONVS, (False, True)):
        name = f"Conv {x} {w} {attributes}" + (" bias" if bias else "")
        weights = {"w": values(name + "w", *w)}
        if bias:
            weights["b"] = values(name + "b", w[0])
        yield Case(name, [node("Conv", ["x", "w"] + ["b"] * bias, ["y"], **attributes)], {"x": values(name, *x)},
                   {"y": [None] * len(x)}, weights, bounds.linear)


def gemm():
    for m, k, n in ((1, 10, 4), (3, 7, 5), (130, 140, 9), (9, 300, 150)):
        for ta, tb, c in ((0, 0, None), (0, 1, (n,)), (1, 0, (m, 1)), (1, 1, (m, n)), (0, 1, ())):
            name = f"Gemm {m}x{k}x{n} tA={ta} tB={tb} C={c}"
            weights = {"b": values(name + "b", *((n, k) if tb else (k, n)))}
            if c is not None:
                weights["c"] = values(name + "c", *c)
            yield Case(name, [node("Gemm", ["a", "b"] + ["c"] * (c is not None), ["y"], transA=ta, transB=tb, alpha=0.5,
                                   beta=1.5)],
                       {"a": values(name, *((k, m) if ta else (m, k)))}, {"y": [m, n]}, weights, bounds.linear)


def matmul():
    pairs = [((3, 4), (4, 5)), ((1, 256), (256, 10)), ((130, 70), (70, 140)), ((2, 3, 4), (4, 5)),
             ((2, 3, 4, 5), (2, 3, 5, 6)), ((5, 1, 4, 3), (2, 3, 4)), ((7,), (7, 3)), ((4, 7), (7,)), ((6,), (6,)),
             ((2, 600), (600, 3)), ((3, 4), (2, 4, 5))]
    for (a, b), constant in itertools.product(pairs, (False, True)):
        name = f"MatMul {a} {b}" + (" constant" if constant else "")
        x, w = values(name, *a), values(name + "w", *b)
        shape = np.matmul(np.zeros(a), np.zeros(b)).shape
        yield Case(name, [node("MatMul", ["x", "w"], ["y"])], {"x": x} if constant else {"x": x, "w": w},
                   {"y": shape}, {"w": w} if constant else None, bounds.linear)


POOLS = [((1, 1, 6, 6), {"kernel_shape": [2, 2], "strides": [2, 2]}), ((2, 3, 7, 8), {"kernel_shape": [3, 3]}),
         ((1, 4, 9, 9), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
         ((1, 130, 5, 5), {"kernel_shape": [2, 3], "pads": [0, 1, 1, 0]}),
         ((1, 2, 8, 8), {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
         ((1, 2, 7, 7), {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
         ((2, 5, 13), {"kernel_shape": [4], "strides": [3]}), ((1, 3, 28, 28), {"kernel_shape": [3, 3], "strides": [3, 3]})]


def pool():
    for shape, attributes in POOLS:
        yield from unary("MaxPool", [shape], bound=bounds.moved, **attributes)
        # Padded ceil_mode windows of AveragePool changed their meaning between opsets and runtimes.
        for include in (0, 1):
            yield from unary("AveragePool", [shape], bound=bounds.averaged, count_include_pad=include, **attributes)
    for op, bound in (("GlobalAveragePool", bounds.averaged), ("GlobalMaxPool", bounds.moved)):
        yield from unary(op, [(1, 3, 5, 6), (2, 140, 7, 7), (1, 4, 9)], bound=bound)


def movement():
    for shape, target in (((2, 3, 4), (6, 4)), ((1, 16, 4, 4), (1, 256)), ((2, 12), (0, 3, -1)), ((300, 2), (2, 300)),
                          ((2, 130, 3, 3), (2, -1))):
        name = f"Reshape {shape} -> {target}"
        yield Case(name, [node("Reshape", ["x", "s"], ["y"])], {"x": values(name, *shape)}, {"y": [None] * len(target)},
                   {"s": np.array(target, np.int64)}, bounds.moved)
    for axis in (0, 1, 2, -1):
        yield from unary("Flatten", [(2, 3, 4), (1, 140, 2, 2)], bound=bounds.moved, axis=axis)
    for shape in ((3, 4), (2, 3, 4), (1, 5, 6, 7), (2, 130, 3)):
        for perm in itertools.islice(itertools.permutations(range(len(shape))), 0, None, 1 if len(shape) < 4 else 5):
            yield from unary("Transpose", [shape], bound=bounds.moved, perm=list(perm))
    yield from unary("Transpose", [(3, 4, 5)], bound=bounds.moved)
    for name, op, shape, axes, rank in (("Squeeze", "Squeeze", (1, 3, 1, 4), [0, 2], 2),
                                        ("Unsqueeze", "Unsqueeze", (3, 4), [0, 3], 4)):
        for opset in (11, 13):
            full = f"{name} {shape} {axes} opset {opset}"
            extra = {"axes": axes} if opset == 11 else {}
            names = ["x"] if opset == 11 else ["x", "axes"]
            yield Case(full, [node(op, names, ["y"], **extra)], {"x": values(full, *shape)}, {"y": [None] * rank},
                       None if opset == 11 else {"axes": np.array(axes, np.int64)}, bounds.moved, opset)
    for shapes, axis in ((((2, 3), (2, 5)), 1), (((2, 3), (4, 3)), 0), (((1, 3, 4, 4), (1, 130, 4, 4)), 1),
                         (((1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3, 1)), -1), (((2, 2, 3), (2, 5, 3)), -2)):
        full = f"Concat {shapes} axis {axis}"
        inputs = {f"x{i}": values(full + str(i), *s) for i, s in enumerate(shapes)}
        yield Case(full, [node("Concat", list(inputs), ["y"], axis=axis)], inputs, {"y": [None] * len(shapes[0])},
                   bound=bounds.moved)
    name = "Constant added"
    yield Case(name, [node("Constant", [], ["c"], value=values(name + "c", 4)), node("Add", ["x", "c"], ["y"])],
               {"x": values(name, 3, 4)}, {"y": [3, 4]})


def normalisation():
    for shape, axis, opset in itertools.product(((3, 5), (2, 3, 4), (1, 140, 2, 3)), (None, 0, 1, -1), (11, 13)):
        attributes = {} if axis is None else {"axis": axis}
        yield from unary("Softmax", [shape], opset=opset, bound=bounds.softmax, **attributes)
    yield from unary("Softmax", [(2, 1000)], bound=bounds.softmax, axis=-1)
    for shape in ((1, 3, 4, 4), (2, 140, 3, 3), (4, 6)):
        name, c = f"BatchNormalization {shape}", shape[1]
        weights = {"s": values(name + "s", c, low=0.5, high=1.5), "b": values(name + "b", c),
                   "m": values(name + "m", c), "v": values(name + "v", c, low=0.5, high=2.0)}
        # (x - m) s / sqrt(v) + b: with m negated the absolute model adds what the real one subtracts.
        yield Batchnorm(name, [node("BatchNormalization", list("xsbmv"), ["y"])], {"x": values(name, *shape)},
                        {"y": shape}, weights, bounds.averaged)


class Batchnorm(Case):
    """Absolute values of a normalisation: the mean is subtracted, so it counts negative."""

    def __init__(self, name, nodes, inputs, outputs, weights, bound):
        super().__init__(name, nodes, inputs, outputs, weights, bound)
        absolute = {k: -np.abs(v) if k == "m" else np.abs(v) for k, v in weights.items()}
        self.absolute = model(nodes, {k: v.shape for k, v in inputs.items()}, outputs, absolute)


def networks():
    name = "conv + relu + pool + conv + residual + flatten + gemm"
    weights = {"w1": values(name + "1", 8, 3, 3, 3), "b1": values(name + "2", 8), "w2": values(name + "3", 8, 8, 3, 3),
               "w3": values(name + "4", 10, 8 * 5 * 5), "b3": values(name + "5", 10)}
    nodes = [node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]), node("Relu", ["c1"], ["r1"]),
             node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
             node("Conv", ["p1", "w2"], ["c2"], pads=[1, 1, 1, 1]), node("Add", ["c2", "p1"], ["a2"]),
             node("Relu", ["a2"], ["r2"]), node("Flatten", ["r2"], ["f"]),
             node("Gemm", ["f", "w3", "b3"], ["y"], transB=1)]
    yield Case(name, nodes, {"x": values(name, 2, 3, 10, 10)}, {"y": [2, 10]}, weights, bounds.chain(3))

    name = "conv + batchnorm + relu, 140 channels"
    weights = {"w": values(name + "w", 140, 4, 3, 3), "s": values(name + "s", 140, low=0.5, high=1.5),
               "b": values(name + "b", 140), "m": np.zeros(140, np.float32), "v": values(name + "v", 140, low=0.5, high=2)}
    yield Case(name, [node("Conv", ["x", "w"], ["c"]), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"]),
                      node("Relu", ["n"], ["y"])],
               {"x": values(name, 1, 4, 9, 9)}, {"y": [1, 140, 7, 7]}, weights, bounds.chain(2))

    name = "mlp 200-300-20 with two outputs"
    weights = {"w1": values(name + "1", 200, 300, low=-0.2, high=0.2), "w2": values(name + "2", 300, 20, low=-0.2, high=0.2)}
    yield Case(name, [node("MatMul", ["x", "w1"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "w2"], ["y"])],
               {"x": values(name, 3, 200)}, {"y": [3, 20], "r": [3, 300]}, weights, bounds.chain(2))

    name = "branches: one tensor read by pool, conv and concat"
    weights = {"w": values(name + "w", 6, 5, 1, 1)}
    nodes = [node("Relu", ["x"], ["r"]), node("Conv", ["r", "w"], ["c"]),
             node("MaxPool", ["r"], ["p"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
             node("Concat", ["c", "p", "r"], ["y"], axis=1)]
    yield Case(name, nodes, {"x": values(name, 1, 5, 8, 8)}, {"y": [1, 16, 8, 8]}, weights, bounds.chain(2))

    name = "attention: softmax(q k^T / 4) v"
    nodes = [node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]), node("MatMul", ["q", "kt"], ["s"]),
             node("Mul", ["s", "c"], ["m"]), node("Softmax", ["m"], ["p"], axis=-1), node("MatMul", ["p", "v"], ["y"])]
    yield Case(name, nodes, {k: values(name + k, 2, 20, 16) for k in "qkv"}, {"y": [2, 20, 16]},
               {"c": np.float32(0.25).reshape(())}, attention_bound)


def attention_bound(mode, reference, inputs, evaluate):
    """Scores are off by e = PRODUCT sum|q||k|/4 (rounded twice more in mode "all"), so each weight
    by a factor of exp(2 e); the weights sum to 1, so |y| <= max |v|."""
    steps = 1 if mode == "none" else 3
    products = np.sum(np.abs(inputs["q"])[:, :, None] * np.abs(inputs["k"])[:, None], -1)
    score = np.max(products, -1, keepdims=True) / 4     # of a row: rows do not meet
    change = np.expm1(2 * steps * bounds.PRODUCT * score) + steps * bounds.PRODUCT
    return {n: np.broadcast_to(change * np.max(np.abs(inputs["v"])), y.shape) for n, y in reference.items()}


def more_cases():
    from fused_cases import groups as fused     # which import Case from here
    from more_cases import groups
    for group in groups + fused:
        yield from group()


def every_case():
    for group in (elementwise, binary, conv, gemm, matmul, pool, movement, normalisation, networks, more_cases):
        yield from group()
