#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-monitor: its numbers for a known load are exact, its JSON has the documented keys and no others, its
configuration is read or refused with the reason, its HTTP server serves Prometheus and survives everybody else.

usage: test_monitor.py [--out build]
"""
import fcntl
import json
import os
import queue
import re
import shutil
import socket
import subprocess
import threading
import time

from loads import Load
from tools import Tools

EACH = ["neuroncore_counters", "memory_used", "neuron_runtime_vcpu_usage", "inference_stats"]
SYSTEM = ["vcpu_usage", "memory_info", "neuron_hw_counters"]
USAGES = {"user", "nice", "system", "idle", "io_wait", "irq", "soft_irq"}
PERCENTILES = ["p0", "p1", "p25", "p50", "p75", "p99", "p100"]
OUTCOMES = ["completed", "completed_with_err", "completed_with_num_err", "timed_out", "incorrect_input", "failed_to_queue"]
ERRORS = ["generic", "numerical", "transient", "model", "runtime", "hardware"]
LIMIT = 60


def config(period="100ms", metrics=(*EACH,), system=(*SYSTEM,), **runtime):
    return json.dumps({"period": period, "neuron_runtimes": [{"metrics": [{"type": m} for m in metrics], **runtime}],
                       "system_metrics": [{"type": m} for m in system]}).encode()


class Monitor:
    """neuron-monitor at work; report() is its next line."""

    def __init__(self, t, directory, *args):
        env = {**{k: v for k, v in os.environ.items() if not k.startswith("NEURON_")}, "NEURON_RT_STATS_DIR": directory}
        self.process = subprocess.Popen([os.path.join(t.out, "bin", "neuron-monitor"), *args], env=env, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.lines = {stream: queue.Queue() for stream in (self.process.stdout, self.process.stderr)}
        self.readers = [threading.Thread(target=self.read, args=item) for item in self.lines.items()]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, lines):
        """Reads always, since a full pipe would hold the monitor up."""
        for line in stream:
            lines.put(line)

    def message(self):
        return self.lines[self.process.stderr].get(timeout=LIMIT)

    def report(self):
        return json.loads(self.lines[self.process.stdout].get(timeout=LIMIT))

    def entry(self, pid):
        """The process's part of the next report; None if it has none."""
        return next((p for p in self.report()["neuron_runtime_data"] if p["pid"] == pid), None)

    def stop(self):
        self.process.terminate()
        for reader in self.readers:
            reader.join(LIMIT)
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait(LIMIT)


def keys(t, name, got, want):
    t.tap.ok(sorted(got) == sorted(want), f"keys of {name}", f"{sorted(got)}\n{sorted(want)}")


def add(sums, stats):
    for part in ("inference_summary", "error_summary"):
        for key, value in stats[part].items():
            sums[key] = sums.get(key, 0) + value


def test_exact(t, directory):
    load = Load(t, directory, tag="known load")
    monitor = Monitor(t, directory, "-c", t.path("m.json", config()))
    sums, used, latencies = {}, {}, []
    entry = monitor.entry(load.pid)
    add(sums, entry["report"]["inference_stats"])
    t.tap.ok(not any(sums.values()), "nothing before the load", sums)
    t.tap.ok(load.tell("run 990 10") == "[(0, 990), (1004, 10)]", "1,000 inferences, of which 10 fail")
    load.tell("input 3")
    limit = time.monotonic() + LIMIT
    while sums["incorrect_input"] < 3 and time.monotonic() < limit:
        entry = monitor.entry(load.pid)
        stats = entry["report"]["inference_stats"]
        add(sums, stats)
        latencies += [v for v in stats["latency_stats"].values() if v]
        for core, data in entry["report"]["neuroncore_counters"]["neuroncores_in_use"].items():
            used[core] = max(used.get(core, 0), data["neuroncore_utilization"])
    for _ in range(2):
        entry = monitor.entry(load.pid)
        add(sums, entry["report"]["inference_stats"])
    want = {**dict.fromkeys(OUTCOMES + ERRORS, 0), "completed": 990, "completed_with_err": 10, "incorrect_input": 3, "model": 10,
            "generic": 3}
    t.tap.ok(sums == want, "numbers of inferences are exact", f"{sums}\n{want}")
    t.tap.ok(sorted(used) == ["0", "1"] and all(0 < u <= 100 for u in used.values()), "both cores were used", used)
    t.tap.ok(latencies and all(list(v) == PERCENTILES and sorted(v.values()) == list(v.values()) and 0 < v["p0"] for v in latencies),
             "latencies are there and grow with the percentile", latencies)
    return load, monitor, entry


def test_last_word(t, load, monitor):
    """What a process did between the last report and its end is in one more report."""
    sums, entry = {}, {}
    load.tell("run 100 0")
    load.quit()
    limit = time.monotonic() + LIMIT
    while entry is not None and time.monotonic() < limit:
        entry = monitor.entry(load.pid)
        if entry:
            add(sums, entry["report"]["inference_stats"])
    t.tap.ok(entry is None and sums["completed"] == 100, "the end of a process is seen, then it is gone", sums)
    t.tap.ok(monitor.stop() == 0, "SIGTERM ends the monitor well")


def test_keys(t, entry, report):
    keys(t, "a report", report, ["neuron_runtime_data", "system_data", "instance_info", "neuron_hardware_info"])
    keys(t, "a process", entry, ["pid", "address", "neuron_runtime_tag", "error", "report"])
    t.tap.ok(entry["neuron_runtime_tag"] == "known load", "the tag is NEURON_PROCESS_TAG", entry["neuron_runtime_tag"])
    data = entry["report"]
    keys(t, "a process's report", data, EACH)
    keys(t, "neuroncore_counters", data["neuroncore_counters"], ["period", "neuroncores_in_use", "error"])
    keys(t, "inference_stats", data["inference_stats"], ["period", "error_summary", "inference_summary", "latency_stats", "error"])
    keys(t, "error_summary", data["inference_stats"]["error_summary"], ERRORS)
    keys(t, "inference_summary", data["inference_stats"]["inference_summary"], OUTCOMES)
    t.tap.ok(data["inference_stats"]["latency_stats"] == {"total_latency": None, "device_latency": None},
             "latencies of a period without inferences are null", data["inference_stats"])
    keys(t, "neuron_runtime_vcpu_usage", data["neuron_runtime_vcpu_usage"], ["period", "vcpu_usage", "error"])
    keys(t, "vcpu_usage of a process", data["neuron_runtime_vcpu_usage"]["vcpu_usage"], ["user", "system"])
    memory = data["memory_used"]
    keys(t, "memory_used", memory, ["period", "neuron_runtime_used_bytes", "loaded_models", "error"])
    models = memory["loaded_models"]
    keys(t, "a model", models[0], ["name", "uuid", "model_id", "is_running", "memory_used_bytes", "subgraphs"])
    keys(t, "a subgraph", models[0]["subgraphs"]["sg00"], ["memory_used_bytes", "neuroncore_index", "neuron_device_index"])
    t.tap.ok([(m["name"], m["subgraphs"]["sg00"]["neuroncore_index"]) for m in models]
             == [("copy", 0), ("bad", 0), ("copy", 1), ("bad", 1)] and len({m["model_id"] for m in models}) == 4,
             "models are where they were loaded", models)
    t.tap.ok(sum(m["memory_used_bytes"]["neuron_device"] for m in models) == memory["neuron_runtime_used_bytes"]["neuron_device"],
             "the device memory is that of the models", memory)


def test_system(t, report):
    system = report["system_data"]
    keys(t, "system_data", system, SYSTEM)
    keys(t, "vcpu_usage", system["vcpu_usage"], ["period", "average_usage", "usage_data", "context_switch_count", "error"])
    cpus = system["vcpu_usage"]["usage_data"]
    t.tap.ok(len(cpus) == os.cpu_count() and all(set(c) == USAGES for c in cpus.values())
             and set(system["vcpu_usage"]["average_usage"]) == USAGES, "usage of each processor", cpus)
    keys(t, "memory_info", system["memory_info"], ["period", "memory_total_bytes", "memory_used_bytes", "swap_total_bytes",
                                                   "swap_used_bytes", "error"])
    total = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read()).group(1)) << 10
    t.tap.ok(system["memory_info"]["memory_total_bytes"] == total > system["memory_info"]["memory_used_bytes"] > 0, "memory of the host")
    keys(t, "neuron_hw_counters", system["neuron_hw_counters"], ["period", "neuron_devices", "error"])
    keys(t, "instance_info", report["instance_info"], ["instance_name", "instance_id", "instance_type", "instance_availability_zone",
         "instance_availability_zone_id", "instance_region", "ami_id", "subnet_id", "error"])
    keys(t, "neuron_hardware_info", report["neuron_hardware_info"], ["neuron_device_count", "neuroncore_per_device_count", "error"])
    if not os.path.exists("/dev/neuron0"):
        t.tap.ok("no Neuron device" in report["neuron_hardware_info"]["error"], "without a device, error says so")


def test_config(t, directory):
    env = {"NEURON_RT_STATS_DIR": directory}
    bad = {
        "no JSON": (b'{"period": "1s",}', r"c\.json:1:"),
        "a period": (config("soon"), r'"period" has to be a text like "1s"'),
        "a period that is too short": (config("1ns"), r"from 10ms to 24h"),
        "a group": (config(metrics=["hw_counters"]), r'there is no group "hw_counters": the groups are neuroncore_counters, '),
        "a regular expression": (config(tag_filter="("), r'tag_filter.* is no regular expression'),
        "nothing": (b"{}", "nothing to do"),
        "an array": (b"[]", "has to be an object"),
        "a group without type": (b'{"system_metrics": [{}]}', 'has no "type"'),
    }
    for name, (text, message) in bad.items():
        t.expect(f"configuration: {name}", 1, "neuron-monitor", "-c", t.path("c.json", text), err=[message], env=env)
    t.expect("configuration: no file", 1, "neuron-monitor", "-c", "none.json", err=["none.json: No such file"], env=env)
    t.expect("configuration: a folder", 1, "neuron-monitor", "-c", "/", err=["/: neither a regular file nor a pipe"], env=env)
    t.expect("configuration: a file too large", 1, "neuron-monitor", "-c", t.path("c.json", b" " * ((1 << 20) + 1)), err=["more than 1048576 bytes"],
             env=env)
    read, write = os.pipe()
    os.write(write, b'{"system_metrics":[{"type":"memory_info","period":"20ms"}]}')
    os.close(write)
    done = t.run("neuron-monitor", "-n", "1", "-c", "/dev/stdin", env=env, stdin=read)
    os.close(read)
    t.tap.ok(not done.returncode and list(json.loads(done.stdout)["system_data"]) == ["memory_info"], "a configuration from a pipe",
             done.stdout + done.stderr)
    done = t.expect("one group only", 0, "neuron-monitor", "-n", "1", "-c", t.path("c.json", b'{"system_metrics":[{"type":"memory_info","period":"20ms"}]}'),
                    out=["memory_info"], env=env)
    t.tap.ok(list(json.loads(done.stdout)["system_data"]) == ["memory_info"], "and it is the only one", done.stdout)


def test_filter(t, directory):
    loads = [Load(t, directory, tag=tag) for tag in ("one", "two", "")]
    text = config(tag_filter="^(two|[0-9]+)$", metrics=["memory_used", "execution_stats"], system=[])
    monitor = Monitor(t, directory, "-c", t.path("f.json", text))
    report = monitor.report()
    tags = [p["neuron_runtime_tag"] for p in report["neuron_runtime_data"]]
    t.tap.ok(sorted(tags) == sorted(["two", str(loads[2].pid)]), "processes are chosen by tag, which is the pid if there is none", tags)
    keys(t, "the newer name of the group", report["neuron_runtime_data"][0]["report"]["execution_stats"],
         ["period", "error_summary", "execution_summary", "latency_stats", "error"])
    monitor.stop()
    for load in loads:
        load.quit()


def request(port, data, shut=False):
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as s:
        try:
            s.sendall(data)
            if shut:
                s.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                more = s.recv(65536)
                if not more:
                    return answer.decode()
                answer += more
        except ConnectionError:
            return answer.decode()


def promtool():
    cache = os.environ.get("NEURON_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "neuron")
    own = os.path.join(cache, "bin", "promtool")
    return own if os.path.exists(own) else shutil.which("promtool")


def test_prometheus(t, directory):
    load = Load(t, directory, tag='quo"ted')
    load.tell("run 990 10")
    monitor = Monitor(t, directory, "-c", t.path("m.json", config()), "--prometheus=0", "--verbose=1")
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)/metrics", monitor.message()).group(1))
    monitor.entry(load.pid)
    answer = request(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, page = answer.partition("\r\n\r\n")
    t.tap.ok(head.startswith("HTTP/1.1 200 OK\r\n") and "text/plain; version=0.0.4" in head
             and f"Content-Length: {len(page)}\r\n" in head, "an answer of HTTP", head)
    labels = r'\{[^}]*runtime_tag="quo\\"ted",pid="%d",' % load.pid
    for pattern in (r'execution_status_total%sstatus_type="completed"\} 990$', r'execution_status_total%sstatus_type="completed_with_err"\} 10$',
                    r'execution_errors_total%serror_type="model"\} 10$', r'neuroncore_utilization_ratio%sneuroncore="1"\} ',
                    r'neuron_runtime_memory_used_bytes%smemory_location="neuron_device"\} [1-9]'):
        t.tap.ok(re.search(pattern % labels, page, re.M), f"metric {pattern}", page)
    if promtool():
        done = subprocess.run([promtool(), "check", "metrics"], input=page, capture_output=True, text=True, timeout=LIMIT, check=False)
        t.tap.ok(done.returncode == 0 and not done.stdout + done.stderr, "promtool has no complaint", done.stdout + done.stderr)
    else:
        t.tap.skip("promtool has no complaint", "there is none: tests/testbed/prepare promtool")
    for name, data, status in (("another page", b"GET /x HTTP/1.0\r\n\r\n", "404"), ("POST", b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
                               ("no HTTP", b"\x16\x03\x01\x00\xff\r\n\r\n", "400"), ("no end", b"GET / HTTP/1.1\r\n" + b"a" * 9000, "431"),
                               ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"), ("the start page", b"GET / HTTP/1.1\n\n", "200")):
        answer = request(port, data)
        t.tap.ok(answer.startswith(f"HTTP/1.1 {status} "), f"{name}: {status}", answer[:200])
    answer = request(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    t.tap.ok("200 OK" in answer and answer.endswith("\r\n\r\n"), "HEAD has no body", answer[:300])
    t.tap.ok(request(port, b"GET /metr", shut=True) == "", "half a request gets nothing")
    idle = [socket.create_connection(("127.0.0.1", port), timeout=LIMIT) for _ in range(40)]
    t.tap.ok("execution_status_total" in request(port, b"GET /metrics?a=b HTTP/1.1\r\n\r\n"), "forty idle clients keep nobody out")
    for s in idle:
        s.close()
    monitor.lines[monitor.process.stdout].queue.clear()
    t.tap.ok(monitor.entry(load.pid), "reports go on meanwhile")
    t.expect("a port that is taken", 1, "neuron-monitor", f"--prometheus={port}", err=["Address already in use; choose another port"],
             env={"NEURON_RT_STATS_DIR": directory})
    t.tap.ok(monitor.stop() == 0, "the server ends well")
    load.quit()


def test_unread(t, directory):
    """A pipe that nobody reads keeps Prometheus waiting for nothing; whoever reads at last gets whole lines."""
    ours, its = os.pipe()
    fcntl.fcntl(its, fcntl.F_SETPIPE_SZ, 4096)
    # Longer than the pipe, so that a line is cut where it is full.
    path = t.path("m.json", config("20ms"))
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("NEURON_")}, "NEURON_RT_STATS_DIR": directory}
    loads = [Load(t, directory, tag=f"unread {i}") for i in range(3)]
    with subprocess.Popen([os.path.join(t.out, "bin", "neuron-monitor"), "-c", path, "--prometheus=0", "--verbose=1"], env=env,
                          stdout=its, stderr=subprocess.PIPE, text=True) as p:
        os.close(its)
        end = threading.Timer(LIMIT, p.kill)
        end.start()
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/metrics", p.stderr.readline()).group(1))
        t.tap.ok("a report is left out" in p.stderr.readline(), "reports are left out when nobody reads them")
        reader = threading.Thread(target=p.stderr.read)
        reader.start()
        t.tap.ok("execution_status_total" in request(port, b"GET /metrics HTTP/1.1\r\n\r\n"), "Prometheus gets its answer meanwhile")
        with os.fdopen(ours) as pipe:
            lines = [pipe.readline() for _ in range(4)]
            t.tap.ok(all("neuron_runtime_data" in json.loads(line) for line in lines), "the reader gets whole lines", lines)
            p.terminate()
            t.tap.ok(p.wait(LIMIT) == 0, "SIGTERM ends it although nobody reads")
        end.cancel()
        reader.join(LIMIT)
    for load in loads:
        load.quit()


def main():
    t = Tools(__doc__)
    directory = t.path("stats")
    t.common_options("neuron-monitor", "--prometheus")
    t.expect("unexpected argument", 2, "neuron-monitor", "x", err=["unexpected argument 'x'"])
    t.expect("a level that there is not", 2, "neuron-monitor", "--verbose", "5", err=["is not a number from 0 to 4"])
    t.expect("an address that is none", 2, "neuron-monitor", "--prometheus", "localhost:x", err=["ADDRESS:.PORT"])
    load, monitor, entry = test_exact(t, directory)
    report = monitor.report()
    test_keys(t, entry, report)
    test_system(t, report)
    test_last_word(t, load, monitor)
    test_config(t, directory)
    test_filter(t, directory)
    test_prometheus(t, directory)
    test_unread(t, directory)
    t.exit()


if __name__ == "__main__":
    main()
