#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-objdump: what it shows, and what it refuses.

usage: test_objdump.py [--out build]
"""
import json
import re

from tools import Tools
import neffs


def main():
    t = Tools(__doc__)
    model = neffs.Copy((("x", "y"), ("a", "b")), shape=(2, 8))
    model.streams["pool"] = neffs.insn(neffs.OP_NOP, wait=(3, 2), signal=(4, 1), tag=1)
    model.extra.append(("sg00/pe.json", b"{}"))
    t.path("m.neff", model.bytes(name="odd\x1b[31mname"))
    tool = "neuron-objdump"
    t.common_options(tool, "--engine")
    done = t.expect("shows everything", 0, tool, "m.neff",
                    out=[r"^  NEFF version +2\.0$", r"^  features +0x1000000000000: open-isa$", r"^  SHA-256 +[0-9a-f]{64}$",
                         r"^  name +odd\?\[31mname$", r"^ +64  sg00/pool\.bin$", r"^  input   x float32\[2,8\] 64 bytes$",
                         r"^ +1  input +64 +64  x float32\[2,8\]$", r"^; copy_1 \(Identity\)$",
                         r"^pool +0  nop .*wait=3:2 sig=4:1", r"^dma +1  dma_copy ", "silicon's is not public"])
    whole_text = done.stdout
    t.tap.ok("\x1b" not in done.stdout, "control characters are not passed on")
    done = t.expect("--engine", 0, tool, "--engine", "pool", "m.neff", out=["^pool "])
    t.tap.ok("dma_copy" not in done.stdout and "SHA-256" not in done.stdout, "--engine shows no other engine", done.stdout)
    done = t.expect("--header", 0, tool, "--header", "m.neff", out=["SHA-256"])
    t.tap.ok("sg00/" not in done.stdout, "--header shows the header only", done.stdout)
    t.expect("--members", 0, tool, "-m", "m.neff", out=[r"sg00/pe\.json"])
    t.expect("--node", 0, tool, "--node", "sg00", "m.neff", out=["sg00, engine dma: 2 instructions"])
    root = json.loads(t.expect("--json", 0, tool, "--json", "m.neff", out=["."]).stdout)
    code = root["instructions"]
    t.tap.ok(sorted(root) == ["compiler", "header", "inputs", "instructions", "members", "name", "nodes", "outputs"],
             "--json: all parts", sorted(root))
    t.tap.ok([(i["node"], i["engine"], i["index"], i["name"], i["op_type"]) for i in code] ==
             [("sg00", "pool", 0, "copy_1", "Identity"), ("sg00", "dma", 0, "copy_0", "Identity"), ("sg00", "dma", 1, "copy_1", "Identity")],
             "--json: instructions and their operators", code)
    text = [f"{i['engine']:<4} {i['index']:5}  {i['text']}" for i in code]
    t.tap.ok(all(line in whole_text for line in text), "--json: the same text", text)
    t.tap.ok([v["name"] for v in root["nodes"][0]["variables"]] == ["x", "y", "a", "b"], "--json: variables", root["nodes"])
    root = json.loads(t.expect("--json --engine", 0, tool, "--json", "-e", "pool", "-n", "sg00", "m.neff", out=["."]).stdout)
    t.tap.ok(sorted(root) == ["instructions", "name"] and len(root["instructions"]) == 1, "--json: only what is asked for", root)
    root = json.loads(t.expect("--json --header", 0, tool, "-jH", "m.neff", out=["."]).stdout)
    t.tap.ok(root["header"]["name"] == "odd\x1b[31mname", "--json: names as they are", root)
    t.expect("--json: unknown node", 1, tool, "--json", "--node", "sg01", "m.neff", err=["no node sg01"])
    done = t.expect("unknown node", 1, tool, "--header", "--node", "sg01", "m.neff", err=["no node sg01"])
    t.tap.ok(done.stdout == "", "unknown node: nothing but the error", done.stdout)
    for parts in ([], ["-H"], ["-m"], ["-g"], ["-v"], ["-d"], ["-Hg"], ["-mv"], ["-e", "pool"]):
        text = t.expect(f"parts {parts}", 0, tool, *parts, "m.neff", out=[r"\Am\.neff: NEFF of copy\n\n\S"]).stdout
        t.tap.ok("\n\n\n" not in text and re.search(r"[^\n]\n\Z", text), f"parts {parts}: one empty line between them, none behind", text)
    t.expect("unknown engine", 2, tool, "--engine", "gpu", "m.neff", err=["none of pe, act, pool, dma"])
    t.expect("no file", 2, tool, err=["no FILE"])
    t.expect("two files", 2, tool, "m.neff", "m.neff", err=["one file at a time"])
    t.expect("no such file", 1, tool, "none.neff", err=[r"none\.neff: No such file"])
    t.expect("a directory", 1, tool, "/", err=["/: not a regular file"])
    whole = model.bytes()
    for what, data, text in (("damaged", whole[:-5] + b"\0" + whole[-4:], "hash mismatch"), ("truncated", whole[:-300], "truncated"),
                             ("text", b"x" * 4096, "not a NEFF"), ("of another version", model.bytes(version=(1, 0)), "received: 1.0"),
                             ("with unknown features", model.bytes(features=1 << 60), "not supported")):
        t.path("bad.neff", data)
        t.expect(f"refuses a file that is {what}", 1, tool, "bad.neff", err=[f"bad.neff: .*{text}"])
    model.extra.append(("sg00/pe.bin.bak", bytes(1 << 20)))
    t.path("m.neff", model.bytes())
    t.expect("body with a large member", 0, tool, "-m", "m.neff", out=["1048576  sg00/pe.bin.bak"])
    plain = neffs.tar(model.members(), compress=False)
    t.path("plain.neff", neffs.header(plain, features=neffs.ISA_OPEN | neffs.PLAIN_TAR) + plain)
    t.expect("body that is not compressed", 0, tool, "plain.neff", out=["open-isa plain-tar"])
    t.exit()


if __name__ == "__main__":
    main()
