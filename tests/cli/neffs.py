# SPDX-License-Identifier: Apache-2.0
"""Writes small NEFFs, good and broken, without the compiler: a second reading of <neuron/neff.h>."""
import gzip
import hashlib
import io
import json
import struct
import tarfile

NO_SEM, NO_SEG = 0xff, 0xff
OP_NOP, OP_MEMSET, OP_DMA_COPY = 0x01, 0x33, 0x40
DTYPES = {"float32": (4, "<f4"), "int8": (1, "|i1"), "uint8": (1, "|u1"), "int32": (4, "<i4")}
ISA_OPEN, PLAIN_TAR = 1 << 48, 1 << 49
ENGINES = ("pe", "act", "pool", "dma")


def header(body, *, pkg=2, size=1024, data_size=None, version=(2, 0), name="net", features=ISA_OPEN, digest=None,
           cores=1):
    """The first 1024 bytes of a NEFF with that body."""
    digest = hashlib.sha256(body).digest() if digest is None else digest
    packed = struct.pack("<QQQQQ128sI32s16s256sI64sQI468x", pkg, size, len(body) if data_size is None else data_size,
                         *version, b"neffs.py", cores, digest, digest[:16], name.encode(), cores, bytes([1]), features, 0)
    assert len(packed) == 1024
    return packed


def tar(members, *, compress=True):
    """members: (name, bytes) pairs, or TarInfo objects for the unusual ones."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return gzip.compress(out.getvalue(), 6, mtime=0) if compress else out.getvalue()


def insn(op, body=b"", *, flags=0, wait=(NO_SEM, 0), signal=(NO_SEM, 0), dst_seg=0, src_seg=0, tag=0):
    packed = struct.pack("<BBBBIHBBI48s", op, flags, wait[0], signal[0], wait[1], signal[1], dst_seg, src_seg, tag, body)
    assert len(packed) == 64
    return packed


def dma_copy(dst_seg, src_seg, size, *, dst=0, src=0, **header_fields):
    """@size bytes from one segment to another."""
    # A count has 16 bits.
    row = size if size < 1 << 16 else 1 << 15
    assert size % row == 0
    step = row if size > row else 0
    body = struct.pack("<4HI4iI4i", 1, 1, size // row, row, src, 0, 0, step, 1, dst, 0, 0, step, 1)
    return insn(OP_DMA_COPY, body, dst_seg=dst_seg, src_seg=src_seg, **header_fields)


def size_of(dtype, shape):
    size = DTYPES[dtype][0]
    for n in shape:
        size *= n
    return size


class Copy:
    """A model whose outputs are copies of its inputs: pairs (input name, output name), one type and shape."""

    def __init__(self, pairs=(("x", "y"),), dtype="float32", shape=(1, 4)):
        self.pairs, self.dtype, self.shape = pairs, dtype, list(shape)
        size = size_of(dtype, shape)
        self.streams = {engine: b"" for engine in ENGINES}
        self.var = {}
        for i, (given, result) in enumerate(pairs):
            source, target = 1 + 2 * i, 2 + 2 * i
            self.var[given] = self.variable(given, "input", source, size)
            self.var[result] = self.variable(result, "output", target, size)
            self.streams["dma"] += dma_copy(target, source, size, tag=i)
        self.graph = {
            "name": "copy", "isa_version": 1, "compiler": "neffs.py",
            "inputs": [self.tensor(given) for given, _ in pairs], "outputs": [self.tensor(result) for _, result in pairs],
            "nodes": [{"name": "sg00", "executor": "NeuronCore", "cores": 1, "inputs": [given for given, _ in pairs],
                       "outputs": [result for _, result in pairs]}]}
        self.extra = []

    def tensor(self, name):
        return {"name": name, "dtype": self.dtype, "shape": self.shape}

    def variable(self, name, kind, segment, size):
        return {"var_id": segment, "segment": segment, "size": size, "alignment": 64, "type": kind, "dtype": self.dtype,
                "shape": self.shape}

    def definition(self):
        return {"name": "sg00", "engines": {engine: f"{engine}.bin" for engine in ENGINES}, "code_segment": 0,
                "dma_queue": {}, "var": self.var}

    def members(self):
        ops = {"ops": [{"tag": i, "name": f"copy_{i}", "op_type": "Identity"} for i in range(len(self.pairs))]}
        return [("neff.json", json.dumps(self.graph).encode()), ("sg00/def.json", json.dumps(self.definition()).encode()),
                ("sg00/ops.json", json.dumps(ops).encode()),
                *((f"sg00/{engine}.bin", self.streams[engine]) for engine in ENGINES), *self.extra]

    def bytes(self, **fields):
        body = tar(self.members())
        return header(body, **fields) + body
