#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run a fuzz target for a time, first over its seeds and what it found before, print TAP.

usage: run.py [--out build] [--seconds 10] [--runs N] TARGET

An input that crashes the target, or keeps it for more than 25 s, is kept in OUT/fuzz/crashes;
OUT/fuzz/tests/TARGET FILE replays it. Inputs that once crashed are in tests/fuzz/regress/TARGET.
"""
import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib"))
from tap import Tap     # noqa: E402

SEED = 1


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--out", default="build")
    p.add_argument("--seconds", type=int, default=10)
    p.add_argument("--runs", type=int, default=-1, help="at most so many inputs")
    p.add_argument("target")
    a = p.parse_args()
    base = os.path.join(a.out, "fuzz")
    program = os.path.join(base, "tests", a.target)
    corpus, seeds = (os.path.join(base, kind, a.target) for kind in ("corpus", "seeds"))
    crashes = os.path.join(base, "crashes")
    regress = os.path.join(HERE, "regress", a.target)
    for directory in (corpus, crashes):
        os.makedirs(directory, exist_ok=True)
    subprocess.run([os.path.join(HERE, "seeds.py"), a.target, seeds], check=True)
    tap = Tap()
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1:handle_sigbus=0",
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    command = [program, f"-max_total_time={a.seconds}", f"-runs={a.runs}", "-timeout=25", "-rss_limit_mb=4096",
               "-max_len=4096", f"-seed={SEED}", "-print_final_stats=1", "-report_slow_units=60", "-verbosity=1",
               f"-artifact_prefix={crashes}/{a.target}-", corpus, seeds]
    if os.path.isdir(regress):
        command.append(regress)
    if os.path.exists(seeds + ".dict"):
        command.insert(1, f"-dict={seeds}.dict")
    before = set(os.listdir(crashes))
    try:
        r = subprocess.run(command, env=env, capture_output=True, text=True, errors="replace",
                           timeout=a.seconds + 240, check=False)
        code, text = r.returncode, r.stderr
    except OSError as error:
        sys.exit(f"{program}: {error.strerror}; build it with make fuzz-build")
    except subprocess.TimeoutExpired as error:
        code, text = "none, it does not end", (error.stderr or b"").decode(errors="replace")
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    cover = re.findall(r"cov: (\d+)", text)
    tap.note(f"{a.target}: {runs.group(1) if runs else '?'} inputs, {cover[-1] if cover else '?'} edges covered")
    new = sorted(set(os.listdir(crashes)) - before)
    kept = "".join(f"\nkept: {os.path.join(crashes, name)}" for name in new)
    tap.ok(code == 0 and not new, f"{a.target}: no crash, no hang", f"exit status {code}{kept}\n{text[-6000:]}")
    tap.ok(runs and int(runs.group(1)) > 0, f"{a.target}: inputs were run")
    tap.exit()


if __name__ == "__main__":
    main()
