# SPDX-License-Identifier: Apache-2.0
"""Chips that are plugged in while the system runs, and whose process is killed under load. race-victim (victim.c)
uses them together with the load and looks how that ends."""

import os
import random
import re
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "testbed"))
import vm  # noqa: E402

PROGRAM = "/usr/lib/neuron/tests/race-victim"
# Slots of a guest; a slot with a dead chip cannot be used again: stock QEMU aborts on device_del.
SLOTS = 25
# On the bus; what comes before belongs to the guest's own devices.
FIRST_SLOT = 4
# What becomes of the dead function.
AFTER = ("remove", "leave", "unbind")


def slots(count):
    """QEMU's options for so many slots."""
    return [a for i in range(count) for a in
            ("-device", "pcie-root-port,id=spare%d,chassis=%d,addr=%#x,io-reserve=0,pref64-reserve=16G,"
             "power_controller_present=off" % (i, 20 + i, FIRST_SLOT + i))]


class Victim:
    """race-victim, and what it has printed so far."""

    def __init__(self, guest, number, pci, after):
        self.guest, self.text, self.ready = guest, "", threading.Event()
        self.job = guest.spawn([PROGRAM, str(number), pci, after], sink=self.receive)

    def receive(self, _kind, data):
        self.text += data.decode(errors="replace")
        if "victim: kill" in self.text:
            self.ready.set()

    def wait_ready(self, seconds):
        limit = time.monotonic() + seconds
        while not self.ready.wait(0.02) and not self.job.done.is_set() and not self.guest.failure:
            if time.monotonic() > limit:
                break
        return self.ready.is_set()


class Killer:
    """The chips that die in a guest."""

    def __init__(self, tap, guest, patience, seed):
        self.tap, self.guest, self.patience = tap, guest, patience
        self.rnd, self.chips = random.Random(seed), []

    def sh(self, command):
        return self.guest.run(["sh", "-c", command], timeout=self.patience)

    def functions(self, after="true"):
        """PCI address of each chip that has one, by its number."""
        out = self.sh(after + "; ls -l /sys/class/neuron_device").out
        return {int(m[1]): m[0] for m in re.findall(r"/([\da-f:.]+)/neuron_device/neuron(\d+)$", out, re.M)}

    def plug(self):
        """(number, PCI address) of a chip that came, or None."""
        before, slot = self.functions(), len(self.chips)
        chip = vm.Emulator(slot + 1, self.guest.directory, "%s.emu-late%d.log" % (self.guest._log, slot))
        self.chips.append(chip)
        chip.wait_ready()
        self.guest.qmp("device_add", driver="vfio-user-pci", id="late%d" % slot, bus="spare%d" % slot,
                       socket={"path": chip.socket, "type": "unix"}, **{"x-msg-timeout": 60000})
        # For kernels that are not told of hot-plug. Behind this port only, because it takes time.
        look = "echo 1 > $(echo /sys/bus/pci/devices/0000:00:%02x.0/pci_bus/*)/rescan" % (FIRST_SLOT + slot)
        limit = time.monotonic() + self.patience
        while time.monotonic() < limit:
            new = sorted(set(self.functions(look).items()) - set(before.items()))
            if new:
                return new[0]
            look = "sleep 0.1"
        return None

    def one(self):
        """Empty, or what went wrong with a chip."""
        begin, slot = time.monotonic(), len(self.chips)
        new = self.plug()
        if not new:
            return "chip %d does not come\n%s" % (slot, self.guest.dmesg()[-2000:])
        came = time.monotonic()
        victim = Victim(self.guest, new[0], new[1], AFTER[slot % len(AFTER)])
        if victim.wait_ready(2 * self.patience):
            time.sleep(self.rnd.uniform(0, 0.05))
            self.guest.kill_chip(self.chips[slot])
        died = time.monotonic()
        victim.job.wait(4 * self.patience)
        self.tap.note("chip %d as neuron%d: came in %.1f s, worked %.1f s, dead after %.1f s; %s"
                      % (slot, new[0], came - begin, died - came, time.monotonic() - died,
                         ", ".join(re.findall(r"^victim: (.*\d+ ms)$", victim.text, re.M))))
        return "" if victim.job.code == 0 else "chip %d\n%s" % (slot, victim.text)

    def run(self, count):
        """(how many died as they should, what went wrong)."""
        for number in range(count):
            reason = self.one()
            if reason:
                return number, reason
        return count, ""

    def end(self):
        """When the guest has gone."""
        for chip in self.chips:
            chip.kill()
