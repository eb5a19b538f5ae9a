#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-profile: the sums of a profile are the chip's own cycles, to the last one; the trace is one by the rules of
its format; and what cannot be read is refused.

usage: test_profile.py [--out build] [--resnet50]
--resnet50: all of that network, and nothing else
"""
import glob
import json
import os
import re
import struct
import sys

import numpy as np

from tools import TOP, Tools
import neffs

sys.path.insert(0, os.path.join(TOP, "tests", "models"))
import topologies       # noqa: E402
import trace_event      # noqa: E402

TOOL = "neuron-profile"
EMULATOR = {"NEURON_RT_DEVICE": "emulator"}
ENGINES = ("pe", "act", "pool", "dma")
PS = 2048               # picoseconds a cycle: 488.28125 MHz
CORE = 100              # process of core 0 in the trace


def view(t, session, neff, form):
    done = t.run(TOOL, "view", "-s", session, *(["-n", neff] if neff else []), "--output-format", form)
    return done.stdout if not done.returncode else "", done.stderr


def check_sums(t, name, profile, said):
    """Whatever adds up to a job adds up to its cycles, and the jobs to what the runtime says of the execution."""
    wrong = []
    for job in profile["jobs"]:
        trace, cycles = job.get("trace"), job["cycles"]
        if not trace:
            wrong.append(f"job of {job['node']} has no trace")
            continue
        ops = trace["operators"]
        if sum(o["critical_cycles"] for o in ops) != cycles:
            wrong.append(f"{job['node']}: critical path {sum(o['critical_cycles'] for o in ops)}, not {cycles}")
        if trace["dma_only_cycles"] + trace["compute_only_cycles"] + trace["dma_and_compute_cycles"] != cycles:
            wrong.append(f"{job['node']}: DMA against compute")
        for engine in ENGINES:
            if sum(o["busy_cycles"][engine] for o in ops) != trace["busy_cycles"][engine] or trace["busy_cycles"][engine] > cycles:
                wrong.append(f"{job['node']}: busy cycles of {engine}")
        if sum(o["instructions"] for o in ops) != sum(trace["instructions"].values()):
            wrong.append(f"{job['node']}: instructions")
        if max(o["last_cycle"] for o in ops) != cycles or sum(o["bytes"] for o in ops) != trace["bytes"]:
            wrong.append(f"{job['node']}: last cycle or bytes")
    for execution in profile["executions"]:
        total = sum(j["cycles"] for j in profile["jobs"] if j["execution"] == execution["id"])
        if total != execution["cycles"] or execution["status"] or total != said:
            wrong.append(f"execution {execution['id']}: {execution['cycles']} cycles, its jobs {total}, said {said}")
    t.tap.ok(not wrong and profile["executions"], f"{name}: sums are the chip's cycles", "\n".join(wrong))


def check_trace(t, name, text, profile):
    """Valid, and each engine's slices are as long as the profile says."""
    events, problems = trace_event.read(text)
    t.tap.ok(not problems and len(events) > 10, f"{name}: a valid trace of events", "\n".join(problems[:20]))
    wrong, cores = [], {j["neuroncore_index"] for j in profile["jobs"]}
    for core in cores:
        jobs = [j for j in profile["jobs"] if j["neuroncore_index"] == core]
        slices = [e for e in events if e["ph"] == "X" and e["pid"] == CORE + core]
        for engine in ENGINES:
            busy = sum(e["dur"] for e in slices if e["cat"] == engine)
            if busy != PS * sum(j["trace"]["busy_cycles"][engine] for j in jobs):
                wrong.append(f"nc{core} {engine}: {busy} ps")
        spans = [e for e in slices if e["cat"] == "job"]
        if sum(e["dur"] for e in spans) != PS * sum(j["cycles"] for j in jobs) or len(spans) != len(jobs):
            wrong.append(f"nc{core}: jobs")
        operators = sum(e["args"]["critical_cycles"] for e in events if e["ph"] == "b" and e["pid"] == CORE + core)
        if operators != sum(j["cycles"] for j in jobs):
            wrong.append(f"nc{core}: operators' {operators} cycles")
    host = {e["name"] for e in events if e["ph"] == "X" and e["cat"] == "host"}
    if not {"copy in", "queue", "compute", "copy out"} <= host:
        wrong.append(f"phases of the host: {host}")
    t.tap.ok(not wrong, f"{name}: its slices are the profile's cycles", "\n".join(wrong))
    return events


def profile_network(t, name, model, *flags, executions=1):
    t.path("m.onnx", model)
    done = t.run("neuron-cc", "compile", "m.onnx", "--output", "m.neff", "--fast-math", "all", *flags)
    t.tap.ok(not done.returncode, f"{name}: compiles", done.stdout + done.stderr)
    done = t.expect(f"{name}: capture", 0, TOOL, "capture", "-n", "m.neff", "-s", "m.ntff", "-d", "emulator", "-e", str(executions),
                    out=[rf"{executions} execution\(s\) of m\.neff; the last one took \d+ cycles"])
    said = int(re.search(r"took (\d+) cycles", done.stdout + " took 0 cycles").group(1))
    text, error = view(t, "m.ntff", "m.neff", "json")
    profile = json.loads(text or '{"jobs":[],"executions":[]}')
    t.tap.ok(profile.get("complete") and profile["modelled"], f"{name}: profile", error)
    check_sums(t, name, profile, said)
    events = check_trace(t, name, view(t, "m.ntff", "m.neff", "chrome")[0], profile)
    return profile, events


def small_networks(t):
    cut = topologies.resnet50(size=64, depth=(1, 1, 1, 1), width=16)
    profile, _ = profile_network(t, "a small ResNet", cut, executions=2)
    t.tap.ok(len(profile["jobs"]) == 2 and profile["jobs"][0]["cycles"] == profile["jobs"][1]["cycles"],
             "the same program takes the same modelled time")
    ops = profile["jobs"][0]["trace"]["operators"]
    convs = [o for o in ops if o["op_type"] == "Conv"]
    # 7x7 of 3 channels to 16, over 32 x 32 pixels: two operations for each product
    t.tap.ok(len(convs) == 17 and 2 * 7 * 7 * 3 * 16 * 32 * 32 in [o["flops"] for o in convs],
             "operators have the model's arithmetic", str([(o["name"], o["flops"]) for o in convs]))
    t.tap.ok(all(o["name"] for o in ops) and ops == sorted(ops, key=lambda o: -o["critical_cycles"]),
             "the slowest operator comes first")
    t.expect("summary", 0, TOOL, "view", "-s", "m.ntff", "-n", "m.neff",
             out=["not a measurement of silicon", r"^pe +\d+ +\d+", "of that roof", r"100\.0%.*TOTAL", r"\(Conv\)$", "more operators"])
    done = t.expect("table", 0, TOOL, "view", "-s", "m.ntff", "-n", "m.neff", "--output-format", "table", out=["TOTAL"])
    t.tap.ok("more operators" not in done.stdout and done.stdout.count("(Conv)") == len(convs), "table has all operators", done.stdout)
    t.expect("without the NEFF", 0, TOOL, "view", "-s", "m.ntff", out=["tag 0", "node 0"])
    events, problems = trace_event.read(view(t, "m.ntff", None, "chrome")[0])
    t.tap.ok(not problems and events, "the trace without the NEFF is one, too", "\n".join(problems[:5]))
    profile, _ = profile_network(t, "two stages on two cores", cut, "--neuroncore-pipeline-cores", "2")
    t.tap.ok({j["neuroncore_index"] for j in profile["jobs"]} == {0, 1}, "each stage on its core")


def checker(t):
    """The checker finds what it is there for: one change to a good trace each."""
    def event(**fields):
        return {"ph": "X", "pid": 1, "tid": 1, "cat": "c", "name": "n", "ts": 0, "dur": 2, **fields}

    names = [event(ph="M", name=what, args={"name": "x"}) for what in ("process_name", "thread_name")]
    for m in names:
        del m["cat"], m["ts"], m["dur"]
    flow = [event(ph="s", id=1), event(ph="f", id=1, ts=2)]
    span = [event(ph="b", id=1), event(ph="e", id=1, ts=2)]
    for e in flow + span:
        del e["dur"]
    good = names + [event()] + flow + span
    bad = {"no duration": names + [{k: v for k, v in event().items() if k != "dur"}], "negative": good + [event(ts=-1)],
           "text for a number": good + [event(ts="0")], "a key that is not known": good + [event(x=1)],
           "an unknown phase": good + [event(ph="Q")], "no name of the track": good + [event(tid=2)],
           "slices that overlap": good + [event(ts=1)], "a flow without an end": good[:-3] + span,
           "a flow back in time": names + [event()] + [dict(flow[0], ts=2), dict(flow[1], ts=0)],
           "a flow to nowhere": names + [event()] + [flow[0], dict(flow[1], ts=3)],
           "a span without an end": good[:-1], "half a picosecond": good + [event(ts=5.0000005)]}
    missed = [what for what, events in bad.items() if not trace_event.read(json.dumps({"traceEvents": events}))[1]]
    t.tap.ok(not missed and not trace_event.read(json.dumps({"traceEvents": good}))[1], "the checker of traces can fail", str(missed))


def exact(t):
    """A program small enough to know its cycles from docs/isa.md: a copy from segment to segment, of one run that
    counts as 64 bytes, twice: 64 + 2 * 64 / 110, rounded up, is 66."""
    model = neffs.Copy((("x", "y"), ("a", "b")), shape=(1, 10))
    t.path("copy.neff", model.bytes())
    t.path("x.bin", np.arange(10, dtype=np.float32).tobytes())
    t.expect("capture with an input", 0, TOOL, "capture", "-n", "copy.neff", "-s", "c.ntff", "-i", "x=x.bin", out=["took 132 cycles"],
             env=EMULATOR)
    job = json.loads(view(t, "c.ntff", "copy.neff", "json")[0])["jobs"][0]
    t.tap.ok(job["cycles"] == 132 and [(o["name"], o["critical_cycles"], o["busy_cycles"]["dma"], o["bytes"])
                                       for o in job["trace"]["operators"]] == [("copy_0", 66, 66, 80), ("copy_1", 66, 66, 80)],
             "cycles and bytes that are known", str(job))
    t.expect("an input that the model does not have", 1, TOOL, "capture", "-n", "copy.neff", "-i", "z=x.bin", err=["no input z"], env=EMULATOR)
    np.save(t.path("x.npy"), np.arange(10, dtype=np.float32)[None])
    os.rename(t.path("x.npy"), t.path("array"))
    t.expect("an array of NumPy, whatever its name", 0, TOOL, "capture", "-n", "copy.neff", "-s", "a.ntff", "-i", "x=array", out=["took 132 cycles"],
             env=EMULATOR)
    for what, array, text in (("type", np.zeros((1, 10)), r"type is float64, but input x is float32; convert it"),
                              ("shape", np.zeros((10, 1), np.float32), r"shape is \(10, 1\), but that of input x is \(1, 10\)")):
        np.save(t.path("bad.npy"), array)
        t.expect(f"an array of another {what}", 1, TOOL, "capture", "-n", "copy.neff", "-i", "x=bad.npy", err=["^neuron-profile: bad.npy: " + text],
                 env=EMULATOR)
    t.path("bad.npy", b"x" * 40)
    t.expect("a .npy file that is none", 1, TOOL, "capture", "-n", "copy.neff", "-i", "x=bad.npy", err=[r"bad\.npy: not a \.npy file"], env=EMULATOR)
    t.expect("an input of another size", 1, TOOL, "capture", "-n", "copy.neff", "-i", "x=copy.neff", err=["input x has 40"], env=EMULATOR)
    t.expect("a file that cannot be written, named once", 1, TOOL, "capture", "-n", "copy.neff", "-s", "/nowhere/p",
             err=[r"^neuron-profile: copy\.neff: cannot write /nowhere/p: No such file or directory \(NRT_\w+\)$"], env=EMULATOR)
    t.expect("a NEFF of another model", 1, TOOL, "view", "-s", "m.ntff", "-n", "copy.neff", err=["not a model of this profile, which is of"])
    t.expect("a NEFF that is none", 1, TOOL, "capture", "-n", "x.bin", err=["x.bin: .*NEFF"], env=EMULATOR)
    # A NEFF need not say anything of operators.
    model.members = lambda whole=model.members: [m for m in whole() if m[0] != "sg00/ops.json"]
    t.path("bare.neff", model.bytes())
    t.expect("capture without metadata", 0, TOOL, "capture", "-n", "bare.neff", "-s", "b.ntff", out=["took 132 cycles"], env=EMULATOR)
    t.expect("view without metadata", 0, TOOL, "view", "-s", "b.ntff", "-n", "bare.neff", out=["tag 1"])


def damaged(t):
    with open(t.path("c.ntff"), "rb") as f:
        whole = f.read()
    t.path("cut.ntff", whole[:-40])
    t.expect("a profile that is not complete", 0, TOOL, "view", "-s", "cut.ntff", "-j", out=[r'"complete": false'], err=["not complete"])
    spoilt = {"no profile": b"x" * 500, "an empty file": b"", "another version": whole[:8] + struct.pack("<I", 9) + whole[12:]}
    at, names = 64, 0
    while at < len(whole):      # each record once with a size that is too small, and jobs with an engine that does not exist
        kind, size = struct.unpack_from("<I4xQ", whole, at)
        spoilt[f"record {names} of type {kind}, too short"] = whole[:at + 8] + struct.pack("<Q", 16) + whole[at + 16:]
        if kind == 4:
            engine = at + 72 + 128 + 24
            spoilt["an engine that does not exist"] = whole[:engine] + b"\x04" + whole[engine + 1:]
            spoilt["more entries than there are"] = whole[:at + 72 + 16] + struct.pack("<Q", 1 << 60) + whole[at + 72 + 24:]
        at, names = at + size, names + 1
    for what, data in spoilt.items():
        t.path("bad.ntff", data)
        t.expect(f"refuses {what}", 1, TOOL, "view", "-s", "bad.ntff", err=[r"bad\.ntff: (not a profile|a profile of version|a record)"])
    for n in range(0, len(whole), 37):
        t.path("bad.ntff", whole[:n])
        done = t.run(TOOL, "view", "-s", "bad.ntff", "-n", "copy.neff")
        if done.returncode not in (0, 1) or "anitizer" in done.stderr:
            t.tap.ok(False, f"cut after {n} bytes", done.stderr)
            break
    else:
        t.tap.ok(True, "cut anywhere")


def usage(t):
    t.common_options(TOOL, "capture")
    for what, args, text in (("no command", [], "neither capture nor view"), ("another command", ["look"], "'look': neither"),
                             ("capture without model", ["capture"], "one model"), ("view without profile", ["view"], "no --session-file"),
                             ("another format", ["view", "--output-format", "xml"], "none of summary, table, json, chrome"),
                             ("device that is none", ["capture", "-d", "gpu"], "neither 'emulator'"),
                             ("no number", ["capture", "-e", "0"], "not a number from 1"),
                             ("options of the other", ["view", "-s", "x", "-e", "3"], "are for capture")):
        t.expect(f"usage: {what}", 2, TOOL, *args, err=[text])


def environment(t):
    """NEURON_PROFILE: each model that a program loads, with its NEFF."""
    np.save(t.path("x.npy"), np.ones((1, 10), np.float32))
    t.path("one.neff", neffs.Copy(shape=(1, 10)).bytes(name="odd/name"))
    t.expect("a program with NEURON_PROFILE", 0, "neuron-run", "one.neff", "-i", "x.npy", "-d", "emulator", "--repeat", "20",
             env={"NEURON_PROFILE": "profiles"}, out=["."])
    made = sorted(os.path.basename(p) for p in glob.glob(t.path("profiles/*")))
    t.tap.ok(len(made) == 2 and re.fullmatch(r"copy-[0-9a-f]{8}-\d+-0\.ntff", made[0]) and re.fullmatch(r"copy-[0-9a-f]{8}\.neff", made[1]),
             "profile and NEFF are there", str(made))
    paths = [os.path.join("profiles", name) for name in made]
    profile = json.loads(view(t, *paths, "json")[0] or "{}")
    t.tap.ok(len(profile.get("executions", [])) == 20 and [("trace" in j) for j in profile["jobs"]] == [True] * 16 + [False] * 4,
             "all executions, 16 of them by instruction", str(profile)[:2000])
    t.expect("a folder that cannot be made is no reason to fail", 0, "neuron-run", "one.neff", "-i", "x.npy", "-d", "emulator",
             env={"NEURON_PROFILE": "/proc/none/here", "NEURON_RT_LOG_LEVEL": "ERROR"}, out=["."], err=["NEURON_PROFILE: cannot write"])


def resnet50(t):
    profile, _ = profile_network(t, "ResNet-50", topologies.resnet50())
    trace = profile["jobs"][0]["trace"]
    convs = [o for o in trace["operators"] if o["op_type"] == "Conv"]
    t.tap.ok(len(convs) == 53 and 7.5e9 < trace["flops"] < 8.5e9, "ResNet-50: 53 convolutions, 8.2 GFLOP", str(trace["flops"]))
    t.expect("ResNet-50: summary", 0, TOOL, "view", "-s", "m.ntff", "-n", "m.neff", out=["of that roof", "TOTAL"])


def main():
    whole = "--resnet50" in sys.argv
    if whole:
        sys.argv.remove("--resnet50")
    t = Tools(__doc__)
    if whole:
        resnet50(t)
        t.exit()
    usage(t)
    checker(t)
    small_networks(t)
    exact(t)
    damaged(t)
    environment(t)
    t.exit()


if __name__ == "__main__":
    main()
