#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes chips away from processes that do everything at once, on the debug kernel: drivers unbound, functions
removed, resets of every kind, chips whose process is killed, processes killed. TAP on standard output.

race-load (load.c) does what can be done in an endless loop and knows what is wrong; race-cycles (cycles.c) and
killed.py take the chip away; here is what is looked at after each kind and at the end: progress, results, the kernel's log, locks,
memory and descriptors. docs/testing.md has the table.

usage: run_races.py [--cycles N] [--seed N] [--kernel NAME] [KIND...]
"""

import argparse
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/testbed"))
sys.path.insert(0, os.path.join(TOP, "tests/lib"))
import killed  # noqa: E402
import vm  # noqa: E402
from tap import Tap  # noqa: E402

PROGRAMS = "/usr/lib/neuron/tests/"
# Parts of the 200 cycles of make check, and of more. A chip that comes and is killed takes as long as ten resets.
KINDS = {"unbind": 25, "remove": 20, "flr": 40, "bus": 40, "device": 30, "kill": 35, "chip": 10}
LONG_KINDS = {"unbind": 35, "remove": 30, "flr": 25, "bus": 25, "device": 25, "kill": 35, "chip": 25}
PROCESSES = 2
# What must have worked under the load at least once, or the races were none.
NEEDED = {"open", "close", "info", "mem-device", "mem-host", "mem-user", "mem-dmabuf", "export", "mmap", "touch",
          "copy", "cores", "group", "queue", "context", "bind", "submit", "wait", "cancel", "ring", "ring-submit",
          "ring-wait", "destroy", "poll", "fdinfo", "sysfs", "rig", "run"}
# A guest that checks everything, on a busy host.
PATIENCE = 120
# The kernel adds up open files lazily: each of two processors may hold back 31 of them, up or down, in either of two
# readings. The load opens a thousand files of our kinds, five thousand of sysfs.
FILES_BLUR = 2 * 2 * 31 + 8


def counted(kind, cycles):
    """Cycles of a kind of which all together are so many."""
    kinds = KINDS if cycles <= sum(KINDS.values()) else LONG_KINDS
    return max(1, kinds[kind] * cycles // sum(kinds.values()))


class Load:
    """race-load, and what it has printed so far."""

    def __init__(self, guest, seed):
        self.text = ""
        self.job = guest.spawn([PROGRAMS + "race-load", str(PROCESSES), str(seed)], sink=self.receive)
        limit = time.monotonic() + PATIENCE
        while "load: running" not in self.text:
            if self.job.done.is_set() or time.monotonic() > limit:
                raise vm.VMError("the load does not start\n" + self.text)
            time.sleep(0.05)

    def receive(self, _kind, data):
        self.text += data.decode(errors="replace")

    def trouble(self):
        return "\n".join(line for line in self.text.splitlines() if not line.startswith("load: op"))

    def end(self):
        self.job.signal()
        self.job.wait(PATIENCE)
        return self.job.code


class Races:
    def __init__(self, tap, guest, options):
        self.tap, self.guest, self.options = tap, guest, options
        self.load, self.problems, self.errors = None, 0, 0

    def sh(self, command, timeout=PATIENCE):
        return self.guest.run(["sh", "-c", command], timeout=timeout)

    def cat(self, path):
        return self.sh("cat " + path).out.strip()

    def begin(self):
        self.sh("echo scan > /sys/kernel/debug/kmemleak; echo clear > /sys/kernel/debug/kmemleak")
        self.guest.run(["modprobe", "neuron"], timeout=PATIENCE, check=True)
        self.pci = os.path.basename(self.sh("readlink -f /sys/class/neuron_device/neuron0/device").out.strip())
        self.free = self.device_memory()
        self.files = self.open_files()
        self.load = Load(self.guest, self.options.seed)

    def device_memory(self):
        return self.cat("/sys/kernel/debug/neuron/neuron0/memory")

    def open_files(self):
        return int(self.cat("/proc/sys/fs/file-nr").split()[0])

    def healthy(self, name):
        """Nothing in the kernel's log, since the last look, and the load lives."""
        problems = self.guest.dmesg_problems()
        new = problems[self.problems:]
        self.problems = len(problems)
        self.tap.ok(not new, "%s: no problem in the kernel's log" % name, "\n".join(new))
        self.tap.ok(not self.load.job.done.is_set() and "TROUBLE" not in self.load.text,
                    "%s: the load goes on, no hang, no wrong result" % name, self.load.trouble())
        errors = self.guest.chip_errors()
        new = errors[self.errors:]
        self.errors = len(errors)
        if name == "device":
            new = [line for line in new if not re.search(vm.CUT_OFF, line)]
        self.tap.ok(not new, "%s: the chip finds no fault with the driver" % name, "\n".join(new[:20]))

    def cycles(self, kind):
        count = counted(kind, self.options.cycles)
        r = self.guest.run([PROGRAMS + "race-cycles", kind, str(count), str(self.options.seed), self.pci],
                           timeout=PATIENCE + 15 * count)
        self.tap.note(r.out)
        self.tap.ok(r.code == 0, "%d cycles of %s against the load, each followed by a right result" % (count, kind),
                    r.out + r.err)
        if r.code:
            self.tap.note(self.load.trouble())
        self.healthy(kind)

    def killed(self, killer, count):
        died, reason = killer.run(count)
        self.tap.ok(died == count, "%d chips come, are used, and their process is killed" % count, reason)
        if reason:
            self.tap.note(self.load.trouble())
        self.healthy("chip")

    def end(self):
        # Undisturbed, until the long ways through the interface have been gone to their end, too.
        limit = time.monotonic() + PATIENCE
        while "load: complete" not in self.load.text and not self.load.job.done.is_set() and time.monotonic() < limit:
            time.sleep(0.1)
        tap = self.tap
        code = self.load.end()
        tap.ok(code == 0, "the load ends when it is asked to, without trouble", self.load.trouble())
        counts = {m[0]: (int(m[1]), int(m[2]))
                  for m in re.findall(r"^load: op (\S+) good (\d+) failed (\d+)", self.load.text, re.M)}
        tap.note(" ".join("%s %d/%d" % (n, g, f) for n, (g, f) in counts.items()))
        missing = sorted(n for n in NEEDED if not counts.get(n, (0, 0))[0])
        tap.ok(not missing, "each kind of call worked at times", "never: " + " ".join(missing))
        m = re.search(r"checks (\d+)", self.load.text)
        tap.ok(m and int(m.group(1)) > 0, "results were compared under the load: %s" % (m.group(1) if m else 0))
        memory = self.device_memory()
        tap.ok(memory == self.free, "all memory of the chip and of the host is given back",
               "before:\n%s\nafter:\n%s" % (self.free, memory))
        files = self.open_files()
        tap.ok(files <= self.files + FILES_BLUR, "no files are left open", "%d before, %d after" % (self.files, files))
        r = self.sh("rmmod neuron")
        tap.ok(r.code == 0, "the module can be removed", r.err)
        stats = self.cat("/proc/lockdep_stats")
        tap.ok(re.search(r"debug_locks:\s+1", stats), "lockdep has watched to the end", stats[-600:])
        self.leaks()
        problems = self.guest.dmesg_problems()
        tap.ok(len(problems) == self.problems, "no problem in the kernel's log at the end",
               "\n".join(problems[self.problems:]))
        tap.ok(len(self.guest.chip_errors()) == self.errors, "the chip finds no fault with the end",
               "\n".join(self.guest.chip_errors()[self.errors:][:20]))

    def leaks(self):
        """Younger than some seconds is not looked at; what is seen once may be on its way."""
        kmemleak = "/sys/kernel/debug/kmemleak"
        r = self.sh("sleep 6; echo scan > %s && sleep 1; echo scan > %s && cat %s" % ((kmemleak,) * 3), timeout=300)
        ours = [block for block in re.split(r"(?=unreferenced object)", r.out) if "neuron" in block]
        self.tap.ok(r.code == 0 and not ours, "kmemleak finds no leak of the driver", "".join(ours[:10]) + r.err)
        if r.out.strip() and not ours:
            self.tap.note("of others:\n" + r.out[:3000])


def guest_of(tap, options, kinds, chips):
    """Races of these kinds, of which so many are chips that are killed, in one guest."""
    killer = None
    try:
        # The PCI core's own locks make a circle when it plugs a chip in natively (pciehp's reset_lock and
        # pci_rescan_remove_lock): lockdep would say so and watch no more. Chips are found by a rescan instead.
        with vm.VM(devices=1, name="races", kernel=options.kernel, lifetime=600 + 30 * options.cycles,
                   append="pcie_ports=compat" if chips else "", qemu_args=killed.slots(chips)) as guest:
            tap.note("Linux %s, up after %.0f s, console %s" % (guest.release, guest.boot_seconds, guest.console))
            killer = killed.Killer(tap, guest, PATIENCE, options.seed)
            races = Races(tap, guest, options)
            races.begin()
            for kind in kinds:
                begin = time.monotonic()
                if kind == "chip":
                    races.killed(killer, chips)
                else:
                    races.cycles(kind)
                tap.note("%s took %.1f s" % (kind, time.monotonic() - begin))
            races.end()
    finally:
        if killer:
            killer.end()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cycles", type=int, default=sum(KINDS.values()), help="of all kinds together (%(default)s)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--kernel", default="debug")
    p.add_argument("kinds", nargs="*", metavar="KIND", help="of: " + " ".join(KINDS))
    options = p.parse_args()
    for kind in options.kinds:
        if kind not in KINDS:
            p.error("no kind of race: %s" % kind)
    kinds = options.kinds or list(KINDS)
    tap = Tap()
    try:
        chips = counted("chip", options.cycles) if "chip" in kinds else 0
        guest_of(tap, options, kinds, min(chips, killed.SLOTS))
        for more in range(killed.SLOTS, chips, killed.SLOTS):
            guest_of(tap, options, ["chip"], min(chips - more, killed.SLOTS))
    except vm.VMError as e:
        tap.ok(False, "the guest lives", e)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
