#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the test guest itself: agent, runner, initramfs, watchdogs. Prints TAP.

usage: test_vm.py [--out build]
Needs what 'make setup' fetches and the built guest-agent ('make check-testbed' builds it)."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import vm as vm_module  # noqa: E402
from vm import VM, VMError, VMTimeout, cache_dir, find_problems, output_dir  # noqa: E402

HELLO = r"""// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
static bool warn;
module_param(warn, bool, 0);
static int __init hello_init(void)
{
	pr_info("hello: loaded\n");
	WARN(warn, "hello: provoked");
	return 0;
}
static void __exit hello_exit(void) { }
module_init(hello_init);
module_exit(hello_exit);
MODULE_DESCRIPTION("test module");
MODULE_LICENSE("GPL");
"""


class Skip(Exception):
    pass


def expect(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in what))


def raised(kind, call):
    """The exception of that kind which the call must raise."""
    try:
        call()
    except kind as e:
        return e
    raise AssertionError("no %s was raised" % kind.__name__)


def gone(pid):
    """The process has ended, or is about to be reaped."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_gone(pids, timeout=10):
    limit = time.monotonic() + timeout
    while time.monotonic() < limit and not all(gone(p) for p in pids):
        time.sleep(0.05)
    return all(gone(p) for p in pids)


def make_module(directory, kernel):
    """hello.ko, built with the headers that 'prepare kernel' extracted."""
    with open(os.path.join(directory, "hello.c"), "w", encoding="utf-8") as f:
        f.write(HELLO)
    with open(os.path.join(directory, "Kbuild"), "w", encoding="utf-8") as f:
        f.write("obj-m := hello.o\n")
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "O", "C", "V", "W")}
    subprocess.run(["make", "-s", "-C", os.path.join(kernel, "build"), "M=" + directory, "modules"],
                   check=True, env=env, stdout=sys.stderr)
    return os.path.join(directory, "hello.ko")


def make_image(directory, kernel):
    image = os.path.join(directory, "initramfs.gz")
    argv = [os.path.join(HERE, "mkinitramfs"), "-o", image, "--kernel", kernel,
            "--agent", os.path.join(output_dir(), "tests/guest-agent"),
            "--module", make_module(directory, kernel), "/usr/bin/env:/opt/env", __file__ + ":/opt/data/test"]
    subprocess.run(argv, check=True)
    return image


# --- tests that share one guest ---

def test_boots(vm):
    with open(os.path.join(vm.kernel, "release"), encoding="utf-8") as f:
        expect(vm.release == f.read().strip(), vm.release)
    expect(vm.run(["uname", "-r"]).out.strip() == vm.release)


def test_output_and_exit_code(vm):
    r = vm.run("echo out; echo err >&2; exit 42")
    expect((r.code, r.out, r.err) == (42, "out\n", "err\n"), r)
    expect(vm.run(["true"]).code == 0)
    expect(vm.run("kill -9 $$").code == -9)
    r = vm.run(["/no/such/program"])
    expect(r.code == 127 and "No such file" in r.err, r)
    e = raised(VMError, lambda: vm.run("echo reason >&2; exit 5", check=True))
    expect("code 5" in str(e) and "reason" in str(e), e)


def test_arguments_reach_the_command(vm):
    argv = ["printf", "<%s>", "a b", "", "c'd\"$x\n", "ü"]
    expect(vm.run(argv).out == "<a b><><c'd\"$x\n><ü>")
    expect(vm.run('echo "$A-$B"; pwd', env={"A": "1 2", "B": ""}, cwd="/tmp").out == "1 2-\n/tmp\n")
    expect(vm.run("id -u; id -g", uid=1000).out == "1000\n1000\n")
    expect(vm.run(["cat"], input="given\n" * 20000).out == "given\n" * 20000)
    expect(vm.run(["cat"]).out == "")


def test_push_and_pull(vm):
    data = os.urandom(8 << 20) + b"odd"
    vm.push_bytes(data, "/tmp/new/dir/file", 0o750)
    expect(vm.run(["stat", "-c", "%a %s", "/tmp/new/dir/file"]).out == "750 %d\n" % len(data))
    expect(vm.pull_bytes("/tmp/new/dir/file") == data)
    vm.push_bytes(b"", "/tmp/new/dir/file")
    expect(vm.pull_bytes("/tmp/new/dir/file") == b"")
    with tempfile.TemporaryDirectory() as d:
        target = os.path.join(d, "x")
        vm.pull("/opt/data/test", target)
        with open(target, "rb") as a, open(__file__, "rb") as b:
            expect(a.read() == b.read(), "packed file differs")
        e = raised(VMError, lambda: vm.pull("/no/file", target + "2"))
        expect("No such file" in str(e) and os.listdir(d) == ["x"], e)
    expect("directory" in str(raised(VMError, lambda: vm.push_bytes(b"x", "/proc/none/x"))))
    raised(VMError, lambda: vm.push_bytes(b"x", "relative"))
    vm.run(["rm", "-r", "/tmp/new"], check=True)


def test_large_output(vm):
    r = vm.run("head -c 5000000 /dev/zero; head -c 300000 /dev/zero >&2")
    expect(len(r.out_bytes) == 5000000 and len(r.err_bytes) == 300000, len(r.out_bytes), len(r.err_bytes))


def test_jobs_run_side_by_side(vm):
    begin = time.monotonic()
    jobs = [vm.spawn("sleep 1; echo %d" % i) for i in range(12)]
    expect(vm.run("echo now").out == "now\n")
    expect([j.wait().out for j in jobs] == ["%d\n" % i for i in range(12)])
    expect(time.monotonic() - begin < 8, "one after the other")
    results = []
    threads = [threading.Thread(target=lambda: results.append(vm.run("echo x").out)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expect(results == ["x\n"] * 8, results)


def test_background_child_does_not_hold_up(vm):
    r = vm.run("sleep 100 & echo done", timeout=10)
    expect(r.out == "done\n", r)
    vm.run(["killall", "sleep"])


def test_streams_and_signals(vm):
    got, came = [], threading.Event()

    def sink(kind, data):
        got.append((kind, data))
        came.set()
    job = vm.spawn("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.1; done", sink=sink)
    expect(came.wait(10), "no output while it runs")
    job.signal(signal.SIGTERM)
    expect(job.wait(10).code == 7)
    expect(b"".join(d for k, d in got if k == vm_module.STDOUT) == b"ready\nbye\n", got)


def test_terminal(vm):
    got = bytearray()
    job = vm.spawn(["sh"], pty=(33, 77), sink=lambda kind, data: got.extend(data))
    vm.send(vm_module.INPUT, job.id, b"stty size; tty; exit 4\n")
    expect(job.wait(10).code == 4)
    expect(b"33 77" in got and b"/dev/pts/" in got, bytes(got))


def test_command_timeout_spares_the_guest(vm):
    e = raised(VMTimeout, lambda: vm.run("echo before; sleep 60", timeout=1))
    expect("before" in str(e) and vm.console in str(e), e)
    expect(vm.run(["pidof", "sleep"]).code == 1, "the command is still there")


def test_module(vm):
    expect(vm.dmesg_problems() == [], vm.dmesg_problems())
    vm.run(["modprobe", "hello"], check=True)
    expect("hello: loaded" in vm.dmesg())
    vm.run(["modprobe", "-r", "hello"], check=True)
    r = vm.run(["modprobe", "no-such-module"])
    expect(r.code != 0 and "no-such-module" in r.err, r)


def test_libraries_are_packed(vm):
    expect("A=b" in vm.run(["/opt/env", "A=b"], check=True).out)


def test_problems_are_found(vm):
    before = len(vm.dmesg_problems())
    vm.run(["modprobe", "hello", "warn=1"], check=True)
    found = vm.dmesg_problems()
    expect(len(found) == before + 1 and "hello: provoked" in found[-1] and "end trace" in found[-1], found)
    expect(len(vm.dmesg_problems(ignore="hello: provoked")) == before)


def test_monitor(vm):
    expect(vm.qmp("query-status")["status"] == "running")
    expect("virtserialport" in vm.hmp("info qtree"))
    raised(VMError, lambda: vm.qmp("no-such-command"))


SHARED = [test_boots, test_output_and_exit_code, test_arguments_reach_the_command, test_push_and_pull,
          test_large_output, test_jobs_run_side_by_side, test_background_child_does_not_hold_up,
          test_streams_and_signals, test_terminal, test_command_timeout_spares_the_guest, test_module,
          test_libraries_are_packed, test_problems_are_found, test_monitor]


# --- tests with a guest of their own ---

def test_close_leaves_nothing(make):
    with make() as vm:
        pid, directory = vm.qemu.pid, vm.directory
    expect(gone(pid) and not os.path.exists(directory))
    expect("reboot: Power down" in open(vm.console, encoding="utf-8", errors="replace").read())
    raised(VMError, lambda: vm.run(["true"]))


def test_hung_guest_is_ended(make):
    with make() as vm:
        vm.grace = 1
        vm.run("echo '<1>last words' >/dev/kmsg", check=True)
        vm.qmp("stop")
        e = raised(VMTimeout, lambda: vm.run(["true"], timeout=1))
        expect("cannot be killed" in str(e) and vm.console in str(e) and "last words" in str(e), e)
        expect(wait_gone([vm.qemu.pid]))
    expect("last words" in open(vm.console, encoding="utf-8", errors="replace").read())


def test_panic_is_told(make):
    with make() as vm:
        e = raised(VMError, lambda: vm.run("echo c >/proc/sysrq-trigger", timeout=30))
        expect("panicked" in str(e) and "Kernel panic" in str(e), e)
        raised(VMError, lambda: vm.run(["true"]))


def test_lifetime_ends_the_guest(make):
    with make() as vm:
        vm.limit(1)
        e = raised(VMTimeout, lambda: vm.run(["sleep", "60"], timeout=100))
        expect("lifetime" in str(e), e)


def test_boot_timeout(make):
    e = raised(VMTimeout, lambda: make(boot_timeout=0.3).__enter__())
    expect("does not answer" in str(e) and "console:" in str(e), e)


def test_no_agent_in_image(make):
    with tempfile.NamedTemporaryFile() as f:
        e = raised(VMError, lambda: make(initrd=f.name, boot_timeout=30).__enter__())
        expect("panic" in str(e), e)


def test_bad_arguments(make):
    e = raised(VMError, lambda: make(initrd="/no/image").__enter__())
    expect("/no/image" in str(e) and "make" in str(e), e)
    e = raised(VMError, lambda: make(qemu_args=["-no-such-option"]).__enter__())
    expect("no-such-option" in str(e), e)


def test_emulator_errors_are_told(make):
    e = raised(VMError, lambda: make(devices=1, emulator="/no/emulator").__enter__())
    expect("/no/emulator" in str(e), e)
    with tempfile.NamedTemporaryFile("w", suffix=".sh", dir=output_dir()) as f:
        f.write("#!/bin/sh\necho bad firmware >&2\nexit 3\n")
        f.flush()
        program = f.name + ".run"
        try:
            subprocess.run(["install", "-m", "755", f.name, program], check=True)
            e = raised(VMError, lambda: make(devices=1, emulator=program).__enter__())
            expect("code 3" in str(e) and "bad firmware" in str(e), e)
        finally:
            os.unlink(program)


def children_of(pid):
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8") as f:
                if name.isdigit() and int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(name))
        except OSError:
            pass
    return found


def test_killed_runner_leaves_nothing(make):
    image = make().initrd
    for number, code in ((signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)):
        argv = [os.path.join(HERE, "vm.py"), "run", "--initrd", image, "--", "sh", "-c", "echo up; sleep 60"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
            expect(p.stdout.readline() == b"up\n")
            children = children_of(p.pid)
            expect(children, "no QEMU")
            p.send_signal(number)
            expect(p.wait(60) == code, number, p.returncode)
        expect(wait_gone(children), "QEMU outlived signal %d" % number)


def test_command_line(make):
    image = make().initrd
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "in"), "wb") as f:
            f.write(b"moved")
        r = subprocess.run(
            [os.path.join(HERE, "vm.py"), "run", "--initrd", image, "--push", d + "/in:/tmp/a", "--pull",
             "/tmp/b:" + d + "/out", "--", "sh", "-c", "cp /tmp/a /tmp/b; echo o; echo e >&2; exit 9"],
            capture_output=True, check=False)
        expect((r.returncode, r.stdout, r.stderr) == (9, b"o\n", b"e\n"), r)
        with open(os.path.join(d, "out"), "rb") as f:
            expect(f.read() == b"moved")


def test_chip_is_a_pci_function(make):
    program = os.environ.get("NEURON_EMU") or os.path.join(output_dir(), "bin/neuron-emu")
    if not os.access(program, os.X_OK):
        raise Skip("no neuron-emu in " + output_dir())
    with make(devices=2, emulator=program) as vm:
        ids = vm.run("cat /sys/bus/pci/devices/*/vendor", check=True).out.split()
        expect(ids.count("0x1d0f") == 2, ids)
        expect(vm.dmesg_problems() + vm.chip_errors() == [], vm.dmesg_problems(), vm.chip_errors())
        # A BAR that is decoded but has nothing behind this offset: the chip must object.
        vm.run("d=$(grep -l 0x1d0f /sys/bus/pci/devices/*/vendor | head -n 1); d=${d%/vendor}; echo 1 >$d/enable; "
               "a=$(head -n 1 $d/resource | cut -d' ' -f1); devmem $((a + 0x7ffffc)) 32 1", check=True)
        expect(len(vm.chip_errors()) == 1, vm.chip_errors())
        vm.kill_chip(vm.emulators[0])
        expect(vm.run(["true"]).code == 0, "the guest did not survive the loss of a chip")


OWN = [test_close_leaves_nothing, test_hung_guest_is_ended, test_panic_is_told, test_lifetime_ends_the_guest,
       test_boot_timeout, test_no_agent_in_image, test_bad_arguments, test_emulator_errors_are_told,
       test_killed_runner_leaves_nothing, test_command_line, test_chip_is_a_pci_function]


# --- tests without a guest ---

def test_find_problems():
    log = "[1.0] a\n[1.1] WARNING: CPU: 0 at x\n[1.2] Call Trace:\n[1.3] ---[ end trace 0 ]---\n[1.4] b\n"
    found = find_problems(log)
    expect(len(found) == 1 and found[0].count("\n") == 2, found)
    expect(find_problems(log, ignore="CPU: 0 at x") == [])
    for line in ("BUG: KASAN: slab-use-after-free in x", "Oops: 0000 [#1]", "kernel BUG at x.c:1!",
                 "unreferenced object 0xffff (size 8):", "refcount_t: underflow; use-after-free.",
                 "DMA-API: neuron 0000:01:00.0: device driver frees DMA memory", "WARNING: possible circular locking",
                 "UBSAN: array-index-out-of-bounds in x", "INFO: task x:1 blocked for more than 120 seconds."):
        expect(len(find_problems("[1.0] " + line)) == 1, line)
    for line in ("DEBUG: fine", "module verification failed: signature missing - tainting kernel",
                 "DMA-API: preallocated 65536 debug entries", "hello: loading out-of-tree module taints kernel."):
        expect(find_problems("[1.0] " + line) == [], line)


def test_image_is_reproducible(directory, kernel):
    agent = os.path.join(output_dir(), "tests/guest-agent")
    contents = []
    for name in ("a", "b"):
        image = os.path.join(directory, name)
        subprocess.run([os.path.join(HERE, "mkinitramfs"), "-o", image, "--kernel", kernel, "--agent", agent,
                        "/bin/ls"], check=True)
        with open(image, "rb") as f:
            contents.append(f.read())
    expect(contents[0] == contents[1], "equal inputs, different images")


def test_image_errors_are_told(directory, kernel):
    agent = os.path.join(output_dir(), "tests/guest-agent")
    base = [os.path.join(HERE, "mkinitramfs"), "-o", os.path.join(directory, "e"), "--agent", agent]
    for args, text in ((["--kernel", kernel, "/no/file"], "/no/file"), (["--kernel", "/no/kernel"], "/no/kernel"),
                       (["--kernel", kernel, "--with-module", "nonsense"], "nonsense")):
        r = subprocess.run(base + args, capture_output=True, text=True, check=False)
        expect(r.returncode == 1 and text in r.stderr and "Traceback" not in r.stderr, r)
    expect(not os.path.exists(os.path.join(directory, "e")), "a broken image was left")


class Tap:
    def __init__(self, count):
        self.number = self.failed = self.skipped = 0
        print("TAP version 13\n1..%d" % count, flush=True)

    def run(self, test, *args):
        self.number += 1
        name, begin = test.__name__[5:], time.monotonic()
        try:
            test(*args)
            print("ok %d - %s\n# %.1f s" % (self.number, name, time.monotonic() - begin), flush=True)
        except Skip as e:
            self.skipped += 1
            print("ok %d - %s # SKIP %s" % (self.number, name, e), flush=True)
        except Exception as e:  # a test may fail in any way
            self.failed += 1
            print("not ok %d - %s" % (self.number, name))
            for line in (traceback.format_exc() if not isinstance(e, AssertionError) else
                         "%s\n%s" % (e, traceback.format_exc(limit=-2))).splitlines():
                print("# " + line, flush=True)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--out":
        os.environ["O"] = os.path.abspath(sys.argv[2])
    elif len(sys.argv) > 1:
        sys.exit("usage: test_vm.py [--out build]")
    kernel = os.environ.get("NEURON_KERNEL") or os.path.join(cache_dir(), "kernel")
    tap = Tap(3 + len(SHARED) + len(OWN))
    with tempfile.TemporaryDirectory() as directory:
        tap.run(test_find_problems)
        tap.run(test_image_is_reproducible, directory, kernel)
        tap.run(test_image_errors_are_told, directory, kernel)
        image = make_image(directory, kernel)

        def make(**kwargs):
            return VM(**dict({"initrd": image, "kernel": kernel, "name": "test-vm", "memory": 512}, **kwargs))
        with make() as vm:
            for test in SHARED:
                tap.run(test, vm)
        for test in OWN:
            tap.run(test, make)
    print("# %d passed, %d failed, %d skipped" % (tap.number - tap.failed - tap.skipped, tap.failed, tap.skipped))
    return 1 if tap.failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
