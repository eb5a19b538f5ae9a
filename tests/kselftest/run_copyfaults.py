#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test_copyfault in a guest with two chips, each test with its fault set in the chip: TAP.

A fault that was never hit fails the test: it would prove nothing. Tests that wait for a time-out of the driver run
at the same time, and shorten it: such a time-out is 20 seconds.
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/testbed"))
sys.path.insert(0, os.path.join(TOP, "tests/lib"))
sys.path.insert(0, os.path.join(TOP, "tests/groups"))
import broken  # noqa: E402
import errno_table  # noqa: E402
import tap  # noqa: E402
import vm  # noqa: E402

PROGRAM = "/usr/lib/neuron/tests/test_copyfault"
PATIENCE = 90


def rings(guest, chip=0):
    """Sums of the columns of debugfs' rings over the hardware's four."""
    lines = guest.run(["cat", "/sys/kernel/debug/neuron/neuron%d/rings" % chip], timeout=60).out.splitlines()
    rows = [[int(x) for x in line.split()] for line in lines[1:]]
    return {name: sum(row[i] for row in rows) for i, name in enumerate(lines[0].split())}


class Test:
    """A test that runs in the guest. It prints "ready" when it is our turn."""

    def __init__(self, guest, name, chip=0):
        self.guest, self.name, self.text = guest, name, ""
        self.job = guest.spawn([PROGRAM, "-t", name], env={"NEURON_CHIP": str(chip)}, sink=self._receive)

    def _receive(self, _kind, data):
        self.text += data.decode(errors="replace")

    def turn(self, count, timeout=60):
        """Waits for the count-th "ready"."""
        limit = time.monotonic() + timeout
        while self.text.count("ready\n") < count and not self.job.done.is_set() and time.monotonic() < limit:
            time.sleep(0.02)
        return self.text.count("ready\n") == count

    def go(self):
        self.guest.run(["touch", "/run/go"], check=True)

    def end(self, t, detail=(), also=True):
        code = self.job.wait(200).code
        t.ok(not code and also, self.name, self.text.splitlines() + list(detail))


def hurry(guest, speed):
    """The driver gives copies up so many times sooner."""
    guest.run("for f in /sys/kernel/debug/neuron/neuron?/recovery_speed; do echo %d > $f; done" % speed, check=True)


def lost_interrupts(t, guest):
    guest.chips[0].control("fault no-irq:vector=1")
    before = rings(guest)["missed_interrupts"]
    # A copy that is done before its waiter sleeps needs no interrupt: again, until one did.
    limit = time.monotonic() + PATIENCE
    while True:
        test = Test(guest, "lost_interrupts")
        if test.job.wait(200).code or rings(guest)["missed_interrupts"] > before or time.monotonic() > limit:
            break
    after = rings(guest)["missed_interrupts"]
    guest.chips[0].control("clear all")
    test.end(t, ["%d missed before, %d after" % (before, after)], after > before)


def lost_memory(t, guest):
    before = rings(guest)["resets"]
    guest.chips[0].control("fault ecc-uncorrected:channel=0,address=0x30000,every=50,count=10000")
    test = Test(guest, "lost_memory")
    test.job.wait(200)
    test.end(t, also=rings(guest)["resets"] > before)
    broken.in_guest(t, guest, "lost")
    guest.chips[0].control("clear all")


def link_down(t, guest):
    """Whether the driver knows before the chip tries is a matter of time: that it was hit is for the guest to see."""
    test = Test(guest, "link_down")
    if test.turn(1):
        guest.chips[0].control("fault link-down")
        test.go()
    if test.turn(2):
        guest.chips[0].control("clear all")
        test.go()
    test.end(t)


def stalls(t, guest):
    """One of a ring and one of a copy on the first chip, each of another queue, then some of libnrt's; the other chip
    does not recover."""
    before = rings(guest)["resets"]
    hurry(guest, 4)
    guest.chips[0].control("fault udma-stall:count=2")
    guest.chips[1].control("fault udma-stall")
    tests = [Test(guest, "stalled_queue"), Test(guest, "stalled_copy"), Test(guest, "stalled_for_good", 1)]
    for test in tests[:2]:
        test.job.wait(200)
    after = rings(guest)["resets"]
    hurry(guest, 10)
    broken.in_guest(t, guest, "stalled", lambda: guest.chips[0].control("fault udma-stall:count=1"))
    t.ok(rings(guest)["resets"] == after + broken.STALLS, "libnrt, stalled: a queue was reset each time")
    tests[2].job.wait(200)
    hurry(guest, 1)
    for chip in guest.chips:
        chip.control("clear all")
    for test in tests:
        test.end(t, ["%d resets before, %d after" % (before, after)], after == before + 2)
    Test(guest, "healthy", 1).end(t)


def chip_dies(t, guest):
    """Last. One that stalls: so the copy is under way when the chip dies."""
    guest.chips[1].control("fault udma-stall")
    test = Test(guest, "chip_dies", 1)
    if test.turn(1):
        limit = time.monotonic() + 30
        while "fired=1" not in "".join(guest.chips[1].control("faults")) and time.monotonic() < limit:
            time.sleep(0.02)
        guest.kill_chip(guest.chips[1])
    test.end(t)
    Test(guest, "healthy", 0).end(t)


def main():
    t = tap.Tap()
    with vm.VM(name="copyfaults", modprobe=True, devices=[[], []], lifetime=600) as guest:
        for part in (lost_interrupts, lost_memory, link_down, stalls, chip_dies):
            begin = time.monotonic()
            part(t, guest)
            print("# %s took %.1f s" % (part.__name__, time.monotonic() - begin), flush=True)
        missing = errno_table.copy_faults(guest.pull_bytes(errno_table.GUEST_FILE))
        t.ok(not missing, "errno contract: what a chip must fail for was seen", missing)
        problems = guest.dmesg_problems()
        t.ok(not problems, "no problem in the kernel's log", problems)
    return t.done()


if __name__ == "__main__":
    sys.exit(main())
