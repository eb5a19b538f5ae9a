# SPDX-License-Identifier: Apache-2.0
"""What programs need of the host's libraries, for guests that have none."""

import os
import re
import subprocess


class MissingLibrary(Exception):
    """Which file needs which library that this host lacks."""


def libraries(path, own=()):
    """[(name in the guest, host file)] of what the dynamic loader would load for an ELF file; directories @own are
    searched first."""
    env = dict(os.environ, LC_ALL="C")
    if own:
        env["LD_LIBRARY_PATH"] = ":".join(own)
    r = subprocess.run(["ldd", path], capture_output=True, text=True, env=env, check=False)
    found = []
    for line in r.stdout.splitlines():
        line = line.strip()
        m = re.match(r"(\S+) => not found", line)
        if m:
            raise MissingLibrary("%s needs the library %s, which this host lacks" % (path, m.group(1)))
        m = re.match(r"(?:(\S+) => )?(/\S+) \(0x", line)
        if m:
            found.append((m.group(1) or m.group(2), m.group(2)))
    return found
