# SPDX-License-Identifier: Apache-2.0
"""What runners of test programs in guests share: a program's results, the look at the logs, the end of a run."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../testbed")]
import vm       # noqa: E402
from tap import Tap     # noqa: E402

GUEST_DIR = "/usr/lib/neuron/tests"
# What a job does wrong inside its own walls.
JOB_ERRORS = r"guest-error: job-(descriptor|segment|instruction|semaphore|timeout)\b"


def run_program(tap, guest, prefix, program, timeout, env=None):
    """One test program; its own results, and that there were as many as it had planned."""
    try:
        # A failed check says on stderr what it saw.
        r = guest.run(["sh", "-c", 'exec "$0" 2>&1', os.path.join(GUEST_DIR, program)], timeout=timeout, env=env)
    except vm.VMTimeout as e:
        tap.ok(False, "%s: %s ends in time" % (prefix, program), e)
        return
    planned, seen, failed = None, 0, False
    for line in r.out.splitlines():
        m = re.match(r"1\.\.(\d+)$", line)
        if m:
            planned = int(m.group(1))
            continue
        m = re.match(r"(not )?ok \d+ (?:- )?([^#]*?)\s*(?:# SKIP (.*)|#.*)?$", line)
        if m:
            seen += 1
            failed |= bool(m.group(1))
            name = "%s: %s %s" % (prefix, program, m.group(2))
            if m.group(3) and not m.group(1):
                tap.skip(name, m.group(3))
            else:
                tap.ok(not m.group(1), name)
        elif line.startswith("# ") and (".c:" in line or "terminated" in line):
            tap.note(line[2:])
    tap.ok(seen == planned and (not r.code or failed), "%s: %s runs to its end" % (prefix, program),
           "code %d, %d of %s results\n%s" % (r.code, seen, planned, r.out[-2000:]))


def check_chip(tap, guest, name, ignore):
    """The emulators have reported no mistake of the driver's but what matches @ignore."""
    errors = guest.chip_errors(ignore)
    tap.ok(not errors, name, "\n".join(errors[:20]))


def check_log(tap, guest, prefix=""):
    problems = guest.dmesg_problems()
    tap.ok(not problems, prefix + "no problem in the kernel's log", "\n".join(problems))


def run(tests):
    """Calls tests(tap), and ends the process: 0, 1 if a test failed, 2 if a guest could not go on."""
    tap = Tap()
    try:
        tests(tap)
    except vm.VMError as e:
        tap.bail(e)
    tap.exit()
