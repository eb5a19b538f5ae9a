#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process with a known load, for tests of what tools show: two models that copy and one that is bad, on two cores.

Commands on standard input, an answer line to each: "run GOOD BAD" executes so many of each, half of them on each core,
in two threads; "input N" executes with wrong inputs; "quit" closes libnrt. usage: load.py LIBNRT GOOD.neff BAD.neff
"""
import ctypes
import sys
import threading


class Nrt:
    """libnrt, as far as it is needed."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)

    def call(self, name, *args):
        status = getattr(self.lib, name)(*args)
        assert status == 0, f"{name}: {status}"

    def load(self, path, core):
        data, model = open(path, "rb").read(), ctypes.c_void_p()
        self.call("nrt_load", data, ctypes.c_size_t(len(data)), core, 1, ctypes.byref(model))
        return model

    def tensors(self, name, size):
        """A set with one tensor of @size bytes."""
        tensor, tensors = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("nrt_tensor_allocate", 2, -1, ctypes.c_size_t(size), name, ctypes.byref(tensor))
        self.call("nrt_allocate_tensor_set", ctypes.byref(tensors))
        self.call("nrt_add_tensor_to_tensor_set", tensors, name, tensor)
        return tensors


def work(nrt, models, good, bad, seen):
    inputs, outputs = nrt.tensors(b"x", 40), nrt.tensors(b"y", 40)
    for i in range(good + bad):
        status = nrt.lib.nrt_execute(models[i < bad], inputs, outputs)
        seen[status] = seen.get(status, 0) + 1


def main():
    nrt = Nrt(sys.argv[1])
    nrt.call("nrt_init", 3, b"1.9", b"0.1")
    models = [(nrt.load(sys.argv[2], core), nrt.load(sys.argv[3], core)) for core in range(2)]
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "run":
            seen = [{}, {}]
            threads = [threading.Thread(target=work, args=(nrt, models[i], int(words[1]) // 2, int(words[2]) // 2, seen[i]))
                       for i in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            print(sorted((s, sum(one.get(s, 0) for one in seen)) for s in {*seen[0], *seen[1]}), flush=True)
        elif words[0] == "input":
            wrong, outputs = nrt.tensors(b"x", 39), nrt.tensors(b"y", 40)
            for _ in range(int(words[1])):
                nrt.lib.nrt_execute(models[0][0], wrong, outputs)
            print("done", flush=True)
        else:
            break
    nrt.lib.nrt_close()


if __name__ == "__main__":
    main()
