#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots a guest and runs the attack programs in it: user space tries to reach what is not its own.

The programs have a victim that says whether its secrets are as they were. The chip is the second judge: while
"reach" is traced it tells, apart from its own checks, what each job touched and which segments the job had. From
that this program works out that no access was outside the segments of its job, and that no file's jobs had a
segment where another file's memory was; and of attack_dma, whose objects are all in segments, that no copy of a UDMA
queue was outside them. The third are the kernel's log and the names of the mistakes that the chip
found: only those that a job makes for itself.
"""

import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests/testbed"), os.path.join(TOP, "tests/kselftest")]
import vm  # noqa: E402
from run_guest import Tap, run_program  # noqa: E402

PROGRAMS = ["attack_ioctl", "attack_map", "attack_life", "attack_job", "attack_random", "attack_dma"]
WATCHED = ["attack_job", "attack_random"]
COPIES = "attack_dma"
# What a job does wrong inside its own walls.
EXPECTED_ERRORS = r"guest-error: job-(descriptor|segment|instruction|semaphore|timeout)\b"
REACH = re.compile(r"reach: core (\d+) owner (\d+) job (\d+): (?:segment (\d+): (?:is (0x[0-9a-f]+) \+ (0x[0-9a-f]+),"
                   r" flags (\d+)|(read|wrote) (0x[0-9a-f]+) \.\. (0x[0-9a-f]+))|(ESCAPE: .*))$")
COPY = re.compile(r"reach: (engine \d+ queue \d+): (\d+) bytes to (0x[0-9a-f]+) from (0x[0-9a-f]+)$")
# What was not written down cannot be judged.
LOST = re.compile(r": \d+ lines lost$")
EXEC, WRITE, READ = 4, 2, 1
HOST = 1 << 46          # in a device address
PATTERN = 0x10000       # what the driver has for itself: for each queue one pattern for fills, so long


class Trace:
    """What the chip told about jobs: what they touched, and when each file had which memory in a segment."""

    def __init__(self, lines):
        self.found, self.jobs, self.accesses = [], 0, 0
        self.held = {}          # (start, end, owner): [number of the first line, of the last, the line]
        current = {}            # core: (owner, job), {segment: (start, end, flags)}
        for number, line in enumerate(lines):
            m = REACH.search(line)
            if LOST.search(line):
                self.found.append(line)
            if not m:
                continue
            core, owner, job, index, base, length, flags, what, low, high, escape = m.groups()
            if current.get(core, (None,))[0] != (owner, job):
                current[core] = (owner, job), {}
                self.jobs += 1
            segments = current[core][1]
            if escape:
                self.found.append(line)
            elif base:
                start, end = int(base, 16), int(base, 16) + int(length, 16)
                segments[index] = start, end, int(flags)
                self.held.setdefault((start, end, int(owner)), [number, number, line])[1] = number
            else:
                self.accesses += 1
                self.access(segments.get(index, (0, 0, 0)), what, int(low, 16), int(high, 16), line)

    def access(self, segment, what, low, high, line):
        start, end, flags = segment
        allowed = flags & WRITE if what == "wrote" else flags & (READ | EXEC)
        if not allowed or low < start or high > end:
            self.found.append(line)

    def shared(self):
        """Memory that was in segments of two files during the same time."""
        items, found = sorted(self.held.items()), []
        for i, ((_, end, owner), (first, last, line)) in enumerate(items):
            for (start, _, other), (other_first, other_last, other_line) in items[i + 1:]:
                if start >= end:
                    break
                if owner != other and first < other_last and other_first < last:
                    found.append(line + "\n" + other_line)
        return found


class Copies:
    """What UDMA queues touched between the first and the last job, whose segments are all that they may touch."""

    def __init__(self, lines):
        lines = list(lines)
        jobs = [n for n, line in enumerate(lines) if REACH.search(line)]
        self.allowed = {(int(m[5], 16), int(m[5], 16) + int(m[6], 16)) for m in map(REACH.search, lines) if m and m[5]}
        self.count, self.found, patterns = 0, [], {}
        for line in lines[jobs[0]:jobs[-1]] if jobs else []:
            m = COPY.search(line)
            if LOST.search(line):
                self.found.append(line)
            if not m:
                continue
            queue, length, dst, src = m[1], int(m[2]), int(m[3], 16), int(m[4], 16)
            # the word that tells how far the ring is, from the word before it
            if length == 4 and dst == src + 4 and dst & HOST and not self.within(dst, 4):
                continue
            self.count += 1
            if not self.within(dst, length):
                self.found.append(line)
            elif not self.within(src, length):
                patterns.setdefault(queue, []).append((src, length, line))
        for uses in patterns.values():
            if len({src for src, _, _ in uses}) > 1 or any(not src & HOST or n > PATTERN for src, n, _ in uses):
                self.found += [line for _, _, line in uses]
        self.fills = sum(len(uses) for uses in patterns.values())

    def within(self, address, length):
        return any(start <= address and address + length <= end for start, end in self.allowed)


def judge_copies(tap, name, log, offset):
    with open(log, encoding="utf-8", errors="replace") as f:
        f.seek(offset)
        copies = Copies(f)
    tap.comment("%s: %d pieces of copies, %d of them of fills, %d objects" % (name, copies.count, copies.fills,
                                                                              len(copies.allowed)))
    tap.comment("\n".join(copies.found[:20]))
    tap.result(copies.count and copies.fills and not copies.found, "%s: no copy was outside the objects" % name)


def judge(tap, name, log, offset):
    with open(log, encoding="utf-8", errors="replace") as f:
        f.seek(offset)
        trace = Trace(f)
    tap.comment("%s: %d jobs, %d ranges reached" % (name, trace.jobs, trace.accesses))
    tap.comment("\n".join(trace.found[:20]))
    tap.result(bool(trace.jobs and trace.accesses) and not trace.found,
               "%s: no job reached over its segments" % name)
    found = trace.shared()
    tap.comment("\n".join(found[:10]))
    tap.result(bool(trace.held) and not found, "%s: no two files had the same memory in segments" % name)


def judge_can_fail(tap):
    """What an escape would look like is seen as one."""
    head = "reach: core 0 owner %d job 1: "
    mine = head % 1 + "segment 1: is 0x1000 + 0x1000, flags 1"
    for what, lines in {
            "a read outside": [mine, head % 1 + "segment 1: read 0x1000 .. 0x2001"],
            "a write without permission": [mine, head % 1 + "segment 1: wrote 0x1000 .. 0x1004"],
            "that it does not see all": [mine, "neuron-emu[0]: 3 lines lost"],
            "no segment": [mine, head % 1 + "ESCAPE: write of 4 bytes at 0x10"]}.items():
        tap.result(len(Trace(lines).found) == 1, "the judge sees " + what)
    other = head % 2 + "segment 7: is 0x1fff + 0x10, flags 3"
    tap.result(len(Trace([mine, other, mine, other]).shared()) == 1, "the judge sees memory of two files")
    right = [mine, head % 1 + "segment 1: read 0x1000 .. 0x2000", mine, other.replace("0x1fff", "0x2000"), mine]
    begin = head % 1 + "segment 1: is 0x1000 + 0x20000, flags 3"
    copy = "reach: engine 2 queue 15: %d bytes to %#x from %#x"
    good = [copy % (0x1000, 0x1000, HOST | 0x5000), copy % (16, 0x1ff0, 0x1000), copy % (4, HOST | 4, HOST)]
    for what, line in {"a copy to elsewhere": copy % (2, 0x20fff, 0x1000), "a copy from elsewhere": copy % (1, 0x1000, 0xfff),
                       "a fill of too much": copy % (0x10001, 0x1000, HOST),
                       "a copy of what another fill has": copy % (8, 0x1000, HOST | 0x6000),
                       "a word of registers": copy % (4, 0xffff0000004, 0xffff0000000)}.items():
        tap.result(line in Copies([begin] + good + [line, begin]).found, "the judge sees " + what)
    seen = Copies([begin] + good + [begin])
    tap.result(not seen.found and seen.count == 2, "the judge lets copies pass that are right")
    tap.result(not Trace(right).found and not Trace(right).shared(), "the judge lets pass what is right")


def run(tap, options):
    env = {"NEURON_SEED": str(options.seed), "NEURON_SECONDS": str(options.seconds)}
    emulator = os.path.join(vm.output_dir(), "san/bin/neuron-emu")
    if options.emulator or not os.access(emulator, os.X_OK):
        emulator = options.emulator
    os.environ.setdefault("ASAN_OPTIONS", "abort_on_error=1")
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    with vm.VM(name="attack", devices=2, modprobe=True, lifetime=options.timeout * 6 + options.seconds * 2 + 60,
               kernel=options.kernel, emulator=emulator,
               firmware=os.path.join(vm.output_dir(), "firmware/inferentia.bin")) as guest:
        tap.comment("Linux %s, %s, seed %d, console %s" % (guest.release, emulator or "neuron-emu", options.seed,
                                                          guest.console))
        chip = guest.emulators[0]
        for program in options.programs or PROGRAMS:
            # Unwatched first: then jobs take the short ways to memory.
            for trace in [False, True] if program in WATCHED else [program == COPIES]:
                name = program + (", watched" if trace else "")
                offset = os.path.getsize(chip.log_path)
                chip.control("trace reach" if trace else "trace none")
                run_program(tap, guest, name, program, options.timeout + options.seconds, env=env)
                if program == COPIES:
                    judge_copies(tap, name, chip.log_path, offset)
                elif trace:
                    judge(tap, name, chip.log_path, offset)
        chip.control("trace none")
        problems = guest.dmesg_problems()
        tap.comment("\n".join(problems))
        tap.result(not problems, "no problem in the kernel's log")
        errors = guest.chip_errors(EXPECTED_ERRORS)
        tap.comment("\n".join(errors[:20]))
        tap.result(not errors, "the chip found only mistakes that a job makes for itself")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=int, default=3, help="for the random attacks, each of their parts")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--kernel", help="6.12 (default), 6.1, backports, debug, or a directory made by 'prepare'")
    p.add_argument("--emulator", help="default: the one with sanitizers, if it was built")
    p.add_argument("--timeout", type=int, default=300, help="seconds for each program")
    p.add_argument("programs", nargs="*", help="default: " + " ".join(PROGRAMS))
    options = p.parse_args()
    tap = Tap()
    print("TAP version 13", flush=True)
    try:
        judge_can_fail(tap)
        run(tap, options)
    except vm.VMError as e:
        tap.comment(str(e))
        print("Bail out! %s" % str(e).splitlines()[0], flush=True)
        sys.exit(2)
    print("1..%d" % tap.count)
    sys.exit(1 if tap.failed else 0)


if __name__ == "__main__":
    main()
