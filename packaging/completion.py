#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Completion of a tool's command line for bash, from its --help.

usage: completion.py --build DIR --output FILE TOOL
"""
import argparse
import re

import tool_help

HEAD = '''# SPDX-License-Identifier: Apache-2.0
# Generated, do not edit. bash completion of {tool}; needs nothing but bash.

{function}_files()
{{
	compopt -o filenames 2>/dev/null
	local IFS=$'\\n'
	if [[ -n $2 ]]; then
		COMPREPLY=($(compgen -f -X "!*.$2" -- "$1") $(compgen -d -- "$1"))
	else
		COMPREPLY=($(compgen -f -- "$1"))
	fi
}}

{function}_devices()
{{
	local device devices=emulator
	for device in /dev/neuron[0-9]*; do
		[[ ! -e $device ]] || devices+=" ${{device#/dev/neuron}}"
	done
	COMPREPLY=($(compgen -W "$devices" -- "$1"))
}}
'''
FUNCTION = '''
{function}()
{{
	local cur=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}} before=$((COMP_CWORD - 1)) option equals=

	COMPREPLY=()
	# "=" is a word of its own for bash: --output=FILE, --input NAME=FILE.
	if [[ $cur == "=" ]]; then
		cur= equals=1
	elif [[ ${{COMP_WORDS[before]}} == "=" ]]; then
		equals=1 before=$((before - 1))
	fi
	option=${{COMP_WORDS[before]}}
	if [[ -n $equals && $option != -* && before -gt 1 ]]; then
		option=${{COMP_WORDS[before-1]}}
	fi
{body}}}
complete -F {function} {tool}
'''


def value_action(value):
    """What completes the value of an option, or a positional argument."""
    value = re.sub(r"^\[?\w+=\]?", "", value)
    suffix = re.search(r"\b[A-Z]+\.(\w+)$", value)
    if suffix:
        return f'files "$cur" {suffix.group(1)}'
    if re.fullmatch(r"\[?DEVICES?(\[.*)?", value):
        return 'devices "$cur"'
    if re.fullmatch(r"(DIR|DIRECTORY|FOLDER)", value):
        return 'files "$cur"'
    if re.search(r"\b(FILE|PATH|MODEL|IMAGE|JSON|CONFIG|FOLDER)\b", value):
        return 'files "$cur"'
    if re.fullmatch(r"[a-z0-9-]+(\|[a-z0-9-]+)+", value):
        return f'words:{value.replace("|", " ")}'
    return "none"


def cases(found, function, indent):
    lines = []
    for option in found.options:
        if not option.value or option.optional:
            continue
        action = value_action(option.value)
        if action.startswith("words:"):
            does = f'COMPREPLY=($(compgen -W "{action[6:]}" -- "$cur"))'
        else:
            does = ":" if action == "none" else f"{function}_{action}"
        lines += [f"{'|'.join(option.names)})", f"\t{does}", "\treturn", "\t;;"]
    if lines:
        lines = ['case $option in', *lines, "esac"]
    return [indent + line for line in lines]


def words(found, function, indent):
    """Options for what begins with a dash, else what the usage names."""
    names = found.option_names()
    # Asked for by every tool, shown or not.
    lines = ['if [[ $cur == -* ]]; then', f'\tCOMPREPLY=($(compgen -W "{" ".join(names)}" -- "$cur"))', "\treturn", "fi"]
    usage = re.sub(r"\[[^]]*\]|(?<!\w)--?[\w-]+ \S+", " ", " ".join(found.usage))
    positional = [w for w in re.findall(r"[A-Z]+(?:\.\w+)?", usage) if w not in ("OPTION", "COMMAND", "NAME")]
    # Commands that share one help are in its usage only.
    commands = [] if found.command else found.commands or re.findall(rf"^{found.tool} ([a-z][\w-]*)", "\n".join(found.usage), re.M)
    if commands:
        lines.append(f'[[ COMP_CWORD -ne 1 ]] || COMPREPLY=($(compgen -W "{" ".join(commands)}" -- "$cur"))')
    elif positional:
        action = value_action(positional[0])
        lines.append(f"{function}_{action}" if action != "none" else f'{function}_files "$cur"')
    return [indent + line for line in lines]


def script(tool, build):
    found, commands = tool_help.ask_all(build, tool)
    function = "_" + tool.replace("-", "_")
    body = []
    if commands:
        body.append("\tcase $command in")
        for name, command in commands.items():
            body += [f"\t{name})", *cases(command, function, "\t\t"), *words(command, function, "\t\t"), "\t\treturn", "\t\t;;"]
        body.append("\tesac")
    body += cases(found, function, "\t") + words(found, function, "\t")
    return HEAD.format(tool=tool, function=function) + FUNCTION.format(tool=tool, function=function, body="\n".join(body) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("tool")
    options = parser.parse_args()
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(script(options.tool, options.build))


if __name__ == "__main__":
    main()
