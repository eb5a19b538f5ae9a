#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""neuron-bench on the in-process emulator: counts are exact, percentiles in order, threads, instances and several models.

usage: test_bench_tool.py [--out build]
"""
import json

from tools import Tools
import neffs

PERCENTILES = ("p0", "p1", "p25", "p50", "p75", "p99", "p100")


def report(t, name, *options):
    done = t.expect(name, 0, "neuron-bench", *options, "-d", "emulator", "--json")
    return json.loads(done.stdout) if done.returncode == 0 else {"models": [], "process": {}}


def consistent(t, name, got, inferences):
    """Numbers of one report agree with each other."""
    bad = []
    for m, count in zip(got["models"], inferences):
        quantiles = [m["latency_ms"][p] for p in PERCENTILES]
        if m["inferences"] != count or not 0 < m["cycles"] or m["nan"]:
            bad.append(f"{m['inferences']} inferences and not {count}")
        if quantiles != sorted(quantiles) or not quantiles[0] > 0 or not quantiles[0] <= m["latency_ms"]["mean"] <= quantiles[-1]:
            bad.append(f"latencies {m['latency_ms']}")
        if abs(m["inferences_per_second"] * m["seconds"] - count) > 1e-3 * count or \
           abs(m["items_per_second"] - m["batch"] * m["inferences_per_second"]) > 1e-3 * m["items_per_second"]:
            bad.append("rate and time disagree")
        # A thread does one inference at a time.
        if m["latency_ms"]["mean"] * count / 1e3 > m["seconds"] * m["threads"] * 1.001:
            bad.append("threads were busy for longer than there was time")
    if len(got["models"]) != len(inferences) or not 0 < got["process"].get("memory_bytes", 0) <= got["process"]["memory_peak_bytes"]:
        bad.append(str(got))
    t.tap.ok(not bad, name + ": numbers agree", "\n".join(bad))


def main():
    t = Tools(__doc__)
    t.common_options("neuron-bench", "throughput")
    t.path("m.neff", neffs.Copy(shape=(4, 10)).bytes())
    t.path("two.neff", neffs.Copy((("a", "b"), ("c", "d")), "int32", (2, 3)).bytes())
    got = report(t, "one model", "m.neff", "--count", "101")
    consistent(t, "one model", got, [101])
    m = got["models"][0]
    t.tap.ok((m["batch"], m["threads"], m["instances"], m["cores"]) == (4, 1, 1, 1), "batch is the first dimension; one of all else", str(m))
    got = report(t, "three threads, two instances", "m.neff", "-n", "200", "-T", "3", "-I", "2", "-b", "7", "-w", "0")
    consistent(t, "three threads, two instances", got, [200])
    m = got["models"][0]
    t.tap.ok((m["batch"], m["threads"], m["instances"], m["cores"]) == (7, 3, 2, 2), "what was asked for", str(m))
    consistent(t, "two models", report(t, "two models", "m.neff", "two.neff", "-n", "50", "-I", "2"), [50, 50])
    got = report(t, "for a time", "m.neff", "--seconds", "0.2")
    m = got["models"][0]
    t.tap.ok(m["seconds"] >= 0.2 and m["inferences"] > 0, "it runs as long as it was told to", str(m))
    t.expect("text", 0, "neuron-bench", "m.neff", "two.neff", "-d", "emulator", "-n", "20",
             out=[r"^m\.neff\n  instances 1, cores 1, threads 1, batch 4; loaded in", r"^  20 inferences in \d+\.\d+ s: [\d.]+ inferences/s, [\d.]+ items/s$",
                  r"^  latency ms +p0 +p1 +p25 +p50 +p75 +p99 +p100 +mean\n +(\d+\.\d{3} +){7}\d+\.\d{3}$", r"^all models: ", r"^process: .* MiB"])
    t.expect("too many cores", 1, "neuron-bench", "m.neff", "-I", "5", "-d", "emulator", err=["cannot use NeuronCores: "])
    t.expect("no such file", 1, "neuron-bench", "none.neff", "-d", "emulator", err=[r"none\.neff: No such file"])
    t.path("bad.neff", b"x" * 2000)
    t.expect("no NEFF", 1, "neuron-bench", "bad.neff", "-d", "emulator", err=[r"bad\.neff: "])
    t.expect("no model", 2, "neuron-bench", err=[r"no MODEL\.neff"])
    for option, value in (("--seconds", "0"), ("--seconds", "x"), ("--count", "0"), ("--threads", "0"), ("--instances", "-1"), ("--device", "x")):
        t.expect(f"{option} {value}", 2, "neuron-bench", "m.neff", option, value, err=[f"{option} '{value}'"])
    t.exit()


if __name__ == "__main__":
    main()
