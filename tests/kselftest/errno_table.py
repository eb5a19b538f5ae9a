# SPDX-License-Identifier: Apache-2.0
"""The errno contract of <linux/neuron.h>, and whether tests came by all of it and by nothing else."""

import errno
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
HEADER = os.path.join(TOP, "uapi/linux/neuron.h")
SEEN_ERRNOS = 256       # as in util.h
NAMES = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}     # the number has another name, too
GUEST_FILE = "/run/neuron-errno"

IDS = {"MEM_EXPORT", "COPY", "RING_SUBMIT", "CONTEXT_BIND", "SUBMIT", "CANCEL", "WAIT", "DESTROY"}
COMPUTE = {"CONTEXT_CREATE", "CONTEXT_BIND", "CORES_ACQUIRE", "CORES_RELEASE", "GROUP_ACQUIRE", "QUEUE_CREATE",
           "SUBMIT", "CANCEL"}
# Which ioctls an error of the common list must be seen of. None: all. ENOTTY is of numbers that are no ioctl;
# ENOMEM comes of failed allocations, which test_fault sweeps.
COMMON = {"EFAULT": None, "EINVAL": None, "E2BIG": None, "ENODEV": None, "EIO": None, "ENOTTY": set(),
          "EOPNOTSUPP": COMPUTE, "ENOENT": IDS, "ENOMEM": set(), "EINTR": {"WAIT"}}
# What a chip must be made to fail for: run_copyfaults.py holds its guest's file against these.
COPY_FAULTS = {("COPY", "ETIMEDOUT"), ("COPY", "EBADMSG"), ("COPY", "EREMOTEIO")}


def contract():
    """({ioctl: number}, common errors, {ioctl: its own errors})."""
    with open(HEADER, encoding="utf-8") as f:
        text = f.read()
    numbers = {name: int(nr, 0) for name, nr in
               re.findall(r"#define NEURON_IOCTL_(\w+) \\\n\s*_IOWR\(NEURON_IOCTL_TYPE, (0x\w+),", text)}
    common = set(re.findall(r"^ \*  -(E\w+)\t", text.split("#ifndef")[0], re.M))
    own = {name: set() for name in numbers}
    for block in re.findall(r"/\*\*\n(.*?)\*/", text, re.S):
        for name in re.findall(r"NEURON_IOCTL_(\w+)", block.split("@size")[0]):
            for error, what in re.findall(r"^ \*  -(E\w+)\t(.*)", block, re.M):
                # One structure, two ioctls: "release: ..." is said of one of them.
                if not (what.startswith("release:") and not name.endswith("RELEASE")):
                    own[name].add(error)
    return numbers, common, own


def seen(data):
    """{(ioctl number, errno's name)} of a guest's file."""
    return {(i // SEEN_ERRNOS, NAMES[i % SEEN_ERRNOS]) for i, byte in enumerate(data)
            if byte and i % SEEN_ERRNOS in NAMES}


def check(tap, found):
    """Results for each ioctl: what is documented was seen, what was seen is documented."""
    numbers, common, own = contract()
    tap.ok(common == set(COMMON) and set(own) == set(numbers), "errno contract: the header is understood")
    for name, number in sorted(numbers.items(), key=lambda item: item[1]):
        mine = {e for n, e in found if n == number}
        wanted = set(own.get(name, ()))
        wanted |= {e for e, which in COMMON.items() if which is None or name in which}
        missing = {e for e in wanted - mine if (name, e) not in COPY_FAULTS}
        unknown = mine - wanted - common
        tap.note("%-16s %s" % (name, " ".join(sorted(mine))))
        tap.ok(not missing and not unknown, "errno contract: %s" % name,
               "not seen: %s; not documented: %s" % (sorted(missing), sorted(unknown)))
    tap.ok(any(e == "ENOTTY" for _, e in found), "errno contract: numbers that are no ioctl")


def copy_faults(data):
    """Those of COPY_FAULTS that a guest's file lacks."""
    numbers = contract()[0]
    return sorted("%s %s" % (name, e) for name, e in COPY_FAULTS if (numbers[name], e) not in seen(data))
