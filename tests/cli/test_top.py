#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-top on terminals of tmux: what is shown of processes with a known load, what keys do, tiny terminals; and as
text and JSON.

usage: test_top.py [--out build]
"""
import json
import os
import shutil
import subprocess
import time

from loads import Load
from tools import Tools

LIMIT = 60


class Terminal:
    """A terminal of @columns x @lines with neuron-top in it, of a server of its own."""
    count = 0

    def __init__(self, t, directory, columns, lines, *args):
        Terminal.count += 1
        self.command = ["tmux", "-S", t.path(f"tmux{Terminal.count}"), "-f", "/dev/null"]
        self.errors, self.status = t.path(f"err{Terminal.count}"), t.path(f"status{Terminal.count}")
        program = " ".join([os.path.join(t.out, "bin", "neuron-top"), *args])
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NEURON_", "TMUX"))}
        subprocess.run([*self.command, "new-session", "-d", "-x", str(columns), "-y", str(lines), "-e", f"NEURON_RT_STATS_DIR={directory}",
                        f"{program} 2>{self.errors}; echo $? >{self.status}.new; mv {self.status}.new {self.status}; read x"], check=True, timeout=LIMIT, env={**clean, "LC_ALL": "C.UTF-8"})

    def screen(self):
        return subprocess.run([*self.command, "capture-pane", "-p"], capture_output=True, text=True, check=True, timeout=LIMIT).stdout

    def keys(self, *keys):
        subprocess.run([*self.command, "send-keys", *keys], check=True, timeout=LIMIT)

    def expect(self, t, name, *texts, absent=()):
        """Until all of @texts are on the screen and none of @absent."""
        limit = time.monotonic() + LIMIT
        while True:
            screen = self.screen()
            wrong = [x for x in texts if x not in screen] + [x for x in absent if x in screen]
            if not wrong or time.monotonic() > limit:
                break
            time.sleep(0.05)
        t.tap.ok(not wrong, name, f"{wrong}\n{screen}")
        return screen

    def expect_end(self, t, name):
        limit = time.monotonic() + LIMIT
        while not os.path.exists(self.status) and time.monotonic() < limit:
            time.sleep(0.05)
        status = open(self.status).read() if os.path.exists(self.status) else "at work"
        t.tap.ok(status == "0\n" and not open(self.errors).read(), name, f"{status}\n{open(self.errors).read()}\n{self.screen()}")
        subprocess.run([*self.command, "kill-server"], check=False, timeout=LIMIT)


def test_keys(t, directory, one, two):
    terminal = Terminal(t, directory, 110, 40, "-d", "100ms")
    screen = terminal.expect(t, "sections and tabs", "NeuronCore v1 Utilization", "VCPU and Memory Info", "Loaded Models", "Neuron Processes",
                             ">1:all<", "2:first", "3:second")
    rows = [line for line in screen.splitlines() if line.startswith("  ND0")]
    t.tap.ok(len(rows) == 2 and all("NC0  [" in r and "NC1  [" in r and "(emulator)" in r for r in rows), "cores of both processes", screen)
    t.tap.ok(screen.count("[-] copy") == 4 and screen.count("sg00 on ND0 NC1") == 4, "models of both, with their subgraphs", screen)
    t.tap.ok(f"{one.pid}" in screen and "2 cores  pytorch" in screen and "load.py" in screen, "processes", screen)
    terminal.keys("d")
    screen = terminal.expect(t, "d: the next tab", ">2:first<", absent=[f"  {two.pid}"])
    t.tap.ok(screen.count("[-] copy") == 2, "models of one process", screen)
    terminal.keys("3")
    terminal.expect(t, "3: the third tab", ">3:second<")
    terminal.keys("9")
    terminal.keys("a")
    terminal.expect(t, "a: the tab before, 9: there is none", ">2:first<")
    terminal.keys("x")
    terminal.expect(t, "x folds all", "[+] copy", "[+] bad", absent=["sg00", "[-]"])
    terminal.keys("Down", "Right")
    screen = terminal.expect(t, "right unfolds one", "[-] bad", "sg00 on ND0 NC0")
    t.tap.ok(screen.count("sg00") == 1, "only that one", screen)
    terminal.keys("x")
    terminal.keys("F")
    terminal.expect(t, "F shows rates", "Inferences", "no inference", absent=["Utilization"])
    terminal.keys("F")
    terminal.expect(t, "F again shows utilisation", "Utilization")
    two.quit()
    terminal.expect(t, "a process that ends loses its tab", absent=["second"])
    one.quit()
    terminal.expect(t, "with the last one, the first tab is left", ">1:all<", "no model is loaded", absent=["2:"])
    terminal.keys("q")
    terminal.expect_end(t, "q ends, with nothing on standard error")


def test_sizes(t, directory):
    for columns, lines in ((1, 1), (7, 2), (20, 3)):
        terminal = Terminal(t, directory, columns, lines, "-d", "20ms", "-n", "5")
        terminal.expect_end(t, f"a terminal of {columns} x {lines}")
    terminal = Terminal(t, directory, 100, 30, "-d", "100ms")
    terminal.expect(t, "without processes", "no process uses NeuronCores", ">1:all<")
    for size in (("-x", "30", "-y", "8"), ("-x", "2", "-y", "2"), ("-x", "90", "-y", "25")):
        subprocess.run([*terminal.command, "resize-window", *size], check=True, timeout=LIMIT)
        terminal.keys("d", "a", "x", "Up", "Down", "Left")
    terminal.expect(t, "a terminal that changes its size", "Neuron Processes", ">1:all<")
    terminal.keys("q")
    terminal.expect_end(t, "and q ends")


def main():
    t = Tools(__doc__)
    directory = t.path("stats")
    env = {"NEURON_RT_STATS_DIR": directory}
    t.common_options("neuron-top", "--batch")
    t.expect("no terminal", 1, "neuron-top", err=["have to be a terminal: use --batch or --json"], env=env)
    t.expect("a delay that is none", 2, "neuron-top", "-d", "x", err=["not a time such as"], env=env)
    t.expect("batch without processes", 0, "neuron-top", "-b", "-d", "20ms", out=["no process uses NeuronCores", "no model is loaded"], env=env)
    test_sizes(t, directory)
    one, two = Load(t, directory, tag="first"), Load(t, directory, tag="second")
    one.tell("run 100 0")
    t.expect("batch", 0, "neuron-top", "--batch", "-d", "20ms", out=[r"^  ND0   NC0  \[ +0\.00%\] NC1 .*  first \(emulator\)$", r"^ +\d+  second "], env=env)
    report = json.loads(t.expect("JSON", 0, "neuron-top", "-j", "-d", "20ms", out=["."], env=env).stdout)
    t.tap.ok([p["neuron_runtime_tag"] for p in report["neuron_runtime_data"]] == ["first", "second"], "JSON has both processes", str(report))
    if shutil.which("tmux"):
        test_keys(t, directory, one, two)
    else:
        t.tap.skip("a terminal", "there is no tmux")
    one.quit()
    two.quit()
    t.exit()


if __name__ == "__main__":
    main()
