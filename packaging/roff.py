#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the generators of manual pages have in common: text to roff, the head of a page."""
import datetime
import os
import re
import textwrap

# Font changes of a text: each pattern has one group, what the font is for.
FONTS = (
    (r"@(\w+)", r"\\fI\1\\fP"),
    (r"\b((?:nrt|NRT|NEURON)_\w+)\(\)", r"\\fB\1\\fP(3)"),
    (r"\b((?:NRT|NEURON|neuron|nrt)_\w+|-errno)\b(?!\()", r"\\fB\1\\fP"),
    (r"(?<![\w-])(--?[a-zA-Z][\w-]*)", r"\\fB\1\\fP"),
    (r"(?<![\w/.-])(neuron-[a-z-]+)\b(?![./\w])", r"\\fB\1\\fP"),
)


def escape(text):
    """Characters that roff would take for something else."""
    return text.replace("\\", "\\e").replace("-", "\\-")


def inline(text):
    """A text with its fonts; newlines are spaces."""
    text = " ".join(text.split()).replace("\\", "\\e")
    for pattern, font in FONTS:
        text = re.sub(pattern, font, text)
    text = text.replace("-", "\\-")
    return guard(text)


def guard(line):
    """A line that begins like a request is text."""
    return "\\&" + line if line[:1] in (".", "'") else line


def wrapped(text):
    """Text as roff lines of less than 80 characters, each sentence on a line of its own, as roff wants it."""
    lines = []
    for sentence in re.split(r"(?<=[\w)\]\"'][.:!?]) +(?=[A-Z0-9\"'\\])", inline(text)):
        lines += textwrap.wrap(sentence, 76, break_long_words=False, break_on_hyphens=False)
    return "\n".join(guard(line) for line in lines)


def verbatim(text):
    """Text as it stands."""
    text = textwrap.dedent(text.strip("\n")).expandtabs(8)
    lines = [guard(escape(line)) for line in text.split("\n")]
    return ".PP\n.in +4n\n.nf\n" + "\n".join(lines) + "\n.fi\n.in"


def date_of(names):
    """Day of the newest file, or of the release that is built."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    stamp = int(epoch) if epoch else max(os.stat(name).st_mtime for name in names)
    return datetime.datetime.fromtimestamp(stamp, datetime.timezone.utc).strftime("%Y-%m-%d")


def head(title, section, date, version, book):
    return (f'.\\" SPDX-License-Identifier: Apache-2.0\n'
            f'.\\" Generated, do not edit.\n'
            f'.TH {escape(title)} {section} {date} "{book} {version}" "{BOOKS[section]}"')


BOOKS = {"1": "User Commands", "3": "Library Functions Manual", "4": "Kernel Interfaces Manual", "8": "System Administration"}
