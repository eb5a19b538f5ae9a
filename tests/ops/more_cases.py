# SPDX-License-Identifier: Apache-2.0
"""Cases of operators that the compiler makes of simpler ones: activations, reductions, normalisations,
data movement, interpolation, transposed convolution."""
import itertools

import numpy as np

import bounds
from cases import SHAPES, Case, unary, values
from onnx_writer import node


def ints(*numbers):
    return np.array(numbers, np.int64)


def activations():
    yield from unary("Erf", SHAPES)
    yield from unary("Gelu", [(3, 7), (2, 3, 4, 5)], opset=20)
    yield from unary("Gelu", [(3, 7)], opset=20, approximate="tanh")
    for op in ("Ceil", "Cos", "Floor", "Round", "Sign", "Sin", "Softplus"):
        yield from unary(op, [(3, 7), (1, 130, 3, 3)], low=-3.0, high=3.0)
    yield from unary("Mish", [(3, 7)], opset=18)
    yield from unary("Log", [(3, 7), (1, 130, 3, 3)], low=0.1, high=9.0)
    for alpha in (0.1, 1.5, -0.3):
        yield from unary("LeakyRelu", [(2, 3, 4, 5)], alpha=alpha)
    yield from unary("Elu", [(3, 7), (1, 130, 3, 3)], alpha=0.7)
    yield from unary("Selu", [(3, 7)])
    yield from unary("Celu", [(3, 7)], alpha=2.0)
    yield from unary("HardSigmoid", [(3, 7), (1, 130, 3, 3)])
    yield from unary("HardSigmoid", [(3, 7)], alpha=0.3, beta=0.4)
    yield from unary("HardSwish", [(3, 7), (1, 130, 3, 3)], opset=14)
    yield from unary("Softsign", [(3, 7)])
    for shape, low in itertools.product([(1,), (5, 1, 1), (1, 5, 3, 4)], (0.0, -0.5)):
        name = f"PRelu {shape} {low}"
        yield Case(name, [node("PRelu", ["x", "s"], ["y"])], {"x": values(name, 2, 5, 3, 4, low=-3, high=3)},
                   {"y": [2, 5, 3, 4]}, {"s": values(name + "s", *shape, low=low, high=1.2 if low else 0.9)})
    for p in (0.5, -0.5, 0.0, 1.0, 2.0, 3.0, -1.0, -2.0):
        name = f"Pow {p}"
        yield Case(name, [node("Pow", ["x", "p"], ["y"])], {"x": values(name, 3, 7, low=0.5, high=2)}, {"y": [3, 7]},
                   {"p": np.float32(p).reshape(())})
    name = "Pow of two tensors"
    yield Case(name, [node("Pow", ["x", "p"], ["y"])], {"x": values(name, 3, 7, low=0.5, high=2),
                                                        "p": values(name + "p", 7, low=-2, high=2)}, {"y": [3, 7]})
    for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
        name = f"{op} as a number"      # stepped: exact in every type
        a, b = (np.round(values(name + k, *shape, low=-2, high=2) * 2) / 8 for k, shape in (("a", (3, 40)), ("b", (40,))))
        yield Case(name, [node(op, ["a", "b"], ["m"]), node("Cast", ["m"], ["y"], to=1)], {"a": a, "b": b}, {"y": [3, 40]},
                   bound=bounds.moved)
    yield from unary("ThresholdedRelu", [(3, 40)], low=-2, high=2, bound=stepped, alpha=0.5)
    yield from unary("ThresholdedRelu", [(1, 130, 3, 3)], low=-2, high=2, bound=stepped, alpha=-0.25)
    yield from unary("Shrink", [(3, 40)], low=-2, high=2, bound=stepped, lambd=0.75, bias=0.5)
    name = "Mean of three"
    yield Case(name, [node("Mean", ["a", "b", "c"], ["y"])], {k: values(name + k, 3, 5) for k in "abc"}, {"y": [3, 5]})


def stepped(mode, reference, inputs, evaluate):
    """Steps: where rounding takes an input over the limit, the result is off by what the step is high, 1 at most; at all
    other places as in moved(). The reference with inputs moved up and down says which these are."""
    bound = bounds.moved(mode, reference, inputs, evaluate)
    for sign in (1, -1) if mode == "all" else ():
        moved = {k: (x * (1 + sign * bounds.U)).astype(x.dtype) for k, x in inputs.items()}
        for n, y in evaluate(moved).items():
            bound[n] = np.maximum(bound[n], np.abs(y - reference[n]) * (1 + bounds.U) + bounds.U)
    return bound


def masked():
    """Where, with conditions that are computed, constant, or both, and numbers for either side."""
    rng = np.random.default_rng(5)
    for c, a, b in (((3, 40), (3, 40), (3, 40)), ((2, 1, 7, 7), (2, 130, 7, 7), (1,)), ((40,), (), (3, 40)), ((1, 5, 1), (), ()),
                    ((4, 1), (1, 6), (2, 1, 1)), ((2, 300), (2, 300), ())):
        name = f"Where {c} {a} {b}"
        sides = {k: values(name + k, *s) for k, s in (("a", a), ("b", b))}
        numbers = {k: v for k, v in sides.items() if not v.shape}
        tensors = {k: v for k, v in sides.items() if v.shape}
        shape = np.broadcast_shapes(c, a, b)
        if tensors:
            yield Case(name + " constant", [node("Where", ["c", "a", "b"], ["y"])], tensors, {"y": shape},
                       {"c": rng.random(c) < 0.5, **numbers}, bounds.moved)
        limits = {"low": np.float32(-0.5).reshape(()), "high": np.float32(0.5).reshape(())}
        at = {"x": np.round(values(name + "x", *c) * 4) / 4}
        yield Case(name + " computed", [node("Greater", ["x", "low"], ["l"]), node("Less", ["x", "high"], ["h"]), node("And", ["l", "h"], ["c"]),
                                        node("Where", ["c", "a", "b"], ["y"])], {**at, **tensors}, {"y": shape}, {**limits, **numbers}, bounds.moved)
    name = "Where minus infinity, then Softmax"
    mask = np.tril(np.ones((1, 1, 20, 20), np.bool_))
    yield Case(name, [node("Where", ["m", "x", "i"], ["s"]), node("Softmax", ["s"], ["y"], axis=-1)], {"x": values(name, 2, 3, 20, 20)},
               {"y": [2, 3, 20, 20]}, {"m": mask, "i": np.float32(-np.inf).reshape(())}, bounds.softmax)
    for op in ("And", "Or", "Xor"):
        name = f"{op} as a number"
        inputs = {k: np.round(values(name + k, *s, low=-2, high=2) * 2) / 8 for k, s in (("a", (3, 40)), ("b", (40,)))}
        weights = {"m": rng.random((3, 1)) < 0.5, "z": np.float32(0).reshape(())}
        yield Case(name, [node("Less", ["a", "z"], ["l"]), node("Greater", ["b", "z"], ["g"]), node(op, ["l", "g"], ["o"]),
                          node(op, ["m", "o"], ["p"]), node("Not", ["p"], ["n"]), node("Cast", ["n"], ["y"], to=1)], inputs, {"y": [3, 40]},
                   weights, bounds.moved)


REDUCED = [((2, 3, 4, 5), [2, 3]), ((2, 3, 4, 5), [1]), ((2, 3, 4, 5), [0, 2]), ((1, 140, 6, 6), [2, 3]), ((3, 300), [1]),
           ((300, 3), [0]), ((4, 5), [0, 1]), ((2, 1, 7), [1]), ((1, 20, 130), [-1]), ((3, 9000), [1])]


def reductions():
    for op, (shape, axes) in itertools.product(("ReduceMean", "ReduceSum", "ReduceMax"), REDUCED):
        for keep in (0, 1):
            name = f"{op} {shape} {axes} keepdims {keep}"
            rank = len(shape) if keep else len(shape) - len(axes)
            given = {} if op == "ReduceSum" else {"axes": axes}
            weights = {"axes": ints(*axes)} if op == "ReduceSum" else None
            yield Case(name, [node(op, ["x"] + ["axes"] * (not given), ["y"], keepdims=keep, **given)],
                       {"x": values(name, *shape)}, {"y": [None] * rank}, weights,
                       bounds.moved if op == "ReduceMax" else bounds.averaged)
    for op in ("ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"):
        for keep in (0, 1):
            name = f"{op} keepdims {keep}"
            yield Case(name, [node(op, ["x"], ["y"], axes=[1, 2], keepdims=keep)], {"x": values(name, 3, 4, 5, low=0.1)},
                       {"y": [None] * (3 if keep else 1)}, bound=bounds.moved if op == "ReduceMin" else twice_averaged)


    for keep in (0, 1):
        for shape, axes in (((3, 4, 5), [1, 2]), ((2, 140, 3), [0, 2]), ((3, 900), [1])):
            for op in ("ReduceLogSum", "ReduceLogSumExp"):
                name = f"{op} {shape} {axes} keepdims {keep}"
                yield Case(name, [node(op, ["x"], ["y"], axes=axes, keepdims=keep)], {"x": values(name, *shape, low=0.5)},
                           {"y": [None] * (len(shape) if keep else len(shape) - len(axes))}, bound=logarithm)
        name = f"ReduceProd keepdims {keep}"
        yield Case(name, [node("ReduceProd", ["x"], ["y"], axes=[1, 2], keepdims=keep)], {"x": values(name, 3, 4, 5, low=0.5, high=1.5)},
                   {"y": [None] * (3 if keep else 1)}, bound=factors(20))
    yield from unary("LogSoftmax", [(3, 40), (2, 130, 5)], bound=logarithm)
    yield from unary("LogSoftmax", [(2, 3, 40)], bound=logarithm, axis=1)
    yield from unary("LogSoftmax", [(2, 3, 40)], bound=logarithm, opset=11)
    for p, shape, attributes in ((1, (2, 3, 9, 8), {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
                                 (2, (1, 130, 6, 6), {"kernel_shape": [2, 2]}), (2, (2, 5, 13), {"kernel_shape": [4], "strides": [3]}),
                                 (2, (1, 4, 7, 7), {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"})):
        yield from unary("LpPool", [shape], bound=twice_averaged, p=p, **attributes)
    for p in (1, 2):
        yield from unary("GlobalLpPool", [(2, 5, 6, 7)], bound=twice_averaged, p=p)


def logarithm(mode, reference, inputs, evaluate):
    """log(sum): inputs that are off by U |x| each move a sum of positive numbers by U of itself, one of exponentials by
    U max |x|; log takes relative errors to absolute ones, and x itself is off by as much."""
    peak = max(1.0, max(float(np.max(np.abs(x))) for x in inputs.values()))
    error = 2 * bounds.U * peak if mode == "all" else 1e-5
    return {n: error + (bounds.U if mode == "all" else 1e-5) * np.abs(y) for n, y in reference.items()}


def factors(count):
    """A product of @count numbers, each off by U."""
    def bound(mode, reference, inputs, evaluate):
        error = (1 + bounds.U) ** (count + 1) - 1 if mode == "all" else count * 2.0 ** -22
        return {n: error * np.abs(y) + bounds.FUNCTION_ABSOLUTE for n, y in reference.items()}
    return bound


def twice_averaged(mode, reference, inputs, evaluate):
    """Squares: twice the relative error of the input."""
    return {n: 2 * b for n, b in bounds.averaged(mode, reference, inputs, evaluate).items()}


def normalised(rows):
    """(x - mean) / deviation: rounding x by U |x| moves the numerator and the mean by at most U max |x| each, and
    the deviation by a relative 2 U max |x| / deviation; the result, scaled, is rounded once more in
    mode "all". The functions between are fp32 (1e-5 relative)."""
    def bound(mode, reference, inputs, evaluate):
        x = inputs["x"].astype(np.float64)
        axes = rows(x.ndim)
        step = (2 * bounds.U if mode == "all" else 2.0 ** -18) * np.max(np.abs(x), axes, keepdims=True)
        deviation = np.std(x, axes, keepdims=True)
        spread = np.max(np.abs(x - np.mean(x, axes, keepdims=True)), axes, keepdims=True)
        error = 1.5 * (step / deviation + spread / deviation * 2 * step / deviation) + 1e-5
        # Scales of the cases are at most 2.
        return {n: 2 * error + (3 * bounds.U if mode == "all" else 1e-5) * (np.abs(y) + 1) for n, y in reference.items()}
    return bound


def normalisations():
    for shape, axis in (((4, 10), -1), ((2, 130, 16), -1), ((3, 4, 5), 1), ((2, 3, 70), 2), ((2, 5000), 1)):
        for shifted in (False, True):
            name = f"LayerNormalization {shape} {axis}" + (" shifted" if shifted else "")
            size = shape[axis:] if axis >= 0 else shape[-1:]
            weights = {"s": values(name + "s", *size, low=0.5, high=2), "b": values(name + "b", *size)}
            yield Case(name, [node("LayerNormalization", ["x", "s"] + ["b"] * shifted, ["y"], axis=axis)],
                       {"x": values(name, *shape)}, {"y": shape}, weights, opset=17,
                       bound=normalised(lambda rank, a=axis: tuple(range(a % rank, rank))))
    for shape in ((2, 3, 4, 5), (1, 130, 6, 6), (1, 2, 5000)):
        name = f"InstanceNormalization {shape}"
        weights = {"s": values(name + "s", shape[1], low=0.5, high=2), "b": values(name + "b", shape[1])}
        yield Case(name, [node("InstanceNormalization", ["x", "s", "b"], ["y"])], {"x": values(name, *shape)}, {"y": shape},
                   weights, bound=normalised(lambda rank: tuple(range(2, rank))))
    name = "GroupNormalization, one group"
    weights = {"s": values(name + "s", 6, low=0.5, high=2), "b": values(name + "b", 6)}
    yield Case(name, [node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=1)], {"x": values(name, 2, 6, 4, 4)},
               {"y": [2, 6, 4, 4]}, weights, opset=21, bound=normalised(lambda rank: tuple(range(1, rank))))
    name = "MeanVarianceNormalization"
    yield Case(name, [node("MeanVarianceNormalization", ["x"], ["y"])], {"x": values(name, 2, 3, 4, 5)}, {"y": [2, 3, 4, 5]},
               bound=normalised(lambda rank: (0, 2, 3)))
    for p in (1, 2):
        yield from unary("LpNormalization", [(3, 7), (2, 9, 4)], low=0.5, bound=bounds.chain(4), p=p, axis=1)
    yield from unary("LRN", [(1, 8, 5, 5), (1, 140, 3, 3)], bound=bounds.chain(4), size=5, alpha=0.01, beta=0.75, bias=1.0)


def constants(name, op, shape, inputs, weights, bound=bounds.moved, opset=13, outputs=("y",), rank=None, **attributes):
    x = values(name, *shape)
    return Case(name, [node(op, inputs, list(outputs), **attributes)], {"x": x},
                {o: [None] * (rank or len(shape)) for o in outputs}, weights, bound, opset)


def moves():
    for shape, start, end, axes, steps in (((4, 6), [1], [3], [0], [1]), ((2, 140, 5), [3, 1], [133, 100], [1, 2], [2, 1]),
                                           ((3, 9), [8], [-20], [1], [-3]), ((1, 8, 6, 6), [0, 2], [3, -1], [1, 3], [1, 2])):
        yield constants(f"Slice {shape} {start} {end} {axes} {steps}", "Slice", shape, ["x", "s", "e", "a", "t"],
                        {"s": ints(*start), "e": ints(*end), "a": ints(*axes), "t": ints(*steps)})
    yield constants("Slice opset 7", "Slice", (4, 6), ["x"], None, opset=7, starts=[1], ends=[9], axes=[1])
    for shape, sizes, axis in (((4, 6), [2, 4], 1), ((1, 140, 3, 3), [70, 70], 1), ((6, 3), [1, 2, 3], 0)):
        yield constants(f"Split {shape} {sizes} {axis}", "Split", shape, ["x", "s"], {"s": ints(*sizes)}, axis=axis,
                        outputs=[f"y{i}" for i in range(len(sizes))])
    yield constants("Split opset 7", "Split", (4, 6), ["x"], None, opset=7, axis=1, outputs=["y", "z"])
    for mode, pads in itertools.product(("constant", "edge", "reflect"), ([0, 0, 1, 2, 0, 0, 2, 1], [0, 1, 0, 0, 0, 2, 0, 0])):
        yield constants(f"Pad {mode} {pads}", "Pad", (1, 4, 5, 6), ["x", "p", "v"],
                        {"p": ints(*pads), "v": np.float32(0.75).reshape(())}, mode=mode)
    yield constants("Pad opset 7", "Pad", (3, 4), ["x"], None, opset=7, pads=[1, 0, 0, 2], value=-0.5)
    yield constants("Pad that crops", "Pad", (3, 6), ["x", "p"], {"p": ints(0, -1, 1, -2)})
    for axis, index in ((0, [2, 0, 0, -1]), (1, [[1, 5], [4, 2]])):
        yield constants(f"Gather {axis} {index}", "Gather", (3, 6, 5), ["x", "i"], {"i": np.array(index, np.int64)}, axis=axis,
                        rank=2 + np.ndim(index))
    yield constants("Expand", "Expand", (3, 1, 5), ["x", "s"], {"s": ints(2, 1, 4, 1)}, rank=4)
    yield constants("Tile", "Tile", (2, 3, 4), ["x", "r"], {"r": ints(2, 1, 3)})
    for mode in ("DCR", "CRD"):
        yield constants(f"DepthToSpace {mode}", "DepthToSpace", (2, 12, 3, 4), ["x"], None, blocksize=2, mode=mode)
    yield constants("SpaceToDepth", "SpaceToDepth", (2, 3, 4, 6), ["x"], None, blocksize=2)


def mixed(mode, reference, inputs, evaluate):
    """A weighted sum of moved elements whose weights' absolute values sum to at most 2.5 (cubic, both axes)."""
    peak = max(float(np.max(np.abs(x))) for x in inputs.values())
    share = (2 * bounds.U if mode == "all" else 2.0 ** -18) * 2.5 * peak
    return {n: share + (bounds.U if mode == "all" else 0) * np.abs(y) + bounds.FUNCTION_ABSOLUTE for n, y in reference.items()}


def resizes():
    for mode, coordinate in itertools.product(("nearest", "linear", "cubic"), ("half_pixel", "asymmetric", "align_corners",
                                                                              "pytorch_half_pixel")):
        for sizes in ([1, 3, 10, 12], [1, 3, 7, 4]):
            name = f"Resize {mode} {coordinate} {sizes}"
            yield constants(name, "Resize", (1, 3, 5, 6), ["x", "", "", "n"], {"n": ints(*sizes)}, mixed, mode=mode,
                            coordinate_transformation_mode=coordinate)
    for rounding in ("floor", "ceil", "round_prefer_ceil"):
        yield constants(f"Resize {rounding}", "Resize", (1, 2, 5, 6), ["x", "", "s"],
                        {"s": np.array([1, 1, 1.7, 0.6], np.float32)}, nearest_mode=rounding)
    yield constants("Resize opset 10", "Resize", (1, 2, 5, 6), ["x", "s"], {"s": np.array([1, 1, 2, 2], np.float32)}, opset=10)
    yield constants("Resize of many channels", "Resize", (1, 140, 4, 4), ["x", "", "s"],
                    {"s": np.array([1, 1, 2, 2], np.float32)}, coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor")
    yield constants("Upsample", "Upsample", (1, 2, 5, 6), ["x", "s"], {"s": np.array([1, 1, 2, 3], np.float32)}, opset=9)
    yield constants("Upsample linear", "Upsample", (1, 2, 5, 6), ["x", "s"], {"s": np.array([1, 1, 2, 3], np.float32)}, mixed,
                    opset=9, mode="linear")


TRANSPOSED = [  # input, weight, attributes
    ((1, 4, 5, 6), (4, 3, 2, 2), {"strides": [2, 2]}),
    ((1, 4, 5, 6), (4, 3, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ((2, 6, 4, 4), (6, 2, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 2}),
    ((1, 3, 5, 5), (3, 2, 3, 3), {}),
    ((1, 3, 5, 5), (3, 2, 3, 3), {"dilations": [2, 2], "pads": [1, 0, 1, 2]}),
    ((1, 3, 5, 4), (3, 2, 3, 2), {"strides": [3, 2], "dilations": [2, 3], "pads": [2, 1, 0, 1]}),
    ((1, 140, 4, 4), (140, 20, 2, 2), {"strides": [2, 2]}),
    ((1, 3, 9), (3, 4, 5), {"strides": [3], "pads": [2, 1]}),
    ((1, 2, 5, 5), (2, 2, 2, 2), {"strides": [3, 3]}),
    ((1, 2, 5, 5), (2, 2, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ((1, 2, 5, 5), (2, 2, 3, 3), {"strides": [2, 2], "output_shape": [10, 10]}),
]


def conv_transpose():
    for (x, w, attributes), bias in itertools.product(TRANSPOSED, (False, True)):
        name = f"ConvTranspose {x} {w} {attributes}" + (" bias" if bias else "")
        weights = {"w": values(name + "w", *w)}
        if bias:
            weights["b"] = values(name + "b", w[1] * attributes.get("group", 1))
        yield Case(name, [node("ConvTranspose", ["x", "w"] + ["b"] * bias, ["y"], **attributes)], {"x": values(name, *x)},
                   {"y": [None] * len(x)}, weights, bounds.linear)


groups = (activations, masked, reductions, normalisations, moves, resizes, conv_transpose)
