# SPDX-License-Identifier: Apache-2.0
"""Runs the tools of a build, with nothing of the caller's runtime environment."""
import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

from tap import Tap     # noqa: E402


class Tools:
    """Commands of OUT/bin, run in a folder of their own; expect() is one test."""

    def __init__(self, what):
        parser = argparse.ArgumentParser(description=what)
        parser.add_argument("--out", default=os.environ.get("O", "build"))
        self.out = os.path.abspath(parser.parse_args().out)
        self.folder = tempfile.TemporaryDirectory(prefix="neuron-cli-")
        self.tap = Tap()

    def path(self, name, data=None):
        """Path of a file in the folder; with @data it is written."""
        path = os.path.join(self.folder.name, name)
        if data is not None:
            with open(path, "wb") as file:
                file.write(data)
        return path

    def run(self, tool, *args, env=None, stdin=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("NEURON_")}
        return subprocess.run([os.path.join(self.out, "bin", tool), *args], capture_output=True, text=True, errors="replace",
                              cwd=self.folder.name, stdin=stdin, env={**clean, **(env or {})}, timeout=120, check=False)

    def expect(self, name, status, *args, out=(), err=(), env=None):
        """Exit status as given; all of the patterns in stdout and in stderr; nothing on stderr when there are none."""
        done = self.run(*args, env=env)
        wrong = [f"status {done.returncode}, not {status}"] if done.returncode != status else []
        wrong += [f"no {p!r} on stdout" for p in out if not re.search(p, done.stdout, re.M)]
        wrong += [f"no {p!r} on stderr" for p in err if not re.search(p, done.stderr, re.M)]
        if not err and done.stderr:
            wrong.append("something on stderr")
        if status and done.stdout and not out:
            wrong.append("something on stdout")
        self.tap.ok(not wrong, name, "\n".join([" ".join(args), *wrong, "stdout:", done.stdout, "stderr:", done.stderr]))
        return done

    def common_options(self, tool, word):
        """--help, --version and wrong usage, the same for every tool."""
        self.expect(f"{tool}: --help", 0, tool, "--help", out=[rf"^Usage: {tool} ", word, r"^Exit status: "])
        self.expect(f"{tool}: --version", 0, tool, "--version", out=[rf"^{tool} \d+\.\d+\.\d+$"])
        self.expect(f"{tool}: unknown option", 2, tool, "--no-such-option", err=["no-such-option", f"{tool} --help"])

    def exit(self):
        self.folder.cleanup()
        self.tap.exit()
