#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run the test suites, show progress, count, keep every result as TAP.

Each suite is a command that prints TAP (version 12 to 14) on stdout. A suite whose
command fails without a "not ok", prints no plan, or runs out of time counts as one more
failure. Results: OUT/check.tap (all tests by name) and OUT/check/SUITE.{tap,log}.
Suites run side by side, as many as --jobs says; those with the longest limits begin first.
"""
import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time

# cmocka puts the name of a skipped test behind the directive: "not ok 1 # SKIP name".
RESULT = re.compile(r"^(not )?ok\b\s*(\d+)?(?:\s+-)?(?:\s+(?!#)(.*?))?(?:\s+#\s*(SKIP|TODO)\b\s*(.*))?$", re.I)
HERE = os.path.dirname(os.path.abspath(__file__))
PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*SKIP\b\s*(.*))?", re.I)
DETAILS = 25    # lines shown of what a suite says about a failure


class Suite:
    """One command and what came of it."""

    def __init__(self, name, command, timeout):
        self.name, self.command, self.timeout = name, command, timeout
        self.results = []       # (ok, test name, skip reason or None)
        self.details = {}       # by index in results: comments before or after a failure
        self.skipped_whole = False
        self.error = None
        self.seconds = 0.0
        self.process = None

    def run(self, out):
        base = os.path.join(out, "check", self.name.replace("/", "-"))
        start = time.monotonic()
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
                   UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
                   TSAN_OPTIONS="suppressions=" + os.path.join(HERE, "tsan.supp"), CMOCKA_MESSAGE_OUTPUT="TAP")
        with open(base + ".tap", "wb") as tap, open(base + ".log", "wb") as log:
            try:
                self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=tap, stderr=log,
                                                env=env, start_new_session=True)
            except OSError as error:
                self.error = f"cannot start {self.command[0]}: {error.strerror}"
                return
            try:
                code = self.process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                self.process.wait()
                code = None
        self.seconds = time.monotonic() - start
        self.parse(base + ".tap")
        failed = [r for r in self.results if not r[0]]
        if code is None:
            self.error = f"no end after {self.timeout} s; see {base}.tap and .log"
        elif code != 0 and not failed:
            self.error = f"exit status {code}; see {base}.tap and .log"
        elif not self.results and not self.error and not self.skipped_whole:
            self.error = f"ran no test; see {base}.tap and .log"

    def kill(self):
        """With all that it has started."""
        if self.process and self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def parse(self, path):
        planned, before = None, []
        with open(path, errors="replace") as file:
            for line in file:
                line = line.rstrip("\n")
                plan, result = PLAN.match(line), RESULT.match(line)
                if plan:
                    planned = (planned or 0) + int(plan.group(1))
                    self.skipped_whole |= plan.group(1) == "0" and plan.group(2) is not None
                elif result:
                    skip = result.group(5) or "no reason given" if result.group(4) else None
                    ok = not result.group(1) or skip is not None
                    self.results.append((ok, (result.group(3) or skip or "").strip(), skip))
                    if not ok:
                        self.details[len(self.results) - 1] = before
                    before = []
                elif line.startswith("#"):
                    before.append(line)
                    if len(self.results) - 1 in self.details:
                        self.details[len(self.results) - 1].append(line)
        if planned is None:
            self.error = f"printed no plan; see {path}"
        elif planned != len(self.results):
            self.error = f"planned {planned} tests, ran {len(self.results)}"

    def counts(self):
        passed = sum(ok and not skip for ok, _, skip in self.results)
        skipped = sum(skip is not None for _, _, skip in self.results)
        failed = sum(not ok for ok, _, _ in self.results) + (self.error is not None)
        return passed, failed, skipped

    def report(self):
        passed, failed, skipped = self.counts()
        text = f"{passed} passed" + (f", {skipped} skipped" if skipped else "") + (f", {failed} FAILED" if failed else "")
        print(f"  {self.name:<34} {text}  ({self.seconds:.1f} s)", flush=True)
        for index, (ok, name, _) in enumerate(self.results):
            if not ok:
                print(f"      not ok: {name}")
                for line in self.details[index][-DETAILS:]:
                    print("        " + line)
        if self.error:
            print(f"      {self.error}", flush=True)


def read_suites(path, out, units, wanted):
    """Lines of NAME TIMEOUT COMMAND...; @O@ stands for the output directory, a line with @UNIT@
    for one suite a unit test."""
    suites = []
    with open(path) as file:
        lines = [line.split("#")[0] for line in file]
    for line in lines:
        if "@UNIT@" in line and not units and not wanted:
            sys.exit(f"{path} wants unit tests, and --units names none")
        for unit in sorted(units) if "@UNIT@" in line else [""]:
            words = line.replace("@UNIT@", unit).replace("@O@", out).split()
            if words and (not wanted or any(words[0].startswith(w) for w in wanted)):
                suites.append(Suite(words[0], words[2:], int(words[1])))
    return suites


def run_suites(suites, jobs, out):
    def run(suite):
        suite.run(out)
        return suite

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(run, s) for s in sorted(suites, key=lambda s: -s.timeout)]
        try:
            for done in concurrent.futures.as_completed(waiting):
                done.result().report()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for suite in suites:
                suite.kill()
            raise


def write_tap(path, suites):
    with open(path, "w") as file:
        file.write("TAP version 13\n")
        number = 0
        for suite in suites:
            rows = list(suite.results)
            if suite.error:
                rows.append((False, suite.error, None))
            for ok, name, skip in rows:
                number += 1
                file.write(f"{'ok' if ok else 'not ok'} {number} - {suite.name}: {name}"
                           + (f" # SKIP {skip}" if skip else "") + "\n")
        file.write(f"1..{number}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--suites", required=True)
    parser.add_argument("--units", default="", help="names of the unit tests")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="suites at a time")
    parser.add_argument("only", nargs="*", help="names, or beginnings of names, of suites")
    args = parser.parse_args()
    os.makedirs(os.path.join(args.out, "check"), exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    suites = read_suites(args.suites, args.out, args.units.split(), args.only)
    unknown = [w for w in args.only if not any(s.name.startswith(w) for s in suites)]
    if unknown or not suites:
        sys.exit(f"no such suite: {' '.join(unknown)}; see {args.suites}")
    start = time.monotonic()
    print(f"{len(suites)} suites; details in {args.out}/check/")
    run_suites(suites, max(1, args.jobs), args.out)
    write_tap(os.path.join(args.out, "check.tap"), suites)
    passed, failed, skipped = (sum(c) for c in zip(*(s.counts() for s in suites)))
    print(f"{time.monotonic() - start:.0f} s, {skipped} skipped; every test by name: {args.out}/check.tap")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
