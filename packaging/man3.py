#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages of libnrt from the comments of its headers: a page for each function, and libnrt(3).

usage: man3.py --version V --output DIR HEADER...

A comment is "/** name - summary", "@parameter: text", paragraphs, and "NRT_STATUS: when" lines. A function without
such a comment, or with a parameter that it does not have, is an error.
"""
import argparse
import os
import re
import sys

import roff

STATUS = re.compile(r"(?:^|(?<=[.;] )|(?<=\n))(NRT_[A-Z_]+): ")
ANY_TIME = re.compile(r"(?i)(works|may be called) at any time|may be called before nrt_init")


class Bad(Exception):
    """A comment that no page can be made of."""


def plain(comment):
    """Text of a comment without its stars."""
    lines = [re.sub(r"^\s*\* ?", "", line) for line in comment.strip().split("\n")]
    return "\n".join(line.rstrip() for line in lines).strip()


class Doc:
    """A documented declaration of a header."""

    def __init__(self, header, comment, declaration):
        self.header, self.declaration = header, declaration
        first, _, rest = plain(comment).partition("\n")
        match = re.match(r"(?:struct )?(\w+) - (.*)", first)
        if not match:
            raise Bad(f"{header}: \"{first}\": not 'name - summary'")
        self.name = match.group(1)
        parts = re.split(r"(?<=[^.])(?:\. |; )", match.group(2), maxsplit=1)
        self.summary = parts[0].rstrip(".").replace("@", "")
        self.parameters, self.paragraphs, self.errors, self.returns = [], [], [], []
        if len(parts) > 1:
            self.paragraph(parts[1][0].upper() + parts[1][1:])
        self.body(rest)

    def body(self, text):
        """Parameters and paragraphs behind the first line."""
        for block in re.split(r"\n\s*\n", text):
            lines = block.strip("\n").split("\n")
            while lines and re.match(r"@[\w, @]+: ", lines[0]):
                names, _, said = lines.pop(0).partition(": ")
                while lines and re.match(r"\s", lines[0]):
                    said += " " + lines.pop(0).strip()
                self.parameters.append((re.findall(r"\w+", names), said))
            if lines and "".join(lines).strip():
                self.paragraph("\n".join(lines))

    def paragraph(self, text):
        """A paragraph, or what a status means, or both."""
        pieces = STATUS.split(text)
        before = pieces[0].strip().rstrip(";")
        if before:
            (self.returns if before.startswith("Returns ") and not self.is_execute() else self.paragraphs).append(before)
        for name, when in zip(pieces[1::2], pieces[2::2]):
            self.errors.append((name, when.strip().rstrip(";.")))

    def is_execute(self):
        """"Returns when ..." says what it does, not what it gives."""
        return "(" not in self.declaration or self.name == "nrt_execute"

    def prototype(self):
        return " ".join(self.declaration.split())

    def check(self):
        """Each parameter that is told of is one of the declaration."""
        have = set(re.findall(r"(\w+)\s*[,)\]]", self.declaration))
        for names, _ in self.parameters:
            missing = [n for n in names if n not in have]
            if missing:
                raise Bad(f"{self.header}: {self.name}: no parameter {missing}")


class Headers:
    """Documented functions, structures and other types of the headers."""

    def __init__(self, names):
        self.functions, self.types, self.overview = {}, {}, ""
        self.status = []
        for name in names:
            with open(name, encoding="utf-8") as file:
                self.read(os.path.basename(name), file.read())

    def read(self, header, text):
        for comment, declaration in re.findall(r"/\*\*((?:[^*]|\*(?!/))*)\*/\s*([^;{]*[;{])", text):
            if "(" in declaration and declaration.endswith(";"):
                doc = Doc(header, comment, declaration)
                doc.check()
                self.functions[doc.name] = doc
        bare = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for name in re.findall(r"^(?!typedef|#).*?\b\*?(nrt_\w+)\(", bare, re.M):
            if name not in self.functions:
                raise Bad(f"{header}: {name}() has no /** comment")
        for begin, body, name in re.findall(r"^(typedef (?:enum|struct)[ \w]*)(\{[^}]*\}) (\w+);", text, re.M):
            self.types[name] = f"{begin}{body} {name};"
        if header == "nrt.h":
            self.overview = plain(re.search(r"\n/\*\n(.*?)\*/", text, re.S).group(1))
        if header == "nrt_status.h":
            self.status = re.findall(r"^\t(NRT_\w+) = (\d+),\s*/\* (.*?) \*/", text, re.M)


def types_of(doc, headers):
    """Types of the prototype whose contents are public, and those that they are made of."""
    found, texts = [], [doc.declaration]
    while texts:
        text = texts.pop()
        for name, body in headers.types.items():
            if re.search(rf"\b{name}\b", text) and name not in found and name != "NRT_STATUS":
                found.append(name)
                texts.append(body)
    return found


def synopsis(doc):
    prototype = roff.escape(doc.prototype())
    before, _, inside = prototype.partition("(")
    lines, line = [], before + "("
    for part in re.split(r"(?<=,) ", inside):
        if len(line) + len(part) > 76:
            lines.append(line)
            line = " " * 8 + part
        else:
            line += ("" if line.endswith("(") else " ") + part
    lines.append(line)
    return [".nf", f".B #include <nrt/{doc.header}>", ".PP", *(f".B \"{x}\"" for x in lines), ".fi",
            ".PP", "Link with \\fB\\-lnrt\\fP; \\fBpkg\\-config\\fP names the package \\fBlibnrt\\fP."]


def returns(doc):
    if doc.returns:
        return [".SH RETURN VALUE", *paragraphs(doc.returns)]
    if not doc.declaration.startswith("NRT_STATUS"):
        return []
    return [".SH RETURN VALUE", roff.wrapped(
        "NRT_SUCCESS, or the status that says what went wrong. nrt_get_status_as_str() gives its name, and "
        "nrt_open_last_error() a sentence about the case.")]


def errors(doc):
    listed = list(doc.errors)
    if doc.declaration.startswith("NRT_STATUS") and not ANY_TIME.search(" ".join(doc.paragraphs + doc.returns)):
        listed += [("NRT_UNINITIALIZED", "before nrt_init()"), ("NRT_CLOSED", "after nrt_close()")] \
            if doc.name != "nrt_init" else []
    if not listed:
        return []
    lines = [".SH ERRORS"]
    for name, when in listed:
        lines += [".TP", f".B {name}", roff.wrapped(when[0].upper() + when[1:] + ".")]
    return lines


def paragraphs(texts):
    lines = []
    for text in texts:
        lines += [".PP", roff.wrapped(text)]
    return lines[1:]


def page(doc, headers, others, date, version):
    lines = [roff.head(doc.name, "3", date, version, "libnrt"), ".SH NAME",
             f"{doc.name} \\- {roff.escape(doc.summary)}", ".SH SYNOPSIS", *synopsis(doc)]
    if doc.paragraphs:
        lines += [".SH DESCRIPTION", *paragraphs(doc.paragraphs)]
    if doc.parameters:
        lines.append(".SH PARAMETERS")
        for names, said in doc.parameters:
            lines += [".TP", ".I " + ", ".join(names), roff.wrapped(said[0].upper() + said[1:] + ("" if said.endswith(".") else "."))]
    lines += returns(doc) + errors(doc)
    types = types_of(doc, headers)
    if types:
        lines.append(".SH TYPES")
        lines += [roff.verbatim(headers.types[name]) for name in reversed(types)]
    also = [n for n in others if n != doc.name]
    lines += [".SH SEE ALSO", *see_also([(n, "3") for n in also])]
    return "\n".join(lines).replace(".SH TYPES\n.PP\n", ".SH TYPES\n") + "\n"


def see_also(names):
    return [f".BR {roff.escape(name)} ({section})" + ("," if i + 1 < len(names) else "")
            for i, (name, section) in enumerate(names)]


def relatives(doc, headers):
    """Functions that the comment names, those of the same object, and the overview."""
    named = set(re.findall(r"\b(nrt_\w+)\(\)", " ".join(doc.paragraphs + [s for _, s in doc.parameters])))
    stem = re.match(r"nrt_(?:open_)?(?:tensor(?=_(?!set))|.*tensor_set|.*model|profile|trace|load|unload|execute)?", doc.name).group(0)
    same = {n for n in headers.functions if stem not in ("nrt_", "nrt_open_") and n.startswith(stem)}
    return sorted((named | same) & set(headers.functions)) + ["libnrt"]


def environment(text):
    """Paragraphs of the overview; rows "  NAME <tab> text" become a list."""
    lines, items = [], None
    for line in text.split("\n"):
        row = re.match(r"  (NEURON\S+)\s+(.*)", line)
        if row:
            items = items or []
            items.append([row.group(1), row.group(2)])
        elif items and re.match(r"\s+\S", line):
            items[-1][1] += " " + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines), items or []


def overview(headers, date, version):
    text, variables = environment(headers.overview)
    said = [p for p in re.split(r"\n\s*\n", text) if p.strip()]
    said[-1] = re.sub(r"\n?Environment, read by.*", "", said[-1], flags=re.S)
    said = [p for p in said if p.strip()]
    said[0] = re.sub(r"^libnrt: (.)", lambda m: m.group(1).upper(), said[0])
    lines = [roff.head("libnrt", "3", date, version, "libnrt"), ".SH NAME",
             "libnrt \\- load compiled models onto NeuronCores and run them", ".SH SYNOPSIS", ".nf",
             ".B #include <nrt/nrt.h>", ".B #include <nrt/nrt_experimental.h>", ".PP",
             ".B cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs libnrt)", ".fi", ".SH DESCRIPTION", *paragraphs(said),
             ".SH FUNCTIONS"]
    for name in sorted(headers.functions):
        lines += [".TP", f".BR {name} (3)", roff.wrapped(headers.functions[name].summary)]
    lines.append(".SH STATUS CODES")
    for name, value, when in headers.status:
        lines += [".TP", f".BR {name} \" ({value})\"", roff.wrapped(when)]
    lines.append(".SH ENVIRONMENT")
    for name, when in variables:
        lines += [".TP", f".B {roff.escape(name)}", roff.wrapped(when)]
    lines += [".SH SEE ALSO", *see_also([("neuron-run", "1"), ("neuron-cc", "1"), ("neuron-ls", "1"), ("neuron", "4")])]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--version", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("header", nargs="+")
    options = parser.parse_args()
    try:
        headers = Headers(options.header)
    except Bad as error:
        sys.exit(f"man3.py: {error}")
    date = roff.date_of(options.header)
    os.makedirs(options.output, exist_ok=True)
    pages = {name: page(doc, headers, relatives(doc, headers), date, options.version) for name, doc in headers.functions.items()}
    pages["libnrt"] = overview(headers, date, options.version)
    for old in os.listdir(options.output):
        if old[:-2] not in pages:
            os.unlink(os.path.join(options.output, old))
    for name, text in pages.items():
        with open(os.path.join(options.output, name + ".3"), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
