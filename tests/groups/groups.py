# SPDX-License-Identifier: Apache-2.0
"""Models in groups of NeuronCores, on both backends; processes beside each other, chips that come and go, and many
inferences in a guest with four chips.

The models are chains of products of small integers, which every sum here holds exactly: whatever the group, outputs
have the hash that one core in the process of a test gives."""
import os
import re
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from neuron import compile_model    # noqa: E402
from onnx_writer import model, node  # noqa: E402

PROGRAM = "/usr/lib/neuron/tests/nrt-groups"
NAMES = "abcd"
PIPELINES = (2, 3, 4)
CHIPS, CORES = 4, 4
MODEL = re.compile(r"^model (\d+): (\d+) cores, (\d+) instances, (\d+) done, (\d+) wrong, hash (\w+)$", re.M)
PATIENCE = 120
# Of a process that has warmed up: what its memory may change by, in KiB. A leak of 64 bytes an inference is more.
RSS_CHANGE = 1024


def chain(seed, length, size=32):
    rng = np.random.default_rng(seed)
    nodes = [n for i in range(length) for n in (node("MatMul", [f"t{i}", f"w{i}"], [f"p{i}"]),
                                                node("Clip", [f"p{i}", "low", "high"], [f"t{i + 1}"]))]
    weights = {f"w{i}": rng.integers(-2, 3, (size, size)).astype(np.float32) for i in range(length)}
    weights.update(low=np.array(-2, np.float32), high=np.array(2, np.float32))
    return model(nodes, {"t0": [4, size]}, {f"t{length}": [4, size]}, weights)


def compile_all(out):
    """{name: NEFF}: four models, and one in so many stages."""
    neffs = {name: compile_model(chain(i, 1 + i), "--fast-math", "none", out=out) for i, name in enumerate(NAMES)}
    for stages in PIPELINES:
        neffs[f"p{stages}"] = compile_model(chain(9, 4), "--fast-math", "none", "--neuroncore-pipeline-cores", str(stages), out=out)
    return neffs


class Local:
    """The in-process emulator."""

    def __init__(self, out, folder, neffs):
        self.program, self.folder = os.path.join(out, "tests/guest/nrt-groups"), folder
        for name, neff in neffs.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(neff)

    def run(self, *args, env=None):
        """(status, all that it printed)"""
        done = subprocess.run([self.program, *map(str, args)], cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE,
                              env=dict(os.environ, NEURON_RT_DEVICE="emulator", **(env or {})), check=False)
        return done.returncode, done.stdout + done.stderr


class Guest:
    """/dev/neuronN of a guest."""

    def __init__(self, guest, neffs):
        self.guest = guest
        for name, neff in neffs.items():
            guest.push_bytes(neff, "/tmp/groups/" + name)

    def run(self, *args, env=None):
        r = self.guest.run([PROGRAM, *map(str, args)], cwd="/tmp/groups", env=env, timeout=PATIENCE)
        return r.code, r.out + r.err

    def start(self, *args, env=None):
        return Process(self.guest, [str(a) for a in args], env)


class Process:
    """One that goes on while others do something."""

    def __init__(self, guest, args, env):
        self.guest, self.text = guest, ""
        self.job = guest.spawn([PROGRAM, *args], cwd="/tmp/groups", env=env, sink=self.receive)

    def receive(self, _kind, data):
        self.text += data.decode(errors="replace")

    def expect(self, pattern):
        """Its match, once there is one; None if there will not be."""
        limit = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text, re.M):
            if time.monotonic() > limit or self.job.done.is_set():
                break
            time.sleep(0.02)
        return re.search(pattern, self.text, re.M)

    def end(self):
        """(status, all that it printed)"""
        if not self.job.done.is_set():
            self.job.signal(15)
        code = self.job.wait(PATIENCE).code
        return code, self.text


def right(result, wants, done=None):
    """Whether a run ended well: for each model (cores, instances, hash), nothing wrong, so many done."""
    code, text = result
    rows = [(int(cores), int(instances), digest) for _, cores, instances, _, wrong, digest in MODEL.findall(text) if wrong == "0"]
    counts = [int(n) for _, _, _, n, _, _ in MODEL.findall(text)]
    return code == 0 and rows == wants and text.endswith("end\n") and (done is None or counts == [done] * len(wants))


def hashes(local, neffs):
    """{name: hash} of one core each, in this process's emulator."""
    return {name: MODEL.search(local.run(f"0:1:{name}")[1]).group(6) for name in neffs}


def groups(tap, on, known, name):
    """What a chip can be divided into."""
    result = on.run("--threads", 2, *(f"{i}:1:{n}" for i, n in enumerate(NAMES)))
    tap.ok(right(result, [(1, 1, known[n]) for n in NAMES], 64), f"{name}: four models in parallel, each in a group of its own", result)
    for cores in (1, 2, 3, 4):
        result = on.run("--threads", cores + 1, f"0:{cores}:d")
        tap.ok(right(result, [(cores, cores, known["d"])], 64), f"{name}: a model in a group of {cores}, replicated", result)
    for stages in PIPELINES:
        result = on.run("--threads", 3, f"0:{stages}:p{stages}")
        tap.ok(right(result, [(stages, 1, known[f"p{stages}"])], 64), f"{name}: a pipeline of {stages} cores", result)
    tap.ok(len({known[f"p{stages}"] for stages in PIPELINES}) == 1, f"{name}: all pipelines compute the same")
    result = on.run("--threads", 4, "0:4:p2")
    tap.ok(right(result, [(4, 2, known["p2"])], 64), f"{name}: two pipelines of two cores", result)
    result = on.run("--threads", 2, "0:1:a", "1:3:p3")
    tap.ok(right(result, [(1, 1, known["a"]), (3, 1, known["p3"])], 64), f"{name}: groups of 1 and 3", result)
    result = on.run("--threads", 2, *(f"0:1:{n}" for n in NAMES))
    tap.ok(right(result, [(1, 1, known[n]) for n in NAMES], 64), f"{name}: four models share one core", result)
    code, text = on.run("3:2:a", env={"NEURON_RT_NUM_CORES": "4"})
    tap.ok(code == 1 and "NRT_LOAD_NOT_ENOUGH_NC" in text, f"{name}: a group that ends behind the last core", (code, text))


def processes(tap, on, known):
    """Two processes, each with two chips, at the same time; a core that another one has."""
    first = on.start("--endless", "--threads", 2, "0:4:a", "4:4:b", env={"NEURON_RT_VISIBLE_CORES": "0-7"})
    second = on.start("--endless", "--threads", 2, "0:4:c", "4:4:d", env={"NEURON_RT_VISIBLE_CORES": "8-15"})
    tap.ok(first.expect("^running") and second.expect("^running"), "processes: both run", first.text + second.text)
    pid = first.expect(r"^pid (\d+) cores 8$")
    for cores, name in (("1", "nc1-nc1"), ("7-8", "nc7-nc8")):
        code, text = on.run("0:1:a", env={"NEURON_RT_VISIBLE_CORES": cores})
        want = (r" ERROR NRT:nrt_allocate_neuron_cores NeuronCore\(s\) not available - Requested:%s Available:0; nc%s is held by "
                r"process %s \(nrt-groups\)" % (name, cores[0], pid and pid.group(1)))
        tap.ok(code == 1 and re.search(want, text) and "NRT_RESOURCE" in text, f"processes: {name} is busy, and who has it", (code, text))
    results = first.end(), second.end()
    tap.ok(right(results[0], [(4, 4, known["a"]), (4, 4, known["b"])]), "processes: the first has computed right", results[0])
    tap.ok(right(results[1], [(4, 4, known["c"]), (4, 4, known["d"])]), "processes: and the second", results[1])
    code, text = on.run("0:1:a", env={"NEURON_RT_VISIBLE_CORES": "1"})
    tap.ok(code == 0, "processes: once they have ended their cores are free", (code, text))


FAILED = r"^model 0: NRT_HW_ERROR, and 3 times again; others have done (\d+); "


def failed_alone(tap, process, known, what, model_name):
    """Model 0 of @process has failed; model 1 goes on."""
    told = process.expect(FAILED)
    tap.ok(told, f"{what}: its model fails with NRT_HW_ERROR, again and again", process.text)
    code, text = process.end()
    rows = {int(i): (int(done), int(wrong), digest) for i, _, _, done, wrong, digest in MODEL.findall(text)}
    tap.ok(told and code == 0 and 1 in rows and rows[1][0] > int(told.group(1)) and rows[1][1:] == (0, known[model_name])
           and text.endswith("end\n"), f"{what}: the model of another chip goes on, and all can be unloaded", (code, text))


def hot_plug(tap, on, known):
    """A chip is taken away, and comes back."""
    bdf = on.guest.run("basename $(readlink -f /sys/class/neuron_device/neuron0/device)").out.strip()
    process = on.start("--endless", "0:1:a", "4:1:b", env={"NEURON_RT_VISIBLE_CORES": "0-7"})
    tap.ok(process.expect("^running"), "removed: a process with two chips runs", process.text)
    on.guest.run(f"echo 1 >/sys/bus/pci/devices/{bdf}/remove", check=True)
    told = process.expect(FAILED)
    tap.ok(told, "removed: its model fails with NRT_HW_ERROR, again and again", process.text)
    on.guest.run("echo 1 >/sys/bus/pci/rescan && until [ -c /dev/neuron0 ]; do sleep 0.1; done", check=True, timeout=PATIENCE)
    process.job.signal(10)
    tap.ok(process.expect("^again: 8 cores"), "rescan: the next nrt_init() of the process has the chip", process.text)
    tap.ok(right(process.end(), [(1, 1, known["a"]), (1, 1, known["b"])]), "rescan: both models compute", process.text)


def dying_chip(tap, on, known, kill, chip):
    """kill(): chip number @chip, which is not the last, falls off the bus. Who comes later has all others."""
    first, other = chip * CORES, (CHIPS - 1) * CORES
    process = on.start("--endless", f"0:1:a", f"{other - first}:1:b", env={"NEURON_RT_VISIBLE_CORES": f"{first}-{other + 3}"})
    tap.ok(process.expect("^running"), "killed: a process with chips runs", process.text)
    kill()
    failed_alone(tap, process, known, "killed", "b")
    result = on.run("--threads", 2, *(f"{i}:1:{n}" for i, n in enumerate(NAMES)))
    tap.ok(right(result, [(1, 1, known[n]) for n in NAMES], 64) and f"cores {(CHIPS - 1) * CORES}\n" in result[1],
           "killed: a process that begins now has all other chips", result)
    result = on.run("0:4:c", env={"NEURON_RT_VISIBLE_CORES": f"{other}-{other + 3}"})
    tap.ok(right(result, [(4, 4, known["c"])], 64), "killed: their cores keep their numbers", result)
    code, text = on.run("0:1:a", env={"NEURON_RT_VISIBLE_CORES": f"{first}"})
    tap.ok(code == 1 and f"nc{first} is of neuron{chip}, which is broken" in text and "NRT_HW_ERROR" in text,
           "killed: who asks for its cores is told", (code, text))


def usage(guest):
    """What the driver and the kernel have in use: (bytes by chip and kind, KiB of slabs that nobody can reclaim)"""
    lines = guest.run("cd /sys/kernel/debug/neuron && grep . neuron*/memory; grep -h SUnreclaim /proc/meminfo", check=True).out.splitlines()
    return lines[:-1], int(lines[-1].split()[1])


def soak(tap, on, known, inferences, threads=8):
    """So many inferences by four processes, each with a chip; memory and descriptors are after all of them what they were
    after the first quarter."""
    each = inferences // CHIPS
    started = [on.start("--threads", threads, "--count", each, "--rounds", 4, f"0:4:{n}",
                        env={"NEURON_RT_VISIBLE_CORES": f"{4 * i}-{4 * i + 3}"}) for i, n in enumerate(NAMES)]
    seen = []
    for number in (1, 2, 3, 4):
        tap.ok(all(p.expect(f"^round {number}: ") for p in started), f"soak: quarter {number} of {inferences} inferences",
               "".join(p.text for p in started))
        seen.append((usage(on.guest), [tuple(map(int, re.findall(rf"^round {number}: rss (\d+) descriptors (\d+)$", p.text, re.M)[0]))
                                       for p in started]))
        for p in started:
            p.job.signal(10)
    results = [p.end() for p in started]
    for name, result in zip(NAMES, results):
        tap.ok(right(result, [(4, 4, known[name])], each), f"soak: all outputs of process {name} are the same", result)
    ((driver, slabs), first), ((last_driver, last_slabs), last) = seen[0], seen[-1]
    tap.note(f"soak: KiB and descriptors after a quarter {first}, at the end {last}; slabs {slabs} and {last_slabs} KiB")
    tap.ok(driver == last_driver, "soak: device memory and the driver's own are flat", f"{driver}\n{last_driver}")
    tap.ok(last_slabs - slabs < 2048 + inferences // 64, "soak: slabs are flat", f"{slabs} to {last_slabs} KiB")
    tap.ok(all(b[0] - a[0] < RSS_CHANGE and a[1] == b[1] for a, b in zip(first, last)), "soak: processes are flat", f"{first} to {last}")


def in_guest(tap, guest, out, folder, inferences):
    """All of it but dying_chip(), in a guest with four chips."""
    neffs = compile_all(out)
    known, on = hashes(Local(out, folder, neffs), neffs), Guest(guest, neffs)
    groups(tap, on, known, "guest")
    processes(tap, on, known)
    hot_plug(tap, on, known)
    soak(tap, on, known, inferences)
    return on, known
