# SPDX-License-Identifier: Apache-2.0
"""The victim of all attacks, and the chips' guards over what it has and over the kernel's memory.

attack_victim.c has the memory; here its addresses become guards of both chips: accesses to them are counted by the
chip that makes them, reads like writes. The victim's own show that the guards see what there is to see; between two
looks at the counts there must be none.
"""

import os
import re
import signal
import time

import vm

PROGRAM = "/usr/lib/neuron/tests/attack_victim"
SEGMENT = re.compile(r"reach: core \d+ owner \d+ job \d+: segment \d+: is (0x[0-9a-f]+) \+ (0x[0-9a-f]+)")
PAGES = re.compile(r"(0x[0-9a-f]+) (0x[0-9a-f]+) (\w+)$")
SPACE, HOST, EAST, WEST = 3 << 46, 1 << 46, 2 << 46, 3 << 46
# What the victim touches when it is asked to, by chip; what its kernel or the driver lacks is not told as a range.
BOTH = ("reads", "writes")
TOUCHED = {0: {"device": BOTH, "host": BOTH, "pinned": BOTH, "dmabuf": BOTH, "neighbour": BOTH},
           1: {"device": BOTH, "host": BOTH}}
MAKERS = {0: [r"engine \d+ queue \d+ M2S descriptor \d+: read", r"engine \d+ queue \d+ S2M descriptor \d+: write",
              r"core \d+ owner \d+ job \d+: read", r"core \d+ owner \d+ job \d+: write", r"dma-outside: read"],
          1: [r"engine \d+ queue \d+ M2S descriptor \d+: read", r"engine \d+ queue \d+ S2M descriptor \d+: write"]}


def segments_told(chip, offset):
    """(base, length) of all segments of jobs in a chip's log from there on."""
    with open(chip.log_path, encoding="utf-8", errors="replace") as f:
        f.seek(offset)
        return sorted({(int(m[1], 16), int(m[2], 16)) for m in map(SEGMENT.search, f) if m})


def pages_told(text):
    """(device address, length, name) of what attack_pages.h has told."""
    return [(int(m[1], 16) | HOST, int(m[2], 16), m[3]) for m in map(PAGES.match, text.splitlines()) if m]


class Guards:
    """From begin() on nothing that it guards may be touched but by check_eyes()."""

    def __init__(self, tap, guest, timeout):
        self.tap, self.guest, self.timeout = tap, guest, timeout
        self.text, self.victim = "", None
        self.seen, self.offsets = [], [0 for _ in guest.emulators]

    def _receive(self, _kind, data):
        self.text += data.decode(errors="replace")

    def _wait(self, word, number=1):
        limit = time.monotonic() + self.timeout
        while self.text.split().count(word) < number:
            if self.victim.done.is_set() or time.monotonic() > limit:
                raise vm.VMError("the victim does not say %r\n%s\nconsole: %s" % (word, self.text[-1000:],
                                                                               self.guest.console))
            self.guest.wait(self.victim.done, 0.02)

    def begin(self):
        chips = self.guest.emulators
        self._mark()
        for chip in chips:
            chip.control("trace reach")
        self.victim = self.guest.spawn([PROGRAM], sink=self._receive)
        self._wait("ready")
        for chip in chips:
            chip.control("trace none")
        segments = [segments_told(chip, offset) for chip, offset in zip(chips, self.offsets)]
        pages = pages_told(self.text)
        objects = int(re.search(r"^objects (\d+)$", self.text, re.M)[1])
        self.tap.ok([len(s) for s in segments] == [objects] * 2, "the victim's objects have addresses", segments)
        for i, chip in enumerate(chips):
            side = EAST if i == 0 else WEST
            theirs = [(base | side, length, "neighbour") for base, length in segments[1 - i] if not base & SPACE]
            ours = [(base, length, "device") for base, length in segments[i] if not base & SPACE]
            host = {(base, length, "host") for part in segments for base, length in part if base & SPACE == HOST}
            for base, length, name in ours + theirs + sorted(host) + pages:
                chip.control("guard %#x %#x %s" % (base, length, name))
        self.kernel = max((p for p in pages if p[2] == "kernel"), key=lambda p: p[1])
        self._news()
        kinds = [name for _, name, _ in self._listed(chips[0])]
        self.tap.note("guards: %s; %d KiB of the kernel's" % (
            ", ".join("%d %s" % (kinds.count(name), name) for name in sorted(set(kinds))),
            sum(length for _, length, name in pages if name == "kernel") >> 10))

    @staticmethod
    def _listed(chip):
        """(base, name, {"reads": n, "writes": n}) of each guard."""
        for line in chip.control("guards"):
            base, _, name, *counts = line.split()
            yield base, name, {key: int(n) for key, n in (c.split("=") for c in counts)}

    def _counts(self, chip):
        counts = {}
        for _, name, found in self._listed(chip):
            for key, n in found.items():
                counts[name, key] = counts.get((name, key), 0) + n
        return counts

    def _news(self):
        """For each chip what its guards have counted, and told, since the last call."""
        now, told = [self._counts(chip) for chip in self.guest.emulators], []
        news = [{key: n - was.get(key, 0) for key, n in counts.items() if n != was.get(key, 0)}
                for counts, was in zip(now, self.seen)]
        for chip, offset in zip(self.guest.emulators, self.offsets):
            with open(chip.log_path, encoding="utf-8", errors="replace") as f:
                f.seek(offset)
                told.append([line.strip() for line in f if ": guest-error: guard: " in line])
        self.seen = now
        self._mark()
        return news, told

    def _mark(self):
        self.offsets = [os.path.getsize(chip.log_path) for chip in self.guest.emulators]

    def check_eyes(self, when):
        """The guards see what the victim does with its own, and a chip gone wrong that looks into the kernel."""
        chips = self.guest.emulators
        number = self.text.split().count("touched") + 1
        self.victim.signal(signal.SIGUSR1)
        self._wait("touched", number)
        chips[0].control("fault dma-outside:address=%#x,count=1" % (self.kernel[0] & ~HOST))
        chips[0].control("clear dma-outside")
        news, told = self._news()
        names = {name for _, name, _ in self._listed(chips[0])}
        for i in range(len(chips)):
            missing = [(name, key) for name, keys in TOUCHED[i].items() if name in names
                       for key in keys if not news[i].get((name, key))]
            silent = [maker for maker in MAKERS[i] if not any(re.search(maker, line) for line in told[i])]
            if i == 0 and news[i].get(("kernel", "reads")) != 1:
                missing.append(("kernel", "reads"))
            self.tap.ok(not missing and not silent, "%s: the guards of chip %d see who touches what is guarded" % (when, i),
                        "unseen: %s; nobody named as %s\n%s\n%s" % (missing, silent, news[i], "\n".join(told[i][:20])))

    def check(self, name):
        """No engine came to what is guarded since the last look."""
        news, told = self._news()
        lines = [line for part in told for line in part[:20]]
        self.tap.ok(not any(news) and not lines, "%s: no engine touched what is guarded" % name,
                    "%s\n%s" % (news, "\n".join(lines)))

    def end(self):
        for chip in self.guest.emulators:
            chip.control("unguard all")
        self.victim.signal(signal.SIGTERM)
        code = self.victim.wait(self.timeout).code
        self.tap.ok(code == 0, "the victim's memory is as it was", "code %d\n%s" % (code, self.text[-1000:]))
