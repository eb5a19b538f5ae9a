#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The suite runner itself: a suite that goes wrong in any way is a failure, never silence.

usage: test_check.py
"""
import contextlib
import glob
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from tap import Tap     # noqa: E402

CHECK = os.path.join(HERE, "..", "check.py")
# what the suite prints, its command's end, the runner's closing line
CASES = (
    ("all passed", "1..2\nok 1 - a\nok 2 - b\n", "true", "2 passed, 0 failed"),
    ("one failed", "1..2\nok 1 - a\nnot ok 2 - b\n", "false", "1 passed, 1 failed"),
    ("failed, but exit status 0", "1..1\nnot ok 1 - a\n", "true", "0 passed, 1 failed"),
    ("skipped", "1..2\nok 1 - a\nok 2 - b # SKIP why\n", "true", "1 passed, 0 failed"),
    ("skipped, as cmocka says it", "1..2\nok 1 - a\nnot ok 2 # SKIP b\n", "true", "1 passed, 0 failed"),
    ("skipped as a whole", "1..0 # SKIP why\n", "true", "0 passed, 0 failed"),
    ("ran nothing, and gave no reason", "1..0\n", "true", "0 passed, 1 failed"),
    ("no plan", "ok 1 - a\n", "true", "1 passed, 1 failed"),
    ("fewer than planned", "1..2\nok 1 - a\n", "true", "1 passed, 1 failed"),
    ("nothing printed", "", "true", "0 passed, 1 failed"),
    ("exit status without a failure", "1..1\nok 1 - a\n", "false", "1 passed, 1 failed"),
    ("killed", "1..1\nok 1 - a\n", "kill -9 $$", "1 passed, 1 failed"),
    ("no end", "1..1\nok 1 - a\n", "sleep 30", "1 passed, 1 failed"),
)


def start_check(folder, suites, *only):
    path = os.path.join(folder, "suites")
    with open(path, "w") as file:
        file.write(suites)
    return subprocess.Popen([CHECK, "--out", folder, "--suites", path, *only], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def run_check(*args):
    process = start_check(*args)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def sleepers():
    found = 0
    for name in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(name, "rb") as file:
            found += file.read() == b"sleep\000271828\0"
    return found


def wait_for(condition):
    end = time.monotonic() + 15
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        for name, printed, end, closing in CASES:
            script = os.path.join(folder, "suite.sh")
            with open(script, "w") as file:
                file.write(f"cat <<'END'\n{printed}END\n{end}\n")
            done = run_check(folder, f"suite 2 sh {script}\n")
            wanted = 1 if " 0 failed" not in closing else 0
            tap.ok(done.stdout.splitlines()[-1] == closing and done.returncode == wanted, name,
                   f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
        script = os.path.join(folder, "talk.sh")
        with open(script, "w") as file:
            file.write("echo 1..3; echo ok 1 - a; echo '# why: 42'; echo not ok 2 - b; echo '# more'; echo ok 3 - c; echo '# no more'\n")
        done = run_check(folder, f"suite 2 sh {script}\n")
        tap.ok("why: 42" in done.stdout and "# more" in done.stdout and "no more" not in done.stdout,
               "what a suite says about a failure is shown", done.stdout)
        # Each of the two waits for the other.
        script = os.path.join(folder, "meet.sh")
        with open(script, "w") as file:
            file.write(f"cd {folder}; echo > $1; until test -e $2; do sleep 0.1; done; echo 1..1; echo ok 1 - met\n")
        done = run_check(folder, f"x 20 sh {script} x y\ny 20 sh {script} y x\n", "--jobs", "2")
        tap.ok(done.stdout.splitlines()[-1] == "2 passed, 0 failed", "suites run side by side", done.stdout + done.stderr)
        process = start_check(folder, "a 20 sleep 271828\nb 20 sleep 271828\n", "--jobs", "2")
        wait_for(lambda: sleepers() == 2)
        process.terminate()
        process.communicate()
        tap.ok(process.returncode != 0 and wait_for(lambda: not sleepers()), "a runner that is ended leaves nothing behind")
        done = run_check(folder, "gone 2 /nonexistent/suite\n")
        tap.ok(done.returncode == 1 and "/nonexistent/suite" in done.stdout, "a suite that cannot start", done.stdout)
        done = run_check(folder, "vm/a 2 true\n", "vm", "unti")
        tap.ok(done.returncode != 0 and "unti" in done.stderr, "a suite asked for that is not there", done.stdout + done.stderr)
        done = run_check(folder, "unit/@UNIT@ 2 true\n")
        tap.ok(done.returncode != 0 and "passed" not in done.stdout, "unit tests wanted, none named", done.stdout + done.stderr)
        done = run_check(folder, "# none\n")
        tap.ok(done.returncode != 0 and "passed" not in done.stdout, "no suite at all", done.stdout + done.stderr)
    tap.exit()


if __name__ == "__main__":
    main()
