# SPDX-License-Identifier: Apache-2.0
"""Well-known networks as ONNX models with seeded weights: the topology is the published one, the numbers are
drawn (He initialisation, batch normalisation near 1), so that no weights have to be shipped. @width and @depth cut them down."""
import numpy as np

from onnx_reader import fields, tensor as read_tensor
from onnx_writer import blob, model, node, number, tensor, varint


class Net:
    """A model under construction. Layers take and return tensor names."""

    def __init__(self, seed, opset=13):
        self.rng, self.opset = np.random.default_rng(seed), opset
        self.nodes, self.weights, self.count = [], {}, 0

    def const(self, array, stem="w"):
        self.count += 1
        name = f"{stem}{self.count}"
        self.weights[name] = np.asarray(array)
        return name

    def op(self, kind, *inputs, name=None, **attributes):
        self.count += 1
        out = name or f"t{self.count}"
        self.nodes.append(node(kind, list(inputs), [out], f"{kind}_{self.count}", **attributes))
        return out

    def he(self, *shape):
        fan = int(np.prod(shape[1:]))
        return (self.rng.standard_normal(shape) * np.sqrt(2 / fan)).astype(np.float32)

    def conv(self, x, cin, cout, k, stride=1, pad=None, group=1, bias=False):
        pad = k // 2 if pad is None else pad
        inputs = [x, self.const(self.he(cout, cin // group, k, k))]
        if bias:
            inputs.append(self.const((self.rng.standard_normal(cout) * 0.1).astype(np.float32)))
        return self.op("Conv", *inputs, kernel_shape=[k, k], strides=[stride, stride], pads=[pad] * 4, group=group)

    def norm(self, x, c, gain=1.0):
        draw = [self.rng.uniform(0.8, 1.2, c) * gain, self.rng.standard_normal(c) * 0.1, self.rng.standard_normal(c) * 0.1,
                self.rng.uniform(0.8, 1.2, c)]
        return self.op("BatchNormalization", x, *(self.const(d.astype(np.float32)) for d in draw), epsilon=1e-5)

    def linear(self, x, k, m, gain=1.0):
        w = (self.rng.standard_normal((k, m)) * gain / np.sqrt(k)).astype(np.float32)
        y = self.op("MatMul", x, self.const(w))
        return self.op("Add", y, self.const((self.rng.standard_normal(m) * 0.02).astype(np.float32)))

    def done(self, inputs, outputs):
        return model(self.nodes, inputs, outputs, self.weights, opset=self.opset, name="network")


def resnet50(batch=1, size=224, depth=(3, 4, 6, 3), width=64, classes=1000):
    net = Net(50)
    x = net.op("Relu", net.norm(net.conv("x", 3, width, 7, 2, 3), width))
    x = net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    c = width
    for stage, blocks in enumerate(depth):
        w = width << stage
        for b in range(blocks):
            stride = 2 if stage and not b else 1
            y = net.op("Relu", net.norm(net.conv(x, c, w, 1), w))
            y = net.op("Relu", net.norm(net.conv(y, w, w, 3, stride), w))
            y = net.norm(net.conv(y, w, 4 * w, 1), 4 * w, 0.3)
            if not b:
                x = net.norm(net.conv(x, c, 4 * w, 1, stride), 4 * w, 0.7)
            c = 4 * w
            x = net.op("Relu", net.op("Add", y, x))
    x = net.op("Flatten", net.op("GlobalAveragePool", x), axis=1)
    net.op("Gemm", x, net.const(net.he(classes, c)), net.const(np.zeros(classes, np.float32)), name="y", transB=1)
    return net.done({"x": (batch, 3, size, size)}, {"y": (batch, classes)})


def mobilenet_v2(batch=1, size=224, width=1.0, depth=7, classes=1000):
    plan = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    net = Net(2)
    zero, six = net.const(np.float32(0)), net.const(np.float32(6))

    def block(x, cin, cout, k, stride=1, group=1, act=True):
        y = net.norm(net.conv(x, cin, cout, k, stride, group=group), cout)
        return net.op("Clip", y, zero, six) if act else y

    c = max(8, int(32 * width))
    x = block("x", 3, c, 3, 2)
    for t, channels, n, s in plan[:depth]:
        out = max(8, int(channels * width))
        for i in range(n):
            stride, y = s if not i else 1, x
            if t > 1:
                y = block(y, c, c * t, 1)
            y = block(y, c * t, c * t, 3, stride, group=c * t)
            y = block(y, c * t, out, 1, act=False)
            x = net.op("Add", x, y) if stride == 1 and c == out else y
            c = out
    last = max(8, int(1280 * width))
    x = net.op("GlobalAveragePool", block(x, c, last, 1))
    x = net.op("Flatten", x, axis=1)
    net.op("Gemm", x, net.const(net.he(classes, last)), net.const(np.zeros(classes, np.float32)), name="y", transB=1)
    return net.done({"x": (batch, 3, size, size)}, {"y": (batch, classes)})


def squeezenet1_1(batch=1, size=224, classes=1000):
    net = Net(11)

    def pool(x):
        return net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    def fire(x, c, squeeze, expand):
        s = net.op("Relu", net.conv(x, c, squeeze, 1, bias=True))
        a, b = (net.op("Relu", net.conv(s, squeeze, expand, k, bias=True)) for k in (1, 3))
        return net.op("Concat", a, b, axis=1)

    x = pool(net.op("Relu", net.conv("x", 3, 64, 3, 2, 0, bias=True)))
    x = pool(fire(fire(x, 64, 16, 64), 128, 16, 64))
    x = pool(fire(fire(x, 128, 32, 128), 256, 32, 128))
    x = fire(fire(x, 256, 48, 192), 384, 48, 192)
    x = fire(fire(x, 384, 64, 256), 512, 64, 256)
    x = net.op("Relu", net.conv(x, 512, classes, 1, bias=True))
    net.op("Flatten", net.op("GlobalAveragePool", x), name="y", axis=1)
    return net.done({"x": (batch, 3, size, size)}, {"y": (batch, classes)})


def bert(batch=1, layers=12, hidden=768, heads=12, sequence=128):
    """The encoder as PyTorch's exporter writes it: Erf for GELU, heads by Reshape and Transpose. The input is the
    embedded text, @mask is 0 for tokens and -10000 for padding."""
    net = Net(768, opset=17)
    size = hidden // heads
    split = net.const(np.array([batch, sequence, heads, size], np.int64))
    merge = net.const(np.array([batch, sequence, hidden], np.int64))

    def norm(x):
        scale = net.rng.uniform(0.8, 1.2, hidden).astype(np.float32)
        shift = (net.rng.standard_normal(hidden) * 0.1).astype(np.float32)
        return net.op("LayerNormalization", x, net.const(scale), net.const(shift), axis=-1, epsilon=1e-12)

    def project(x, perm):
        y = net.op("Reshape", net.linear(x, hidden, hidden), split)
        return net.op("Transpose", y, perm=perm)

    x = norm("x")
    for _ in range(layers):
        q, k, v = project(x, [0, 2, 1, 3]), project(x, [0, 2, 3, 1]), project(x, [0, 2, 1, 3])
        scores = net.op("Div", net.op("MatMul", q, k), net.const(np.float32(np.sqrt(size))))
        share = net.op("Softmax", net.op("Add", scores, "mask"), axis=-1)
        y = net.op("Transpose", net.op("MatMul", share, v), perm=[0, 2, 1, 3])
        x = norm(net.op("Add", net.linear(net.op("Reshape", y, merge), hidden, hidden), x))
        h = net.linear(x, hidden, 4 * hidden)
        y = net.op("Erf", net.op("Div", h, net.const(np.float32(np.sqrt(2)))))
        y = net.op("Mul", h, net.op("Add", y, net.const(np.float32(1))))
        y = net.op("Mul", y, net.const(np.float32(0.5)))
        x = norm(net.op("Add", net.linear(y, 4 * hidden, hidden), x))
    net.op("Identity", x, name="y")
    return net.done({"x": (batch, sequence, hidden), "mask": (batch, 1, 1, sequence)}, {"y": (batch, sequence, hidden)})


def seeded(data, seed=1):
    """A model of the "light" collection, whose weights are constants of one value (ConstantOfShape), with drawn
    ones: He initialisation for what has several dimensions, batch normalisation near 1, small biases. It ends
    before the Softmax, which would hide differences."""
    rng, fresh, roles, kept = np.random.default_rng(seed), {}, {}, []
    graph = next(bytes(v) for f, _, v in fields(data) if f == 7)
    shapes = dict(read_tensor(bytes(v)) for f, _, v in fields(graph) if f == 5)
    for field, kind, value in fields(graph):
        value = value if kind == 0 else bytes(value)
        if field == 1:
            parts = list(fields(value))
            op = next(bytes(v).decode() for f, _, v in parts if f == 4)
            inputs, outputs = ([bytes(v).decode() for f, _, v in parts if f == n] for n in (1, 2))
            if op == "ConstantOfShape":
                fresh[outputs[0]] = tuple(shapes[inputs[0]])
                continue
            if op == "BatchNormalization":
                roles.update(zip(inputs[1:], ("gamma", "beta", "mean", "var")))
            if op == "Softmax":
                value = node("Identity", inputs, outputs)
        kept.append(number(field, value) if kind == 0 else blob(field, value))
    for name, shape in fresh.items():
        role = roles.get(name)
        if role in ("gamma", "var"):
            array = rng.uniform(0.8, 1.2, shape)
        elif role or len(shape) < 2:
            array = rng.standard_normal(shape) * 0.1
        else:
            array = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        kept.append(blob(5, tensor(name, array.astype(np.float32))))
    return b"".join(number(f, v) if kind == 0 else blob(f, b"".join(kept) if f == 7 else bytes(v))
                    for f, kind, v in fields(data))


def perturbed(data, rng, amount):
    """The model with each element of each tensor of two or more dimensions moved by a relative error of at
    most @amount, in initializers and in Constant nodes."""
    def moved(value):
        name, array = read_tensor(bytes(value))
        if array.dtype != np.float32 or array.ndim < 2:
            return bytes(value)
        return tensor(name, (array * (1 + rng.uniform(-amount, amount, array.shape).astype(np.float32))))

    def constant(value):
        parts = list(fields(value))
        if not any(f == 4 and bytes(v) == b"Constant" for f, _, v in parts):
            return bytes(value)
        return b"".join(blob(f, rebuilt(v, {5: moved}) if f == 5 else bytes(v)) for f, _, v in parts)

    return rebuilt(data, {7: lambda graph: rebuilt(graph, {5: moved, 1: constant})})


def rebuilt(message, change):
    """The message with a function applied to the fields in @change: {number: function of bytes}."""
    out = []
    for field, kind, value in fields(message):
        if kind == 0:
            out.append(number(field, value))
        elif kind == 5:
            out.append(varint(field << 3 | 5) + bytes(value))
        elif kind == 1:
            out.append(varint(field << 3 | 1) + bytes(value))
        else:
            out.append(blob(field, change[field](value) if field in change else bytes(value)))
    return b"".join(out)
