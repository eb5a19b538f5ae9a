# SPDX-License-Identifier: Apache-2.0
"""Writes ONNX models for tests: the few protobuf messages that a model needs, encoded by hand."""
import struct

import numpy as np

# V2: bfloat16, which numpy has not
DTYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int8): 3, np.dtype(np.int32): 6,
          np.dtype(np.int64): 7, np.dtype(np.bool_): 9, np.dtype(np.float16): 10, np.dtype(np.float64): 11,
          np.dtype(np.uint16): 4, np.dtype("V2"): 16, np.dtype(np.int16): 5, np.dtype(np.uint32): 12, np.dtype(np.uint64): 13}


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def blob(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def real(field, value):
    return varint(field << 3 | 5) + struct.pack("<f", value)


def tensor(name, array):
    """TensorProto with raw_data."""
    array = np.asarray(array)
    dims = b"".join(number(1, d) for d in array.shape)
    return dims + number(2, DTYPES[array.dtype]) + blob(8, name) + blob(9, array.tobytes())


def attribute(name, value):
    """AttributeProto of a Python value: int, float, str, list of ints or floats, array, bytes of a graph."""
    out = blob(1, name)
    if isinstance(value, np.ndarray):
        return out + blob(5, tensor("", value)) + number(20, 4)
    if isinstance(value, bytes):
        return out + blob(6, value) + number(20, 5)
    if isinstance(value, float):
        return out + real(2, value) + number(20, 1)
    if isinstance(value, (bool, int, np.integer)):
        return out + number(3, int(value)) + number(20, 2)
    if isinstance(value, str):
        return out + blob(4, value) + number(20, 3)
    if all(isinstance(v, float) for v in value) and value:
        return out + b"".join(real(7, v) for v in value) + number(20, 6)
    return out + b"".join(number(8, int(v)) for v in value) + number(20, 7)


def node(op, inputs, outputs, name="", **attributes):
    """NodeProto; @inputs and @outputs are lists of tensor names ("" = absent)."""
    out = b"".join(blob(1, i) for i in inputs) + b"".join(blob(2, o) for o in outputs)
    out += blob(3, name or f"{op}_{outputs[0]}") + blob(4, op)
    return out + b"".join(blob(5, attribute(k, v)) for k, v in attributes.items())


def value_info(name, shape, dtype=np.float32):
    """ValueInfoProto; a str in @shape is a symbolic dimension, None an unknown one."""
    dims = b""
    for d in shape:
        dims += blob(1, blob(2, d) if isinstance(d, str) else b"" if d is None else number(1, d))
    kind = number(1, DTYPES[np.dtype(dtype)]) + blob(2, dims)
    return blob(1, name) + blob(2, blob(1, kind))


def subgraph(nodes, outputs):
    """GraphProto for an attribute: outputs as in model(). It may use names of the graph around it."""
    infos = b"".join(blob(12, value_info(name, shape)) for name, shape in outputs.items())
    return b"".join(blob(1, n) for n in nodes) + blob(2, "body") + infos


def model(nodes, inputs, outputs, initializers=None, opset=13, name="test", domain=""):
    """ModelProto. inputs, outputs: {name: shape or (shape, dtype)}; initializers: {name: array}."""
    def infos(field, values):
        out = b""
        for key, shape in values.items():
            typed = len(shape) == 2 and isinstance(shape[0], (tuple, list))
            out += blob(field, value_info(key, *shape) if typed else value_info(key, shape))
        return out

    graph = b"".join(blob(1, n) for n in nodes) + blob(2, name)
    graph += b"".join(blob(5, tensor(k, v)) for k, v in (initializers or {}).items())
    graph += infos(11, inputs) + infos(12, outputs)
    version = 3 if opset < 9 else 4 if opset < 10 else 5 if opset < 11 else 6 if opset < 12 else 7
    return number(1, version) + blob(2, "neuron-tests") + blob(7, graph) + blob(8, blob(1, domain) + number(2, opset))


def with_initializers(data, arrays):
    """The model @data with inputs of these names made constant: {name: array}."""
    from onnx_reader import fields
    out = b""
    for field, kind, value in fields(data):
        if field == 7:
            value = bytes(value) + b"".join(blob(5, tensor(k, v)) for k, v in arrays.items())
        out += number(field, value) if kind == 0 else blob(field, bytes(value))
    return out
