#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tools in a guest with two chips: neuron-ls, neuron-run through /dev/neuronN, cores that are taken, an unplug.

usage: test_guest.py [--out build]
"""
import json
import os
import re
import sys

import numpy as np

from tools import TOP, Tools
import neffs
import trace_event

sys.path.insert(0, os.path.join(TOP, "tests", "testbed"))

HOLD = "neuron-run /tmp/copy.neff -i /tmp/x.npy --repeat 1000000000 >/dev/null 2>/tmp/held.err & "
# Until that process is at it: core 0 counts its jobs.
COUNT = "cat /sys/class/neuron_device/neuron0/neuron_core0/stats/status/success/total"
HELD = f"n=$({COUNT}); for i in $(seq 600); do [ $({COUNT}) -gt $n ] && break; sleep 0.1; done; "


def main():
    t = Tools(__doc__)
    os.environ["O"] = t.out
    from vm import VM   # reads O # pylint: disable=import-outside-toplevel,import-error
    rows = np.random.default_rng(2).standard_normal((300, 10), dtype=np.float32)
    np.save(t.path("x.npy"), rows[:1])
    np.save(t.path("xs.npy"), rows)
    t.path("copy.neff", neffs.Copy(shape=(1, 10)).bytes())
    t.path("monitor.json", json.dumps({"period": "1s", "neuron_runtimes": [{"metrics": [
        {"type": name} for name in ("neuroncore_counters", "memory_used", "inference_stats")]}],
        "system_metrics": [{"type": "neuron_hw_counters"}]}).encode())

    with VM(devices=2, name="cli", modprobe=True) as vm:
        for name in ("x.npy", "xs.npy", "copy.neff", "monitor.json"):
            vm.push(t.path(name), "/tmp/" + name)
        vm.run(["mkdir", "-m", "755", "/run/neuron"])

        def expect(name, status, command, out=(), err=()):
            done = vm.run(["sh", "-c", command], timeout=60)
            wrong = [p for p in out if not re.search(p, done.out, re.M)] + [p for p in err if not re.search(p, done.err, re.M)]
            t.tap.ok(done.code == status and not wrong, name, f"{command}\nstatus {done.code}, not matched: {wrong}\n{done.out}\n{done.err}")
            return done

        # The unit tests of libnrt's calls, with the kernel's backend.
        done = vm.run(["sh", "-c", "SUITE_BACKEND=kernel CMOCKA_MESSAGE_OUTPUT=TAP /usr/lib/neuron/tests/nrt-suite"], timeout=240)
        results = re.findall(r"^(not )?ok \d+ - (.*)", done.out, re.M)
        t.tap.ok(results and not done.code, "libnrt's calls on /dev/neuron*: all were run", f"status {done.code}\n{done.out}\n{done.err}")
        for bad, name in results:
            t.tap.ok(not bad, f"libnrt on /dev/neuron*: {name}", f"{done.out}\n{done.err}" if bad else "")

        expect("neuron-ls lists both chips", 0, "neuron-ls",
               out=[r"^\| NEURON \| NEURON \| NEURON \|", r"^\| [01] +\| 4 +\| 8 GB +\| \S.* \| [0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] \| NA "])
        listed = json.loads(expect("neuron-ls --json-output", 0, "neuron-ls -j").out)
        t.tap.ok([d["neuron_device"] for d in listed] == [0, 1] and listed[1]["neuroncore_ids"] == [4, 5, 6, 7]
                 and listed[0]["memory_size"] == 8 << 30, "JSON has both chips", str(listed))
        for device in ("0", "1"):
            expect(f"a list of inferences on /dev/neuron{device}", 0,
                   f"neuron-run /tmp/copy.neff -d {device} --each -i /tmp/xs.npy -o /tmp/ys.npy && cmp /tmp/xs.npy /tmp/ys.npy",
                   out=["300 inferences"])
        expect("first_app", 0, "cd /tmp && first_app copy.neff", out=["y.out: 40 bytes"])

        expect("a profile through /dev/neuron0", 0, "cd /tmp && neuron-profile capture -n copy.neff -s p.ntff -d 0 -e 3 && "
               "neuron-profile view -n copy.neff -s p.ntff", out=[r"took 66 cycles", r"3 job\(s\), 0\.14 us each", r"copy_0 \(Identity\)$"])
        traced = json.loads(expect("its JSON", 0, "neuron-profile view -n /tmp/copy.neff -s /tmp/p.ntff --json").out or "{}")
        jobs = traced.get("jobs", [])
        t.tap.ok(len(jobs) == 3 and all(j["cycles"] == 66 == sum(o["critical_cycles"] for o in j["trace"]["operators"]) for j in jobs),
                 "the driver's and the trace's cycles are the same", str(traced))
        expect("its trace", 0, "neuron-profile view -n /tmp/copy.neff -s /tmp/p.ntff --output-format chrome >/tmp/p.json")
        events, problems = trace_event.read(vm.pull_bytes("/tmp/p.json").decode())
        t.tap.ok(events and not problems, "a valid trace of events", "\n".join(problems[:10]))
        expect("NEURON_PROFILE", 0, "cd /tmp && NEURON_PROFILE=prof neuron-run copy.neff -i x.npy && ls prof", out=[r"^copy-[0-9a-f]{8}\.neff", r"-0\.ntff$"])

        expect("a process that holds a core is listed", 0, HOLD + HELD + "neuron-ls --wide",
               out=[r"\| +\d+ \| neuron-run /tmp/copy\.neff .* \| \d+\.\d+\.\d+ +\|"])
        expect("at the chip whose core it has only", 0, "neuron-ls", out=[r"^\| 1 +\| 4 +\| 8 GB +\| \S.* \| NA +\| NA +\| NA +\|$"])
        expect("--show-all-procs: at both, which it has open", 0, "neuron-ls -a",
               out=[r"^\| 0 .*\| \d+ +\| neuron-run .*\n(?:\|  .*\n|\+.*\n)*\| 1 .*\| \d+ +\| neuron-run "])
        expect("a user who cannot see its open files sees it, too", 0, "chmod 666 /dev/neuron*; su -s /bin/sh -c neuron-ls nobody",
               out=[r"\| \d+ +\| neuron-run /tmp/copy\.neff .* \| \d+\.\d+\.\d+ +\|"])
        expect("the topology", 0, "neuron-ls -t", out=[r"^\| 1 +\| 4 +\| 8 GB +\|", r"^  \[ 0 \]"])
        report = json.loads(expect("neuron-monitor reports the process and both chips", 0, "neuron-monitor -n 1 -c /tmp/monitor.json").out)
        process, = report["neuron_runtime_data"]
        cores = process["report"]["neuroncore_counters"]["neuroncores_in_use"]
        t.tap.ok(cores["0"]["neuroncore_utilization"] > 0 and process["report"]["inference_stats"]["inference_summary"]["completed"] > 0
                 and process["report"]["memory_used"]["loaded_models"][0]["name"] == "copy"
                 and report["neuron_hardware_info"] == {"neuron_device_count": 2, "neuroncore_per_device_count": 4, "error": ""}
                 and [d["mem_ecc_corrected"] for d in report["system_data"]["neuron_hw_counters"]["neuron_devices"]] == [0, 0],
                 "its numbers are there", str(report))
        expect("neuron-top shows it", 0, "neuron-top -b -d 1s",
               out=[r"^  ND0   NC0  \[ *[1-9]", r"ND1   4 NeuronCores, not in use", r"\[-\] copy", r" neuron-run /tmp/copy\.neff"])
        expect("the core is not available", 1, "NEURON_RT_VISIBLE_CORES=0 neuron-run /tmp/copy.neff -i /tmp/x.npy",
               err=[r"Requested:nc0-nc0 Available:0; nc0 is held by process \d+ \(neuron-run\)"])
        expect("another core is", 0, "neuron-run /tmp/copy.neff -i /tmp/x.npy")
        expect("more free cores than there are", 1, "NEURON_RT_NUM_CORES=8 neuron-run /tmp/copy.neff -i /tmp/x.npy",
               err=["Requested:nc0-nc7 Available:7"])
        expect("cores of a chip that is free", 0, "NEURON_RT_VISIBLE_CORES=4-7 neuron-run /tmp/copy.neff -i /tmp/x.npy")
        expect("a killed process gives its core back", 0, "kill -9 $(pidof neuron-run); while pidof neuron-run >/dev/null; do sleep 0.1; done; "
               "NEURON_RT_VISIBLE_CORES=0 neuron-run /tmp/copy.neff -i /tmp/x.npy")
        expect("an unplug ends an execution with an error", 0, HOLD + HELD +
               "echo 1 >/sys/class/neuron_device/neuron0/device/remove; "
               "for i in 1 2 3 4 5 6 7 8 9 10; do pidof neuron-run >/dev/null || break; sleep 1; done; cat /tmp/held.err",
               out=[r"copy\.neff: .*(No such device|Input/output error).*NRT_HW_ERROR"])
        expect("the other chip still works", 0, "neuron-run /tmp/copy.neff -d 1 -i /tmp/x.npy")
        expect("without driver", 1, "rmmod neuron; neuron-ls", err=["1 Neuron device.* driver is not loaded: modprobe neuron"])
        expect("neuron-run without driver", 1, "neuron-run /tmp/copy.neff -i /tmp/x.npy", err=["driver is not loaded: modprobe neuron"])
        problems = vm.dmesg_problems()
        t.tap.ok(not problems, "no complaint in the kernel log", "\n".join(map(str, problems)))
    t.exit()


if __name__ == "__main__":
    main()
