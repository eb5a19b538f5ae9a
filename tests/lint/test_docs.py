#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/testing.md are true: each test that they name is in its program, each attack and each race of
the sources is in them, and each suite belongs to a row. (The table of faults is held by vm/faults.) docs/isa.md describes each instruction that isa.def has, with its fields; docs/libnrt.md has
each call with the codes that the headers document, and tests of them on both backends.
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests/lib")]

from tap import Tap     # noqa: E402


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read()


def programs():
    """{program: its tests} of all that use the kernel's harness; "fixture.*.test" for tests with variants."""
    found = {}
    for path in glob.glob(os.path.join(TOP, "tests/*/*.c")):
        text = read(path)
        names = set(re.findall(r"^TEST\((\w+)\)", text, re.M))
        varied = set(re.findall(r"^FIXTURE_VARIANT\((\w+)\)", text, re.M))
        for fixture, name in re.findall(r"^TEST_F(?:_TIMEOUT)?\((\w+), (\w+)", text, re.M):
            names.add("%s.*.%s" % (fixture, name) if fixture in varied else "%s.%s" % (fixture, name))
        if names:
            found[os.path.basename(path)[:-2]] = names
    return found


def table(text, heading):
    """Cells of the rows of the first table behind a heading."""
    part = text.split("\n## %s\n" % heading)[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| ")][1:]


def named(cell, there):
    """(program, test) of `program test`, `fixture.test` ... in a cell; those without a program have the last one's."""
    program = None
    for text in re.findall(r"`([^`]+)`", cell):
        words = text.split()
        if words[0] in there:
            program = words.pop(0)
        if words:
            yield program, words[0]


def attacks(tap, text):
    there, told = programs(), set()
    for row in table(text, "Attacks"):
        for program, name in named(row[-1], there):
            told.add((program, name))
            fits = [n for n in there.get(program, ()) if n == name or n.split(".")[-1] == name]
            tap.ok(fits, "attack: %s %s is there" % (program, name), "of: %s" % sorted(there.get(program, ())))
    for program in sorted(p for p in there if p.startswith("attack_")):
        missing = {n for n in there[program] if (program, n) not in told}
        tap.ok(not missing, "attacks of %s are in the table" % program, str(sorted(missing)))


def races(tap, text):
    kinds = dict(re.findall(r'"(\w+)": (\d+)', re.search(r"^KINDS = \{(.*?)\}", read("tests/races/run_races.py"), re.M | re.S).group(1)))
    told = " ".join(row[-1] for row in table(text, "Races"))
    for kind, count in kinds.items():
        name = "%s chips come, are used, and their process is killed" % count if kind == "chip" else "%s cycles of %s" % (count, kind)
        tap.ok("`%s`" % name in told, "race: %s are in the table" % name, told)
    tap.ok(sum(map(int, kinds.values())) == 200, "races are 200 cycles", str(kinds))


def suites(tap, text):
    rows = re.findall(r"^\| (`.*?) \|", text, re.M)
    told = re.findall(r"`([\w/*-]+)`", " ".join(rows))
    for name in sorted({line.split()[0] for line in read("tests/suites.txt").splitlines() if line and line[0] != "#"}):
        fits = [t for t in told if name == t or (t[-1] in "/*" and name.startswith(t.rstrip("*"))) or name.startswith(t + "/")]
        tap.ok(fits, "suite %s has a row" % name)


SIZES = {"__u8": 1, "__u16": 2, "__s16": 2, "__u32": 4, "__s32": 4}


def fields(definition, op):
    """What docs/isa.md has to say of the body of an instruction, by isa.def."""
    at, told = 16, []
    body = re.search(r"#define NEURON_ISA_%s\(F, A\)(.*?)\n\n" % op, definition, re.S).group(1)
    for kind, name, count in re.findall(r"[FA]\((\w+), (\w+),(?: (\d+),)? \w+\)", body):
        if name != "reserved":
            told.append("%d `%s` %s%s" % (at, name, kind[2:], "[%s]" % count if count else ""))
        at += SIZES[kind] * int(count or 1)
    return ", ".join(told) or "none"


def instructions(tap, text):
    """Each instruction has its engines, its fields as isa.def has them, each fault that the decoder can find in it, its cycles."""
    definition, decoder = read("uapi/neuron/isa.def"), "".join(read(p) for p in glob.glob(os.path.join(TOP, "emulator/nc_*.c")))
    table_of_ops = definition.split("#define NEURON_ISA_OPS")[1].split("\n\n")[0]
    for code, op, name, engines in re.findall(r"OP\((0x\w+), (\w+), (\w+), 0x(\w+)\)", table_of_ops):
        who = {"f": "any engine", "1": "PE", "2": "ACT", "4": "POOL", "5": "PE or POOL", "8": "DMA"}[engines]
        part = (text.split("\n### %s (%s), %s\n" % (name, code, who)) + [""])[1].split("\n##")[0]
        items = dict(re.findall(r"\* (\w+): (.*?)\.\n(?=\*|\n|$)", re.sub(r"\n  ", " ", part) + "\n", re.S))
        tap.ok(items.get("Fields") == fields(definition, op), "docs/isa.md: the fields of %s" % name,
               "%s\ninstead of\n%s" % (items.get("Fields"), fields(definition, op)))
        found = {"flags"} | set(re.findall(r"EMU_NC_BAD\(nc, %s\.(\w+)\)" % name, decoder))
        missing = [f for f in found if "`%s`" % f not in items.get("Faults", "")]
        tap.ok(not missing, "docs/isa.md: the faults of %s" % name, "without %s" % missing)
        tap.ok(items.get("Cycles"), "docs/isa.md: the cycles of %s" % name, part)


def runtime_tests():
    """The tests of libnrt's calls, and suites; those of them that are not on the emulator; those with the real driver and chip."""
    found = {line.split()[0] for line in read("tests/suites.txt").splitlines() if line and line[0] != "#"}
    guest = {suite for suite in found if suite.startswith("vm/")}
    # Frames of a GPU go to both.
    kernel = guest - {"vm/debug"}
    for path in glob.glob(os.path.join(TOP, "tests/unit/nrt_a*.c")) + [os.path.join(TOP, "tests/unit/nrt_overlap.c")]:
        text = read(path)
        names = set(re.findall(r"^\t+(?:TEST|PROFILE_TEST|cmocka_unit_test\w*)\((\w+)[,)]", text, re.M))
        found |= names
        if os.path.basename(path).startswith("nrt_api"):
            guest |= names
        for name, body in re.findall(r"^static void (\w+)\(void \*\*state\)\n\{\n(.*?)^\}", text, re.M | re.S):
            if "if (!on_kernel())\n\t\tskip();" in body:
                kernel.add(name)
    return found, kernel, guest


# What each call gives that does not say otherwise; `before_init` and `after_close` go through all of them.
EVERYWHERE = {"SUCCESS", "UNINITIALIZED", "CLOSED"}


def header_codes():
    """{call: the codes that its comment names}, and the calls that work at any time; with the codes of calls that it refers to."""
    known = set(re.findall(r"^\tNRT_(\w+) = ", read("userspace/include/nrt/nrt_status.h"), re.M))
    text = "".join(read(p) for p in glob.glob(os.path.join(TOP, "userspace/include/nrt/*.h")))
    codes, free, refers = {}, set(), {}
    for comment, returns, name in re.findall(r"/\*\*((?:(?!\*/).)*?)\*/\n([\w \*]+?)\b(nrt_\w+)\(", text, re.S):
        if " %s - " % name not in comment:
            continue
        own = set(re.findall(r"\bNRT_([A-Z_]+)\b", comment)) & known
        codes[name], refers[name] = own - EVERYWHERE, re.findall(r"The codes of (nrt_\w+)\(\)", comment)
        if returns.strip() != "NRT_STATUS" or name == "nrt_init" or re.search(r"at any\s+(\* )?time|to be called before|may be called before", comment, re.I):
            free.add(name)
    return {name: own.union(*(codes[other] for other in refers[name])) for name, own in codes.items()}, free


def table_codes(cell, rows):
    """(code, its tests, whether the cell says that the emulator, that a guest does not have it) of a cell of the table."""
    for clause in cell.split("; "):
        named = re.match(r"([A-Z_]+(?:, [A-Z_]+)*): ", clause)
        other = re.match(r"else those of `(nrt_\w+\(\))`", clause)
        for code in named.group(1).split(", ") if named else ():
            yield code, re.findall(r"`([\w/-]+)`", clause), "(not on the emulator: " in clause, "(not in a guest: " in clause
        if other:
            yield from table_codes(rows["`%s`" % other.group(1)], {})


def calls(tap, text):
    """docs/libnrt.md has each call with the codes that its header documents, no others, and tests that there are, on both backends."""
    rows = {row[0]: row[1] for row in table(text, "Each call's codes, and the test that gets them")}
    tests, kernel, guest = runtime_tests()
    codes, free = header_codes()
    documented = re.findall(r"\b(nrt_\w+)\(", read("tests/unit/nrt_abi.c").split("/* documented: */")[1].split("/* end of documented */")[0])
    tap.ok(codes.keys() >= set(documented), "each documented call has a comment in its header", str(set(documented) - codes.keys()))
    tap.ok(rows.keys() == {"`%s()`" % name for name in codes}, "docs/libnrt.md has a row for each call of the headers",
           str(rows.keys() ^ {"`%s()`" % name for name in codes}))
    through = re.search(r"^static void expect_all\(.*?^\}", read("tests/unit/nrt_api_state.c"), re.M | re.S).group(0)
    for name in sorted(codes):
        cell = rows.get("`%s()`" % name, "")
        named, told = re.findall(r"`([\w/-]+)`", cell), list(table_codes(cell, rows))
        tap.ok(named and tests.issuperset(named), "docs/libnrt.md: the tests of %s" % name, "there are no tests %s" % (set(named) - tests))
        got = {code for code, *_ in told} - EVERYWHERE
        tap.ok(got == codes[name], "docs/libnrt.md has the codes that the header has for %s" % name,
               "only in the header: %s; only in the table: %s" % (sorted(codes[name] - got), sorted(got - codes[name])))
        wrong = [code for code, by, absent, unseen in told
                 if not by or absent != kernel.issuperset(by) or not unseen and guest.isdisjoint(by)]
        tap.ok(not wrong, "the codes of %s have tests on both backends, the kernel's in a guest, or a reason" % name, str(wrong))
        tap.ok(name in free or "(%s(" % name in through, "%s before nrt_init(): is tested, or allowed" % name)


def main():
    tap, text = Tap(), read("docs/testing.md")
    attacks(tap, text)
    races(tap, text)
    suites(tap, text)
    instructions(tap, read("docs/isa.md"))
    calls(tap, read("docs/libnrt.md"))
    tap.exit()


if __name__ == "__main__":
    main()
