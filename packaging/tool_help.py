#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the --help of a tool: the one source of its manual page and of its completion.

The form: "Usage: TOOL ...", what it does, and blocks with empty lines between them. Options are lines that begin with
two spaces and a dash; what they mean stands two spaces behind them, or on lines of its own that are indented.
Commands are lines that begin with two spaces and "TOOL COMMAND"; each has a --help, too.
"""
import os
import re
import subprocess

OPTION = re.compile(r"^ {1,8}(-\S.*?)(?: {2,}(\S.*))?$")
WORD = re.compile(r"(?<![\w\-=:])(--[a-z][\w-]*|-\w)(?![\w-])(?:\[?[ =]\[?([^ ,]\S*))?")


class Option:
    """@spec: as the help has it; @names: of the option; @value: what it takes, or None; @lines: what it means."""

    def __init__(self, spec, said):
        self.spec, self.lines = spec, [said] if said else []
        found = WORD.findall(spec)
        self.names = [name for name, _ in found]
        self.value = next((v.rstrip("],") for _, v in reversed(found) if v and not v.startswith("-")), None)
        self.optional = bool(re.search(r"\[[ =]", spec))


class Help:
    """What --help says. @blocks: (kind, content), kind being text, verbatim, options, commands, exit or example."""

    def __init__(self, tool, text, command=None):
        self.tool, self.command = tool, command
        self.usage, self.blocks, self.options, self.commands = [], [], [], []
        for block in re.split(r"\n\s*\n", text.strip("\n")):
            self.block(block.split("\n"))

    def block(self, lines):
        if re.match(r"[Uu]sage: ", lines[0]):
            self.usage.append(re.sub(r"^[Uu]sage: +", "", lines.pop(0)))
            while lines and re.match(r" {4,}\S", lines[0]) or lines and lines[0].strip().startswith(self.tool + " "):
                self.usage.append(lines.pop(0).strip())
            if not lines:
                return
        if any(OPTION.match(line) for line in lines):
            self.option_block(lines)
        elif any(re.match(rf"  {self.tool} [a-z]", line) for line in lines) and not lines[0].startswith("Example"):
            self.command_block(lines)
        elif re.match(r"Examples?:", lines[0]):
            self.blocks.append(("example", "\n".join(lines[1:])))
        else:
            self.text_block(lines)

    def text_block(self, lines):
        """Runs of lines that are indented stay as they are; what follows "Exit status:" is that."""
        kind = None
        for line in lines:
            if line.startswith("Exit status: "):
                kind = "exit"
                self.blocks.append((kind, line[len("Exit status: "):]))
                continue
            now = kind if kind == "exit" else "verbatim" if line.startswith("  ") else "text"
            if now == kind:
                self.blocks[-1] = (kind, self.blocks[-1][1] + "\n" + line)
            else:
                self.blocks.append((now, line))
            kind = now

    def option_block(self, lines):
        found = []
        while lines and not OPTION.match(lines[0]):
            self.blocks.append(("heading", lines.pop(0)))
        for line in lines:
            match = OPTION.match(line)
            if match:
                found.append(Option(match.group(1), match.group(2)))
                found[-1].column = match.start(2) if match.group(2) else None
            else:
                found[-1].lines.append(line)
        self.options += found
        self.blocks.append(("options", found))

    def command_block(self, lines):
        found = []
        for line in lines:
            match = re.match(rf"  {self.tool} ([a-z][\w-]*)(.*?)(?: {{2,}}(\S.*))?$", line)
            if match and match.group(1) not in self.commands:
                self.commands.append(match.group(1))
            if match:
                found.append([f"{self.tool} {match.group(1)}{match.group(2)}".rstrip(), match.group(3) or ""])
            elif found and not line.startswith(f"  {self.tool} "):
                found[-1][1] += " " + line.strip()
        self.blocks.append(("commands", [f for f in found if "--version" not in f[0]]))

    def option_names(self):
        """All options, long ones first."""
        names = dict.fromkeys(n for o in self.options for n in o.names)
        return sorted(names, key=lambda n: (not n.startswith("--"), n))


def ask(directory, tool, command=None):
    """Help of @tool in the build's bin/, or of one of its commands."""
    path = os.path.join(directory, "bin", tool)
    environment = dict(os.environ, LD_LIBRARY_PATH=os.path.join(directory, "lib"), COLUMNS="80", LC_ALL="C.UTF-8")
    done = subprocess.run([path, *([command] if command else []), "--help"], capture_output=True, text=True, check=False,
                          env=environment)
    if done.returncode or not re.match(r"[Uu]sage: ", done.stdout):
        raise SystemExit(f"{tool} {command or ''} --help: status {done.returncode}, and not \"Usage: \": {done.stderr}")
    return Help(tool, done.stdout, command)


def ask_all(directory, tool):
    """Help of the tool, and of its commands by name."""
    main = ask(directory, tool)
    return main, {c: ask(directory, tool, c) for c in main.commands}
