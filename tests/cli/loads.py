# SPDX-License-Identifier: Apache-2.0
"""Starts load.py's processes for tests of what tools show."""
import os
import select
import subprocess
import sys

import neffs

HERE = os.path.dirname(os.path.abspath(__file__))


def plain_library(out):
    """libnrt for Python: without sanitizers."""
    return os.path.join(out[:-len("/san")] if out.endswith("/san") else out, "lib", "libnrt.so.1")


class Load:
    """A process with the emulator, its statistics in @directory."""

    def __init__(self, t, directory, tag=""):
        good, bad = neffs.Copy(shape=(1, 10)), neffs.Copy(shape=(1, 10))
        bad.streams["dma"] = neffs.dma_copy(2, 1, 41)
        bad.graph["name"] = "bad"
        files = t.path("good.neff", good.bytes()), t.path("bad.neff", bad.bytes())
        clean = {k: v for k, v in os.environ.items() if not k.startswith("NEURON_")}
        env = {**clean, "NEURON_RT_DEVICE": "emulator", "NEURON_RT_LOG_LEVEL": "QUIET", "NEURON_RT_VISIBLE_CORES": "0-1",
               "NEURON_RT_STATS_DIR": directory, "NEURON_PROCESS_TAG": tag}
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "load.py"), plain_library(t.out), *files], env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        assert self.answer() == "ready"

    def answer(self):
        assert select.select([self.process.stdout], [], [], 60)[0], "no answer of load.py"
        return self.process.stdout.readline().strip()

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer() if command != "quit" else None

    def quit(self):
        if self.process.poll() is None:
            self.tell("quit")
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(60)
