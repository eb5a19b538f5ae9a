#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Telemetry of the driver, in a guest: every sysfs file is documented in docs/ABI and readable, and documents
name no file that is not there; counters count what happened; what the chip reports (temperature, ECC) arrives in
sysfs and hwmon; tracepoints tell of jobs, copies and recovery. With --kernel debug also hwmon."""
import argparse
import contextlib
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/testbed"))
sys.path.insert(0, os.path.join(TOP, "tests/lib"))
import tap  # noqa: E402
import vm  # noqa: E402

DEVICE = "/sys/class/neuron_device/neuron0"
DRIVER = "/sys/bus/pci/drivers/neuron"
TESTS = "/usr/lib/neuron/tests"
TRACING = "/sys/kernel/tracing"
# Of neuron-emu's trace, what only jobs have.
CATEGORIES = ("queue", "job", "reach")
# What each device has from the kernel.
KERNELS = re.compile(r"^(dev|uevent|subsystem|device|power/(?!utilization).*)$")


def documented():
    """Paths below the device, with <M> for the core."""
    names = set()
    for line in open(os.path.join(TOP, "docs/ABI/sysfs-neuron")):
        match = re.match(r"What:\s+/sys/class/neuron_device/neuron<N>/(.*)$", line)
        if not match:
            continue
        name = match.group(1)
        braces = re.search(r"\{(.*)\}", name)
        for word in braces.group(1).split(",") if braces else [""]:
            names.add(re.sub(r"\{.*\}", word, name))
    return names


def read(guest, name):
    return guest.run(["cat", name], check=True).out.strip()


def found(guest):
    out = guest.run(["sh", "-c", "cd %s && find . -type f" % DEVICE], check=True).out
    names = {re.sub(r"neuron_core[0-9]+", "neuron_core<M>", line[2:]) for line in out.split()}
    return {name for name in names if not KERNELS.match(name)}


def test_files(t, guest):
    there, told = found(guest), documented()
    t.ok(not there - told, "each file of sysfs is documented", sorted(there - told))
    t.ok(not told - there, "each documented file is there", sorted(told - there))
    r = guest.run(["sh", "-c", "cd %s && find stats info neuron_core* -type f | while read f; do cat $f >/dev/null || echo $f; done"
                   % DEVICE])
    t.ok(r.code == 0 and not r.out.strip(), "each file can be read", [r.out])


def counter(guest, name, kind="total"):
    return int(read(guest, "%s/%s/%s" % (DEVICE, name, kind)))


@contextlib.contextmanager
def traced(t, chip):
    """What happens meanwhile is in the chip's trace; test_emu.py looks for the other categories."""
    start = os.path.getsize(chip.log_path)
    chip.control("trace " + ",".join(CATEGORIES))
    yield
    chip.control("trace none")
    silent, limit = CATEGORIES, time.monotonic() + 60
    while silent and time.monotonic() < limit:
        # lines are written behind the chip's back
        with open(chip.log_path, errors="replace") as f:
            f.seek(start)
            text = f.read()
        silent = [c for c in CATEGORIES if not re.search(r"^\S+: %s: " % c, text, re.M)]
        time.sleep(0.05)
    t.ok(not silent, "the chip traces " + ", ".join(CATEGORIES), silent)


def test_counters(t, guest):
    good = "neuron_core0/stats/status/success"
    before = counter(guest, good)
    infers = counter(guest, "neuron_core0/stats/other_info/inference_count")
    with traced(t, guest.chips[0]):
        r = guest.run([TESTS + "/test_exec"], timeout=120)
    t.ok(r.code == 0, "jobs run")
    t.ok(counter(guest, good) > before, "success counts them")
    t.ok(counter(guest, "neuron_core0/stats/status/execute_completed_with_num_error") == 1,
         "a result that is not a number is counted")
    t.ok(counter(guest, "neuron_core0/stats/other_info/inference_count") > infers, "inference_count counts them")
    total = sum(counter(guest, "neuron_core0/stats/status/" + name) for name in (
        "invalid_error", "resource_error", "oob_error", "bad_instruction", "execute_sw_semaphore_error", "timeout",
        "aborted", "hw_error", "hw_hbm_ue_error"))
    t.ok(counter(guest, "neuron_core0/stats/status/failure") == total > 0, "failure is the sum of the other ends")
    t.ok(counter(guest, good, "present") == counter(guest, good), "present counts from the beginning")
    guest.run(["sh", "-c", "echo 0 > %s/%s/present" % (DEVICE, good)], check=True)
    t.ok(counter(guest, good, "present") == 0 < counter(guest, good), "present starts anew when 0 is written")
    r = guest.run(["sh", "-c", "echo 1 > %s/%s/present" % (DEVICE, good)])
    t.ok(r.code != 0, "present takes nothing but 0")


def log_has(guest, text):
    limit = time.monotonic() + 60
    while text not in guest.dmesg():
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True


def test_health(t, guest):
    chip = guest.chips[0]
    celsius = int(read(guest, DEVICE + "/stats/hardware/temperature"))
    t.ok(0 < celsius < 100000, "the chip has a temperature", ["%d" % celsius])
    chip.control("fault over-temperature:celsius=120")
    t.ok(read(guest, DEVICE + "/stats/hardware/temperature") == "120000", "a hot chip is seen in sysfs")
    hwmon = guest.run(["sh", "-c", "grep -l neuron /sys/class/hwmon/*/name 2>/dev/null"]).out.strip()
    if hwmon:
        top = os.path.dirname(hwmon)
        t.ok(read(guest, top + "/temp1_input") == "120000", "hwmon tells it")
        t.ok(read(guest, top + "/temp1_crit_alarm") == "1", "hwmon raises the alarm")
    else:
        t.skip("hwmon tells it", "this kernel has no hwmon")
        t.skip("hwmon raises the alarm", "this kernel has no hwmon")
    chip.control("clear over-temperature")
    if hwmon:
        t.ok(read(guest, top + "/temp1_crit_alarm") == "0", "the alarm ends")
    before = int(read(guest, DEVICE + "/stats/hardware/mem_ecc_uncorrected"))
    chip.control("fault ecc-uncorrected:channel=0,address=0x100000,count=1")
    t.ok(int(read(guest, DEVICE + "/stats/hardware/mem_ecc_uncorrected")) == before + 1,
             "an uncorrectable memory error is counted")
    t.ok(log_has(guest, "uncorrectable memory error"), "and told")
    pci = os.path.basename(guest.run(["readlink", "-f", DEVICE + "/device"], check=True).out.strip())
    guest.run(["sh", "-c", "echo %s > %s/unbind; echo %s > %s/bind" % (pci, DRIVER, pci, DRIVER)], check=True)
    chip.control("fault ecc-corrected:channel=0,count=1")
    t.ok(log_has(guest, "corrected memory errors so far"), "a corrected one after the driver was bound anew is told")
    t.ok(guest.dmesg().count("uncorrectable memory error") == 1, "the uncorrectable one is not told again")


def test_trace(t, guest):
    if guest.run(["sh", "-c", "mount -t tracefs none %s 2>/dev/null; test -d %s/events/neuron" % (TRACING, TRACING)]).code:
        t.skip("tracepoints", "this kernel has no tracing")
        return
    guest.run(["sh", "-c", "echo > %s/trace; echo 1 > %s/events/neuron/enable" % (TRACING, TRACING)], check=True)
    guest.run([TESTS + "/test_exec"], timeout=120)
    guest.run(["cat", DEVICE + "/stats/power/utilization"])
    # Last: what comes behind it needs no device. Its end is the event "recovered", which an open waits for.
    guest.run(["sh", "-c", "echo device > /sys/kernel/debug/neuron/neuron0/recover; exec < /dev/neuron0"], check=True)
    guest.run(["sh", "-c", "echo 0 > %s/events/neuron/enable" % TRACING], check=True)
    trace = guest.run(["cat", TRACING + "/trace"], check=True).out
    for event in ("neuron_job_submit", "neuron_job_done", "neuron_irq", "neuron_fwio", "neuron_dma", "neuron_recovery"):
        t.ok(" %s: neuron0 " % event in trace, "tracepoint " + event)
    submitted = set(re.findall(r"neuron_job_submit: neuron0 slot=(\d+) seq=(\d+)", trace))
    done = set(re.findall(r"neuron_job_done: neuron0 slot=(\d+) seq=(\d+)", trace))
    t.ok(submitted and submitted == done, "each job that was submitted is done", [str(submitted ^ done)])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kernel")
    options = p.parse_args()
    t = tap.Tap()
    with vm.VM(devices=[[]], name="telemetry", modprobe=True, lifetime=500, kernel=options.kernel) as guest:
        test_files(t, guest)
        test_counters(t, guest)
        test_health(t, guest)
        test_trace(t, guest)
        problems = guest.dmesg_problems()
        t.ok(not problems, "no problem in the kernel's log", problems)
    return t.done()


if __name__ == "__main__":
    sys.exit(main())
