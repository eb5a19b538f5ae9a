#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each kind of fault against an idle, a copying and a computing client (matrix.py): TAP on standard output.

A guest has four chips: one for each kind of client, and one on which an innocent client copies and computes all the
time, which must never see an error. For each row a client starts on each of the first three chips, the fault is set,
and the row waits until each client has seen what it has to; then the fault is cleared, the clients must be in good
state again, end, and leave nothing behind; new clients do three good rounds.

Nothing may hang: a client's calls have a limit, tasks that sleep are reported by the kernel.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/testbed"))
sys.path.insert(0, os.path.join(TOP, "tests/lib"))
import matrix  # noqa: E402
import tap  # noqa: E402
import vm  # noqa: E402

CLIENT = "/usr/lib/neuron/tests/fault-client"
DEBUGFS = "/sys/kernel/debug/neuron/neuron%d/"
CHIPS = {"idle": 0, "copy": 1, "compute": 2}
INNOCENT = 3
PEER = "/dev/neuron0"
CHANNEL_SIZE = 4 << 30
SPOILT = 2048           # offset in the kept buffer, which both copies and jobs read
NAMES = {"idle": "idle", "copy": "copying", "compute": "computing"}
# Also what the driver asks the firmware for, which it does at most once a second.
TELEMETRY = "sleep 1.1; find /sys/class/neuron_device/neuron%d/ -type f ! -name uevent | xargs cat >/dev/null 2>&1"


class Tap(tap.Tap):
    """Of what there is to say about a failure the end."""

    def ok(self, condition, name, *detail):
        return super().ok(bool(condition), name, "\n".join("\n".join(str(d) for d in detail).splitlines()[-60:]))


class Client:
    """A client in the guest, and what it has printed so far."""

    def __init__(self, guest, *args):
        self.guest, self.text = guest, ""
        self.job = guest.spawn([CLIENT] + [str(a) for a in args], sink=self._receive)

    def _receive(self, _kind, data):
        self.text += data.decode(errors="replace")

    def rounds(self):
        seen = re.findall(r"^ok (\d+)$", self.text, re.M)
        return int(seen[-1]) if seen else 0

    def good_since(self, start):
        return re.search(r"^ok \d+$", self.text[start:], re.M)

    def stop(self, patience):
        self.job.signal()
        self.job.wait(patience)


class Bench:
    def __init__(self, tap, guest, options):
        self.tap, self.guest, self.options = tap, guest, options
        self.patience = 90 * options.scale
        self.limit = 25 * options.scale
        self.tags = 0
        self.guest.run("echo %d > /proc/sys/kernel/hung_task_timeout_secs" % (30 * options.scale))
        self.memory = self.counters("memory")
        self.uevents = Client(guest, "uevents")
        self.innocent = self.client("both", INNOCENT)
        self.until(lambda: self.innocent.rounds() > 1)
        self.log = self.take_log()
        self.errors = [0] * 4

    def client(self, mode, chip, *args):
        self.tags += 1
        c = Client(self.guest, mode, "/dev/neuron%d" % chip, 0, "kept by client %d" % self.tags,
                   "limit=%d" % self.limit, *args)
        c.tag = "kept by client %d" % self.tags
        return c

    def until(self, condition):
        limit = time.monotonic() + self.patience
        while not condition():
            if time.monotonic() > limit:
                return False
            time.sleep(0.05)
        return True

    def sh(self, command):
        return self.guest.run(["sh", "-c", command], timeout=self.patience)

    def counters(self, name):
        """Of the chips' debugfs file of that name: a dict of numbers a chip."""
        text = self.sh("for i in 0 1 2 3; do echo chip; cat %s%s; done" % (DEBUGFS.replace("%d", "$i"), name)).out
        return [dict((k, int(v)) for k, v in re.findall(r"^(\w+):?\s+(\d+)$", part, re.M))
                for part in text.split("chip\n")[1:]]

    def take_log(self):
        return self.guest.run(["dmesg", "-c"], timeout=self.patience).out

    def new_errors(self):
        """What the emulators have said of the guest since the last time, a list a chip."""
        new = []
        for i, e in enumerate(self.guest.emulators):
            lines = [line for line in vm.tail(e.log_path, 1 << 20).splitlines() if ": guest-error: " in line]
            new.append(lines[self.errors[i]:])
            self.errors[i] = len(lines)
        return new

    def admin_reset(self, chips):
        for i in chips:
            r = self.sh("echo 1 > /sys/class/neuron_device/neuron%d/device/reset" % i)
            if r.code:
                self.tap.ok(False, "neuron%d can be reset through sysfs" % i, r)

    def kept_address(self, chip, tag):
        """Where in the DRAM of a chip the kept buffer lies that begins with tag: (channel, address)."""
        pid, want = self.guest.chips[chip].process.pid, tag.encode() + b"\0"
        for fd in os.listdir("/proc/%d/fd" % pid):
            path = "/proc/%d/fd/%s" % (pid, fd)
            with contextlib.suppress(FileNotFoundError):
                if "neuron-dram" in os.readlink(path):
                    break
        at = 0
        with open(path, "rb", buffering=0) as f:
            while True:
                try:
                    at = os.lseek(f.fileno(), at, os.SEEK_DATA)
                except OSError:
                    raise vm.VMError("chip %d has no memory that begins with %r" % (chip, tag)) from None
                end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
                for at in range(at & -4096, end, 4096):
                    if os.pread(f.fileno(), len(want), at) == want:
                        return at // CHANNEL_SIZE, at % CHANNEL_SIZE
                at = end


class Run:
    """One row, run once."""

    def __init__(self, bench, row):
        self.bench, self.row, self.tap = bench, row, bench.tap
        peer = ["peer=" + PEER] if row.peer else []
        more = {"copy": peer, "compute": row.args}
        self.clients = {c: bench.client(c, CHIPS[c], *more.get(c, [])) for c in matrix.COLUMNS}
        self.start = {}
        self.resets, self.readers, self.unshown = [], [], []
        self.outside_resets = [CHIPS[c] for c in matrix.COLUMNS if row.cells[c].stays_gone]

    def ready(self):
        good = self.bench.until(lambda: all(c.rounds() > 1 or c.job.done.is_set() for c in self.clients.values()))
        for c in self.clients.values():
            good = good and not c.job.done.is_set()
        return good

    def spec(self, column):
        spec = self.row.spec[column]
        if not spec.endswith("address="):
            return spec
        channel, address = self.bench.kept_address(CHIPS[column], self.clients[column].tag)
        return "%s%d,channel=%d" % (spec, address + SPOILT, channel)

    def chip(self, column):
        return self.bench.guest.chips[CHIPS[column]]

    def fired(self, column):
        return any(re.search(r"fired=[1-9]", line) for line in self.chip(column).control("faults"))

    def new_text(self, column):
        return self.clients[column].text[self.start[column]:]

    def satisfied(self, column):
        """Has the fault been there, and the client seen what it has to see while it is?"""
        cell, client, row = self.row.cells[column], self.clients[column], self.row
        if column in row.fires and not self.fired(column):
            return False
        if row.early and column == "idle" or cell is matrix.HELD:
            return True
        required = [r for r in cell.required if not (cell.stays_gone and r == "reopened")]
        if any(not re.search("^(%s)$" % r, self.new_text(column), re.M) for r in required):
            return False
        return bool(required) or client.rounds() >= self.rounds[column] + 3

    def act(self):
        """What the runner does while the fault is there."""
        if self.row.during == "telemetry":
            self.readers = [self.bench.guest.spawn(["sh", "-c", TELEMETRY % i]) for i in CHIPS.values()]
        elif self.row.during == "reset":
            for column in matrix.COLUMNS:
                self.bench.sh("echo device > %srecover" % (DEBUGFS % CHIPS[column]))

    def speed(self, speed):
        """How fast the driver goes from one attempt at recovery to the next, and gives copies up: a slow guest needs the time."""
        if self.row.speed > 1:
            for chip in CHIPS.values():
                self.bench.sh("echo %d > %srecovery_speed" % (max(1, speed // self.bench.options.scale), DEBUGFS % chip))

    def inflict(self):
        self.speed(self.row.speed)
        self.before = self.bench.counters("watchdog")
        self.shown_before = self.shown() if self.row.shows else None
        self.rounds = {c: client.rounds() for c, client in self.clients.items()}
        self.events = len(self.bench.uevents.text)
        self.innocent = self.bench.innocent.rounds()
        specs = {c: self.spec(c) for c in matrix.COLUMNS}
        for column, client in self.clients.items():
            self.start[column] = len(client.text)
        for column, spec in specs.items():
            self.chip(column).control("fault " + spec)
        self.act()
        self.bench.until(lambda: all(self.satisfied(c) for c in matrix.COLUMNS))
        self.unsatisfied = [c for c in matrix.COLUMNS if not self.satisfied(c)]
        # A fault that breaks the chip again and again uses up the resets that the driver does by itself.
        breaks = any(cell.resets for cell in self.row.cells.values())
        time.sleep(min(self.bench.options.seconds, 3 if breaks else 1e6))
        self.bench.until(lambda: self.told() and not self.not_logged(self.bench.guest.dmesg()))
        if self.row.shows and not self.shows(self.row.shows[1]):
            self.unshown.append("meanwhile %s: %s" % (self.row.shows[0], self.shown()))

    def not_logged(self, log):
        return ["neuron%d: %s" % (CHIPS[c], pattern) for c, pattern in self.row.log.items()
                if not re.search(r"neuron%d: .*%s" % (CHIPS[c], pattern), log)]

    def told(self):
        """Have the events come that the fault itself causes?"""
        text = self.bench.uevents.text[self.events:]
        return all(re.search("NEURON_EVENT=%s.*DEVNAME=neuron%d |DEVNAME=neuron%d .*NEURON_EVENT=%s" % (
            pattern, CHIPS[c], CHIPS[c], pattern), text) for c, pattern in self.row.events.items())

    def shown(self):
        """What the row's file reads, a line a chip."""
        files = " ".join("/sys/" + self.row.shows[0] % i for i in CHIPS.values())
        return self.bench.sh("for f in %s; do cat $f; done" % files).out.splitlines()

    def shows(self, pattern):
        """Does it come to be that? Of a chip that is being reset it cannot be read for a while."""
        def right():
            now = self.shown()
            if len(now) != len(CHIPS):
                return False
            if pattern == "grows":
                return all(int(a) > int(b) for a, b in zip(now, self.shown_before))
            return all(re.fullmatch(pattern, line) for line in now)
        return self.bench.until(right)

    def clear(self):
        for column in matrix.COLUMNS:
            self.chip(column).control("clear all")

    def end_clients(self):
        for client in self.clients.values():
            client.job.signal()
        for job in [client.job for client in self.clients.values()] + self.readers:
            job.wait(self.bench.patience)

    def restore(self):
        """Fault away, clients in good state, and ended."""
        if self.row.early:
            self.end_clients()
            self.clear()
            return
        self.clear()
        marks = {c: len(client.text) for c, client in self.clients.items()}
        self.bench.admin_reset(self.outside_resets)
        self.bench.until(lambda: all(client.good_since(marks[c]) or client.job.done.is_set()
                                     for c, client in self.clients.items()))
        self.end_clients()
        self.speed(1)
        if self.row.shows and not self.shows(self.row.shows[2]):
            self.unshown.append("afterwards %s: %s" % (self.row.shows[0], self.shown()))

    def unexpected_events(self, text):
        """Of chips whose fault is no reason to send them."""
        names = {e.split()[0] for e in self.row.events.values()}
        if self.resets or self.outside_resets:
            names |= {"reset", "recovered", "broken", "link"}
        return [line for line in text.splitlines() for name in re.findall(r"NEURON_EVENT=(\w+)", line)
                if name not in names] if self.row.quiet else []

    def complaints(self, column):
        """What is not as the cell of the table has it."""
        cell, text, chip = self.row.cells[column], self.new_text(column), CHIPS[column]
        lines = [line for line in text.splitlines() if not re.match(r"ok \d+$|done ", line)]
        bad = ["unexpected: " + line for line in lines
               if not any(re.fullmatch(p, line) for p in cell.allowed)]
        bad += ["missing: " + p for p in cell.required if not any(re.fullmatch(p, line) for line in lines)]
        if column in self.row.fires and column in self.unsatisfied:
            bad.append("the fault did not fire, or the client did not go on")
        if not re.search(r"^done .* state=ok$", text, re.M):
            bad.append("not in good state at the end, code %s" % self.clients[column].job.code)
        grown = {k: self.after[chip].get(k, 0) - self.before[chip].get(k, 0) for k in self.before[chip]}
        if cell.missed and not grown["missed_interrupts"]:
            bad.append("missed_interrupts did not grow")
        maybe = cell is matrix.MAYBE or cell.stays_gone
        if not maybe and bool(grown["device_resets"]) != cell.resets:
            bad.append("%d device resets" % grown["device_resets"])
        if grown["device_resets"]:
            self.resets.append(chip)
        for rung in ("aborts", "core_resets"):
            if bool(grown[rung]) != (rung in cell.rungs):
                bad.append("%d %s" % (grown[rung], rung))
        return bad

    def outside(self):
        """Kernel log, events, what the emulators say, the innocent, processes."""
        bench, row, bad = self.bench, self.row, []
        log, text = bench.take_log(), bench.uevents.text[self.events:]
        bad += vm.find_problems(log)
        bad += ["not in the log: " + line for line in self.not_logged(log)] + self.unshown
        bad += ["unexpected event: " + line for line in self.unexpected_events(text)]
        if not self.told():
            bad.append("an event is missing")
        for chip in range(4):
            reset = re.search(r"NEURON_EVENT=recovered.*DEVNAME=neuron%d |DEVNAME=neuron%d .*NEURON_EVENT=recovered" % (
                chip, chip), text)
            if chip not in self.outside_resets and (chip in self.resets) != bool(reset):
                bad.append("event 'recovered' of neuron%d: %s, but it was %sreset" % (
                    chip, bool(reset), "" if chip in self.resets else "not "))
        for chip, errors in enumerate(bench.new_errors()):
            allowed = [p for p in (row.errors, row.may_say, vm.CUT_OFF if chip in self.resets + self.outside_resets else None) if p]
            bad += [e for e in errors if not any(re.search(p, e) for p in allowed)]
            if row.errors and chip != INNOCENT and not any(re.search(row.errors, e) for e in errors):
                bad.append("the emulator of chip %d does not say %s" % (chip, row.errors))
        bad += ["chip %d has died" % e.index for e in bench.guest.chips if e.process.poll() is not None]
        if re.search(r"^(error|status|wrong|slow|hang|done)", bench.innocent.text, re.M):
            bad.append("the innocent client: " + bench.innocent.text[-500:])
        if bad:
            bad += ["log: " + line for line in log.splitlines()[-30:]] + ["events: " + text]
        return bad

    def leftovers(self):
        """Queues and memory that clients have left; new clients that do not work."""
        bench, bad = self.bench, []
        fresh = [bench.client("both", chip, "rounds=3") for chip in CHIPS.values()]
        for chip, client in enumerate(fresh):
            client.job.wait(bench.patience)
            if not re.search(r"^done rounds=3 errors=0 wrong=0", client.text, re.M):
                bad.append("a new client of neuron%d: %s" % (chip, client.text))
        kinds = ("device", "host", "user", "dmabuf", "mapped")
        if not bench.until(lambda: all(bench.memory[i][k] == bench.counters("memory")[i][k]
                                       for i in range(3) for k in kinds)):
            bad.append("memory is still in use: %s" % bench.counters("memory"))
        queues = bench.sh("tail -qn +2 /sys/kernel/debug/neuron/neuron[012]/queues").out
        return bad + (["queues are left: " + queues] if queues else [])

    def run(self):
        """False: the chips are no good for another row."""
        row, tap = self.row, self.tap
        if not self.ready():
            tap.ok(False, "%s: clients start" % row.name, *(c.text for c in self.clients.values()))
            return False
        self.inflict()
        self.restore()
        self.after = self.bench.counters("watchdog")
        for column in matrix.COLUMNS:
            bad = self.complaints(column)
            tap.ok(not bad, "%s, %s: %s" % (row.name, NAMES[column], row.cells[column].text.replace("`", "")),
                   *bad, *self.new_text(column).splitlines()[-20:])
        bad = self.leftovers()
        tap.ok(not bad, "%s: afterwards: chips are as good as new, nothing is left" % row.name, *bad)
        seen = self.outside()
        tap.ok(not seen, "%s: outside: log, events and the innocent are as they should be" % row.name, *seen)
        # Resets by the driver itself are counted: each row has all of them.
        self.bench.admin_reset(self.resets)
        return not bad


def finish(bench):
    bench.innocent.stop(bench.patience)
    text = bench.innocent.text
    bench.tap.ok(re.search(r"^done .* errors=0 wrong=0 reopened=0 slow=0 .*state=ok$", text, re.M),
                 "the innocent client has seen nothing of all that", text[-500:])
    bench.uevents.job.signal(9)
    bench.uevents.job.wait(bench.patience)
    r = bench.sh("rmmod neuron && if [ -e /sys/kernel/debug/kmemleak ]; then echo scan > /sys/kernel/debug/kmemleak;"
                 " sleep 6; echo scan > /sys/kernel/debug/kmemleak; cat /sys/kernel/debug/kmemleak; fi")
    bench.tap.ok(not r.code and "unreferenced" not in r.out, "the module can be removed, and leaves nothing", r)
    problems = vm.find_problems(bench.take_log())
    bench.tap.ok(not problems, "no problem in the kernel's log at the end", *problems)


def run_rows(tap, rows, options):
    """As many as one guest survives: those that are left."""
    with vm.VM(devices=4, name="faults", modprobe=True, lifetime=120 + (120 * options.scale + options.seconds) * len(rows),
               kernel=options.kernel) as guest:
        print("# Linux %s, up after %.1f s, console %s" % (guest.release, guest.boot_seconds, guest.console), flush=True)
        bench = Bench(tap, guest, options)
        while rows:
            begin = time.monotonic()
            row = rows.pop(0)
            good = Run(bench, row).run()
            print("# %s took %.1f s" % (row.name, time.monotonic() - begin), flush=True)
            if not good:
                return
        finish(bench)


def check_kinds(tap):
    program = os.environ.get("NEURON_EMU") or os.path.join(vm.output_dir(), "bin/neuron-emu")
    listed = subprocess.run([program, "--fault", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    kinds = {line.split()[0] for line in listed.splitlines() if line.strip()}
    rows = {row.kind for row in matrix.ROWS}
    tap.ok(kinds == rows, "each kind of fault has a row", "without a row: %s" % sorted(kinds - rows),
           "no such kind: %s" % sorted(rows - kinds))


def check_table(tap):
    with open(os.path.join(TOP, "docs/testing.md"), encoding="utf-8") as f:
        text = f.read()
    tap.ok(matrix.table() in text, "docs/testing.md has the table", "it comes from 'run_matrix.py --table'")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kernel", help="6.12 (default), 6.1, backports, debug, or a directory made by 'prepare'")
    p.add_argument("--seconds", type=float, default=0.3, help="how long each fault stays after it was seen")
    p.add_argument("--table", action="store_true", help="print the table of docs/testing.md and exit")
    p.add_argument("kinds", nargs="*", help="default: all")
    options = p.parse_args()
    if options.table:
        print(matrix.table(), end="")
        return 0
    options.scale = 4 if options.kernel == "debug" else 1
    results = Tap()
    check_kinds(results)
    check_table(results)
    rows = [row for row in matrix.ROWS if not options.kinds or row.kind in options.kinds]
    try:
        while rows:
            run_rows(results, rows, options)
    except vm.VMError as e:
        results.ok(False, "the guest lives", e)
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
