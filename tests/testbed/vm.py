#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots a test guest with emulated chips and runs commands in it.

    with VM(devices=1) as vm:
        r = vm.run(["neuron-ls"], timeout=30)
        print(r.code, r.out, r.err)
        vm.push("model.neff", "/tmp/model.neff")
        vm.pull("/tmp/out.bin", "out.bin")
        assert not vm.dmesg_problems()

One neuron-emu process serves each chip; stock QEMU attaches them as PCIe functions with vfio-user-pci. Commands
go over a virtio port to guest-agent.c (which describes the protocol); the console carries the kernel's messages
only and is kept in a file for each guest. All processes end with the thread that started the guest, whatever
ends it.

Command line: vm.py run [options] -- COMMAND..., vm.py shell [options].
"""

import argparse
import atexit
import contextlib
import ctypes
import glob
import json
import os
import queue
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import elf
import tsc

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
AGENT_VERSION = 1
FRAME = struct.Struct("<IHHI")
FRAME_MAX = 64 * 1024
(RUN, INPUT, SIGNAL, WINSIZE, PUSH, DATA, END, PULL, POWEROFF) = range(1, 10)
(HELLO, STDOUT, STDERR, EXIT, DONE) = range(16, 21)
RUN_PTY = 1
GUEST_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "linux", "LANG": "C.UTF-8"}
KEEP_LOGS = 150
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

# What must not be in a guest's log after a test, and how much of what follows belongs to it.
PROBLEM = re.compile(
    r"\[ cut here \]|WARNING: |\bBUG\b|\bOops\b|Call [Tt]race|KASAN|KCSAN|UBSAN|KFENCE|Kernel panic|Bad page state"
    r"|DMA-API: .*(?:device driver|debugging out)|general protection fault|unable to handle|unreferenced object"
    r"|refcount_t:|list_(?:add|del) corruption|INFO: task .* blocked|detected stalls|self-detected stall|hung task"
    r"|possible (?:circular|recursive) locking|suspicious RCU|scheduling while atomic|sleeping function called"
    r"|irq \d+: nobody cared|page allocation failure|soft lockup|hard LOCKUP|trying to free already-free")
PROBLEM_CONTEXT = 80
# What a chip says that a reset cuts off from memory: whatever it does then fails (chip_errors(ignore=...)).
CUT_OFF = r"guest-error: (dma-bus-master|dma-unmapped|udma-dma-unmapped|queue-config|job-(bus|context|timeout))\b"


class VMError(Exception):
    """The guest could not do what was asked; the text names the reason and the console log."""


class VMTimeout(VMError):
    """A command or the whole guest took too long."""


class Result:
    """How a command ended: code (minus the signal's number if one ended it), out and err as text."""

    def __init__(self, argv, code, out, err, seconds):
        self.argv, self.code, self.seconds = argv, code, seconds
        self.out_bytes, self.err_bytes = out, err

    @property
    def out(self):
        return self.out_bytes.decode(errors="replace")

    @property
    def err(self):
        return self.err_bytes.decode(errors="replace")

    def __repr__(self):
        return "Result(%r, code=%d, out=%r, err=%r)" % (self.argv, self.code, self.out[-2000:], self.err[-2000:])


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("NEURON_CACHE") or os.path.join(base, "neuron")


def output_dir():
    return os.path.join(TOP, os.environ.get("O") or "build")


def find_kernel(name):
    """(directory, what its initramfs is named after) of a kernel given by name or by directory."""
    if "/" in name:
        return name, ""
    suffix = "" if name == "6.12" else "-" + name
    path = os.path.join(cache_dir(), "kernel" + suffix)
    if not os.path.exists(os.path.join(path, "release")):
        raise VMError("there is no kernel %s\nrun 'make setup', or '%s/prepare %s'"
                      % (name, HERE, "debug-kernel" if name == "debug" else "kernel:" + name))
    return path, suffix


def dies_with(parent):
    """What a child does between fork and exec, so that it does not outlive the thread that started it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # Sixteen chips take some 40 descriptors each.
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
        if os.getppid() != parent:
            os._exit(1)
    return prepare


def start(argv, log, **kwargs):
    """A child in a session of its own: the terminal's ^C is for us, and we end the child."""
    try:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                preexec_fn=dies_with(os.getpid()), **kwargs)
    except OSError as e:
        raise VMError("cannot start %s: %s" % (argv[0], e.strerror)) from e


def modified(path):
    """Time of the last change; another runner may have removed the file meanwhile."""
    try:
        return os.path.getmtime(path)
    except OSError:
        return 0.0


def remove_stale():
    """Socket directories of runners that were killed."""
    for path in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), "neuron-vm-*-*")):
        owner = os.path.basename(path).split("-")[2]
        if owner.isdigit() and not os.path.exists("/proc/" + owner):
            shutil.rmtree(path, ignore_errors=True)


def end(process, grace=0.0):
    if process is None:
        return
    if grace and process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
    if process.poll() is None:
        process.kill()
    process.wait()


def tail(path, size=3000):
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.path.getsize(path) - size))
            return f.read().decode(errors="replace").replace("\r", "")
    except OSError:
        return ""


class Emulator:
    """One chip: a neuron-emu process that listens on a socket."""

    def __init__(self, index, directory, log, options=(), program=None, firmware=None):
        self.index, self.log_path = index, log
        self.socket = os.path.join(directory, "chip%d.sock" % index)
        self.control_socket = os.path.join(directory, "chip%d.control" % index)
        program = program or os.environ.get("NEURON_EMU") or os.path.join(output_dir(), "bin/neuron-emu")
        if not os.access(program, os.X_OK):
            raise VMError("the emulator %s is not there\nbuild it with 'make', or name another in NEURON_EMU" % program)
        argv = [program, "--socket", self.socket, "--index", str(index), "--control", self.control_socket]
        if firmware:
            argv += ["--firmware", firmware]
        self.argv = argv + list(options)
        with open(log, "ab") as f:
            self.process = start(self.argv, f)

    def wait_ready(self, timeout=10):
        limit = time.monotonic() + timeout
        while not os.path.exists(self.socket):
            if self.process.poll() is not None:
                raise VMError("neuron-emu %d ended with code %d before it listened\n%slog: %s"
                              % (self.index, self.process.returncode, tail(self.log_path), self.log_path))
            if time.monotonic() > limit:
                raise VMError("neuron-emu %d does not listen after %d s\n%slog: %s"
                              % (self.index, timeout, tail(self.log_path), self.log_path))
            time.sleep(0.005)

    def control(self, command, timeout=30):
        """A command on the control socket, such as "fault no-irq:count=1": the lines of its answer, or VMError."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(timeout)
            try:
                s.connect(self.control_socket)
                s.sendall(command.encode() + b"\n")
                with s.makefile() as answer:
                    lines = []
                    for line in answer:
                        line = line.rstrip("\n")
                        if line == "ok":
                            return lines
                        if line.startswith("error: "):
                            raise VMError("chip %d refuses %r: %s" % (self.index, command, line[7:]))
                        lines.append(line)
            except OSError as e:
                raise VMError("chip %d does not take %r: %s" % (self.index, command, e)) from e
        raise VMError("chip %d broke off its answer to %r after %d lines" % (self.index, command, len(lines)))

    def kill(self):
        """For chips that no guest uses (any more); VM.kill_chip() for others."""
        end(self.process)


class Job:
    """A command in the guest. Its output is collected, or given to sink(type, bytes) as it comes."""

    def __init__(self, vm, ident, argv, sink):
        self.vm, self.id, self.argv, self.sink = vm, ident, argv, sink
        self.started = time.monotonic()
        self.code = None
        self.seconds = 0.0
        self.done = threading.Event()
        self._out, self._err = bytearray(), bytearray()

    def receive(self, kind, data):
        if kind == EXIT:
            self.code = struct.unpack("<i", data)[0]
            self.seconds = time.monotonic() - self.started
            self.done.set()
        elif self.sink:
            self.sink(kind, data)
        elif kind == STDOUT:
            self._out += data
        elif kind == STDERR:
            self._err += data

    def signal(self, number=signal.SIGTERM):
        self.vm.send(SIGNAL, self.id, struct.pack("<I", number))

    def result(self):
        return Result(self.argv, self.code, bytes(self._out), bytes(self._err), self.seconds)

    def wait(self, timeout=60):
        """Result. At the time-out the command is killed, and if that does not help the guest."""
        if not self.vm.wait(self.done, timeout):
            self.signal(signal.SIGKILL)
            if not self.vm.wait(self.done, self.vm.grace):
                self.vm.fail("the guest does not answer: %s ran into its time-out of %g s and cannot be killed"
                             % (self.argv, timeout), VMTimeout)
            raise VMTimeout("%s did not end within %g s and was killed\noutput: %s\nconsole: %s" % (
                self.argv, timeout, tail_text(self._out, self._err), self.vm.console))
        return self.result()


def tail_text(*parts):
    return " | ".join(p[-1000:].decode(errors="replace") for p in parts if p) or "none"


class Transfer:
    """The answer to a push or pull. Pulled data goes to a file as it comes."""

    def __init__(self, file=None):
        self.file, self.error, self.mode = file, None, 0
        self.done = threading.Event()

    def receive(self, kind, data):
        if kind == DATA and self.file:
            self.file.write(data)
        elif kind == DONE:
            self.error, self.mode = struct.unpack("<iI", data)
            self.done.set()


class VM:
    """A guest. Options:

    devices     number of chips, or a list of lists of neuron-emu options, one list a chip
    links       chips are joined into a chain, each one's east neighbour is the next
    kernel      name of a kernel of the cache (6.12, 6.1, backports, debug) or a directory made by 'prepare'
                ($NEURON_KERNEL, else 6.12)
    vmlinuz     kernel image instead of the one in that directory
    initrd      image made by mkinitramfs ($NEURON_INITRAMFS, else build/tests/initramfs[-KERNEL].cpio)
    memory      guest RAM in MiB; cpus: number of CPUs
    append      more of the kernel's command line; qemu_args: more of QEMU's
    boot_timeout, lifetime  seconds until the guest must answer, and until it is ended whatever it does
    name        begins the log files' names; log_dir: where they are ($O/vm)
    modprobe    load the driver before the guest is handed out
    """

    def __init__(self, devices=0, kernel=None, vmlinuz=None, initrd=None, memory=1024, cpus=2, append="",
                 qemu_args=(), boot_timeout=120, lifetime=600, name="vm", log_dir=None, firmware=None,
                 emulator=None, modprobe=False, iommu=False, links=True):
        self._chip_options = [[] for _ in range(devices)] if isinstance(devices, int) else [list(o) for o in devices]
        self.kernel, suffix = find_kernel(kernel or os.environ.get("NEURON_KERNEL") or "6.12")
        unpacked = os.path.join(self.kernel, "vmlinux")
        self.vmlinuz = vmlinuz or (unpacked if os.path.exists(unpacked) else os.path.join(self.kernel, "vmlinuz"))
        self.initrd = initrd or os.environ.get("NEURON_INITRAMFS") or os.path.join(
            output_dir(), "tests/initramfs%s.cpio" % suffix)
        self.make_kernel = " KERNEL=" + suffix[1:] if suffix else ""
        self.memory, self.cpus, self.append, self.qemu_args = memory, cpus, append, list(qemu_args)
        if suffix == "-debug":
            # Its checks take a third of the memory and most of the time.
            self.memory, boot_timeout = max(memory, 1536), 4 * boot_timeout
        self.boot_timeout, self.lifetime, self.grace = boot_timeout, lifetime, 10
        self.links = links
        self.name, self.firmware, self.emulator, self.modprobe, self.iommu = name, firmware, emulator, modprobe, iommu
        self.log_dir = log_dir or os.path.join(output_dir(), "vm")
        self.release, self.boot_seconds = None, None
        self.chips = []         # what stands behind each device: Emulator.control("fault ..."), kill_chip()
        self.emulators, self.qemu, self.agent, self.qmp_file = [], None, None, None
        self.console = self.directory = None
        self.failure = None
        self._kind = VMError
        self._dead, self._hello = threading.Event(), threading.Event()
        self._lock, self._send_lock, self._qmp_lock = threading.Lock(), threading.Lock(), threading.Lock()
        self._jobs, self._next_id, self._timer = {}, 0, None
        self._reader = None
        self._closing = False

    # --- life ---

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc):
        self.close()

    def start(self):
        for path, way in ((self.vmlinuz, "make setup"), (self.initrd, "make initramfs%s" % self.make_kernel),
                          (self.program(), "make setup")):
            if not os.path.exists(path):
                raise VMError("%s is not there\nrun '%s'" % (path, way))
        atexit.register(self.close)
        begin = time.monotonic()
        self._open_logs()
        remove_stale()
        self.directory = tempfile.mkdtemp(prefix="neuron-vm-%d-" % os.getpid())
        for i, options in enumerate(self._chip_options):
            self.emulators.append(Emulator(i, self.directory, "%s.emu%d.log" % (self._log, i),
                                           self.link_options(i) + list(options),
                                           self.emulator, self.firmware))
        self.chips = self.emulators
        for e in self.emulators:
            e.wait_ready()
        self._start_qemu()
        self.limit(self.lifetime)
        if not self.wait(self._hello, self.boot_timeout):
            self.fail("the guest's agent does not answer %g s after the start" % self.boot_timeout, VMTimeout)
        self.boot_seconds = time.monotonic() - begin
        if self.modprobe:
            r = self.run(["modprobe", "neuron"], timeout=self.boot_timeout)
            if r.code:
                self.fail("modprobe neuron failed in the guest: %s" % r.err.strip())

    def link_options(self, index):
        """How chip number index is joined to its neighbours."""
        path = os.path.join(self.directory, "link%d.sock")
        east = ["--link", "east=" + path % index] if self.links and index + 1 < len(self._chip_options) else []
        west = ["--link", "west=" + path % (index - 1)] if self.links and index else []
        return east + west

    def _open_logs(self):
        os.makedirs(self.log_dir, exist_ok=True)
        logs = glob.glob(os.path.join(glob.escape(self.log_dir), "*.log"))
        for old in sorted(logs, key=modified)[:-KEEP_LOGS]:
            try:
                os.unlink(old)
            except OSError:
                pass
        stamp = "%s-%s-%d" % (self.name, time.strftime("%m%d-%H%M%S"), os.getpid())
        number = 0
        while os.path.exists(os.path.join(self.log_dir, "%s-%d.console.log" % (stamp, number))):
            number += 1
        self._log = os.path.join(self.log_dir, "%s-%d" % (stamp, number))
        self.console, self.qemu_log = self._log + ".console.log", self._log + ".qemu.log"
        with open(self.console, "wb"):
            pass

    @staticmethod
    def program():
        return os.environ.get("NEURON_QEMU") or os.path.join(cache_dir(), "bin/qemu")

    def command_line(self, agent_fd, qmp_fd):
        kvm = os.environ.get("NEURON_KVM") == "1"
        # Sixteen chips have more BAR space than the default 40 address bits and hole hold.
        cpu = "host" if kvm else "max,phys-bits=46"
        append = ["console=ttyS0", "quiet", "panic=-1", "tsc=reliable", "log_buf_len=4M", "rdinit=/init",
                  # A busy host can starve the guest for seconds; that is no lock-up of the driver.
                  "rcupdate.rcu_cpu_stall_timeout=120", "watchdog_thresh=60"]
        khz = None if kvm else tsc.khz()
        if khz:
            append.append("tsc_early_khz=%d" % khz)
        try:
            with open(os.path.join(self.kernel, "cmdline"), encoding="utf-8") as f:
                append.append(f.read().strip())
        except FileNotFoundError:
            pass
        argv = [self.program(), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                "-name", self.name, "-accel", "kvm" if kvm else "tcg,thread=multi", "-cpu", cpu,
                "-smp", str(self.cpus), "-m", "%dM" % self.memory,
                "-object", "memory-backend-memfd,id=m,size=%dM,share=on" % self.memory,
                "-machine", "q35,memory-backend=m" + (",kernel-irqchip=split" if kvm and self.iommu else ""),
                # Without it hot-plug, bus reset and fatal AER recovery go through ACPI, which cannot do them.
                "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
                "-global", "q35-pcihost.pci-hole64-size=4096G",
                "-chardev", "file,id=console,path=%s" % self.console.replace(",", ",,"), "-serial", "chardev:console",
                "-chardev", "socket,id=qmp,fd=%d" % qmp_fd, "-qmp", "chardev:qmp",
                "-chardev", "socket,id=agent,fd=%d" % agent_fd]
        if self.iommu:
            # Before all other devices: QEMU gives an IOMMU only to those that come later.
            argv += ["-device", "intel-iommu,intremap=on,caching-mode=on"]
            append += ["intel_iommu=on", "iommu.strict=1"]
        argv += ["-device", "virtio-serial-pci,id=vser,bus=pcie.0",
                 "-device", "virtserialport,bus=vser.0,chardev=agent,name=neuron.agent"]
        for e in self.emulators:
            argv += ["-device", "pcie-root-port,id=rp%d,chassis=%d,io-reserve=0" % (e.index, e.index + 1),
                     "-device", json.dumps({
                         "driver": "vfio-user-pci", "id": "chip%d" % e.index, "bus": "rp%d" % e.index,
                         "socket": {"path": e.socket, "type": "unix"}, "x-msg-timeout": 60000})]
        argv += ["-kernel", self.vmlinuz, "-initrd", self.initrd, "-append", " ".join(append + [self.append])]
        return argv + self.qemu_args

    def _start_qemu(self):
        ours, theirs = socket.socketpair()
        qmp, qmp_theirs = socket.socketpair()
        for s in (ours, qmp):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        argv = self.command_line(theirs.fileno(), qmp_theirs.fileno())
        with theirs, qmp_theirs, open(self.qemu_log, "ab") as log:
            log.write((" ".join(argv) + "\n").encode())
            log.flush()
            self.qemu = start(argv, log, pass_fds=(theirs.fileno(), qmp_theirs.fileno()))
        self.agent, self._qmp = ours, qmp
        self.qmp_file = qmp.makefile("rwb", buffering=0)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self, grace=5):
        """Ends the guest: politely if it still answers, and all processes in any case."""
        with self._lock:
            closing, self._closing = self._closing, True
        if closing:
            return
        atexit.unregister(self.close)
        if self._timer:
            self._timer.cancel()
        self.poweroff(grace)
        end(self.qemu)
        for e in self.emulators:
            end(e.process, grace=2)
        self._dead.set()
        for s in (self.agent, self.qmp_file, getattr(self, "_qmp", None)):
            if s:
                s.close()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def poweroff(self, timeout):
        """Asks the guest to shut down. True if it has done so within the time."""
        if not self.qemu or not self._hello.is_set():
            return False
        if self.qemu.poll() is None and not self._dead.is_set():
            with contextlib.suppress(VMError, subprocess.TimeoutExpired):
                self.send(POWEROFF, 0)
                self.qemu.wait(timeout)
        return self.qemu.poll() == 0

    def limit(self, seconds):
        """From now on the guest may live so long; replaces the limit that was set before."""
        if self._timer:
            self._timer.cancel()
        self.lifetime = seconds
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self):
        self._die("the guest was still alive after its lifetime of %g s" % self.lifetime, VMTimeout)

    def _die(self, why, kind=VMError):
        """Ends the machine now; whoever waits for it is told why."""
        with self._lock:
            if not self.failure and not self._closing:
                self.failure, self._kind = why, kind
        if self.qemu and self.qemu.poll() is None:
            self.qemu.kill()
        self._dead.set()
        for e in self.emulators:
            if e.process.poll() is None:
                e.process.terminate()

    def fail(self, why, kind=VMError):
        self._die(why, kind)
        self._raise()

    def _raise(self):
        text = "%s\nconsole: %s" % (self.failure or "the guest has been closed", self.console)
        log = tail(self.console).strip()
        if log:
            text += "\n--- end of the console\n" + log
        errors = "\n".join(tail(self.qemu_log).strip().splitlines()[1:]) if self.console else ""
        if errors:
            text += "\n--- QEMU\n" + errors
        raise self._kind(text)

    def wait(self, event, timeout):
        """True when the event came, False at the time-out, VMError when the guest died before it."""
        limit = time.monotonic() + timeout
        while not event.wait(min(0.2, max(0.0, limit - time.monotonic()))):
            if self._dead.is_set() and not event.is_set():
                self._raise()
            if time.monotonic() >= limit:
                return event.is_set()
        return True

    # --- agent ---

    def send(self, kind, ident, data=b""):
        try:
            with self._send_lock:
                self.agent.sendall(FRAME.pack(len(data), kind, 0, ident) + data)
        except OSError:
            self._dead.wait(2)
            if not self.failure:
                self._die("the connection to the guest broke")
            self._raise()

    def _read(self):
        stream = self.agent.makefile("rb", buffering=1 << 18)
        try:
            while True:
                head = stream.read(FRAME.size)
                if len(head) < FRAME.size:
                    break
                length, kind, _, ident = FRAME.unpack(head)
                data = stream.read(length)
                if kind == HELLO:
                    version = struct.unpack_from("<I", data)[0]
                    if version != AGENT_VERSION:
                        self._die("the guest's agent speaks version %d, not %d; rebuild the initramfs"
                                  % (version, AGENT_VERSION))
                    self.release = data[4:].decode()
                    self._hello.set()
                    continue
                with self._lock:
                    job = self._jobs.get(ident)
                    if kind in (EXIT, DONE):
                        self._jobs.pop(ident, None)
                if job:
                    job.receive(kind, data)
        except (OSError, ValueError):
            pass
        except Exception as e:  # a caller's sink may raise anything; the guest cannot go on without this thread
            self._die("the output of a command could not be passed on: %r" % e)
        if not self._closing:
            try:
                code = self.qemu.wait(5)
                how = ("QEMU ended with code %d" % code if code else "the guest switched itself off or panicked")
            except subprocess.TimeoutExpired:
                how = "the connection to the guest broke"
            self._die(how)
        self._dead.set()

    def _register(self, make):
        if self._dead.is_set():
            self._raise()
        with self._lock:
            self._next_id += 1
            job = self._jobs[self._next_id] = make(self._next_id)
            return self._next_id, job

    def spawn(self, argv, env=None, cwd="/", uid=0, gid=None, stdin="", sink=None, pty=None):
        """Starts a command and returns its Job. argv is a list, or a string for the guest's shell; stdin names a
        file in the guest; pty is (rows, columns) for a command on a terminal of its own."""
        if isinstance(argv, str):
            argv = ["sh", "-c", argv]
        argv = [os.fspath(a) for a in argv]
        strings = [stdin, cwd] + argv + ["%s=%s" % kv for kv in dict(GUEST_ENV, **(env or {})).items()]
        count = len(strings) - 2 - len(argv)
        rows, columns = pty or (0, 0)
        data = struct.pack("<IIIIIHH", RUN_PTY if pty else 0, uid, uid if gid is None else gid, len(argv), count,
                           rows, columns) + b"".join(os.fsencode(s) + b"\0" for s in strings)
        if len(data) > FRAME_MAX:
            raise VMError("command line of %d bytes is too long for the guest's agent" % len(data))
        ident, job = self._register(lambda i: Job(self, i, argv, sink))
        self.send(RUN, ident, data)
        return job

    def run(self, argv, timeout=60, check=False, input=None, **kwargs):
        """Runs a command to its end. A time-out kills it and raises VMTimeout; check=True raises VMError unless
        its code is 0; input is given to it as standard input."""
        if input is not None:
            kwargs["stdin"] = "/run/stdin.%d" % self._next_id
            self.push_bytes(input.encode() if isinstance(input, str) else input, kwargs["stdin"])
        r = self.spawn(argv, **kwargs).wait(timeout)
        if check and r.code:
            raise VMError("%s ended with code %d in the guest\n%s\nconsole: %s" % (
                r.argv, r.code, tail_text(r.out_bytes, r.err_bytes), self.console))
        return r

    def starts_anew(self, argv, timeout=None):
        """Runs a command by which another kernel takes over without the machine being reset (kexec): seconds until
        that one's agent answered. What else ran in the guest is never heard of again."""
        begin = time.monotonic()
        self._hello.clear()
        job = self.spawn(argv)
        while not self.wait(self._hello, 0.2):
            if job.done.is_set():
                raise VMError("no other kernel has taken over: %r" % job.result())
            if time.monotonic() - begin > (timeout or self.boot_timeout):
                self.fail("no other kernel answers %g s after %s" % (time.monotonic() - begin, argv), VMTimeout)
        with self._lock:
            self._jobs.clear()
        return time.monotonic() - begin

    def push_bytes(self, data, path, mode=0o644, timeout=120):
        """Writes a file in the guest; directories are made as needed."""
        if not os.path.isabs(path):
            raise VMError("the guest's path %r is not absolute" % path)
        ident, transfer = self._register(lambda i: Transfer())
        self.send(PUSH, ident, struct.pack("<I", mode) + os.fsencode(path) + b"\0")
        view = memoryview(data)
        for at in range(0, len(view), FRAME_MAX):
            self.send(DATA, ident, bytes(view[at:at + FRAME_MAX]))
        self.send(END, ident)
        self._finish(transfer, "push", path, timeout)

    def push(self, source, path, timeout=120):
        """Copies a host file (or a directory with all in it) into the guest, with its mode."""
        if os.path.isdir(source):
            for top, _, names in os.walk(source):
                for name in names:
                    full = os.path.join(top, name)
                    self.push(full, os.path.join(path, os.path.relpath(full, source)), timeout)
            return
        with open(source, "rb") as f:
            data = f.read()
        self.push_bytes(data, path, os.stat(source).st_mode & 0o7777, timeout)

    def push_program(self, source, path, timeout=120):
        """Copies a program or a library into the guest, and of the libraries that it needs those that the guest lacks."""
        self.push(source, path, timeout)
        # Named by a full path: the loader. All others are found in the default directory.
        needed = {os.path.join("/usr/lib", name): lib for name, lib in elf.libraries(source)}
        there = self.run(["sh", "-c", 'for f; do [ ! -e "$f" ] || echo "$f"; done', "sh", *needed], check=True).out.split("\n")
        for name, lib in needed.items():
            if name not in there:
                self.push(lib, name, timeout)

    def pull(self, path, target, timeout=120):
        """Copies a guest's file to the host; the target appears only when it is whole."""
        part = target + ".part"
        try:
            with open(part, "wb") as f:
                mode = self._pull(path, f, timeout)
            os.chmod(part, mode | 0o600)
            os.replace(part, target)
        finally:
            if os.path.exists(part):
                os.unlink(part)

    def pull_bytes(self, path, timeout=120):
        with tempfile.TemporaryFile() as f:
            self._pull(path, f, timeout)
            f.seek(0)
            return f.read()

    def _pull(self, path, file, timeout):
        ident, transfer = self._register(lambda i: Transfer(file))
        self.send(PULL, ident, os.fsencode(path) + b"\0")
        self._finish(transfer, "pull", path, timeout)
        return transfer.mode

    def _finish(self, transfer, what, path, timeout):
        if not self.wait(transfer.done, timeout):
            self.fail("%s of %s did not end within %g s" % (what, path, timeout), VMTimeout)
        if transfer.error:
            raise VMError("cannot %s %s in the guest: %s" % (what, path, os.strerror(-transfer.error)))

    # --- kernel log, monitor ---

    def dmesg(self):
        return self.run(["dmesg"], timeout=30, check=True).out

    def dmesg_problems(self, ignore=None):
        """Warnings, bugs, oopses in the guest's log, each with the lines that follow it, but for those that hold
        the pattern ignore: what the test provoked."""
        return find_problems(self.dmesg(), ignore)

    def chip_errors(self, ignore=None):
        """What the driver did wrong in a chip's eyes: the guest-error lines of the emulators' logs, but for those
        that hold the pattern ignore."""
        lines = [line for e in self.emulators for line in tail(e.log_path, 1 << 20).splitlines()]
        return [line for line in lines if ": guest-error: " in line and not (ignore and re.search(ignore, line))]

    def qmp(self, command, **arguments):
        """One command of QEMU's monitor; its answer, or VMError."""
        with self._qmp_lock:
            if not hasattr(self, "events"):
                self.events = []
                self.qmp_file.readline()
                self._qmp_command("qmp_capabilities", {})
            return self._qmp_command(command, arguments)

    def _qmp_command(self, command, arguments):
        self.qmp_file.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            line = self.qmp_file.readline()
            if not line:
                self._dead.wait(2)
                self._raise()
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise VMError("QEMU refuses %s: %s" % (command, answer["error"]["desc"]))
            else:
                return answer.get("return")

    def kill_chip(self, chip):
        """What a chip that falls off the bus looks like: SIGKILL, whatever it is at, between two instructions of the
        guest. In the middle of an access QEMU would fail an assertion: it does not expect a socket to be reset,
        which is what the end of a process does to one that holds an unread request."""
        self.qmp("stop")
        try:
            chip.kill()
        finally:
            self.qmp("cont")

    def hmp(self, line):
        """A command of QEMU's human monitor (e.g. pcie_aer_inject_error), and what it prints."""
        return self.qmp("human-monitor-command", **{"command-line": line})


def find_problems(log, ignore=None):
    lines, found, at = log.splitlines(), [], 0
    while at < len(lines):
        if not PROBLEM.search(lines[at]):
            at += 1
            continue
        stop = at + 1
        while stop < len(lines) and stop - at < PROBLEM_CONTEXT and "end trace" not in lines[stop - 1]:
            stop += 1
        text = "\n".join(lines[at:stop])
        if not ignore or not re.search(ignore, text):
            found.append(text)
        at = stop
    return found


# --- command line --------------------------------------------------------------------------------------------------

def copy_out(kind, data):
    f = sys.stdout.buffer if kind == STDOUT else sys.stderr.buffer
    f.write(data)
    f.flush()


def command_run(vm, options):
    for pair in options.push:
        source, _, path = pair.partition(":")
        vm.push(source, path or "/tmp/" + os.path.basename(source))
    code = vm.spawn(options.command, sink=copy_out).wait(options.timeout).code
    for pair in options.pull:
        path, _, target = pair.partition(":")
        vm.pull(path, target or os.path.basename(path))
    problems = vm.dmesg_problems()
    for p in problems:
        print("vm: problem in the kernel's log:\n" + p, file=sys.stderr)
    problems += vm.chip_errors()
    if problems:
        print("\n".join(vm.chip_errors() + ["vm: console: " + vm.console]), file=sys.stderr)
    return code if code >= 0 else 128 - code, bool(problems)


def command_shell(vm, _options):
    """The user's terminal is a terminal in the guest until the shell there ends."""
    if not sys.stdin.isatty():
        raise VMError("standard input is no terminal\nuse 'vm.py run -- COMMAND' in scripts")
    import termios
    import tty
    size = os.get_terminal_size()
    print("vm: Linux %s up after %.1f s, %d chip(s); the console is in %s; leave with 'exit'"
          % (vm.release, vm.boot_seconds, len(vm.chips), vm.console))
    job = vm.spawn(["sh", "-l"], pty=(size.lines, size.columns), sink=copy_out,
                   env={"TERM": os.environ.get("TERM", "linux"), "PS1": r"guest:\w# "}, cwd="/root")
    resized = queue.SimpleQueue()
    signal.signal(signal.SIGWINCH, lambda *_: resized.put(1))
    saved = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        while not vm.wait(job.done, 0.0):
            ready, _, _ = select.select([0], [], [], 0.1)
            if ready:
                vm.send(INPUT, job.id, os.read(0, 4096))
            if not resized.empty():
                resized.get()
                size = os.get_terminal_size()
                vm.send(WINSIZE, job.id, struct.pack("<HH", size.lines, size.columns))
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)
    return max(job.code, 0), False


def parse_arguments():
    p = argparse.ArgumentParser(description="Boots a test guest with emulated chips.")
    p.add_argument("mode", choices=["run", "shell"])
    p.add_argument("--devices", type=int, default=0, help="number of emulated chips (default: none)")
    p.add_argument("--memory", type=int, default=1024, help="guest RAM in MiB")
    p.add_argument("--cpus", type=int, default=2)
    p.add_argument("--kernel", help="6.12 (default), 6.1, backports, debug, or a directory made by 'prepare'")
    p.add_argument("--initrd")
    p.add_argument("--firmware", help="flash image for the chips")
    p.add_argument("--emu-option", action="append", default=[], help="option for each neuron-emu")
    p.add_argument("--append", default="", help="more of the kernel's command line")
    p.add_argument("--no-links", action="store_true", help="chips that are not joined to a chain")
    p.add_argument("--iommu", action="store_true", help="with an IOMMU in strict mode")
    p.add_argument("--no-modprobe", action="store_true", help="leave the driver out")
    p.add_argument("--timeout", type=float, default=300, help="seconds for the command")
    p.add_argument("--push", action="append", default=[], metavar="FILE[:GUEST-PATH]")
    p.add_argument("--pull", action="append", default=[], metavar="GUEST-PATH[:FILE]")
    own, command = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, command = own[:at], own[at + 1:]
    options = p.parse_args(own)
    options.command = command
    if options.mode == "run" and not options.command:
        p.error("run needs a command: vm.py run -- COMMAND...")
    return options


def interrupted(number, _frame):
    """Ends the guest in order; if that hangs the kernel ends this process, and with it all that it started."""
    signal.alarm(12)
    sys.exit(128 + number)


def main():
    options = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupted)
    try:
        with VM(devices=[options.emu_option] * options.devices, kernel=options.kernel, initrd=options.initrd,
                memory=options.memory, cpus=options.cpus, append=options.append, firmware=options.firmware,
                iommu=options.iommu, links=not options.no_links, modprobe=options.devices > 0 and not options.no_modprobe,
                lifetime=options.timeout + 120 if options.mode == "run" else 30 * 86400,
                name=options.mode) as vm:
            code, problems = (command_run if options.mode == "run" else command_shell)(vm, options)
    except VMError as e:
        print("vm: error: %s" % e, file=sys.stderr)
        return 125
    except OSError as e:
        print("vm: error: %s" % e, file=sys.stderr)
        return 125
    return code or (124 if problems else 0)


if __name__ == "__main__":
    sys.exit(main())
