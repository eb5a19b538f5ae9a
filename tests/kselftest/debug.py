# SPDX-License-Identifier: Apache-2.0
"""What the debug kernel has found by the end of a run, besides what ended the guest at once."""

# Objects must be 5 s old before the scan reports them, and the first scan may see pointers that are in registers.
LEAKS = "sleep 6; echo scan >/sys/kernel/debug/kmemleak; sleep 1; echo scan >/sys/kernel/debug/kmemleak;" \
        "cat /sys/kernel/debug/kmemleak"
OURS = "neuron"


def problems(guest, ignore=None):
    """Pairs of what was looked for and what was found, "" if nothing. ignore: as for dmesg_problems()."""
    yield "no problem in the kernel's log", "\n".join(guest.dmesg_problems(ignore))
    leaks = guest.run(LEAKS, timeout=300).out
    reports = ["unreferenced object" + r for r in leaks.split("unreferenced object")[1:]]
    yield "no memory is lost", "\n".join(r for r in reports if OURS in r)
    stats = guest.run(["cat", "/proc/lockdep_stats"]).out
    alive = [line for line in stats.splitlines() if "debug_locks" in line and line.split()[-1] == "1"]
    yield "lockdep has watched to the end", "" if alive else "it has switched itself off:\n" + stats
    count, disabled = guest.run("cat /sys/kernel/debug/dma-api/error_count /sys/kernel/debug/dma-api/disabled").out.split()
    yield "no misuse of the DMA API", "" if (count, disabled) == ("0", "N") else f"{count} errors, disabled: {disabled}"
