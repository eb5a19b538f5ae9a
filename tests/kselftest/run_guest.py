#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots guests with emulated chips and runs the driver's tests in them: merged TAP on standard output.

Each configuration is a guest: with MSI-X, without it (the driver polls), behind an IOMMU in strict mode, with
bounce buffers, with a chip that says it is silicon, with three chips, and with two that are not joined and have firmware
of an older API; the first one also runs programs of 32 bits, on the last ones other programs run. In the end all errors that ioctls gave are held against the contract of
<linux/neuron.h>.
After the tests the guest's kernel log must hold no warning, and the chip must not have found fault with the driver.
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
sys.path.insert(0, os.path.join(TOP, "tests/recovery"))
sys.path.insert(0, os.path.join(TOP, "tests/kunit"))
sys.path.insert(0, os.path.join(TOP, "tests/groups"))
import broken  # noqa: E402
import debug  # noqa: E402
import vm  # noqa: E402
import errno_table  # noqa: E402
import frames  # noqa: E402
import programs  # noqa: E402
import run_kunit  # noqa: E402
import run_recovery  # noqa: E402
import run_telemetry  # noqa: E402
from tap import Part  # noqa: E402

PROGRAMS = ["test_abi", "test_errno", "test_mem", "test_user", "test_dmabuf", "test_moves", "test_ring",
            "test_ringmem", "test_queue", "test_exec", "test_load", "test_cancel", "test_group", "test_lifetime",
            "test_order", "test_fault"]
PROGRAMS_32 = ["test_abi-32", "test_errno-32", "test_mem-32", "test_queue-32"]
CONFIGS = {
    "msix": {"devices": [[]]},
    "no-msix": {"devices": [["--no-msix"]]},
    "few-vectors": {"devices": [["--vectors", "2"]]},
    "iommu": {"devices": [[]], "iommu": True},
    "bounce": {"devices": [[]], "append": "swiotlb=force"},
    "silicon": {"devices": [["--revision", "01"]]},
    "three-chips": {"devices": [[], [], []]},
    "strangers": {"devices": [[], []], "links": False, "firmware": os.path.join(vm.output_dir(), "tests/firmware-1.0.bin")},
    "debug": {"devices": [[]], "kernel": "debug"},
    "debug-chips": {"devices": [[], [], []], "kernel": "debug"},
    "linux-6.1": {"devices": [[]], "kernel": "6.1"},
    "linux-backports": {"devices": [[]], "kernel": "backports"},
}
# They have suites of their own.
OTHER_KERNELS = [c for c, o in CONFIGS.items() if "kernel" in o]
OTHER_LINUX = ("linux-6.1", "linux-backports")
# What a configuration is for, where that is not all; on other kernels what compiles in another way there.
ONLY = {"msix": PROGRAMS + PROGRAMS_32,
        "no-msix": ["test_errno", "test_ring", "test_queue", "test_exec", "test_load", "test_cancel", "test_lifetime"],
        "few-vectors": ["test_ring", "test_queue", "test_exec", "test_load", "test_cancel", "test_lifetime"],
        "iommu": ["test_mem", "test_user", "test_dmabuf", "test_moves", "test_ring", "test_ringmem", "test_exec",
                  "test_load", "test_lifetime"],
        "bounce": ["test_bounce", "test_order", "test_dmabuf", "test_exec"], "silicon": ["test_silicon"],
        "three-chips": ["test_group", "test_dmabuf", "test_ringmem", "test_links"],
        "strangers": ["test_dmabuf", "test_cancel", "test_exec"],
        "debug": ["test_abi", "test_errno", "test_mem", "test_user", "test_queue", "test_exec", "test_load", "test_cancel"],
        "debug-chips": ["test_dmabuf", "test_moves", "test_ring", "test_ringmem", "test_links", "test_group",
                        "test_lifetime", "test_fault"],
        **dict.fromkeys(OTHER_LINUX, ["test_abi", "test_mem", "test_user", "test_dmabuf", "test_moves", "test_lifetime"])}
# Tests that take long, and whose outcome is the same in these, are left to the first.
BRIEF = ("no-msix", "few-vectors", "iommu", "debug", "debug-chips") + OTHER_LINUX
# What tests provoke: allocations that must fail, jobs that must fault. The interrupt core warns when it takes away
# a file that it failed to make.
FAULTS = r"warn_alloc|WARNING: .* at (\S+ )?remove_proc_entry\+"
OUTSIDE = r"guest-error: dma-unmapped: dma-outside: write of \d+ bytes at bus address (0x[0-9a-f]+)"


def registers(tap, guest):
    """Whatever reads registers of queues by the dozen, with queues there: neuron_read() ends the guest if it is done
    with interrupts off or a spinlock held."""
    bench = run_recovery.Bench(tap, guest)
    other = bench.innocent()
    lines = bench.sh("cat %squeues" % (run_recovery.DEBUGFS % 0)).out.splitlines()[1:]
    tap.ok(len(lines) == 1 and lines[0].split()[1] == "1", "registers of queues for debugfs: nobody waits meanwhile",
           lines)
    # Each queue that comes or goes is an event, at which the states of all are read.
    queues = "for i in 1 2 3; do %s quick /dev/neuron0 2 1; done" % run_recovery.CLIENT
    tap.ok(bench.sh(queues).out.count("result 0 ") == 3, "registers of queues at firmware's events: nor there")
    bench.spared(other, "registers of queues")


def run_debug_parts(tap, config, guest):
    """What other kernels do not have: core dumps of devices, hwmon, KUnit, a GPU without hardware, and a look at who may sleep."""
    registers(Part(tap, config), guest)
    frames.in_guest(Part(tap, config), guest, vm.output_dir())
    tap.note(broken.in_guest(Part(tap, config), guest, "short"))
    run_telemetry.test_health(Part(tap, config + ": telemetry"), guest)
    # A dump that lies there still keeps newer ones out.
    guest.run("for d in /sys/class/devcoredump/devcd*/data; do [ ! -e $d ] || echo 1 >$d; done", check=True)
    run_recovery.device_reset(run_recovery.Bench(Part(tap, config + ": recovery"), guest))
    run_kunit.suites(Part(tap, config + ": kunit"), guest)
    programs.check_chip(tap, guest, "%s: the chip found no fault with the driver in these, too" % config,
                        "%s|%s" % (programs.JOB_ERRORS, vm.CUT_OFF))


def check_log(tap, config, guest, checked):
    if not checked:
        programs.check_log(tap, guest, config + ": ")
        return
    for name, problem in debug.problems(guest, FAULTS):
        tap.ok(not problem, "%s: %s" % (config, name), problem)


def traced(chip, offset):
    """What the chip has traced up to now, "fault" among it: its log is written behind its back."""
    limit = time.monotonic() + 60
    chip.control("fault heartbeat-stop:after=1000000000")
    chip.control("clear all")
    while True:
        with open(chip.log_path, errors="replace") as f:
            f.seek(offset)
            text = f.read()
        if "fault: heartbeat-stop is cleared" in text:
            return text
        if time.monotonic() > limit:
            raise vm.VMError("chip %d does not trace\nlog: %s" % (chip.index, chip.log_path))
        time.sleep(0.02)


def reach(tap, guest, config, timeout):
    """Behind an IOMMU: what a program lent to the chip is out of the chip's reach once the program has ended. Each
    page that the chip came to meanwhile is written by a chip gone wrong: that is an error that names the address, or
    the page is the driver's own, and mapped still."""
    chip, program = guest.chips[0], os.path.join(programs.GUEST_DIR, "test_exec")
    start = os.path.getsize(chip.log_path)
    chip.control("trace dma,fault")
    guest.run([program], timeout=timeout)
    pages = sorted({int(a, 16) & ~0xfff for a in re.findall(r" dma: .* at bus address (0x[0-9a-f]+)",
                                                            traced(chip, start))})
    chip.control("trace fault")
    start = os.path.getsize(chip.log_path)
    for page in pages:
        chip.control("fault dma-outside:address=%#x,count=1" % page)
    text = traced(chip, start)
    refused = {int(a, 16) for a in re.findall(OUTSIDE, text)}
    mapped = {int(a, 16) for a in re.findall(r"fault: dma-outside: (0x[0-9a-f]+) is mapped", text)}
    chip.control("trace none")
    tap.note("%s: of %d pages %d are mapped still" % (config, len(pages), len(mapped)))
    tap.ok(refused and mapped and refused | mapped == set(pages) and not refused & mapped,
           "%s: what is unmapped is out of reach, by name" % config)
    tap.ok(guest.run([program], timeout=timeout).code == 0, "%s: the chip works on" % config)


def run_config(tap, config, names, timeout, kernel, vmlinuz, long):
    """The errors that ioctls gave there: {(number, errno's name)}."""
    options = dict({"kernel": kernel}, **CONFIGS[config])
    checked = options["kernel"] == "debug"
    brief = {"NEURON_TEST_BRIEF": "1"}
    env = {"NEURON_TEST_LONG": "1"} if long else brief if config in BRIEF else None
    if checked:
        timeout *= 3
    with vm.VM(name="driver-" + config, modprobe=True, lifetime=timeout * len(names) + 60,
               vmlinuz=vmlinuz, **options) as guest:
        tap.note("%s: Linux %s, console %s" % (config, guest.release, guest.console))
        polled = "polling instead" in guest.dmesg()
        tap.ok(polled == (config == "no-msix"), "%s: interrupts are used when there are any" % config)
        for program in names:
            begin = time.monotonic()
            programs.run_program(tap, guest, config, program, timeout, env or (brief if program in PROGRAMS_32 else None))
            tap.note("%s: %s took %.1f s" % (config, program, time.monotonic() - begin))
        if options.get("iommu"):
            reach(tap, guest, config, timeout)
        programs.check_chip(tap, guest, "%s: the chip found no fault with the driver" % config,
                            programs.JOB_ERRORS + ("|" + OUTSIDE if options.get("iommu") else ""))
        if config == "debug" and names == ONLY[config]:
            run_debug_parts(tap, config, guest)
        check_log(tap, config, guest, checked)
        return errno_table.seen(guest.pull_bytes(errno_table.GUEST_FILE))


def run_all(tap, options):
    errors = set()
    for config in options.config or [c for c in CONFIGS if c not in OTHER_KERNELS]:
        names = options.programs or ONLY.get(config, PROGRAMS)
        for name in [p for p in names if not os.path.exists(os.path.join(vm.output_dir(), "tests/guest", p))]:
            tap.skip("%s: %s" % (config, name), "not built: no compiler for it here")
            names = [p for p in names if p != name]
        if names:
            errors |= run_config(tap, config, names, options.timeout, options.kernel, options.vmlinuz, options.long)
    if options.contract or not (options.config or options.programs):
        errno_table.check(tap, errors)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--config", action="append", choices=sorted(CONFIGS),
                   help="default: all but %s" % ", ".join(OTHER_KERNELS))
    p.add_argument("--kernel", help="6.12 (default), 6.1, backports, debug, or a directory made by 'prepare'")
    p.add_argument("--vmlinuz", help="kernel image instead of the one there")
    p.add_argument("--contract", action="store_true", help="look at the contract also if not all of it ran")
    p.add_argument("--long", action="store_true", help="also what make check has no time for")
    p.add_argument("--timeout", type=int, default=300, help="seconds for each test program")
    p.add_argument("programs", nargs="*", help="default: all of %s; %s" % (" ".join(PROGRAMS), "; ".join(
        "%s: %s" % (config, " ".join(names)) for config, names in ONLY.items())))
    options = p.parse_args()
    programs.run(lambda tap: run_all(tap, options))


if __name__ == "__main__":
    main()
