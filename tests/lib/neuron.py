# SPDX-License-Identifier: Apache-2.0
"""neuron-cc and libnrt for tests. Models run in a process of their own, so that a crash is one failed test."""
import ctypes
import os
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

from ort import library, pack_tensors, unpack_tensors

# numpy has no bfloat16: two bytes that mean nothing to it
BF16 = np.dtype("V2")
# nrt_dtype_t, Inf1 numbering, and the two of nrt_open.h
DTYPES = {1: np.float32, 2: np.float16, 3: BF16, 4: np.int8, 5: np.uint8, 6: np.int16, 7: np.uint16, 8: np.int32, 9: np.uint32,
          10: np.int64, 11: np.uint64, 64: np.bool_, 65: np.float64}


class CompileError(Exception):
    """neuron-cc ended with a status other than 0: .status, and its stderr as the text."""

    def __init__(self, status, text):
        super().__init__(text.strip() or f"status {status}")
        self.status = status


class RunError(Exception):
    """A libnrt call failed, or the process that made it died."""


def compile_file(path, neff, *flags, out):
    """neuron-cc compile; returns its stdout."""
    command = [os.path.join(out, "bin", "neuron-cc"), "compile", path, "--framework", "ONNX", "--output", neff, *flags]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    if done.returncode:
        raise CompileError(done.returncode, done.stderr)
    return done.stdout


def compile_model(model, *flags, out, name="model.onnx"):
    """Bytes of an ONNX model -> bytes of a NEFF."""
    with tempfile.TemporaryDirectory() as folder:
        path, neff = os.path.join(folder, name), os.path.join(folder, "model.neff")
        with open(path, "wb") as file:
            file.write(model)
        compile_file(path, neff, *flags, out=out)
        with open(neff, "rb") as file:
            return file.read()


def supported_operators(out):
    command = [os.path.join(out, "bin", "neuron-cc"), "list-operators", "--framework", "ONNX"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


class Runner:
    """A worker process on the in-process emulator. load() a NEFF, then run() it."""

    def __init__(self, out, env=None):
        self.out, self.env, self.process = out, env or {}, None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process:
            self.process.stdin.close()
            self.process.wait(10)

    def start(self):
        env = dict(os.environ, NEURON_RT_DEVICE="emulator", NEURON_RT_ONNXRUNTIME=library(), **self.env)
        self.process = subprocess.Popen([sys.executable, __file__, os.path.join(self.out, "lib", "libnrt.so.1")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)

    def call(self, op, payload):
        if not self.process:
            self.start()
        try:
            self.process.stdin.write(struct.pack("<IQ", ord(op), len(payload)) + payload)
            self.process.stdin.flush()
            head = self.process.stdout.read(12)
        except BrokenPipeError:
            head = b""
        if len(head) < 12:
            status = self.process.wait()
            self.process = None
            raise RunError(f"the process that ran the model ended with status {status}")
        failed, size = struct.unpack("<IQ", head)
        blob = self.process.stdout.read(size)
        if failed:
            raise RunError(blob.decode(errors="replace"))
        return blob

    def load(self, neff):
        self.call("L", neff)

    def run(self, inputs):
        """inputs: {name: array}; returns {name: array} of all outputs."""
        return unpack_tensors(self.call("R", pack_tensors(inputs)))

    def time(self, inputs, runs):
        """Seconds that nrt_execute() takes, mean of @runs."""
        return struct.unpack("<Q", self.call("T", struct.pack("<I", runs) + pack_tensors(inputs)))[0] * 1e-9


class TensorInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 256), ("usage", ctypes.c_int), ("size", ctypes.c_size_t),
                ("dtype", ctypes.c_int), ("shape", ctypes.POINTER(ctypes.c_uint32)), ("ndim", ctypes.c_uint32)]


class TensorInfoArray(ctypes.Structure):
    _fields_ = [("count", ctypes.c_uint64), ("tensors", TensorInfo * 0)]


class Nrt:
    """libnrt by ctypes, in this process."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.lib.nrt_get_status_as_str.restype = ctypes.c_char_p
        self.lib.nrt_open_last_error.restype = ctypes.c_char_p
        self.lib.nrt_tensor_get_size.restype = ctypes.c_size_t
        self.model, self.infos, self.ns = ctypes.c_void_p(), [], 0
        self.do("nrt_init", 1, b"", b"")

    def do(self, function, *args):
        status = getattr(self.lib, function)(*args)
        if status:
            raise RunError(f"{function}: {self.lib.nrt_get_status_as_str(status).decode()} ({status}): "
                           f"{self.lib.nrt_open_last_error().decode(errors='replace')}")

    def load(self, neff):
        if self.model:
            self.do("nrt_unload", self.model)
            self.model = ctypes.c_void_p()
        self.do("nrt_load", neff, ctypes.c_size_t(len(neff)), -1, -1, ctypes.byref(self.model))
        array = ctypes.POINTER(TensorInfoArray)()
        self.do("nrt_get_model_tensor_info", self.model, ctypes.byref(array))
        tensors = ctypes.cast(ctypes.addressof(array.contents) + 8, ctypes.POINTER(TensorInfo))
        self.infos = [(t.name.decode(), t.usage, t.size, DTYPES[t.dtype], [t.shape[i] for i in range(t.ndim)])
                      for t in (tensors[i] for i in range(array.contents.count))]
        self.do("nrt_free_model_tensor_info", array)

    def tensor_set(self, usage):
        tensors, made = ctypes.c_void_p(), {}
        self.do("nrt_allocate_tensor_set", ctypes.byref(tensors))
        for name, kind, size, dtype, shape in self.infos:
            if kind == usage:
                tensor = ctypes.c_void_p()
                if size:
                    self.do("nrt_tensor_allocate", 2, -1, ctypes.c_size_t(size), name.encode(), ctypes.byref(tensor))
                else:
                    self.do("nrt_tensor_allocate_empty", name.encode(), ctypes.byref(tensor))
                self.do("nrt_add_tensor_to_tensor_set", tensors, name.encode(), tensor)
                made[name] = (tensor, size, dtype, shape)
        return tensors, made

    def made(self, tensor, shape):
        """Bytes and shape of an output that has got both from an execution, if it has."""
        ndim, sizes = ctypes.c_uint32(), (ctypes.c_uint64 * 8)()
        if self.lib.nrt_open_get_tensor_shape(tensor, ctypes.byref(ndim), sizes) == 0:
            shape = list(sizes[:ndim.value])
        return self.lib.nrt_tensor_get_size(tensor), shape

    def run(self, values, runs=1):
        """The results of the last of @runs; self.ns: how long one takes."""
        in_set, inputs = self.tensor_set(0)
        out_set, outputs = self.tensor_set(1)
        results = {}
        try:
            for name, (tensor, size, dtype, _) in inputs.items():
                if name not in values:
                    raise RunError(f"no value for input {name}")
                data = np.asarray(values[name]).astype(dtype).tobytes()
                if len(data) != size:
                    raise RunError(f"input {name}: {len(data)} bytes, the model has {size}")
                if size:
                    self.do("nrt_tensor_write", tensor, data, ctypes.c_size_t(0), ctypes.c_size_t(size))
            start = time.monotonic_ns()
            for _ in range(runs):
                self.do("nrt_execute", self.model, in_set, out_set)
            self.ns = (time.monotonic_ns() - start) // runs
            for name, (tensor, size, dtype, shape) in outputs.items():
                if not size:
                    size, shape = self.made(tensor, shape)
                data = ctypes.create_string_buffer(size)
                if size:
                    self.do("nrt_tensor_read", tensor, data, ctypes.c_size_t(0), ctypes.c_size_t(size))
                results[name] = np.frombuffer(data.raw[:size], dtype).reshape(shape)
        finally:
            for tensor, *_ in list(inputs.values()) + list(outputs.values()):
                self.lib.nrt_tensor_free(ctypes.byref(tensor))
            self.lib.nrt_destroy_tensor_set(ctypes.byref(in_set))
            self.lib.nrt_destroy_tensor_set(ctypes.byref(out_set))
        return results


def serve(path):
    """The worker: the protocol of ort-run with NEFFs for models."""
    nrt, source, reply = Nrt(path), sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        head = source.read(12)
        if len(head) < 12:
            return
        op, size = struct.unpack("<IQ", head)
        payload, failed, answer = source.read(size), 0, b""
        try:
            if op == ord("L"):
                nrt.load(payload)
            elif op == ord("T"):
                nrt.run(unpack_tensors(payload[4:]), struct.unpack_from("<I", payload)[0])
                answer = struct.pack("<Q", nrt.ns)
            else:
                answer = pack_tensors(nrt.run(unpack_tensors(payload)))
        except RunError as error:
            failed, answer = 1, str(error).encode()
        reply.write(struct.pack("<IQ", failed, len(answer)) + answer)
        reply.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
