# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime through ort-run: the reference that operator and model tests compare with."""
import os
import struct
import subprocess

import numpy as np

# ONNX TensorProto.DataType -> numpy
DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
          10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64}
CODES = {np.dtype(t): code for code, t in DTYPES.items()}


class OrtError(Exception):
    """What ONNX Runtime said when it refused a model or a run."""


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("NEURON_CACHE") or os.path.join(base, "neuron")


def library():
    """Path of ONNX Runtime's C library."""
    return os.environ.get("ORT_LIB") or os.path.join(cache_dir(), "ort", "libonnxruntime.so.1")


def pack_tensors(tensors):
    parts = [struct.pack("<I", len(tensors))]
    for name, array in tensors.items():
        array = np.asarray(array)
        data = array.tobytes()          # C order, also of arrays of rank 0
        parts.append(struct.pack("<I", len(name.encode())) + name.encode())
        parts.append(struct.pack("<II", CODES[array.dtype], array.ndim))
        parts.append(struct.pack(f"<{array.ndim}Q", *array.shape) + struct.pack("<Q", len(data)) + data)
    return b"".join(parts)


def unpack_tensors(blob):
    (count,), at, tensors = struct.unpack_from("<I", blob), 4, {}
    for _ in range(count):
        (length,) = struct.unpack_from("<I", blob, at)
        name = blob[at + 4:at + 4 + length].decode()
        at += 4 + length
        code, rank = struct.unpack_from("<II", blob, at)
        shape = struct.unpack_from(f"<{rank}Q", blob, at + 8)
        at += 8 + 8 * rank
        (size,) = struct.unpack_from("<Q", blob, at)
        tensors[name] = np.frombuffer(blob, DTYPES[code], offset=at + 8, count=size // np.dtype(DTYPES[code]).itemsize)
        tensors[name] = tensors[name].reshape(shape)
        at += 8 + size
    return tensors


class Ort:
    """One server process. load() a model, then run() it; use as a context manager."""

    def __init__(self, out, threads=1):
        self.process = subprocess.Popen([os.path.join(out, "tests", "ort-run"), library(), str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait(10)

    def call(self, op, payload):
        self.process.stdin.write(struct.pack("<IQ", ord(op), len(payload)) + payload)
        self.process.stdin.flush()
        head = self.process.stdout.read(12)
        if len(head) < 12:
            raise OrtError("ort-run ended")
        status, size = struct.unpack("<IQ", head)
        blob = self.process.stdout.read(size)
        if status:
            raise OrtError(blob.decode(errors="replace") or "no reason given")
        return blob

    def load(self, model):
        self.call("L", model)

    def run(self, inputs):
        """inputs: {name: array}; returns {name: array} of all outputs."""
        return unpack_tensors(self.call("R", pack_tensors(inputs)))

    def time(self, inputs, runs):
        """Seconds a run takes, mean of @runs."""
        return struct.unpack("<Q", self.call("T", struct.pack("<I", runs) + pack_tensors(inputs)))[0] * 1e-9
