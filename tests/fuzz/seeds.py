#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets: what a well-behaved host does, in each target's own format.

usage: seeds.py TARGET DIRECTORY
"""
import glob
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "models"), os.path.join(HERE, "..", "cli")]
MAX_MODEL = 4000        # bytes

VERSION, MAP, UNMAP, INFO, REGION, IRQ_INFO, SET_IRQS, READ, WRITE, RESET = 1, 2, 3, 4, 5, 7, 8, 9, 10, 13


def message(number, command, payload=b""):
    return struct.pack("<HHIII", number, command, 16 + len(payload), 0, 0) + payload


def access(region, offset, data=b"", count=None):
    return struct.pack("<QII", offset, region, len(data) if count is None else count) + data


def vfu():
    hello = message(1, VERSION, struct.pack("<HH", 0, 1) + b'{"capabilities":{"max_msg_fds":8}}\0')
    look = message(2, INFO, struct.pack("<IIII", 16, 0, 0, 0)) + b"".join(
        message(3 + i, REGION, struct.pack("<IIIIQQ", 256, 0, i, 0, 0, 0)) for i in range(9))
    irqs = message(20, IRQ_INFO, struct.pack("<IIII", 16, 0, 2, 0)) + message(
        21, SET_IRQS, struct.pack("<IIIII", 20, 0x24, 2, 0, 1))
    memory = message(31, MAP, struct.pack("<IIQQQ", 32, 3, 0, 0, 0x10000)) + message(
        32, MAP, struct.pack("<IIQQQ", 32, 3, 0, 0x20000, 0x10000)) + message(
        33, UNMAP, struct.pack("<IIQQ", 24, 0, 0, 0x10000))
    use = b"".join((message(40, READ, access(7, 0, count=64)), message(41, WRITE, access(7, 4, b"\6\0")),
                    message(42, READ, access(0, 0x600000, count=4)), message(43, WRITE, access(0, 0x78e800, b"\1\0\0\0")),
                    message(44, WRITE, access(4, 0x1000, b"abcdefgh")), message(45, READ, access(2, 0x2701000, count=128)),
                    message(46, RESET)))
    return {"hello": b"\0" + hello + look, "irqs": b"\1" + irqs, "memory": b"\1" + memory, "use": b"\1" + use,
            "all": b"\0" + hello + look + memory + irqs + use}


def record(op, where, arg, value):
    return struct.pack("<BBHI", op, where, arg, value)


def fill(at, data):
    return record(4, len(data), at // 16, 0) + data


def mmio():
    host = 0x10000000
    m2s = struct.pack("<IIQ", 0x0d000040, 0x01080003, 0x400000000000 | (host + 0x3000))
    s2m = struct.pack("<IIQ", 0x01000040, 0, 0x1000)

    def ring(place, base):
        return b"".join((record(0, place, 0x28, base), record(0, place, 0x2c, 0x4000), record(0, place, 0x30, 64),
                         record(0, place, 0x20, 0x03030000)))
    copy = ring(1, host) + ring(3, host + 0x1000) + record(0, 0, 0x204, 1) + record(0, 2, 0x204, 1)
    copy += fill(0, m2s) + fill(0x1000, s2m) + record(0, 3, 0x38, 1) + record(0, 1, 0x38, 1) + record(6, 0, 0, 0)
    queue = b"".join(record(0, 8, off, value) for off, value in
                     ((0, host + 0x4000), (8, 16), (12, host + 0x5000), (20, 0x12), (24, 1)))
    queue += record(0, 9, 0, 1) + record(0, 7, 0x54, 1) + record(6, 0, 0, 0)
    notify = b"".join(record(0, 6, 0x94 + 4 * i, v) for i, v in enumerate((host + 0x6000, 0x4000, 256)))
    notify += record(0, 12, 0, 5) + record(0, 12, 0, 0) + record(1, 6, 0xac, 0)
    config = b"".join(record(2, 4, off, value) for off, value in ((4, 6), (0x10, 0xffffffff), (0x10, 0), (0x48, 0x8000)))
    faults = b"".join(record(9, i, 0, 0) + record(1, 7, 0x60, 0) for i in range(21))
    return {"copy": copy, "queue": queue, "notify": notify, "config": config + record(3, 4, 0, 0), "faults": faults + copy,
            "reset": copy + record(8, 0, 0, 0) + queue, "wide": record(0x11, 7, 0x8000, 0) + record(0x21, 12, 3, 3)}


def fw():
    def op(number, arg, data=b""):
        return bytes((number, arg)) + data
    run = op(11, 0)
    read = op(0, 0, struct.pack("<BBHI", 5, 1, 16, 0) + struct.pack("<Q", 0x0ffff078e000))
    post = op(0, 0, struct.pack("<BBHI", 6, 2, 8, 0))
    segment = struct.pack("<QQIIQ", 0, 0x1000, 3, 0, 0)
    context = op(4, 2, segment * 2)
    enable = b"".join(op(1, i, struct.pack("<I", 0x100 * i + 0x12)) for i in range(4))
    nop = op(2, 0, struct.pack("<BBHIQ", 0, 0, 0, 0, 0) + bytes(48))
    job = op(2, 1, struct.pack("<BBHIQ", 1, 0, 1, 0, 0) + struct.pack("<II", 0, 1) + bytes(40))
    return {"fwio": read + run + post + run, "nop": context + enable + run + nop + run,
            "jobs": context + op(5, 0, bytes(64)) + enable + run + job + nop + job + run,
            "reset": enable + run + nop + op(6, 1) + run + read + op(6, 2 | 3 << 3) + run,
            "control": enable + run + job + op(7, 3 << 4) + run + op(7, 2 << 4) + run,
            "boot": op(8, 1, bytes(128)) + run + op(8, 2, bytes(128)) + run + read + run,
            "bad": op(0, 1, struct.pack("<BBHI", 7, 1, 16, 1) + bytes(8)) + run + op(9, 0, bytes(range(16))) + run}


def onnx():
    """Bad models, and every fourth small one of ONNX's node tests."""
    from bad_models import all_models, odd_models, small_model
    from ort import cache_dir
    seeds = {"small": small_model()}
    seeds.update({bad.file_name(): bad.data for bad in all_models() if len(bad.data) <= MAX_MODEL})
    seeds.update({what: data for what, data, _ in odd_models()})
    found = sorted(glob.glob(os.path.join(cache_dir(), "onnx-testdata", "node", "*", "model.onnx")))
    for path in found[::4]:
        if os.path.getsize(path) <= MAX_MODEL:
            with open(path, "rb") as file:
                seeds[os.path.basename(os.path.dirname(path))] = file.read()
    return seeds


def ncc():
    return {name: bytes((number * 37 % 256,)) + data for number, (name, data) in enumerate(onnx().items())}


NEFF_NAMES = ("neff.json", "sg00/def.json", "sg00/pe.bin", "sg00/act.bin", "sg00/pool.bin", "sg00/dma.bin", "sg00/w.bin",
              "sg00/w.npy", "cpu00/model.onnx")
NEFF_WORDS = ("name", "inputs", "outputs", "nodes", "tensors", "executor", "NeuronCore", "CPU", "cores", "model", "operators", "var",
              "size", "segment", "alignment", "type", "input", "output", "file", "tmp-buf", "file_name", "dtype", "shape", "float32",
              "bfloat16", "int64", "bool", "engines", "code_segment", "dma_queue", "num_queues", "owner", "pinned", "w.npy", "null",
              "true", "-1", "sg00", "cpu00", "isa_version", "compiler")


def neff():
    """Whole files, bodies and loose members of small models: on the core, on the CPU, with weights raw and from NumPy."""
    from neffs import Copy, tar

    def members(model):
        found = dict(model.members())
        return b"\2" + b"".join(struct.pack("<BH", i, len(found[name])) + found[name]
                                for i, name in enumerate(NEFF_NAMES) if name in found)
    raw, npy, cpu, two = Copy(), Copy(), Copy(), Copy((("x", "y"), ("a", "b")), "int8", (2, 3))
    for model, name, data in ((raw, "w.bin", bytes(64)), (npy, "w.npy", b"\x93NUMPY\1\0\x38\0" +
                              b"{'descr': '<f4', 'fortran_order': False, 'shape': (16,)}" + bytes(64))):
        model.var["w"] = {"var_id": 9, "segment": 9, "size": 64, "alignment": 64, "type": "file", "file_name": name}
        model.var["t"] = {"var_id": 8, "segment": 8, "size": 4096, "alignment": 1, "type": "tmp-buf"}
        model.extra.append(("sg00/" + name, data))
    cpu.graph["nodes"].append({"name": "cpu00", "executor": "CPU", "cores": 0, "model": "model.onnx", "operators": "Tan",
                               "inputs": ["y"], "outputs": ["z"]})
    cpu.graph["outputs"] = [{"name": "z", "dtype": "int64", "shape": [1, -1]}]
    cpu.graph["tensors"] = [{"name": "y", "dtype": "float32", "shape": [1, 4]}]
    cpu.extra.append(("cpu00/model.onnx", b"onnx"))
    models = {"raw": raw, "npy": npy, "cpu": cpu, "two": two}
    seeds = {name + ".members": members(model) for name, model in models.items()}
    seeds.update({name + ".neff": b"\0" + model.bytes() for name, model in models.items()})
    seeds.update({name + ".tgz": b"\1" + tar(model.members()) for name, model in models.items()})
    seeds["short.tar"] = b"\1" + tar([("neff.json", b"{}")], compress=False)[:1536]
    return seeds


def words():
    """Names of operators and attributes, for libFuzzer's dictionary."""
    compiler = os.path.join(HERE, "..", "..", "compiler")
    with open(os.path.join(compiler, "ops.h"), encoding="utf-8") as ops, \
            open(os.path.join(compiler, "check_attr.c"), encoding="utf-8") as attributes:
        return set(re.findall(r'O\(\w+, "(\w+)"', ops.read())) | set(re.findall(r'\{ "(\w+)", NCC_ATTR', attributes.read()))


TARGETS = {"fuzz_vfu": vfu, "fuzz_mmio": mmio, "fuzz_fw": fw, "fuzz_onnx": onnx, "fuzz_ncc": ncc, "fuzz_neff": neff}


def main():
    target, directory = sys.argv[1:3]
    os.makedirs(directory, exist_ok=True)
    for name, data in TARGETS[target]().items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)
    if target in ("fuzz_onnx", "fuzz_ncc", "fuzz_neff"):
        with open(directory + ".dict", "w", encoding="utf-8") as file:
            file.writelines(f'"{word}"\n' for word in sorted(NEFF_WORDS if target == "fuzz_neff" else words()))


if __name__ == "__main__":
    main()
