# SPDX-License-Identifier: Apache-2.0
"""A chip is left to whoever comes next, with jobs, copies and waits under way: the next kernel (kexec), or nobody
(poweroff). The emulator tells what the chip is up to when the driver's shutdown() has returned."""

import os
import re
import time

import vm

KEXEC = "/usr/lib/neuron/tests/recovery-kexec"
MASTER_AND_MEMORY = r"\006\004"
# A tenth of a second each, of the chip's own time.
BEATS = 5


def unquiet(chip):
    """What of the chip may still write to memory, or begin to once it is let."""
    dump = dict(line.split(" = ", 1) for line in chip.control("dump") if " = " in line)
    wrong = {"chip.bus_master": lambda value: value != "0",
             r"ext\.0x0048": lambda value: True,         # CTXDIR_COUNT: contexts, and with them segments
             r"queue\[\d+\]\.state": lambda value: value != "0",
             r"core\[\d+\]\.state": lambda value: value != "idle",
             r"core\[\d+\]\.queued": lambda value: value != "0",
             r"udma\[\d+\]\.\w+\[\d+\]\.running": lambda value: value != "0"}
    # A ring that has no place in memory is not one.
    return ["%s = %s" % (name, value) for name, value in dump.items()
            for pattern, bad in wrong.items() if re.fullmatch(pattern, name) and bad(value) and
            not (name.endswith("running") and int(dump[name[:-len("running")] + "base"], 16) == 0)]


def beats(chip):
    return int(re.search(r"heartbeat\D+(\d+)", "\n".join(chip.control("status"))).group(1))


def let_loose(bench, pci):
    """What the chip does to memory and interrupts when it is allowed to and nobody asks it anything: lines of its
    trace."""
    chip, first = bench.guest.chips[0], os.path.getsize(bench.guest.chips[0].log_path)
    chip.control("trace dma,irq")
    bench.sh("printf '%s' | dd of=/sys/bus/pci/devices/%s/config bs=1 seek=4 conv=notrunc 2>/dev/null"
             % (MASTER_AND_MEMORY, pci))
    allowed = "chip.bus_master = 1" in chip.control("dump")
    start = beats(chip)
    bench.until(lambda: beats(chip) - start >= BEATS)
    chip.control("trace none")
    with open(chip.log_path, errors="replace") as log:
        log.seek(first)
        lines = log.read().splitlines()
    return allowed, [line for line in lines if re.search(r": (dma|irq): |guest-error", line)]


def under_load(bench):
    """Copies and jobs on one core, an endless job and others that wait for it on another."""
    bench.innocent(core=2)
    bench.victim(core=0)


# This guest's files without libraries and tests: a small image is loaded, checked and unpacked sooner.
SMALL_INITRD = (r"cd / && { find dev proc sys tmp run -maxdepth 0; find init bin sbin lib lib64 etc root mnt var usr -xdev | "
                r"awk '!/\.so/ && (!/usr\/lib\/neuron\/tests\/./ || /recovery-client/)'; } | cpio -o -H newc >/tmp/initrd")


def kexec(bench):
    """Another kernel takes over, by whose tests the chip works on. Who computed before is not told."""
    tap, guest = bench.tap, bench.guest
    if bench.sh("test -e /sys/kernel/kexec_loaded").code:
        tap.skip("kexec", "this kernel cannot")
        return
    guest.push(os.path.join(guest.kernel, "vmlinuz"), "/tmp/vmlinuz")
    r = bench.sh(SMALL_INITRD)
    tap.ok(r.code == 0, "kexec: there is an image for the next kernel", r.err)
    pci = bench.pci()
    under_load(bench)
    first = os.path.getsize(guest.console)
    seconds = guest.starts_anew([KEXEC, "/tmp/vmlinuz", "/tmp/initrd", bench.sh("cat /proc/cmdline").out.strip()],
                                2 * guest.boot_timeout)
    tap.ok(bench.sh("lsmod").out.count("neuron") == 0, "kexec: another kernel runs")
    busy = unquiet(guest.chips[0])
    tap.ok(not busy, "kexec: the chip is quiet when the next kernel comes", "\n".join(busy))
    allowed, seen = let_loose(bench, pci)
    tap.ok(allowed and not seen, "kexec: it stays so when it may reach memory again", "%s\n%s" % (
        allowed, "\n".join(seen[:10])))
    with open(guest.console, errors="replace") as log:
        log.seek(first)
        problems = vm.find_problems(log.read())
    tap.ok(not problems, "kexec: the kernel that goes has no complaint", "\n".join(problems))
    r = bench.sh("modprobe neuron")
    tap.ok(r.code == 0 and bench.state() == "ready", "kexec: the next kernel's driver takes the chip", r.err)
    bench.works("kexec")
    print("# kexec took %.1f s" % seconds, flush=True)


def poweroff(bench):
    """The machine is switched off, but for QEMU, so that there still is somebody to ask, with a chip whose firmware
    hangs: it cannot be told to end its jobs."""
    tap, guest = bench.tap, bench.guest
    under_load(bench)
    bench.sh("echo 10 > /sys/kernel/debug/neuron/neuron0/recovery_speed")
    guest.chips[0].control("fault fw-hang")
    guest.qmp("set-action", shutdown="pause")
    guest.send(vm.POWEROFF, 0)
    limit = time.monotonic() + 60
    while guest.qmp("query-status")["status"] != "shutdown" and time.monotonic() < limit:
        time.sleep(0.1)
    tap.ok(guest.qmp("query-status")["status"] == "shutdown", "poweroff: the guest shuts down while jobs run")
    busy = unquiet(guest.chips[0])
    tap.ok(not busy, "poweroff: the chip is quiet, though its firmware hangs", "\n".join(busy))
