# SPDX-License-Identifier: Apache-2.0
"""How fast the time stamp counter of an x86-64 host counts.

A guest without KVM sees the host's counter, and finds out its frequency by comparing it with an emulated timer. On a
busy host that goes wrong by factors: seconds of such a guest are some hundred milliseconds, and whatever it gives a
limit of seconds fails. So it is told.
"""

import ctypes
import mmap
import platform
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3".replace(" ", ""))
TIGHT = 5e-6            # seconds that a pair of readings may take
SPAN = 0.1


def reader():
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(RDTSC)
    function = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    function.code = code        # keeps the page
    return function


def pair(read):
    """The counter and the time at one moment, as well as that is known: of many tries the tightest."""
    best = None
    for _ in range(200):
        begin = time.monotonic()
        ticks = read()
        took = time.monotonic() - begin
        if best is None or took < best[0]:
            best = took, ticks, begin + took / 2
        if best[0] < TIGHT:
            break
    return best[1:]


def khz():
    """Thousands of ticks a second, or None where nobody can tell."""
    if platform.machine() != "x86_64":
        return None
    try:
        read = reader()
    except (OSError, ValueError):       # pages that are written and executed are not allowed everywhere
        return None
    ticks, begin = pair(read)
    time.sleep(SPAN)
    more, end = pair(read)
    return round((more - ticks) / (end - begin) / 1000)
