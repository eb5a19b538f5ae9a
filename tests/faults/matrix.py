# SPDX-License-Identifier: Apache-2.0
"""The fault matrix as data: what each kind of fault may do to an idle, a copying and a computing client. The tables of
docs/testing.md come from here.
"""

COLUMNS = ("idle", "copy", "compute")
EIO, ENODEV, EBADMSG, ETIMEDOUT, EREMOTEIO = 5, 19, 74, 110, 121
TIMEOUT, ABORTED, BUS, ECC = 6, 7, 8, 9

# What a call says of a file that a reset has taken the chip from.
LOST = [r"error (?!open\b)[A-Z_]+ %d" % EIO, r"status %d" % ABORTED, "sigbus", "reopened"]


class Outcome:
    """What a client may and must print. resets, missed, rungs: what the driver must have counted and done."""

    def __init__(self, text, allowed=(), required=(), wrong=False, resets=False, missed=False, stays_gone=False,
                 rungs=()):
        self.text, self.allowed, self.required = text, list(allowed) + list(required), list(required)
        self.wrong, self.resets, self.missed, self.stays_gone = wrong, resets, missed, stays_gone
        self.rungs = rungs


UNNOTICED = Outcome("unnoticed")
MISSED = Outcome("rounds go on, slower; `missed_interrupts` grows", missed=True)
REOPENED = Outcome("`EIO`; a new file works", LOST, ["reopened"], resets=True)
MAYBE = Outcome("unnoticed, or `EIO` and a new file works", LOST)
HELD = Outcome("jobs wait until it is over")
GONE = Outcome("`ENODEV` until the chip is reset from outside", LOST + [
    r"error [A-Za-z_]+ (%d|%d)" % (ENODEV, EIO)], ["error (open|INFO) %d" % ENODEV, "reopened"], stays_gone=True)
DEAD = Outcome("`EIO` until the chip is reset from outside", LOST + [r"error open %d" % EIO],
               ["error open %d" % EIO, "reopened"], stays_gone=True)
STUCK = Outcome("the job ends as `NEURON_JOB_TIMEOUT`, once its core was reset; the file stays",
                required=["status %d" % TIMEOUT], rungs=("aborts", "core_resets"))
WRONG = Outcome("wrong data, which a comparison sees", required=["wrong kept .*"], wrong=True)
WRONG_LATER = Outcome("wrong data, which a comparison sees when it is used", required=["wrong kept .*"], wrong=True)
ECC_COPY = Outcome("`EBADMSG`, or `NEURON_JOB_ECC` of a ring, until the memory is written anew",
                   required=[r"error COPY %d|status %d" % (EBADMSG, ECC)])
ECC_JOB = Outcome("the job ends as `NEURON_JOB_ECC`; the file stays", required=["status %d" % ECC])
STALLED = Outcome("one copy ends with `ETIMEDOUT`, or `NEURON_JOB_TIMEOUT` of a ring; the file stays", required=[r"error COPY %d|status 6" % ETIMEDOUT])
LINK = Outcome("copies to the neighbour end with `EREMOTEIO`, or `NEURON_JOB_BUS` of a ring; the file stays",
               required=[r"error COPY %d|status %d" % (EREMOTEIO, BUS)])


class Row:
    """spec: of all chips, or a dict of columns. fires: columns in which it must have. events, log: what must be there
    for the chip of each column named. errors: what each emulator must say of the guest; may_say: what it may. during: what the runner does
    meanwhile. shows: a chip's file below /sys, what it reads meanwhile ("grows": a number above that of before), and
    what afterwards. early: clients end while the fault is still there. quiet: no event is sent that is not in this row. speed:
    of the driver's recovery; args: of the computing client."""

    def __init__(self, spec, idle, copy, compute, fires=(), events=None, log=None, errors=None, during=None,
                 early=False, peer=False, outside="", may_say=None, shows=None, quiet=True,
                 name=None, speed=1, args=()):
        self.spec = spec if isinstance(spec, dict) else dict.fromkeys(COLUMNS, spec)
        self.kind = self.spec["idle"].split(":")[0]
        self.name, self.speed, self.args = name or self.kind, speed, list(args)
        self.cells = {"idle": idle, "copy": copy, "compute": compute}
        self.fires, self.events, self.log = fires, events or {}, log or {}
        self.errors, self.during, self.early, self.peer, self.outside = errors, during, early, peer, outside
        self.may_say, self.shows, self.quiet = may_say, shows, quiet


def everywhere(pattern):
    return dict.fromkeys(COLUMNS, pattern)


BUSY = ("copy", "compute")
ALL = COLUMNS
# Behind "address=" comes where the client's kept buffer lies; the runner looks it up.
ROWS = [
    Row("no-irq", UNNOTICED, UNNOTICED, MISSED, fires=BUSY, log={"compute": "came without an interrupt"}),
    Row("double-irq", UNNOTICED, UNNOTICED, UNNOTICED, fires=BUSY),
    Row({"idle": "irq-storm:vector=0", "copy": "irq-storm:vector=1", "compute": "irq-storm:vector=2"},
        UNNOTICED, UNNOTICED, UNNOTICED, fires=ALL,
        outside="a guest that gets enough of them logs a storm"),
    Row("wrong-id:count=1", UNNOTICED, UNNOTICED, REOPENED, fires=("compute",),
        log={"compute": "device is broken: it reported nonsense"}),
    # The page and the HEAD register, which nobody reads, are an opportunity each.
    Row("head-jump:count=2", UNNOTICED, UNNOTICED, REOPENED, fires=("compute",),
        log={"compute": "device is broken: it reported nonsense"}),
    Row("late-completion:ms=300", UNNOTICED, UNNOTICED, UNNOTICED, fires=("compute",)),
    Row("fw-hang:count=1", REOPENED, REOPENED, REOPENED, fires=ALL, log=everywhere("device is broken: firmware hangs")),
    Row("fw-hang", DEAD, DEAD, DEAD, fires=ALL, name="fw-hang, again after each reset", speed=5,
        log=everywhere("no more, until it is reset through sysfs or rebound"),
        events=everywhere("broken NEURON_REASON=firmware hangs"), may_say="guest-error: fwio-address"),
    # The events that it makes up are true ones when they are told: the driver looks itself.
    Row("fw-babble", MAYBE, MAYBE, MAYBE, fires=ALL, during="telemetry", quiet=False,
        events=everywhere("thermal NEURON_TEMPERATURE=45000"),
        shows=("kernel/debug/neuron/neuron%d/mailbox_retries", "grows", r"\d+"), outside="`mailbox_retries` grows"),
    # A reset that meets versions that are nonsense is made again, and the chip's cores are not given up.
    Row("fw-babble:count=300", REOPENED, REOPENED, REOPENED, fires=ALL, during="reset", quiet=False,
        name="fw-babble, during a reset", outside="a reset asked for through debugfs meets wrong versions"),
    Row("heartbeat-stop", REOPENED, REOPENED, UNNOTICED, fires=ALL,
        log={"idle": "device is broken: firmware hangs", "copy": "device is broken: firmware hangs"}),
    Row("slow-reset:ms=1000", REOPENED, REOPENED, REOPENED, fires=ALL, during="reset",
        outside="a reset asked for through debugfs takes longer"),
    Row("corrupt-telemetry", UNNOTICED, UNNOTICED, UNNOTICED, fires=ALL, during="telemetry",
        shows=("class/neuron_device/neuron%d/stats/hardware/temperature", r"(?!45000$)-?\d+", "45000"),
        outside="`stats/hardware/temperature` is wrong meanwhile"),
    Row("ecc-corrected", UNNOTICED, UNNOTICED, UNNOTICED, fires=ALL, events=everywhere("ecc NEURON_ECC="),
        log=everywhere("corrected memory errors")),
    Row("ecc-uncorrected:address=", ECC_COPY, ECC_COPY, ECC_JOB, fires=ALL, early=True,
        events=everywhere("ecc NEURON_ECC="), log=everywhere("uncorrectable memory error")),
    Row("bit-flip:bit=3,address=", WRONG_LATER, WRONG, WRONG, fires=ALL, early=True),
    Row("link-down", UNNOTICED, LINK, UNNOTICED, peer=True, events=everywhere("link NEURON_LINKS=east down, west down"),
        log=everywhere("links: east down, west down"), may_say="destination is on a neighbour, and there is no link"),
    Row("dma-outside", UNNOTICED, UNNOTICED, UNNOTICED, fires=ALL, errors=r"dma-unmapped: dma-outside",
        outside="`guest-error: dma-unmapped`, or a fault of the IOMMU"),
    Row("over-temperature", UNNOTICED, UNNOTICED, HELD, events=everywhere("thermal NEURON_TEMPERATURE=110000"),
        log=everywhere("too hot, no job is started")),
    Row("fwio-silent:count=2", UNNOTICED, UNNOTICED, UNNOTICED, fires=ALL, during="telemetry"),
    Row("fwio-bad:count=3", UNNOTICED, UNNOTICED, UNNOTICED, fires=ALL, during="telemetry"),
    Row("udma-stall:count=1", UNNOTICED, STALLED, UNNOTICED, fires=("copy",), speed=4),
    Row("job-stuck:count=1", UNNOTICED, UNNOTICED, STUCK, fires=("compute",), speed=5, args=["timeout=1500"],
        log={"compute": "NeuronCore 0: a queue does not end its jobs; it is reset"}, may_say="guest-error: job-timeout"),
    Row("all-ones", GONE, GONE, GONE, fires=ALL, events=everywhere("broken NEURON_REASON=")),
]


def seen_outside(row):
    parts = [row.outside] if row.outside else []
    if any(o.resets for o in row.cells.values()):
        parts.append("events `reset`, `recovered`")
    if row.events:
        parts.append("event `%s`" % next(iter(row.events.values())).split()[0])
    if row.log:
        parts.append("log: %s" % "; ".join('"%s"' % text for text in sorted(set(row.log.values()))))
    return "; ".join(parts)


def table():
    """Markdown, as in docs/testing.md."""
    lines = ["| fault | idle | copying | computing | seen outside |", "|---|---|---|---|---|"]
    for row in ROWS:
        kind, _, rest = row.name.partition(",")
        lines.append("| `%s`%s | %s | %s |" % (kind, rest and "," + rest, " | ".join(row.cells[c].text for c in COLUMNS),
                                             seen_outside(row)))
    return "\n".join(lines) + "\n"
