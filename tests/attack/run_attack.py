#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots a guest and runs the attack programs in it: user space tries to reach what is not its own.

The chip is the judge, apart from its own checks and from the driver. Whatever runs, guards count who touches what the
victim of all attacks, or the kernel, has (guards.py). While "reach" is traced, the chip tells what each job touched and
which segments the job had: from that this program works out that no access was outside the segments of its job, and
that no file's jobs had a segment where another file's memory was; and of attack_dma, which tells of all its objects,
that no copy of a UDMA queue was outside them. Besides, each test has a victim of its own that says whether its
secrets are as they were; and the kernel's log and the mistakes that the chip found are looked at: only those that a
job makes for itself.
"""

import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests/testbed"), os.path.join(TOP, "tests/lib")]
import guards  # noqa: E402
import programs  # noqa: E402
import vm  # noqa: E402

PROGRAMS = ["attack_ioctl", "attack_map", "attack_life", "attack_job", "attack_random", "attack_dma"]
WATCHED = ["attack_job", "attack_random"]
COPIES = "attack_dma"
PAGES_FILE = "/run/neuron-attack-pages"      # of the guest: where its memory lies that is in no segment
# Guards are judged by their counts, after each program.
EXPECTED_ERRORS = programs.JOB_ERRORS + r"|guest-error: guard:"
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
    """What UDMA queues touched between the first and the last job, whose segments, and more (base, length, name), are all
    that they may touch."""

    def __init__(self, lines, more=()):
        lines = list(lines)
        jobs = [n for n, line in enumerate(lines) if REACH.search(line)]
        self.allowed = {(int(m[5], 16), int(m[5], 16) + int(m[6], 16)): "segment"
                        for m in map(REACH.search, lines) if m and m[5]}
        self.allowed.update({(base, base + length): name for base, length, name in more})
        self.read, self.written = set(), set()      # names of what was
        self.count, self.found, patterns = 0, [], {}
        for line in lines[jobs[0]:jobs[-1]] if jobs else []:
            m = COPY.search(line)
            if LOST.search(line):
                self.found.append(line)
            if not m:
                continue
            queue, length, dst, src = m[1], int(m[2]), int(m[3], 16), int(m[4], 16)
            # the word that tells how far the ring is, from the word before it
            to, of = self.within(dst, length), self.within(src, length)
            if length == 4 and dst == src + 4 and dst & HOST and not to:
                continue
            self.count += 1
            self.written.add(to)
            self.read.add(of)
            if not to:
                self.found.append(line)
            elif not of:
                patterns.setdefault(queue, []).append((src, length, line))
        for uses in patterns.values():
            if len({src for src, _, _ in uses}) > 1 or any(not src & HOST or n > PATTERN for src, n, _ in uses):
                self.found += [line for _, _, line in uses]
        self.fills = sum(len(uses) for uses in patterns.values())

    def within(self, address, length):
        """The name of what holds all of it, or None."""
        return next((name for (start, end), name in self.allowed.items() if start <= address and address + length <= end),
                    None)


def judge_copies(tap, name, guest, offsets):
    """@offsets: where the chips' logs were. Other memory than segments: pages that the program told of, the neighbour's."""
    more = guards.pages_told(guest.pull_bytes(PAGES_FILE).decode())
    more += [(base | guards.EAST, length, "neighbour") for base, length in guards.segments_told(guest.emulators[1], offsets[1])]
    with open(guest.emulators[0].log_path, encoding="utf-8", errors="replace") as f:
        f.seek(offsets[0])
        copies = Copies(f, more)
    kinds = {"segment"} | {kind for _, _, kind in more}
    tap.note("%s: %d pieces of copies, %d of them of fills, %d ranges: %s" % (
        name, copies.count, copies.fills, len(copies.allowed), " ".join(sorted(kinds))))
    tap.note("\n".join(copies.found[:20]))
    tap.ok(copies.count and copies.fills and not copies.found, "%s: no copy was outside the objects" % name)
    tap.ok(len(kinds) >= 3 and kinds <= copies.read & copies.written, "%s: copies were of all kinds of memory, both ways" % name,
           "of %s read %s, written %s" % (kinds, copies.read, copies.written))


def judge(tap, name, log, offset):
    with open(log, encoding="utf-8", errors="replace") as f:
        f.seek(offset)
        trace = Trace(f)
    tap.note("%s: %d jobs, %d ranges reached" % (name, trace.jobs, trace.accesses))
    tap.note("\n".join(trace.found[:20]))
    tap.ok(bool(trace.jobs and trace.accesses) and not trace.found,
               "%s: no job reached over its segments" % name)
    found = trace.shared()
    tap.note("\n".join(found[:10]))
    tap.ok(bool(trace.held) and not found, "%s: no two files had the same memory in segments" % name)


def judge_can_fail(tap):
    """What an escape would look like is seen as one."""
    head = "reach: core 0 owner %d job 1: "
    mine = head % 1 + "segment 1: is 0x1000 + 0x1000, flags 1"
    for what, lines in {
            "a read outside": [mine, head % 1 + "segment 1: read 0x1000 .. 0x2001"],
            "a write without permission": [mine, head % 1 + "segment 1: wrote 0x1000 .. 0x1004"],
            "that it does not see all": [mine, "neuron-emu[0]: 3 lines lost"],
            "no segment": [mine, head % 1 + "ESCAPE: write of 4 bytes at 0x10"]}.items():
        tap.ok(len(Trace(lines).found) == 1, "the judge sees " + what)
    other = head % 2 + "segment 7: is 0x1fff + 0x10, flags 3"
    tap.ok(len(Trace([mine, other, mine, other]).shared()) == 1, "the judge sees memory of two files")
    right = [mine, head % 1 + "segment 1: read 0x1000 .. 0x2000", mine, other.replace("0x1fff", "0x2000"), mine]
    begin = head % 1 + "segment 1: is 0x1000 + 0x20000, flags 3"
    copy = "reach: engine 2 queue 15: %d bytes to %#x from %#x"
    good = [copy % (0x1000, 0x1000, HOST | 0x5000), copy % (16, 0x1ff0, 0x1000), copy % (4, HOST | 4, HOST)]
    for what, line in {"a copy to elsewhere": copy % (2, 0x20fff, 0x1000), "a copy from elsewhere": copy % (1, 0x1000, 0xfff),
                       "a fill of too much": copy % (0x10001, 0x1000, HOST),
                       "a copy of what another fill has": copy % (8, 0x1000, HOST | 0x6000),
                       "a word of registers": copy % (4, 0xffff0000004, 0xffff0000000)}.items():
        tap.ok(line in Copies([begin] + good + [line, begin]).found, "the judge sees " + what)
    seen = Copies([begin] + good + [begin])
    tap.ok(not seen.found and seen.count == 2, "the judge lets copies pass that are right")
    pages = [copy % (0x1000, HOST | 0x9000, HOST | 0xb000), copy % (0x10, HOST | 0xb000, 0x1000)]
    more = [(HOST | 0x9000, 0x1000, "pinned"), (HOST | 0xb000, 0x1000, "pinned")]
    seen = Copies([begin] + pages + [copy % (2, HOST | 0x9fff, 0x1000), begin], more)
    tap.ok(len(seen.found) == 1 and seen.read == {"pinned", "segment"}, "the judge sees copies over the end of a page")
    tap.ok(not Trace(right).found and not Trace(right).shared(), "the judge lets pass what is right")


def attack(tap, guest, watch, program, options):
    env = {"NEURON_SEED": str(options.seed), "NEURON_SECONDS": str(options.seconds)}
    chips = guest.emulators
    # Unwatched first: then jobs take the short ways to memory.
    for trace in [False, True] if program in WATCHED else [program == COPIES]:
        name = program + (", watched" if trace else "")
        offsets = [os.path.getsize(chip.log_path) for chip in chips]
        for chip in chips:
            chip.control("trace reach" if trace else "trace none")
        programs.run_program(tap, guest, name, program, options.timeout + options.seconds, env=env)
        watch.check(name)
        if program == COPIES:
            judge_copies(tap, name, guest, offsets)
        elif trace:
            judge(tap, name, chips[0].log_path, offsets[0])
    for chip in chips:
        chip.control("trace none")


def run(tap, options):
    judge_can_fail(tap)
    emulator = os.path.join(vm.output_dir(), "san/bin/neuron-emu")
    if options.emulator or not os.access(emulator, os.X_OK):
        emulator = options.emulator
    os.environ.setdefault("ASAN_OPTIONS", "abort_on_error=1")
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    with vm.VM(name="attack", devices=2, modprobe=True, lifetime=options.timeout * 6 + options.seconds * 2 + 60,
               kernel=options.kernel, emulator=emulator,
               firmware=os.path.join(vm.output_dir(), "firmware/inferentia.bin")) as guest:
        tap.note("Linux %s, %s, seed %d, console %s" % (guest.release, emulator or "neuron-emu", options.seed,
                                                        guest.console))
        watch = guards.Guards(tap, guest, options.timeout)
        watch.begin()
        watch.check_eyes("before all")
        for program in options.programs or PROGRAMS:
            attack(tap, guest, watch, program, options)
        watch.check_eyes("after all")
        watch.end()
        programs.check_log(tap, guest)
        programs.check_chip(tap, guest, "the chip found only mistakes that a job makes for itself", EXPECTED_ERRORS)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=int, default=3, help="for the random attacks, each of their parts")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--kernel", help="6.12 (default), 6.1, backports, debug, or a directory made by 'prepare'")
    p.add_argument("--emulator", help="default: the one with sanitizers, if it was built")
    p.add_argument("--timeout", type=int, default=300, help="seconds for each program")
    p.add_argument("programs", nargs="*", help="default: " + " ".join(PROGRAMS))
    options = p.parse_args()
    programs.run(lambda tap: run(tap, options))


if __name__ == "__main__":
    main()
