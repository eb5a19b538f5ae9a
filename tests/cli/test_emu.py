#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-emu: faults and traces on the command line, and the control socket's commands. With --host also what of each
category of traces a host that boots and uses a chip makes it print.

usage: test_emu.py [--out build] [--host build/tests/foreign-host]
"""
import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../lib"), os.path.join(HERE, "../testbed")]
from tap import Tap     # noqa: E402
from vm import Emulator, VMError     # noqa: E402

CATEGORIES = ["pci", "mmio", "misc", "udma", "dma", "queue", "job", "irq", "notify", "firmware", "reset", "link",
              "fault", "vfio", "reach"]
# They are about jobs, which a host without our driver does not have: run_telemetry.py sees them.
OF_JOBS = {"queue", "job", "reach"}


class Program:
    def __init__(self, out, firmware):
        self.path, self.firmware = os.path.join(out, "bin/neuron-emu"), firmware

    def run(self, *options):
        return subprocess.run([self.path, *options], capture_output=True, text=True, timeout=30, check=False)

    def start(self, directory, *options):
        e = Emulator(0, directory, os.path.join(directory, "log"), options, self.path, self.firmware)
        e.wait_ready()
        return e


def refused(program, options, *words):
    """Exit status 2, and a message that names the mistake and the way out."""
    r = program.run(*options)
    assert r.returncode == 2, f"exit status {r.returncode}"
    for word in words:
        assert word in r.stderr, f"no {word!r} in {r.stderr!r}"


def control_refuses(e, command, *words):
    try:
        e.control(command)
    except VMError as error:
        for word in words:
            assert word in str(error), f"no {word!r} in {error}"
        return
    raise AssertionError(f"{command!r} is taken")


def usage(program):
    refused(program, ["--socket", "x", "--fault", "no-irqs"], '"no-irqs"', "--fault list")
    refused(program, ["--socket", "x", "--fault", "no-irq:vector=99"], "vector=99", "0 to 15")
    refused(program, ["--socket", "x", "--fault", "no-irq:when=1"], '"when"', "after count vector")
    refused(program, ["--socket", "x", "--trace", "mmio,nonsense"], '"nonsense"', "--help")
    r = program.run("--fault", "list")
    assert r.returncode == 0 and r.stdout.startswith("no-irq "), r.stdout
    told = re.search(r"separated by commas: ([\w, ]+)\n", program.run("--help").stdout).group(1)
    assert told.split(", ") == CATEGORIES, told


def documented(program):
    """docs/faults.md has a row for each kind, with each of its options."""
    with open(os.path.join(HERE, "../../docs/faults.md"), encoding="utf-8") as file:
        rows = [line for line in file if line.startswith("| `")]
    for line in program.run("--fault", "list").stdout.splitlines():
        kind, keys = line.split()[0], line[line.rindex("(") + 1:-1].split()
        row = [r for r in rows if r.startswith(f"| `{kind}` |")]
        assert len(row) == 1, f"{kind} has {len(row)} rows"
        missing = [k for k in keys if k not in ("after", "count") and f"`{k}`" not in row[0]]
        assert not missing, f"{kind}: {missing}"


def commands(program, directory):
    e = program.start(directory, "--fault", "heartbeat-stop:count=3")
    try:
        assert e.control("faults") == ["heartbeat-stop:count=3 fired=0 seen=0"]
        assert e.control("fault ecc-corrected:channel=1") == []
        assert "ecc-corrected:channel=1 fired=1 seen=1" in e.control("faults")
        dump = e.control("dump")
        assert "sensors.ecc_corrected[1] = 1" in dump and all(" = " in line for line in dump), dump[:20]
        assert any(line.startswith("fault[1] = ecc-corrected:channel=1") for line in dump)
        assert any(line.startswith("temperature ") for line in e.control("status"))
        listed = [line.split()[0] for line in program.run("--fault", "list").stdout.splitlines()]
        assert [line.split(":")[0] for line in e.control("kinds")] == listed, listed
        help_text = " ".join(e.control("help"))
        assert all(c in help_text for c in ("fault", "clear", "faults", "dump", "trace", "status", "help"))
        control_refuses(e, "fault", "kinds")
        control_refuses(e, "fault bit-flip:bit=8", "bit=8", "0 to 7")
        control_refuses(e, "clear everything", "everything", "clear all")
        control_refuses(e, "frobnicate", "frobnicate", "help")
        control_refuses(e, "trace some", "some", "fault")
        control_refuses(e, "", "help")
        control_refuses(e, "x" * 600, "too long")
        e.control("clear all")
        assert e.control("faults") == []
        clients(e)
    finally:
        e.process.terminate()
    assert e.process.wait(10) == 0
    assert not os.path.exists(e.control_socket), "the control socket is left behind"


def guards(program, directory):
    """Set, listed, refused, cleared; what they see is unit/emu_guard's."""
    e = program.start(directory)
    try:
        assert e.control("guards") == []
        assert e.control("guard 0x400000002000 4096 theirs") == []
        e.control("guard 0x1000 0x1000")
        assert e.control("guards") == ["0x1000 0x1000 guard reads=0 writes=0",
                                       "0x400000002000 0x1000 theirs reads=0 writes=0"]
        control_refuses(e, "guard 0x1fff 1 x", "0x1fff + 0x1", "another")
        control_refuses(e, "guard 0x3000 0", "empty")
        for bad in "", " 0x3000", " 0x3000 1x", " x 1", " 0x3000 1 two names":
            control_refuses(e, "guard" + bad, "BASE LEN [NAME]")
        control_refuses(e, "unguard mine", "mine", "guards", "unguard all")
        e.control("unguard theirs")
        assert len(e.control("guards")) == 1
        e.control("unguard all")
        e.control("unguard all")
        assert e.control("guards") == []
    finally:
        e.process.terminate()
        e.process.wait(10)


def clients(e):
    """Several at a time, commands in one write, and one that goes away in the middle."""
    with socket.socket(socket.AF_UNIX) as idle, socket.socket(socket.AF_UNIX) as busy:
        idle.connect(e.control_socket)
        idle.sendall(b"stat")
        busy.connect(e.control_socket)
        busy.settimeout(10)
        busy.sendall(b"fault no-irq\nfaults\r\nclear all\n")
        answer = b""
        while answer.count(b"ok\n") < 3:
            answer += busy.recv(4096)
        assert answer == b"ok\nno-irq fired=0 seen=0\nok\nok\n", answer
    assert e.control("faults") == []


def log_of(e):
    with open(e.log_path, encoding="utf-8") as file:
        return file.read()


def traces(program, directory):
    """Switched on and off while the chip runs."""
    e = program.start(directory)
    try:
        e.control("fault bit-flip:address=0x10,bit=1")
        e.control("trace fault,reset")
        e.control("fault bit-flip:address=0x20,bit=2")
        e.control("trace none")
        e.control("fault bit-flip:address=0x30,bit=3")
    finally:
        e.process.terminate()
        e.process.wait(10)
    text = log_of(e)
    assert "bit-flip:address=0x20,bit=2 fires, number 1" in text, text
    assert "address=0x10" not in text and "address=0x30" not in text, text


def lines_of(text):
    """How many lines each category has."""
    seen = re.findall(r"^\S+: (\w+): ", text, re.M)
    return {category: seen.count(category) for category in CATEGORIES}


def every_category(program, host):
    """Each has something to say when what it is about happens, and nothing when it is not wanted."""
    command = [host, "--emu", program.path, "--firmware", program.firmware, "--only", "notify: ", "--"]
    wanted = [c for c in CATEGORIES if c not in OF_JOBS | {"link", "fault"}]
    seen = {}
    for trace in ",".join(wanted), "none":
        with tempfile.TemporaryDirectory(prefix="neuron-emu-") as directory:
            r = subprocess.run(command + ["--trace", trace], capture_output=True, text=True, timeout=120, check=False,
                               env=dict(os.environ, FOREIGN_KEEP_LOG="1", TMPDIR=directory))
            assert r.returncode == 0, r.stdout
            with open(re.search(r"^# log: (.*)$", r.stdout, re.M).group(1), encoding="utf-8") as file:
                seen[trace] = lines_of(file.read())
    silent = [c for c in wanted if not seen[",".join(wanted)][c]]
    assert not silent, f"nothing of {silent}"
    talk = [c for c in CATEGORIES if seen["none"][c]]
    assert not talk, f"unasked: {talk}"


def links(program, directory):
    """Of two chips, one is told of the other in its trace."""
    path = os.path.join(directory, "link")
    started = []
    try:
        for side in "east", "west":
            place = os.path.join(directory, side)
            os.mkdir(place)
            started.append(program.start(place, "--link", f"{side}={path}", "--trace", "link"))
        limit = time.monotonic() + 60
        while not all("link: %s is up" % side in log_of(e) for e, side in zip(started, ("east", "west"))):
            assert time.monotonic() < limit, [log_of(e) for e in started]
            time.sleep(0.02)
    finally:
        for e in started:
            e.process.terminate()
            e.process.wait(10)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--out", default="build")
    p.add_argument("--host", help="foreign-host")
    options = p.parse_args()
    program = Program(options.out, "none")
    tap = Tap()
    tap.run("mistakes in --fault and --trace have messages", usage, program)
    tap.run("each kind of fault and each option is documented", documented, program)
    with tempfile.TemporaryDirectory(prefix="neuron-emu-") as directory:
        tap.run("the control socket's commands", commands, program, directory)
        tap.run("guards are set and cleared", guards, program, directory)
        os.unlink(os.path.join(directory, "log"))
        tap.run("traces are switched while the chip runs", traces, program, directory)
        tap.run("links are traced", links, program, directory)
    if options.host:
        booted = Program(options.out, os.path.join(options.out, "firmware/inferentia.bin"))
        tap.run("each category of traces prints", every_category, booted, options.host)
    tap.exit()


if __name__ == "__main__":
    main()
