# SPDX-License-Identifier: Apache-2.0
"""A strict reading of the trace event format (JSON object form), as its public description has it, and as far as
neuron-profile uses it. Times are exact: picoseconds, as integers."""
import json
from decimal import Decimal

# Per phase: keys that must be there, keys that may be.
COMMON = {"ph", "pid", "tid", "name"}
KEYS = {
    "X": ({"cat", "ts", "dur"}, {"args"}),
    "M": ({"args"}, set()),
    "b": ({"cat", "ts", "id"}, {"args"}),
    "e": ({"cat", "ts", "id"}, {"args"}),
    "s": ({"cat", "ts", "id"}, {"args"}),
    "t": ({"cat", "ts", "id"}, {"args"}),
    "f": ({"cat", "ts", "id"}, {"args", "bp"}),
    "C": ({"cat", "ts", "args"}, set()),
}
METADATA = {"process_name": ("name", str), "thread_name": ("name", str), "process_sort_index": ("sort_index", int),
            "thread_sort_index": ("sort_index", int)}
TOP = {"traceEvents", "displayTimeUnit", "otherData"}


def picoseconds(number):
    exact = Decimal(number) * 1000000
    if exact != int(exact):
        raise ValueError(f"{number} us are no whole picoseconds")
    return int(exact)


def check_event(event):
    """The problem with an event by itself, or None. Times become picoseconds."""
    if not isinstance(event, dict) or event.get("ph") not in KEYS:
        return "no phase that is known"
    must, may = KEYS[event["ph"]]
    keys = set(event)
    if not COMMON | must <= keys <= COMMON | must | may:
        return f"keys {sorted(keys ^ (COMMON | must))}"
    if any(type(event[k]) is not int or event[k] < 0 for k in ("pid", "tid")):
        return "pid or tid is no number"
    if any(not isinstance(event[k], str) or not event[k] for k in ("name", "cat") if k in event):
        return "name or cat is no text"
    if not isinstance(event.get("args", {}), dict) or event.get("bp", "e") != "e":
        return "args or bp"
    for key in ("ts", "dur"):
        if key in event:
            if not isinstance(event[key], (int, Decimal)) or event[key] < 0:
                return f"{key} {event[key]}"
            try:
                event[key] = picoseconds(event[key])
            except ValueError as error:
                return str(error)
    if event["ph"] == "M":
        key, kind = METADATA.get(event["name"], (None, None))
        if set(event["args"]) != {key} or type(event["args"][key]) is not kind:
            return "metadata that is not known"
    if event["ph"] == "C" and not all(isinstance(v, (int, Decimal)) for v in event["args"].values()):
        return "a counter that is no number"
    return None


def tracks_of(events):
    tracks = {}
    for event in events:
        if event["ph"] == "X":
            tracks.setdefault((event["pid"], event["tid"]), []).append(event)
    for slices in tracks.values():
        slices.sort(key=lambda e: (e["ts"], -e["dur"]))
    return tracks


def check_nesting(tracks):
    """Slices of a track follow each other, or one is inside the other."""
    problems = []
    for track, slices in tracks.items():
        stack = []
        for e in slices:
            while stack and stack[-1] <= e["ts"]:
                stack.pop()
            if stack and e["ts"] + e["dur"] > stack[-1]:
                problems.append(f"track {track}: {e['name']} at {e['ts']} reaches over the end of what it is in")
            stack.append(e["ts"] + e["dur"])
    return problems


def check_names(events, tracks):
    named = {(e["pid"], e["tid"]) for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    processes = {e["pid"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    problems = [f"track {t} has no name" for t in tracks if t not in named]
    return problems + [f"process {p} has no name" for p in {e["pid"] for e in events} - processes]


def in_slice(tracks, event):
    return any(s["ts"] <= event["ts"] <= s["ts"] + s["dur"] for s in tracks.get((event["pid"], event["tid"]), []))


def check_flows(events, tracks):
    """Each goes from one start to one end, forward in time, and from slice to slice."""
    problems, flows = [], {}
    for e in events:
        if e["ph"] in "stf":
            flows.setdefault((e["cat"], e["name"], e["id"]), []).append(e)
    for key, steps in flows.items():
        shape = "".join(e["ph"] for e in steps)
        if not (shape[0] == "s" and shape[-1] == "f" and len(shape) > 1 and set(shape[1:-1]) <= {"t"}):
            problems.append(f"flow {key}: {shape}")
        if any(a["ts"] > b["ts"] for a, b in zip(steps, steps[1:])):
            problems.append(f"flow {key} goes back in time")
        problems += [f"flow {key}: no slice at its {e['ph']}" for e in steps if not in_slice(tracks, e)]
    return problems


def check_async(events):
    problems, is_open = [], {}
    for e in events:
        key = (e["cat"], e["id"], e["name"]) if e["ph"] in "be" else None
        if e["ph"] == "b":
            if key in is_open:
                problems.append(f"{key} begins twice")
            is_open[key] = e
        elif e["ph"] == "e":
            begin = is_open.pop(key, None)
            if not begin or begin["ts"] > e["ts"] or begin["pid"] != e["pid"]:
                problems.append(f"{key} ends without a beginning")
    return problems + [f"{key} does not end" for key in is_open]


def read(text):
    """(events, problems): times of the events are picoseconds."""
    def refuse(what):
        raise ValueError(f"{what} is no number of JSON")

    try:
        trace = json.loads(text, parse_float=Decimal, parse_constant=refuse)
    except ValueError as error:
        return [], [str(error)]
    if not isinstance(trace, dict) or not set(trace) <= TOP or not isinstance(trace.get("traceEvents"), list):
        return [], ["not an object with traceEvents"]
    if trace.get("displayTimeUnit", "ms") not in ("ms", "ns") or not isinstance(trace.get("otherData", {}), dict):
        return [], ["displayTimeUnit or otherData"]
    events = trace["traceEvents"]
    problems = [f"event {i}: {p}: {str(e)[:200]}" for i, e in enumerate(events) for p in [check_event(e)] if p]
    if problems:
        return events, problems
    tracks = tracks_of(events)
    return events, (check_nesting(tracks) + check_names(events, tracks) + check_flows(events, tracks)
                    + check_async(events))
