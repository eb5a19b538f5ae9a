#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots guests with 4 and with 16 chips in a chain: TAP on standard output.

Proves that all of them get a device node and find their neighbours, that all work at the same time (test_chain.c: copies
of each chip and over each link in both directions, one group of all cores with a job on each), and that a chip whose
process is killed takes no other with it: its neighbours see their link go down, tell user space, and
go on. With 4 chips libnrt's part is tested there, too (tests/groups): groups, processes beside each other, chips that go and
come, and many inferences."""

import argparse
import os
import re
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests", d) for d in ("testbed", "lib", "groups")]
import groups  # noqa: E402
import programs  # noqa: E402
import vm  # noqa: E402

PROGRAM = "/usr/lib/neuron/tests/test_chain"
UEVENTS = ["/usr/lib/neuron/tests/fault-client", "uevents"]
TESTS = 3               # in it
SYSFS = "/sys/class/neuron_device/neuron%d/connected_devices"
# A neighbour may go between the look at FW_STATUS and the read of its number.
EXPECTED_ERRORS = r"guest-error: fwio-read\b"
PATIENCE = 60
INFERENCES = 2000


def neighbours(count, dead=()):
    """What connected_devices must read for each chip that lives: east first."""
    return {i: ", ".join(str(n) for n in (i + 1, i - 1) if 0 <= n < count and n not in dead)
            for i in range(count) if i not in dead}


def connected(guest, devices):
    out = guest.run("for i in %s; do cat %s; done" % (" ".join(map(str, devices)), SYSFS.replace("%d", "$i")),
                    timeout=PATIENCE).out
    return dict(zip(devices, out.splitlines()))


def until(condition):
    """Whether the condition came true; how long it takes is no matter."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True


def work(tap, guest, devices, name):
    r = guest.run([PROGRAM], env={"DEVICES": " ".join(map(str, devices))}, timeout=3 * PATIENCE)
    results = re.findall(r"^((?:not )?ok) \d+ (\S+)", r.out, re.M)
    tap.ok(r.code == 0 and len(results) == TESTS, name + ": runs to its end", r)
    for ok, test in results:
        tap.ok(ok == "ok", "%s: %s" % (name, test))


def link_events(text):
    """{chip: what its newest link event says}"""
    found = re.findall(r"^(?=.*NEURON_EVENT=link )(?=.*DEVNAME=neuron(\d+) ).*NEURON_LINKS=(east \w+, west \w+)", text, re.M)
    return {int(chip): links for chip, links in found}


def links_without(count, dead):
    """What the neighbours of a chip that has died must say of their links."""
    up = {True: "up", False: "down"}
    want = {dead - 1: "east down, west %s" % up[dead >= 2], dead + 1: "east %s, west down" % up[dead + 2 < count]}
    return {chip: links for chip, links in want.items() if 0 <= chip < count}


def run_chain(tap, count, victim, kernel):
    options = {"name": "chain-%d" % count, "modprobe": True, "boot_timeout": 180, "lifetime": 400, "kernel": kernel}
    with tempfile.TemporaryDirectory() as folder, vm.VM(devices=count, **options) as guest:
        print("# %d chips: up after %.1f s, console %s" % (count, guest.boot_seconds, guest.console), flush=True)
        nodes = guest.run("ls /dev | grep -c '^neuron[0-9]*$'").out.strip()
        tap.ok(nodes == str(count), "%d chips: a device node each" % count, nodes)
        seen, want = connected(guest, range(count)), neighbours(count)
        tap.ok(seen == want, "%d chips: each knows its neighbours, east first" % count, seen)
        shown = re.findall(r"^\| (\d+) +\| \d+ +\| [^|]*\| ([\d, ]*?) *\|", guest.run(["neuron-ls"]).out, re.M)
        tap.ok(shown == [(str(i), want[i]) for i in range(count)], "%d chips: neuron-ls shows them" % count, shown)
        work(tap, guest, range(count), "%d chips" % count)
        runtime = groups.in_guest(tap, guest, vm.output_dir(), folder, INFERENCES) if count == groups.CHIPS else None

        events = []
        watcher = guest.spawn(UEVENTS, sink=lambda _kind, data: events.append(data.decode(errors="replace")))
        tap.ok(until(lambda: "ok 0" in "".join(events)), "%d chips: events are watched" % count, events)
        if runtime:
            groups.dying_chip(tap, *runtime, lambda: guest.kill_chip(guest.emulators[victim]), victim)
        else:
            guest.kill_chip(guest.emulators[victim])
        left = neighbours(count, (victim,))
        tap.ok(until(lambda: connected(guest, list(left)) == left), "%d chips: a chip that dies is no neighbour" % count,
               connected(guest, list(left)))
        want = links_without(count, victim)
        tap.ok(until(lambda: link_events("".join(events)) == want),
               "%d chips: the neighbours of one that dies, and no others, tell user space" % count, "".join(events))
        log = guest.dmesg()
        tap.ok(all("neuron%d: links: %s" % pair in log for pair in want.items()), "%d chips: and the log" % count, want)
        watcher.signal(9)
        work(tap, guest, list(left), "%d chips but one that has died" % count)
        living = [e.index for e in guest.emulators if e.process.poll() is None]
        tap.ok(living == list(left), "%d chips: all other processes live" % count, living)
        programs.check_log(tap, guest, "%d chips: " % count)
        programs.check_chip(tap, guest, "%d chips: no chip found fault with the driver" % count,
                            EXPECTED_ERRORS + ("|" + vm.CUT_OFF if runtime else ""))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--chips", type=int, action="append", help="length of the chain (default: 4 and 16)")
    p.add_argument("--kernel", help="directory made by 'prepare kernel'")
    options = p.parse_args()

    def chains(tap):
        for count in options.chips or (4, 16):
            run_chain(tap, count, count // 2 - 1, options.kernel)
    programs.run(chains)


if __name__ == "__main__":
    main()
