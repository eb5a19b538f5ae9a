#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks emulated chips under load and looks how the driver recovers: each rung of the ladder, bus errors, system
sleep, chips that come and go. TAP on standard output. While one file is in trouble another computes on another
NeuronCore: the lower rungs must not reach it.

usage: run_recovery.py [PART...]   (default: all of PARTS)
"""

import json
import os
import re
import struct
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/testbed"))
sys.path.insert(0, os.path.join(TOP, "tests/lib"))
import handover  # noqa: E402
import vm  # noqa: E402
from tap import Tap  # noqa: E402

CLIENT = "/usr/lib/neuron/tests/recovery-client"
DEBUGFS = "/sys/kernel/debug/neuron/neuron%d/"
SYSFS = "/sys/class/neuron_device/neuron%d/"
# Of the chip's MSI-X.
VECTORS = 16
EIO, ENODEV, TIMEOUT, ABORTED = -5, -19, 6, 7
# Less than a victim waits (60 s), more than anything takes on a busy host.
PATIENCE = 50
# What chips say that are cut off from memory at work, or go on with a ring that is no more until they are reset.
CUT_OFF = r"guest-error: (job-|dma-|udma-|queue-config|crash|fwio-address)"


class Client:
    """A client in the guest, and the lines that it has printed so far."""

    def __init__(self, guest, *args):
        self.guest, self.text, self.job = guest, "", None
        self.job = guest.spawn([CLIENT] + [str(a) for a in args], sink=self._receive)

    def _receive(self, _kind, data):
        self.text += data.decode(errors="replace")

    def expect(self, pattern, timeout=PATIENCE, start=0):
        """Whether a line like that comes after the first characters."""
        limit = time.monotonic() + timeout
        while not re.search(pattern, self.text[start:], re.M):
            if time.monotonic() > limit or self.job.done.is_set():
                return bool(re.search(pattern, self.text[start:], re.M))
            time.sleep(0.02)
        return True

    def end(self, timeout=2 * PATIENCE):
        """What it printed until it ended by itself."""
        self.job.wait(timeout)
        return self.text

    def stop(self):
        self.job.signal()
        return self.end()


class Bench:
    """A guest and what the tests ask of it."""

    def __init__(self, tap, guest):
        self.tap, self.guest = tap, guest

    def start(self, *args):
        c = Client(self.guest, *args)
        if not c.expect("^running"):
            self.tap.ok(False, "%s starts" % (args,), c.text)
        return c

    def innocent(self, core=1, device=0):
        return self.start("innocent", "/dev/neuron%d" % device, core)

    def victim(self, jobs=3, core=0, device=0):
        return self.start("victim", "/dev/neuron%d" % device, core, jobs)

    def sh(self, command, timeout=PATIENCE):
        return self.guest.run(["sh", "-c", command], timeout=timeout)

    def recover(self, command, device=0):
        r = self.sh("echo %s > %srecover" % (command, DEBUGFS % device))
        if r.code:
            self.tap.ok(False, "recover takes '%s'" % command, r.err)

    def counter(self, name, device=0):
        text = self.sh("cat %swatchdog" % (DEBUGFS % device)).out
        return int(re.search(r"^%s (\d+)$" % name, text, re.M).group(1))

    def pci(self, device=0):
        return os.path.basename(self.sh("readlink -f %sdevice" % (SYSFS % device)).out.strip())

    def state(self, device=0):
        return self.sh("cat %sstate" % (SYSFS % device)).out.strip()

    def quick(self, device=0, core=2, jobs=3):
        return Client(self.guest, "quick", "/dev/neuron%d" % device, core, jobs).end()

    def works(self, name, device=0):
        text = self.quick(device)
        self.tap.ok("result 0 " in text, name + ": the device works for who opens it now", text)

    def spared(self, client, name):
        before = client.text
        text = client.stop()
        rounds = re.search(r"done (\d+) rounds", text)
        self.tap.ok(rounds and int(rounds.group(1)) > 1, name + ": the other file computes on", before + text)

    def aborted(self, victim, jobs, name):
        text = victim.end()
        self.tap.ok(text.count("status %d" % ABORTED) == jobs, name + ": all jobs end as aborted", text)
        self.tap.ok("reuse: status 0" in text, name + ": the queue stays usable", text)
        self.tap.ok("mappings: device live, host live" in text, name + ": mappings stay", text)

    def until(self, condition):
        """Whether the condition came true; how long it takes is no matter."""
        limit = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > limit:
                return False
            time.sleep(0.1)
        return True

    def lost(self, client, jobs, error, name, seconds=PATIENCE):
        text = client.end()
        waited = re.search(r"waited (\d+) ms", text)
        self.tap.ok(text.count("error %d" % error) == jobs + 1, name + ": jobs and calls end with %d" % error, text)
        self.tap.ok(waited and int(waited.group(1)) < seconds * 1000, name + ": nobody waits for a time-out", text)
        self.tap.ok("mappings: device gone, host gone" in text, name + ": mappings raise SIGBUS", text)

    def admin_reset(self, method="", device=0):
        path = "/sys/bus/pci/devices/" + self.pci(device)
        set_method = "echo %s > %s/reset_method && " % (method, path) if method else ""
        return self.sh("%secho 1 > %s/reset" % (set_method, path))

    def finish(self, name, ignore=None):
        problems = self.guest.dmesg_problems(ignore)
        self.tap.ok(not problems, name + ": no problem in the kernel's log", "\n".join(problems))


# --- parts ---------------------------------------------------------------------------------------------------------

def lower_rungs(bench):
    tap = bench.tap
    other = bench.innocent()
    victim = bench.victim()
    slot = bench.sh("awk '$2 == 0 && $1 < 16 {print $1}' %squeues" % (DEBUGFS % 0)).out.split()[0]
    bench.recover("abort " + slot)
    bench.aborted(victim, 3, "abort of a queue")
    tap.ok(bench.counter("aborts") == 1, "abort of a queue: is counted")

    victim = bench.victim()
    bench.recover("core 0")
    bench.aborted(victim, 3, "reset of a core")
    tap.ok(bench.counter("core_resets") == 1 and bench.counter("device_resets") == 0, "reset of a core: is counted")
    bench.spared(other, "lower rungs")
    bench.sh("i=0; while [ $i -lt 300 ] && grep -q '^heartbeats 0$' %swatchdog; do sleep 0.1; i=$((i + 1)); done"
             % (DEBUGFS % 0))
    tap.ok(bench.counter("heartbeats") > 0, "the watchdog sees the heartbeat")
    r = bench.sh("for c in abort 'abort 64' 'core 4' nonsense; do echo $c > %srecover && exit 1; done; true" % (DEBUGFS % 0))
    tap.ok(r.code == 0, "recover refuses what there is not")
    errors = bench.guest.chip_errors()
    tap.ok(not errors, "lower rungs: the chip finds no fault with the driver", "\n".join(errors))


# Of an end by the rungs below the reset of the device: the first job was on the core, the others waited.
ENDED = r"job 1: status %d\njob 2: status %d\njob 3: status %d\n(.*\n)*mappings: device live, host live\nreuse: status 0$" % (
    TIMEOUT, ABORTED, ABORTED)


def stuck(bench, core, until):
    bench.guest.chips[0].control("fault job-stuck:core=%d,until=%s,count=1" % (core, until))
    return bench.start("short", "/dev/neuron0", core, 3)


def steps(bench):
    return re.findall(r"^\d+ (.*)$", bench.sh("cat %swatchdog" % (DEBUGFS % 0)).out, re.M)


def grown(bench, before):
    """By how much aborts, core and device resets have grown, and the numbers themselves."""
    now = [bench.counter(name) for name in ("aborts", "core_resets", "device_resets")]
    return [n - b for n, b in zip(now, before)], now


def speed(bench, value):
    """Of the recovery, so that nobody waits half a minute for each rung."""
    bench.sh("echo %d > %srecovery_speed" % (value, DEBUGFS % 0))


def whole_ladder(bench):
    """Jobs that no time-out ends, up to the rung that helps: each owner is told the truth, and others nothing."""
    tap = bench.tap
    speed(bench, 4)
    _, before = grown(bench, [0] * 3)
    other = bench.innocent()
    first, second, killed = stuck(bench, 0, "abort"), stuck(bench, 2, "core"), stuck(bench, 3, "core")
    killed.job.signal(9)
    tap.ok(re.search(ENDED, first.end(), re.M), "a job that ends when its queue is aborted: time-out, queue usable",
           first.text)
    tap.ok(re.search(ENDED, second.end(), re.M), "a job that ends when its core is reset: time-out, queue usable",
           second.text)
    killed.job.wait(60)
    text = bench.quick(core=3)
    tap.ok("result 0 " in text, "a job whose owner is killed: the core is reset, and free", text)
    bench.spared(other, "abort and resets of other cores")
    counts, before = grown(bench, before)
    tap.ok(counts == [2, 2, 0], "as many rungs were taken as it took", "%s\n%s" % (counts, "\n".join(steps(bench))))

    events = bench.start("uevents")
    other = bench.innocent()
    taken = len(steps(bench))
    last = stuck(bench, 0, "device")
    bench.lost(last, 3, EIO, "a job that only the device's reset ends", 60)
    tap.ok(events.expect("NEURON_EVENT=reset NEURON_REASON=a NeuronCore does not reset.*\n(.*\n)*NEURON_EVENT=recovered"),
           "user space is told of that reset", events.text)
    events.job.signal(9)
    tap.ok(re.search(r"error -(5|110) ", other.end()), "the other files end with it", other.text)
    counts, before = grown(bench, before)
    tap.ok(counts == [1, 1, 1], "rung by rung to the device's reset", "%s\n%s" % (counts, "\n".join(steps(bench))))
    names = [re.match(r"abort|reset core|broken|reset device|", step).group(0) for step in steps(bench)[taken:]]
    tap.ok([n for n in names if n] == ["abort", "reset core", "broken", "reset device"], "in their order",
           "\n".join(steps(bench)[taken:]))
    bench.guest.chips[0].control("clear all")
    speed(bench, 1)
    bench.works("after the whole ladder")
    errors = bench.guest.chip_errors("guest-error: job-timeout|" + CUT_OFF)
    tap.ok(not errors, "whole ladder: the chip finds no other fault with the driver", "\n".join(errors))
    bench.admin_reset()


def dead_firmware(bench):
    """A chip that nobody uses, whose firmware hangs for good."""
    tap, chip = bench.tap, bench.guest.chips[0]
    events = bench.start("uevents")
    speed(bench, 10)
    before = bench.counter("device_resets")
    chip.control("fault fw-hang")
    tap.ok(events.expect("NEURON_EVENT=reset NEURON_REASON=firmware hangs", 60), "an idle chip that hangs is noticed",
           events.text)
    tap.ok(events.expect("NEURON_EVENT=broken NEURON_REASON=firmware hangs", 60), "and given up if resets do not help",
           events.text)
    tap.ok(bench.counter("device_resets") == before + 3, "after three attempts", "\n".join(steps(bench)))
    tap.ok("NEURON_EVENT=recovered" not in events.text, "of which none was said to have worked", events.text)
    tap.ok(bench.state() == "broken", "sysfs says so", bench.state())
    tap.ok(steps(bench)[-1:] == ["gave up"], "debugfs, too", "\n".join(steps(bench)))
    tap.ok("neuron0: reset 3 times" in bench.guest.dmesg(), "and the log, with the way out")
    tap.ok("error %d at the start" % EIO in bench.quick(), "who opens it gets EIO at once")
    chip.control("clear all")
    tap.ok("error %d at the start" % EIO in bench.quick(), "also when the chip is well again")
    start, pci = len(events.text), bench.pci()
    r = bench.sh("cd /sys/bus/pci/drivers/neuron && echo %s > unbind && echo %s > bind" % (pci, pci))
    tap.ok(r.code == 0, "it can be bound anew", r.err)
    bench.works("bound anew")
    tap.ok(bench.state() == "ready", "bound anew: sysfs says so", events.text[start:])
    events.job.signal(9)


def parse_dump(data):
    magic, version, size, _ = struct.unpack_from("<8sIIQ", data)
    sections = {}
    for i in range(8):
        kind, _, offset, length = struct.unpack_from("<IIQQ", data, 24 + 24 * i)
        sections[kind] = data[offset:offset + length]
    return magic, version, size, sections


def device_reset(bench):
    tap, guest = bench.tap, bench.guest
    events = bench.start("uevents")
    other = bench.innocent()
    victim = bench.victim()
    bench.recover("device")
    bench.lost(victim, 3, EIO, "device reset")
    # A copy that was under way says that it did not complete.
    tap.ok(re.search(r"error -(5|110) ", other.end()), "device reset: other files end, too", other.text)
    bench.works("device reset")
    tap.ok(events.expect("NEURON_EVENT=reset NEURON_REASON=asked for.*\n(.*\n)*NEURON_EVENT=recovered"),
           "device reset: user space is told", events.text)
    events.job.signal(9)
    path = bench.sh("ls /sys/class/devcoredump/devcd*/data %scoredump 2>/dev/null" % (DEBUGFS % 0)).out.split()
    dump = guest.pull_bytes(path[0] if path else "/none")
    magic, version, size, sections = parse_dump(dump)
    text = sections.get(1, b"").decode()
    tap.ok(magic == b"NEURDUMP" and version == 1 and size == len(dump), "coredump: its header is right", dump[:32])
    tap.ok("asked for through debugfs" in text and "queue 0: " in text and "ns: broken: " in text,
           "coredump: holds queues and what was done before", text)
    tap.ok(sections.get(2, b"")[:4] == b"NEXT" and len(sections.get(3, b"")) == 64 * 64,
           "coredump: holds registers", sorted(sections))
    tap.ok(b"reset: " in sections.get(5, b""), "coredump: holds the firmware's log", sections.get(5))

    # Two more are allowed, the next is not.
    for _ in range(2):
        bench.recover("device")
        bench.works("reset again")
    bench.recover("device")
    tap.ok(bench.until(lambda: bench.state() == "broken") and "error %d" % EIO in bench.quick(),
           "too many resets: the device stays broken")
    bench.admin_reset()
    tap.ok(bench.state() == "ready", "too many resets: an administrator's reset helps", bench.state())
    bench.works("reset by an administrator")


def outside_resets(bench):
    for method in ("flr", "bus"):
        victim = bench.victim()
        r = bench.admin_reset(method)
        bench.tap.ok(r.code == 0, method + " reset: is done", r.err)
        bench.lost(victim, 3, EIO, method + " reset")
        bench.works(method + " reset")
    bench.sh("echo default > /sys/bus/pci/devices/%s/reset_method" % bench.pci())


def resets_meet(bench):
    """An administrator resets the chip while the driver does; neither may wait for the other for ever."""
    for turn in range(5):
        r = bench.sh("echo device > %srecover; echo 1 > /sys/bus/pci/devices/%s/reset" % (DEBUGFS % 0, bench.pci()), 60)
        if not bench.tap.ok(r.code == 0, "resets from both sides, %d" % turn, r.err):
            break
    bench.works("resets from both sides")


def silent_mailbox(bench):
    """Firmware that beats and does not answer: the first to ask finds out, nobody is deaf to signals meanwhile."""
    tap, chip = bench.tap, bench.guest.chips[0]
    power = SYSFS % 0 + "stats/power/utilization"
    events = bench.start("uevents")
    # A cached answer is a second old at most. Readers that write to one pipe would wait for each other.
    time.sleep(1.1)
    # 15 tries of 0.3 s, all of the first reader: who is killed must not have had some of them, and so comes later.
    speed(bench, 3)
    chip.control("fault fwio-silent:count=15")
    r = bench.sh("for i in 1 2 3 4; do cat %s > /dev/null & pids=\"$pids $!\"; done; sleep 1; cat %s > /dev/null & victim=$!; sleep 1; kill -9 $victim; "
                 "wait $victim; echo code $?; kill -0 $pids && echo others wait; wait" % (power, power), 120)
    tap.ok("code 137\nothers wait" in r.out, "a reader that waits for the mailbox can be killed", r.out + r.err)
    tap.ok(r.err.count("Input/output error") == 4, "the others get EIO", r.out + r.err)
    tap.ok(events.expect("NEURON_EVENT=reset NEURON_REASON=its mailbox does not answer", 60), "the device is reset",
           events.text)
    tap.ok(events.expect("NEURON_EVENT=recovered", 60), "which mends it", events.text)
    events.job.signal(9)
    chip.control("clear all")
    speed(bench, 1)
    bench.works("silent mailbox")


def bus_errors(bench):
    tap, guest = bench.tap, bench.guest
    if "AER: enabled" not in guest.dmesg():
        tap.skip("bus errors", "this kernel has no AER")
        return
    other = bench.innocent()
    guest.hmp("pcie_aer_inject_error rp0 COMP_TIME")
    tap.ok(bench.until(lambda: "bus error, the chip answers" in guest.dmesg()), "non-fatal error: is noticed")
    bench.spared(other, "non-fatal error")
    victim = bench.victim()
    guest.hmp("pcie_aer_inject_error rp0 DLP")
    bench.lost(victim, 3, EIO, "fatal error")
    bench.until(lambda: bench.state() == "ready")
    bench.works("fatal error")
    tap.ok(bench.until(lambda: "device recovery successful" in guest.dmesg()), "fatal error: the PCI core is content")


def sleep(bench, name, state, wake):
    """While jobs and copies are under way."""
    tap, guest = bench.tap, bench.guest
    other = bench.innocent()
    victim = bench.victim()
    before = guest.dmesg().count("resumed, files must be opened anew")
    # It may wake up before it sleeps.
    asleep = guest.spawn(["sh", "-c", "until echo %s > /sys/power/state; do sleep 0.1; done" % state])
    wake(asleep)
    tap.ok(asleep.wait(2 * PATIENCE).code == 0, name + ": the system sleeps and wakes up")
    tap.ok(guest.dmesg().count("resumed, files must be opened anew") > before, name + ": so does the device")
    bench.lost(victim, 3, EIO, name)
    tap.ok(re.search(r"error -(5|110) ", other.end()), name + ": files of before are told", other.text)
    bench.works(name)


def system_sleep(bench):
    """S3: everything but memory loses its power."""
    def wake(_asleep):
        bench.until(lambda: bench.guest.qmp("query-status")["status"] == "suspended")
        bench.guest.qmp("system_wakeup")
    sleep(bench, "sleep", "mem", wake)


def idle_sleep(bench):
    """s2idle: devices sleep, and the processors wait for an interrupt: a key, because this guest's clock gives none."""
    guest = bench.guest
    bench.sh("for f in /sys/devices/platform/i8042/serio*/power/wakeup; do echo enabled > $f; done")

    def wake(asleep):
        pause = 0.5
        while not guest.wait(asleep.done, pause) and pause < PATIENCE:
            guest.qmp("send-key", keys=[{"type": "qcode", "data": "a"}])
            pause *= 2
    sleep(bench, "s2idle", "freeze", wake)


SLEEPS = {
    "idle_sleep": idle_sleep,
    "system_sleep": system_sleep,
}


def sleeping_guest(tap, names):
    """A guest that can be woken: QEMU loads an ELF kernel anew at a wake-up, and takes a chip in a slot for
    hot-plug away."""
    kernel = vm.find_kernel(os.environ.get("NEURON_KERNEL") or "6.12")[0]
    with tempfile.TemporaryDirectory(prefix="neuron-sleep-") as directory:
        log_dir = os.path.join(vm.output_dir(), "vm")
        os.makedirs(log_dir, exist_ok=True)
        chip = vm.Emulator(0, directory, os.path.join(log_dir, "recovery-sleep.emu.log"))
        chip.wait_ready()
        device = {"driver": "vfio-user-pci", "id": "chip0", "bus": "fixed",
                  "socket": {"path": chip.socket, "type": "unix"}, "x-msg-timeout": 60000}
        try:
            with vm.VM(name="recovery-sleep", vmlinuz=os.path.join(kernel, "vmlinuz"), lifetime=500,
                       qemu_args=["-device", "pcie-root-port,id=fixed,chassis=30,io-reserve=0,hotplug=off",
                                  "-device", json.dumps(device)]) as guest:
                guest.run(["modprobe", "neuron"], timeout=2 * PATIENCE, check=True)
                bench = Bench(tap, guest)
                for name in names:
                    SLEEPS[name](bench)
                    bench.finish(name)
        finally:
            chip.kill()


def hot_plug(bench):
    tap, guest = bench.tap, bench.guest
    chip = vm.Emulator(1, guest.directory, guest._log + ".emu-late.log")
    chip.wait_ready()
    try:
        guest.qmp("device_add", driver="vfio-user-pci", id="late", bus="spare",
                  socket={"path": chip.socket, "type": "unix"}, **{"x-msg-timeout": 60000})
        bench.until(lambda: bench.sh("test -c /dev/neuron1").code == 0)
        bench.works("hot-plug", device=1)

        other = bench.innocent()
        victim = bench.victim(device=1)
        copier = bench.innocent(device=1)
        guest.kill_chip(chip)
        bench.lost(victim, 3, ENODEV, "the chip's process is killed")
        bench.spared(other, "killed")
        tap.ok(re.search(r"error -(19|5|110) ", copier.end()), "killed: copies end with an error", copier.text)
        pci = bench.pci(1)
        r = bench.sh("echo %s > /sys/bus/pci/drivers/neuron/unbind" % pci)
        tap.ok(r.code == 0, "killed: unbind works", r)
        r = bench.sh("echo 1 > /sys/bus/pci/devices/%s/remove" % pci)
        tap.ok(r.code == 0, "killed: its function can be removed", r)
    finally:
        chip.kill()


def coming_and_going(bench):
    tap = bench.tap
    if "pciehp" in bench.guest.dmesg():
        hot_plug(bench)
    else:
        tap.skip("hot-plug", "this kernel does not do it natively")
    victim = bench.victim()
    pci = bench.pci()
    r = bench.sh("echo 1 > /sys/bus/pci/devices/%s/remove && echo 1 > /sys/bus/pci/rescan" % pci)
    tap.ok(r.code == 0, "remove and rescan under load", r.err)
    bench.lost(victim, 3, ENODEV, "removed")
    bench.works("rescan")


def faults(bench):
    tap, chip = bench.tap, bench.guest.chips[0]
    other = bench.innocent()
    chip.control("fault no-irq:count=1,vector=2")
    missed = bench.counter("missed_interrupts")
    text = bench.quick(core=0, jobs=3)
    tap.ok("result 0 " in text, "missed interrupt: the job completes", text)
    tap.ok(bench.counter("missed_interrupts") > missed, "missed interrupt: is counted",
           text + "\n".join(chip.control("faults")))
    chip.control("clear all")

    for vector, whose in ((4, "of a queue"), (0, "of firmware")):
        chip.control("fault irq-storm:vector=%d" % vector)
        noticed = "storm of interrupts on vector %d$" % vector
        tap.ok(bench.until(lambda: re.search(noticed, bench.guest.dmesg(), re.M)),
               "storm of interrupts %s: is noticed" % whose,
               bench.sh("grep neuron /proc/interrupts; cat %swatchdog" % (DEBUGFS % 0)).out)
        text = bench.quick(jobs=10)
        chip.control("clear all")
        tap.ok("result 0 " in text, "storm of interrupts %s: jobs run" % whose, text)
    bench.spared(other, "storm of interrupts")

    events = bench.start("uevents")
    keep = bench.start("uevents")
    for spec, event in (("over-temperature", "thermal NEURON_TEMPERATURE=110000"), ("ecc-corrected", "ecc NEURON_ECC=1 ")):
        chip.control("fault " + spec)
        tap.ok(events.expect("NEURON_EVENT=" + event), "%s: user space is told" % spec, events.text)
    chip.control("clear all")
    keep.job.signal(9)

    for spec, why in (("wrong-id:count=1", "nonsense"), ("head-jump", "nonsense"),
                      ("fw-hang:count=1", "firmware hangs")):
        victim = bench.victim() if spec.startswith("fw") else None
        before = len(events.text)
        chip.control("fault " + spec)
        if victim:
            bench.lost(victim, 3, EIO, spec)
        else:
            text = bench.quick()
            tap.ok("result %d" % EIO in text, "%s: the job ends with an error" % spec, text)
        tap.ok(events.expect("NEURON_EVENT=recovered NEURON_REASON=.*" + why, start=before), "%s: recovered" % spec,
               events.text[before:])
        chip.control("clear all")
        bench.works(spec)
    events.job.signal(9)
    bench.admin_reset()

    victim = bench.victim()
    copier = bench.innocent()
    chip.control("fault all-ones")
    bench.lost(victim, 3, ENODEV, "all ones")
    tap.ok(re.search(r"error -(19|5|110) ", copier.end()), "all ones: copies end with an error", copier.text)
    tap.ok("error %d" % ENODEV in bench.quick(), "all ones: nobody can open it")
    chip.control("clear all")
    r = bench.admin_reset()
    tap.ok(r.code == 0, "all ones: an administrator's reset", r.err)
    bench.works("all ones, and back")


def rebind(bench, pci, action):
    return bench.sh("echo %s > /sys/bus/pci/drivers/neuron/%s" % (pci, action))


def storm_at_unbind(bench):
    """A vector is masked when the driver goes: it is not unmasked once it is freed."""
    tap, chip, pci = bench.tap, bench.guest.chips[0], bench.pci()
    # The last vector is freed first; whoever frees the next is held for longer than a vector is masked.
    if bench.sh("modprobe neuron_pause_test symbol=free_irq skip=1").code:
        tap.skip("unbind under a storm", "this kernel has no kprobes")
        return
    chip.control("fault irq-storm:vector=%d" % (VECTORS - 1))
    noticed = "storm of interrupts on vector %d$" % (VECTORS - 1)
    tap.ok(bench.until(lambda: re.search(noticed, bench.guest.dmesg(), re.M)), "unbind under a storm: is noticed")
    unbind = bench.guest.spawn(["sh", "-c", "echo %s > /sys/bus/pci/drivers/neuron/unbind" % pci])
    pause = "/sys/module/neuron_pause_test/parameters/"
    tap.ok(bench.until(lambda: bench.sh("cat %spaused" % pause).out.strip() == "Y"),
           "unbind under a storm: one vector is freed, others are not")
    time.sleep(1)
    bench.sh("echo 1 > %sgo" % pause)
    tap.ok(unbind.wait(PATIENCE).code == 0, "unbind under a storm: is done")
    chip.control("clear all")
    bench.sh("rmmod neuron_pause_test")
    rebind(bench, pci, "bind")
    bench.works("unbind under a storm")


def stall_at_unbind(bench):
    """A copy that never ends does not keep the driver from going."""
    tap, chip, pci = bench.tap, bench.guest.chips[0], bench.pci()
    copier = bench.innocent()
    chip.control("fault udma-stall")
    tap.ok(bench.until(lambda: not re.search("fired=0", "".join(chip.control("faults")))), "a copy stalls",
           chip.control("faults"))
    r = rebind(bench, pci, "unbind")
    # The driver waits for a copy for 20 s and more if nobody is in a hurry.
    tap.ok(r.code == 0 and r.seconds < 15, "unbind does not wait for a copy that stalls", "%s, %.1f s" % (r, r.seconds))
    tap.ok(re.search(r"error -(19|5|110) ", copier.end()), "who waits for it is told", copier.text)
    chip.control("clear all")
    rebind(bench, pci, "bind")
    bench.works("unbind with a copy that stalls")


IMAGE = "/usr/lib/firmware/neuron/inferentia.bin"


def refused(bench):
    """A chip that is told to boot an image which it refuses."""
    bench.sh("rmmod neuron && cp %s /tmp/image && printf spoilt | dd of=%s bs=1 seek=4096 conv=notrunc 2>/dev/null; "
             "modprobe neuron fw_load=1; rmmod neuron; cp /tmp/image %s" % (IMAGE, IMAGE, IMAGE))


def bad_firmware(bench):
    """Whatever firmware a chip was left with, modprobe is all it takes once the right one is in its place."""
    tap, chip = bench.tap, bench.guest.chips[0]
    for options, whose in (("", "of its flash"), (" fw_load=1", "that is loaded")):
        before = bench.guest.dmesg().count("firmware does not start: state 0, boot error")
        refused(bench)
        tap.ok(bench.guest.dmesg().count("firmware does not start: state 0, boot error") == before + 1,
               "a spoilt image is refused, once", bench.guest.dmesg()[-2000:])
        r = bench.sh("modprobe neuron" + options)
        tap.ok(r.code == 0 and bench.state() == "ready", "after that, the firmware %s boots" % whose,
               r.err + bench.guest.dmesg()[-2000:])
        bench.works("firmware " + whose)
    bench.sh("rmmod neuron")
    chip.control("fault fw-hang:count=1")
    r = bench.sh("modprobe neuron")
    tap.ok(r.code == 0 and bench.state() == "ready", "firmware that hangs already is booted anew",
           r.err + bench.guest.dmesg()[-2000:])
    chip.control("clear all")
    bench.works("firmware that hung")


PARTS = {
    "lower_rungs": lower_rungs,
    "whole_ladder": whole_ladder,
    "dead_firmware": dead_firmware,
    "device_reset": device_reset,
    "outside_resets": outside_resets,
    "resets_meet": resets_meet,
    "silent_mailbox": silent_mailbox,
    "bus_errors": bus_errors,
    "faults": faults,
    "storm_at_unbind": storm_at_unbind,
    "stall_at_unbind": stall_at_unbind,
    "bad_firmware": bad_firmware,
    "coming_and_going": coming_and_going,
    "kexec": handover.kexec,
}


def common_guest(tap, names):
    with vm.VM(devices=1, name="recovery", modprobe=True, lifetime=560,
               qemu_args=["-device", "pcie-root-port,id=spare,chassis=20,io-reserve=0"]) as guest:
        bench = Bench(tap, guest)
        for name in names:
            begin = time.monotonic()
            PARTS[name](bench)
            bench.finish(name)
            print("# %s took %.1f s" % (name, time.monotonic() - begin), flush=True)
        handover.poweroff(bench)
    errors = guest.chip_errors(CUT_OFF)
    tap.ok(not errors, "the chip found no fault with the driver", "\n".join(errors[:20]))


def main():
    known = list(PARTS) + list(SLEEPS)
    names = sys.argv[1:] or known
    for name in names:
        if name not in known:
            sys.exit("usage: run_recovery.py [%s]..." % "|".join(known))
    tap = Tap()
    try:
        common = [name for name in names if name in PARTS]
        if common:
            common_guest(tap, common)
        asleep = [name for name in names if name in SLEEPS]
        if asleep:
            begin = time.monotonic()
            sleeping_guest(tap, asleep)
            print("# %s took %.1f s" % (" and ".join(asleep), time.monotonic() - begin), flush=True)
    except vm.VMError as e:
        tap.ok(False, "the guest lives", e)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
