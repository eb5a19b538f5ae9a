#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-packager: what it shows, takes apart, puts together and refuses; nothing leaves its directory.

usage: test_packager.py [--out build]
"""
import glob
import hashlib
import io
import json
import os
import struct
import sys
import tarfile

import numpy as np

from tools import TOP, Tools
import neffs
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
from onnx_writer import model, node     # noqa: E402

TOOL = "neuron-packager"
COLUMNS = ["NODE", "Executor", "Name", "Variable", "Size", "Type", "Format", "Shape", "DataType", "TimeSeries"]


def compile_models(t):
    """One for the chip, one partly on the CPU, one not compressed."""
    x = {"x": [1, 8]}
    weights = {"w": np.arange(64, dtype=np.float32).reshape(8, 8) / 64}
    t.path("chip.onnx", model([node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])], x, {"y": [1, 8]}, weights))
    t.path("both.onnx", model([node("MatMul", ["x", "w"], ["h"]), node("Tan", ["h"], ["i"]), node("MatMul", ["i", "w"], ["y"])],
                              x, {"y": [1, 8]}, weights))
    for name, source, options in (("chip", "chip", ()), ("both", "both", ("--partition", "greedy")),
                                  ("plain", "chip", ("--enable-fast-loading-neuron-binaries",))):
        t.expect(f"{name}: compiles", 0, "neuron-cc", "compile", f"{source}.onnx", "--output", f"{name}.neff", *options, out=["PASS"])


def read(t, name):
    with open(t.path(name), "rb") as file:
        return file.read()


def info(t):
    done = t.expect("info", 0, TOOL, "info", "both.neff", out=[r"^  NEFF version +2\.0$", r"\(SHA-256\)$", r"^NEFF Nodes:$"])
    lines = done.stdout.split("NEFF Nodes:\n")[-1].splitlines()
    t.tap.ok(lines and lines[0].split() == COLUMNS, "info: the columns of the documented listing", done.stdout)
    rows = [line.split() for line in lines[1:] if line.strip()]
    nodes = [row for row in rows if row[0].isdigit()]
    t.tap.ok([row[1:] for row in nodes] == [["Neuron", "Core", "sg00"], ["CPU", "cpu00"], ["Neuron", "Core", "sg01"]],
             "info: nodes in their order", done.stdout)
    t.tap.ok(["x", "32", "IN", "-", "[1", "8]", "float32", "false"] in rows, "info: a row of each variable", done.stdout)
    t.tap.ok("FILE" not in done.stdout, "info: no weights", done.stdout)
    t.expect("info --all", 0, TOOL, "info", "--all", "both.neff", out=[r"^ +weights +\d+ +FILE "])
    root = json.loads(t.expect("info --json", 0, TOOL, "info", "--json", "both.neff", out=["."]).stdout)
    body = read(t, "both.neff")[1024:]
    header = root["header"]
    t.tap.ok(header["hash"] == hashlib.sha256(body).hexdigest() and header["data_size"] == len(body), "info --json: header", header)
    t.tap.ok(header["tpb_per_node"] == [1, 0, 1], "info --json: NeuronCores of each node", header)
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        members = [{"name": m.name, "size": m.size} for m in archive]
    t.tap.ok(root["members"] == members, "info --json: members", root["members"])
    kinds = [sorted({v["type"] for v in n["variables"]}) for n in root["nodes"]]
    t.tap.ok(kinds[0] == ["file", "input", "output"] and kinds[1] == ["input", "output"], "info --json: variables", kinds)
    t.tap.ok([q["type"] for q in root["nodes"][0]["dma_queues"]] == ["in", "out", "data"], "info --json: DMA queues", root["nodes"][0])
    t.tap.ok(root["loadable"] is True and root["refused"] is None, "info --json: can be loaded", root)


def round_trip(t):
    for name in ("chip", "both", "plain"):
        t.expect(f"{name}: unpack", 0, TOOL, "unpack", f"{name}.neff", out=[f"members in {name}$"])
        t.expect(f"{name}: pack", 0, TOOL, "pack", name, f"{name}2.neff", out=["identical"])
        t.tap.ok(read(t, f"{name}.neff") == read(t, f"{name}2.neff"), f"{name}: the same bytes")
        t.expect(f"{name}: verify", 0, TOOL, "verify", f"{name}2.neff",
                 out=["^ok  container$", "^ok  hash$", "^ok  graph$", "^ok  header$", "^ok  program$"])
        with tarfile.open(fileobj=io.BytesIO(read(t, f"{name}.neff")[1024:])) as archive:
            same = all(archive.extractfile(m).read() == read(t, f"{name}/{m.name}") for m in archive)
        t.tap.ok(same, f"{name}: files are what tar unpacks")
    t.expect("pack: not over a file", 1, TOOL, "pack", "chip", err=[r"chip\.neff: exists; .*--force"])
    t.expect("pack --force", 0, TOOL, "pack", "--force", "chip/", out=[r"^chip\.neff: "])
    t.expect("unpack: not over a directory", 1, TOOL, "unpack", "chip.neff", err=["chip: exists; .*--force"])
    t.expect("pack --plain", 0, TOOL, "pack", "--plain", "chip", "p.neff", out=["p.neff"])
    t.tap.ok(read(t, "p.neff") == read(t, "plain.neff"), "pack --plain: what the compiler writes for fast loading")
    t.expect("pack --compress", 0, TOOL, "pack", "--compress", "plain", "c.neff", out=["c.neff"])
    t.tap.ok(read(t, "c.neff") == read(t, "chip2.neff"), "pack --compress: what the compiler writes")
    os.unlink(t.path("chip/neff-header.json"))
    t.expect("pack without a manifest", 0, TOOL, "pack", "chip", "n.neff", out=["n.neff"])
    t.expect("pack without a manifest: good", 0, TOOL, "verify", "n.neff", out=["ok  program"])


def transfers(t):
    """sgNN/dma.json says what the instructions of dma.bin do."""
    definition, listed = json.loads(read(t, "both/sg00/def.json")), json.loads(read(t, "both/sg00/dma.json"))
    code = read(t, "both/sg00/dma.bin")
    segments = {v["segment"]: name for name, v in definition["var"].items()}
    wrong = []
    for dma in listed["dma"]:
        fields = struct.unpack("<BBBBIHBBI4HI4iI4i", code[64 * dma["id"]:64 * dma["id"] + 64])
        desc, (signal, target, source) = dma["desc"], (fields[3], fields[6], fields[7])
        numbers = [*desc["from_sizes"], desc["from_off"], *desc["from_steps"], desc["to_off"], *desc["to_steps"]]
        if numbers != list(fields[9:]) or desc["element"] != 1 << fields[1] or dma.get("semaphore", 255) != signal:
            wrong.append(dma)
        for place, segment in ((desc["from"], source), (desc["to"], target)):
            if place != segments.get(segment, place) or (segment not in segments and place not in ("sbuf", "psum")):
                wrong.append((place, segment))
    t.tap.ok(listed["dma"] and listed["instructions"] == len(code) // 64 and not wrong, "dma.json: as the instructions are", wrong)
    used = {dma["queue"] for dma in listed["dma"]}
    t.tap.ok(used <= set(definition["dma_queue"]) and "qIn" in used, "dma.json: queues of def.json", used)


def fields(t):
    options = ["--name", "other", "--uuid", "00" * 15 + "ff", "--num-tpb", "2", "--requested-tpb-count", "3", "--build-version", "me"]
    t.expect("header by options", 0, TOOL, "pack", "both", "o.neff", *options, out=["o.neff"])
    header = json.loads(t.expect("header by options: info", 0, TOOL, "info", "-j", "o.neff", out=["."]).stdout)["header"]
    t.tap.ok([header[k] for k in ("name", "uuid", "num_tpb", "requested_tpb_count", "build_version")] ==
             ["other", "00" * 15 + "ff", 2, 3, "me"], "header by options: as told", header)
    manifest = json.loads(read(t, "both/neff-header.json"))
    manifest["header"]["name"], manifest["header"]["num_tpb"] = "edited", 2
    t.path("both/neff-header.json", json.dumps(manifest).encode())
    t.expect("header by the manifest", 0, TOOL, "pack", "both", "e.neff", out=["e.neff"])
    header = json.loads(t.expect("header by the manifest: info", 0, TOOL, "info", "-j", "e.neff", out=["."]).stdout)["header"]
    t.tap.ok(header["name"] == "edited" and header["num_tpb"] == 2, "header by the manifest: as edited", header)
    t.expect("cores that do not agree", 0, TOOL, "pack", "both", "w.neff", "--tpb-per-node", "1,1,1", out=["w.neff"])
    t.expect("cores that do not agree: verify", 1, TOOL, "verify", "w.neff", out=["ok  graph"],
             err=[r"w\.neff: header: tpb_per_node\[1\] is 1, node cpu00 has 0; .*option"])
    t.expect("another version", 1, TOOL, "pack", "both", "v.neff", "--neff-version", "1.0",
             err=["could not be loaded: NEFF version mismatch supported: 2.0 received: 1.0.*--force"])
    for what, value in (("--uuid", "12"), ("--num-tpb", "x"), ("--feature-bits", "-1"), ("--tpb-per-node", "1;2"),
                        ("--neff-version", "2"), ("--name", "n" * 256), ("--lnc-size", "5000000000")):
        t.expect(f"{what} {value[:12]}", 2, TOOL, "pack", "both", "v.neff", what, value, err=["not a value that the header has room for"])
    for what, text, err in (("no JSON", b"{", "line 1"), ("no header", b"{}", "not as 'neuron-packager unpack' wrote it"),
                            ("a bad field", json.dumps({**manifest, "header": {"uuid": "x"}}).encode(), '"uuid" is not')):
        t.path("both/neff-header.json", text)
        t.expect(f"manifest with {what}", 1, TOOL, "pack", "both", "v.neff", err=[f"neff-header.json: .*{err}"])
    t.tap.ok(not os.path.exists(t.path("v.neff")), "what is refused is not written")
    os.unlink(t.path("both/neff-header.json"))
    t.path("both/sg00/def.json", b"{}")
    t.expect("a body that cannot be loaded", 1, TOOL, "pack", "both", "v.neff", err=['def.json: .*--force packs it'])
    t.expect("the same by force", 0, TOOL, "pack", "--force", "both", "v.neff", out=["cannot be loaded here: .*def.json"])
    t.expect("the same by force: verify", 1, TOOL, "verify", "v.neff", out=["ok  hash"], err=[r"v\.neff: graph: NEFF sg00/def\.json"])


def vendor(t):
    """A file as other compilers write it: another version, a var of a type that we have not, its own hash."""
    define = {"var": {"image:0": {"type": "input", "size": 3136, "shape": [1, 28, 28, 1], "dtype": "float16", "var_id": 0},
                      "w": {"type": "state-buffer", "size": 64, "file_name": "w.npy"}, "odd": 7},
              "dma_queue": {"q": {"type": "in", "num_queues": 1, "pinned": True}}}
    body = neffs.tar([("neff.json", b'{"nodes": []}'), ("kelf-a.json", b"{}"), ("sg00/def.json", json.dumps(define).encode()),
                      ("sg00/pe.json", b'{"dma": []}'), ("sg00/pe.bin", bytes(range(200)))])
    digest = hashlib.md5(body).digest() + bytes(16)
    t.path("vendor.neff", neffs.header(body, pkg=1, version=(1, 0), features=0, digest=digest, name="vendor"))
    with open(t.path("vendor.neff"), "ab") as file:
        file.write(body)
    refused = "NEFF version mismatch supported: 2.0 received: 1.0"
    t.expect("vendor: info", 0, TOOL, "info", "vendor.neff",
             out=[r"\(MD5\)$", r"Neuron Core +sg00$", r"^ +image:0 +3136 +IN +- +\[1 28 28 1\] +float16 +false$", refused])
    root = json.loads(t.expect("vendor: info --json", 0, TOOL, "info", "--json", "vendor.neff", out=["."]).stdout)
    t.tap.ok(root["loadable"] is False and refused in root["refused"] and len(root["members"]) == 5, "vendor: members without loading", root)
    t.expect("vendor: unpack", 0, TOOL, "unpack", "vendor.neff", out=["5 members in vendor$", refused])
    t.expect("vendor: pack", 0, TOOL, "pack", "vendor", "vendor2.neff", out=[refused])
    root2 = json.loads(t.expect("vendor: packed", 0, TOOL, "info", "--json", "vendor2.neff", out=["."]).stdout)
    t.tap.ok(root2["hash_type"] == "MD5" and root2["members"] == root["members"], "vendor: packed with its kind of hash", root2)
    t.expect("vendor: verify", 1, TOOL, "verify", "vendor.neff", out=["ok  container", "ok  hash"], err=[f"vendor.neff: graph: {refused}.*compile"])
    t.expect("vendor: not run", 1, "neuron-run", "--device", "emulator", "vendor.neff", err=[refused])
    other = neffs.header(body, version=(2, 0), features=0x100) + body
    t.path("vendor3.neff", other)
    t.expect("vendor: features", 1, TOOL, "verify", "vendor3.neff", out=["ok  hash"],
             err=[r"NEFF version: 2\.0, features: 0x100 are not supported\. Currently supporting: 0x[0-9a-f]+; compile"])


def linked(name, target, kind):
    link = tarfile.TarInfo(name)
    link.type, link.linkname = kind, target
    return link


def hostile(t):
    good = neffs.Copy().members()
    outside = t.path("outside")
    os.mkdir(outside)
    bad = {"absolute": [(outside + "/a", b"x")], "up": [("../outside/a", b"x")], "inner up": [("sg00/../../outside/a", b"x")],
           "symbolic link": [linked("link", outside, tarfile.SYMTYPE), ("link/a", b"x")],
           "hard link": [linked("link", "/etc/passwd", tarfile.LNKTYPE)], "fifo": [linked("pipe", "", tarfile.FIFOTYPE)],
           "control characters": [("a\x1b[2J", b"x")], "two members": [("sg00/pe.bin", b"x")], "empty part": [("a//b", b"x")]}
    for what, members in bad.items():
        body = neffs.tar(good + members)
        t.path("bad.neff", neffs.header(body) + body)
        for command in ("info", "verify", "unpack"):
            t.expect(f"{what}: {command}", 1, TOOL, command, "bad.neff", err=[r"bad\.neff: NEFF body has (a|two) member"])
    t.tap.ok(not os.path.exists(t.path("bad")) and not os.listdir(outside), "nothing was unpacked")
    body = neffs.tar(good + [("bomb", bytes(64 << 20))])
    t.path("bomb.neff", neffs.header(body) + body)
    t.expect("bomb", 1, TOOL, "--max-size", "32", "unpack", "bomb.neff", err=["unpacks to more than 33554432 bytes, at member bomb"])
    t.expect("many members", 1, TOOL, "--max-members", "3", "unpack", "bomb.neff", err=["more than 3 members"])
    for what, size in (("huge", (1 << 64) - 1), ("longer", len(body) + 1), ("shorter", 12)):
        t.path("size.neff", neffs.header(body, data_size=size) + body)
        t.expect(f"size in the header is {what}", 1, TOOL, "info", "size.neff", err=["size.neff: Wrong NEFF file size"])
    t.path("cut.neff", neffs.header(body[:4000]) + body[:4000])
    t.expect("half a body", 1, TOOL, "info", "cut.neff", err=["cut.neff: Failed to untar"])
    body = neffs.tar(good + [("d", b"file"), ("d/e", b"x")])
    t.path("clash.neff", neffs.header(body) + body)
    t.expect("a file and a directory of one name", 1, TOOL, "unpack", "clash.neff", err=["clash/d/e: Not a directory"])
    body = neffs.tar(good + [("neff-header.json", b"{}")])
    t.path("own.neff", neffs.header(body) + body)
    t.expect("a member where the header goes", 1, TOOL, "unpack", "own.neff", err=["tail -c"])
    # Links that lie in wait where is unpacked to are not followed.
    os.makedirs(t.path("trap"))
    os.symlink(outside, t.path("trap/sg00"))
    t.expect("link to a directory in the way", 1, TOOL, "--force", "unpack", "chip2.neff", "trap", err=["trap/sg00/"])
    os.makedirs(t.path("trap2"))
    t.path("outside/kept", b"kept")
    os.symlink(t.path("outside/kept"), t.path("trap2/neff.json"))
    t.expect("link to a file in the way", 0, TOOL, "--force", "unpack", "chip2.neff", "trap2", out=["members in trap2"])
    t.tap.ok(os.listdir(outside) == ["kept"] and read(t, "outside/kept") == b"kept", "nothing was written through a link")
    os.symlink("/etc/passwd", t.path("trap2/sg00/secret"))
    t.expect("pack: links are not followed", 1, TOOL, "pack", "trap2", "t.neff", err=["trap2/sg00/secret: a symbolic link"])
    os.unlink(t.path("trap2/sg00/secret"))
    os.mkfifo(t.path("trap2/pipe"))
    t.expect("pack: pipes", 1, TOOL, "pack", "trap2", "t.neff", err=["trap2/pipe: neither a file nor a directory"])


def programs(t):
    def verify(what, change, text):
        m = neffs.Copy()
        change(m)
        t.path("prog.neff", m.bytes())
        t.expect(f"verify: {what}", 1, TOOL, "verify", "prog.neff", out=["ok  hash"], err=[f"prog.neff: {text}"])

    def dma(code):
        return lambda m: m.streams.update(dma=code)
    verify("a segment that is not there", dma(neffs.dma_copy(9, 1, 16)),
           r"program: sg00/dma\.bin: instruction 0 \(dma_copy\): access outside of segment 9")
    verify("more than a segment has", dma(neffs.dma_copy(2, 1, 16) + neffs.dma_copy(2, 1, 17)),
           r"program: sg00/dma\.bin: instruction 1 .* outside of segment 1,")
    verify("writing to an input", dma(neffs.dma_copy(1, 2, 16)), "program: .*segment 1, or not permitted")
    verify("reserved bits", dma(neffs.insn(neffs.OP_NOP, b"\1")), r"program: .*\(nop\) does not decode")
    verify("a flag that is none", dma(neffs.dma_copy(2, 1, 16, flags=0x80)), "program: .*flags is out of range, at byte 1;")
    verify("a semaphore that is not there", dma(neffs.dma_copy(2, 1, 16, wait=(40, 1))), "program: .*wait_sem is out of range")
    verify("an unknown opcode", dma(neffs.insn(0x77)), "graph: .*opcode 0x77")
    whole = neffs.Copy().bytes()
    t.path("prog.neff", whole[:-5] + b"\0" + whole[-4:])
    t.expect("verify: hash", 1, TOOL, "verify", "prog.neff", out=["ok  container"], err=["prog.neff: hash: .*hash mismatch"])
    root = json.loads(t.expect("verify --json", 1, TOOL, "verify", "--json", "prog.neff", out=["."]).stdout)
    t.tap.ok(root["ok"] is False and [c["check"] for c in root["checks"] if not c["ok"]] == ["hash"], "verify --json: what is wrong", root)


def usage(t):
    t.common_options(TOOL, "unpack")
    for command, word in (("info", "--all"), ("verify", "hash"), ("unpack", "DIRECTORY"), ("pack", "--tpb-per-node")):
        t.expect(f"{command} --help", 0, TOOL, command, "--help", out=[f"^Usage: {TOOL} {command} ", word])
    for what, args, err in (("no command", (), "no command"), ("unknown command", ("list", "x"), "none of info, verify, unpack, pack"),
                            ("no file", ("info",), "no FILE.neff"), ("no directory", ("pack",), "no DIRECTORY"),
                            ("two files", ("info", "a", "b"), "one file"), ("--max-size", ("--max-size", "x", "info", "a"), "megabytes")):
        t.expect(f"usage: {what}", 2, TOOL, *args, err=[err])
    t.expect("no such file", 1, TOOL, "info", "none.neff", err=[r"none\.neff: No such file"])
    t.expect("no such directory", 1, TOOL, "pack", "none", err=["none: No such file"])
    t.expect("pack of a file", 1, TOOL, "pack", "chip2.neff", err=["chip2.neff: Not a directory.*unpack"])
    t.path("text.neff", b"x" * 4096)
    t.expect("a text", 1, TOOL, "info", "text.neff", err=["not a NEFF"])
    os.mkdir(t.path("empty"))
    t.expect("pack of nothing", 1, TOOL, "pack", "empty", err=["no files"])
    t.expect("no room", 1, TOOL, "unpack", "chip2.neff", "/proc/none", err=["/proc/none: "])


def main():
    t = Tools(__doc__)
    compile_models(t)
    info(t)
    round_trip(t)
    transfers(t)
    fields(t)
    vendor(t)
    hostile(t)
    programs(t)
    usage(t)
    t.tap.ok(not glob.glob(t.path("*.part")), "no half files are left")
    t.exit()


if __name__ == "__main__":
    main()
