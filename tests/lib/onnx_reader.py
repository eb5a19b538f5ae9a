# SPDX-License-Identifier: Apache-2.0
"""Reads what tests need of ONNX files: tensors, and an outline of a model."""
import struct

import numpy as np

from ort import DTYPES

# TensorProto fields of typed data: field number -> (numpy type of the field, wire type)
TYPED = {4: ("<f4", 5), 5: (np.int32, 0), 7: (np.int64, 0), 10: ("<f8", 1), 11: (np.uint64, 0)}


def fields(data):
    """Yield (number, wire type, value) of a protobuf message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at:at + 8], at + 8
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        elif kind == 5:
            value, at = data[at:at + 4], at + 4
        else:
            raise ValueError(f"wire type {kind}")
        yield key >> 3, kind, value


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def varints(data):
    at, out = 0, []
    while at < len(data):
        value, at = varint(data, at)
        out.append(signed(value))
    return out


def tensor(data):
    """TensorProto -> (name, array); types without a numpy equivalent raise KeyError."""
    dims, code, name, raw, typed = [], 0, "", None, []
    for number, kind, value in fields(data):
        if number == 1:
            dims += varints(value) if kind == 2 else [signed(value)]
        elif number == 2:
            code = value
        elif number == 8:
            name = bytes(value).decode()
        elif number == 9:
            raw = bytes(value)
        elif number in TYPED:
            form, wire = TYPED[number]
            if wire == 0:
                typed += varints(value) if kind == 2 else [signed(value)]
            else:
                typed += list(np.frombuffer(bytes(value), form))
    dtype = np.dtype(DTYPES[code])
    if raw is not None:
        return name, np.frombuffer(raw, dtype).reshape(dims)
    if code == 10:
        return name, np.array(typed, np.uint16).view(np.float16).reshape(dims)
    return name, np.array(typed, dtype).reshape(dims)


class Outline:
    """What a model consists of: op_types, inputs and outputs {name: (dtype code, shape)}, opset."""

    def __init__(self, data):
        self.op_types, self.domains, self.initializers = [], set(), []
        self.inputs, self.outputs, self.nodes = {}, {}, []
        self.subgraphs, self.opset = False, 0
        for number, _, value in fields(data):
            if number == 7:
                self.graph(value)
            elif number == 8:
                self.opset_import(value)

    def opset_import(self, data):
        parts = {n: v for n, _, v in fields(data)}
        if not bytes(parts.get(1, b"")):
            self.opset = parts.get(2, 0)

    def graph(self, data):
        for number, _, value in fields(data):
            if number == 1:
                self.node(value)
            elif number == 5:
                self.initializers += [bytes(v).decode() for n, _, v in fields(value) if n == 8]
            elif number in (11, 12):
                name, info = value_info(value)
                (self.inputs if number == 11 else self.outputs)[name] = info

    def node(self, data):
        op, inputs, outputs = "", [], []
        for number, _, value in fields(data):
            if number == 1:
                inputs.append(bytes(value).decode())
            elif number == 2:
                outputs.append(bytes(value).decode())
            elif number == 4:
                op = bytes(value).decode()
            elif number == 7:
                self.domains.add(bytes(value).decode())
            elif number == 5:
                self.subgraphs |= any(n in (6, 11) for n, _, _ in fields(value))
        self.op_types.append(op)
        self.nodes.append((op, inputs, outputs))


def value_info(data):
    """ValueInfoProto -> (name, (element type or None when not a tensor, shape))."""
    name, code, shape = "", None, []
    for number, _, value in fields(data):
        if number == 1:
            name = bytes(value).decode()
        elif number == 2:
            for n, _, kind in fields(value):
                if n != 1:
                    continue
                for m, _, part in fields(kind):
                    if m == 1:
                        code = part
                    elif m == 2:
                        shape = [dimension(v) for k, _, v in fields(part) if k == 1]
    return name, (code, shape)


def dimension(data):
    for number, _, value in fields(data):
        return value if number == 1 else bytes(value).decode()
    return None


def read_tensor(path):
    with open(path, "rb") as file:
        return tensor(file.read())
