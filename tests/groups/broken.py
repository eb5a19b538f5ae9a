# SPDX-License-Identifier: Apache-2.0
"""libnrt's calls while the chip's DMA engine, or the kernel, cannot do what they ask for (broken.c), in somebody's guest."""
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "cli")]

import neffs    # noqa: E402

PROGRAM = "/usr/lib/neuron/tests/nrt-broken"
NEFF = "/tmp/broken.neff"
SIZE = 1 << 18
# As many there are in each part.
RESULTS = {"lost": 5, "stalled": 5, "short": 11}
# So many copies are to stall.
STALLS = 3


def in_guest(tap, guest, part, ready=None):
    """@ready: is called before each copy that is to stall."""
    text = []
    guest.push_bytes(neffs.Copy(shape=(1, SIZE // 4)).bytes(), NEFF)
    job = guest.spawn([PROGRAM, part, NEFF], sink=lambda _kind, data: text.append(data.decode(errors="replace")))
    for n in range(STALLS if ready else 0):
        limit = time.monotonic() + 60
        while "".join(text).count("ready\n") <= n and not job.done.is_set() and time.monotonic() < limit:
            time.sleep(0.02)
        ready()
        guest.run(["touch", "/run/go-on"], check=True)
    code, out = job.wait(300).code, "".join(text)
    results = re.findall(r"^((?:not )?ok) \d+ - (.*)$", out, re.M)
    for ok, test in results:
        tap.ok(ok == "ok", f"libnrt, {part}: {test}", out)
    tap.ok(code == 0 and len(results) == RESULTS[part], f"libnrt, {part}: runs to its end", f"{code}\n{out}")
    return out
