#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Manual page of a tool: its --help, and what stands in packaging/man/TOOL.txt ("[SECTION]", then roff).

usage: man1.py --version V --build DIR --notes FILE --output FILE TOOL
"""
import argparse
import os
import re

import roff
import tool_help

# Sections of notes that do not stand at the end.
FIRST = ("DESCRIPTION",)
ALSO = ("neuron-cc", "neuron-run", "neuron-bench", "neuron-ls", "neuron-top", "neuron-monitor", "neuron-profile",
        "neuron-objdump", "neuron-packager", "neuron-check-model", "neuron-emu")


def notes(path):
    """{section: roff} of hand-written text; nothing when there is no file."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        parts = re.split(r"^\[([A-Z ]+)\]\n", file.read(), flags=re.M)
    return dict(zip(parts[1::2], (text.strip("\n") for text in parts[2::2])))


def bold_words(spec):
    """"-o, --output FILE": options bold, what they take in italics."""
    text = roff.escape(spec)
    text = re.sub(r"(?<![\w\\])((?:\\-){1,2}[a-zA-Z](?:[\w]|\\-)*)", r"\\fB\1\\fP", text)
    return roff.guard(re.sub(r"(?<![\w\\\-])([A-Z][A-Z_]*(?:\.\w+)?)(?![\w])", r"\\fI\1\\fP", text))


def option_lines(option):
    lines = [".TP", bold_words(option.spec)]
    said, table = [], []

    def flush():
        if said:
            lines.append(roff.wrapped(" ".join(said)))
            said.clear()
        if table:
            lines.extend([".br", ".nf", *(roff.guard(roff.escape(t.strip().expandtabs(12))) for t in table), ".fi"])
            table.clear()
    rest = option.lines if option.column is None else option.lines[1:]
    said += option.lines[:1] if option.column is not None else []
    usual = min((len(r) - len(r.lstrip()) for r in rest), default=0) if option.column is None else option.column
    for line in rest:
        if len(line) - len(line.lstrip()) == usual and "\t" not in line:
            if table:
                flush()
            said.append(line.strip())
        else:
            if said:
                flush()
            table.append(line)
    flush()
    return lines


def blocks(found, section):
    """roff of a help's blocks; options under a heading of their own when @section is one."""
    lines, options, exits, examples = [], [], [], []
    for kind, content in found.blocks:
        if kind == "text":
            lines += [".PP", roff.wrapped(content)]
        elif kind == "verbatim":
            lines.append(roff.verbatim(content))
        elif kind == "heading":
            options += [*([".PP"] if options else []), roff.wrapped(content)]
        elif kind == "options":
            options += [line for o in content for line in option_lines(o)]
        elif kind == "commands":
            for spec, said in content:
                lines += [".TP", bold_words(spec), roff.wrapped(said or "see below")]
        elif kind == "exit":
            exits.append(" ".join(content.split()))
        elif kind == "example":
            examples.append(roff.verbatim(content))
    if lines and lines[0] == ".PP":
        lines = lines[1:]
    if section == "page":
        return lines, options, exits, examples
    return lines + options + [line for e in exits for line in (".PP", roff.wrapped("Exit status: " + e))] + examples, [], [], []


def exit_status(text):
    pieces = re.split(r"(?:^|[,.;] )(?=\d+ )", text.rstrip("."))
    lines = [".SH EXIT STATUS"]
    for piece in (p for p in pieces if p):
        number, _, said = piece.partition(" ")
        lines += [".TP", f".B {number}", roff.wrapped(said[:1].upper() + said[1:] + ".")]
    return lines


def summary_of(found, own):
    if "NAME" in own:
        return own["NAME"]
    first = next((c for k, c in found.blocks if k == "text"), found.tool)
    sentence = re.split(r"(?<=\w)[.:](?:\s|$)", " ".join(first.split()))[0]
    return roff.escape(sentence[:1].lower() + sentence[1:])


def page(tool, build, version, note_file, others):
    found, commands = tool_help.ask_all(build, tool)
    own = notes(note_file)
    date = roff.date_of([os.path.join(build, "bin", tool)])
    text, options, exits, examples = blocks(found, "page")
    lines = [roff.head(tool, "1", date, version, "neuron"), ".SH NAME", f"{roff.escape(tool)} \\- {summary_of(found, own)}",
             ".SH SYNOPSIS", ".nf", *(bold_words(u).replace(roff.escape(tool), f"\\fB{roff.escape(tool)}\\fP", 1)
                                      for u in found.usage), ".fi", ".SH DESCRIPTION"]
    lines += [own["DESCRIPTION"], ".PP"] if "DESCRIPTION" in own and text else [own["DESCRIPTION"]] if "DESCRIPTION" in own else []
    lines += text
    if commands:
        lines.append(".SH COMMANDS")
        for name, command in commands.items():
            lines += [f".SS {roff.escape(name)}", ".nf", *(bold_words(u) for u in command.usage), ".fi"]
            inner = blocks(command, "command")[0]
            lines += ([] if not inner or inner[0].startswith(".") else [".PP"]) + inner
    if options:
        lines += [".SH OPTIONS", *options]
    lines += [line for e in exits for line in exit_status(e)]
    for name, content in own.items():
        if name not in ("NAME", "DESCRIPTION", "EXAMPLES"):
            lines += [f".SH {name}", content]
    if examples or "EXAMPLES" in own:
        lines += [".SH EXAMPLES", *(e.replace(".PP\n", "", 1) if i == 0 else e for i, e in enumerate(examples))]
        lines += [own["EXAMPLES"]] if "EXAMPLES" in own else []
    also = [t for t in ALSO if t in others and t != tool]
    lines += [".SH SEE ALSO", *(f".BR {roff.escape(t)} (1)," for t in also), ".BR libnrt (3),", ".BR neuron (4)"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("version", "build", "notes", "output"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--tools", default="", help="all that have a page")
    parser.add_argument("tool")
    options = parser.parse_args()
    text = page(options.tool, options.build, options.version, options.notes, options.tools.split())
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
