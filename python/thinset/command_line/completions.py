"""Completion scripts of the command `thinset`, for the shells that can source them."""

from __future__ import annotations

import argparse
import importlib
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.command_line.commands import ListedCommand

SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "thinset"
# Of options that take the name of a dataset as well, and therefore any text.
_PATHS = ("DATA", "DIR", "REAL")


def completion_script(commands: Sequence[ListedCommand], shell: str) -> str:
    """The script for one of SHELLS: every command and its options.

    Takes seconds: it imports the modules of all commands.
    """
    import shtab

    parser = argparse.ArgumentParser(prog=_PROGRAM)
    parser.add_argument("--version", action="store_true", help="show the version")
    parser.add_argument("--print-completion", choices=SHELLS, help="print a completion script")
    top = parser.add_subparsers()
    # "distill" before "distill evaluate", which goes below it.
    groups: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    own = {one.name for one in commands}
    for command in commands:
        name, summary = command.name, command.summary
        group, _, last = name.rpartition(" ")
        if group and group not in groups:
            if group in own:
                raise ValueError(f"list {group!r} before {name!r}")
            # shtab leaves out what has no help text.
            last_words = [other.split()[-1] for other in own if other.startswith(f"{group} ")]
            summary_of_group = f"commands: {', '.join(sorted(last_words))}"
            groups[group] = top.add_parser(group, help=summary_of_group).add_subparsers()
        options = _options_of(command)
        if any(other.startswith(f"{name} ") for other in own):
            # Its sub-commands stand where its first argument does.
            below = top.add_parser(name, help=summary)
            groups[name] = below.add_subparsers()
            _take_over(below, options)
        else:
            place = groups[group] if group else top
            place.add_parser(last, help=summary, parents=[options], add_help=False)
    script = str(shtab.complete(parser, shell))
    script = _AMENDMENTS[shell](script)
    for name in sorted(groups.keys() & own):
        script = _argument_or_sub_command(script, shell, name, sorted(groups[name].choices))
    return script


def _options_of(listed: ListedCommand) -> argparse.ArgumentParser:
    """The options of a command as argparse has them."""
    import shtab
    import tyro

    command = importlib.import_module(listed.module).Command
    with warnings.catch_warnings():
        # tyro prefers its own completions, which complete no file names and run Python at each key.
        warnings.simplefilter("ignore", DeprecationWarning)
        parser: Any = tyro.extras.get_parser(command, prog=f"thinset {listed.name}")
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of them
        if action.choices is not None and "None" in action.choices:
            # "None" means that the option is left out; the other choices are a set, in no order.
            action.choices = sorted(set(action.choices) - {"None"})
        takes_any_text = action.choices is None and not hasattr(action, "complete")
        if takes_any_text and (not action.option_strings or action.metavar in _PATHS):
            action.complete = shtab.FILE
    own: argparse.ArgumentParser = parser  # tyro has a copy of argparse
    return own


def _take_over(parser: argparse.ArgumentParser, options: argparse.ArgumentParser) -> None:
    """Add the options, but not --help, which `parser` has."""
    for action in options._actions:  # noqa: SLF001
        if "--help" not in action.option_strings:
            parser._add_action(action)  # noqa: SLF001


def _bash_with_values_after_equals(script: str) -> str:
    """A script that completes --metric=cosine, which bash splits at the "=", as --metric cosine."""
    call = f"complete -o bashdefault -F _shtab_{_PROGRAM} {_PROGRAM}"
    if call not in script:
        raise ValueError("the script for bash has another form: no complete -F")
    return script.replace(
        call,
        f"""_{_PROGRAM}() {{
  local words=() index current=0
  for index in "${{!COMP_WORDS[@]}}"; do
    if ((index == COMP_CWORD)); then
      current=${{#words[@]}}
      words+=("${{COMP_WORDS[index]#=}}")
    elif [[ ${{COMP_WORDS[index]}} != "=" ]]; then
      words+=("${{COMP_WORDS[index]}}")
    fi
  done
  local COMP_WORDS=("${{words[@]}}") COMP_CWORD=$current
  _shtab_{_PROGRAM} "$@"
}}
complete -o bashdefault -F _{_PROGRAM} {_PROGRAM}""",
    )


def _zsh_with_values_after_equals(script: str) -> str:
    """A script that completes --metric=cosine, and several arguments rather than one."""
    lines = []
    for line in script.replace('\n  "(*)::', '\n  "*:').split("\n"):
        names, bracket, rest = line.partition("[")
        if bracket and names.startswith(("  {-", '  "--')) and not rest.endswith(']"'):
            names = re.sub(r"--[\w-]+", r"\g<0>=", names)
        lines.append(names + bracket + rest)
    return "\n".join(lines)


def _fish_with_its_own_files(script: str) -> str:
    """A script in which fish completes names of files itself: it knows how to escape them."""
    files = 'ka "(__fish_complete_path (commandline -ct))"'
    return script.replace(f" -x{files}", " -rF").replace(f" -{files}", " -F")


_AMENDMENTS = {
    "bash": _bash_with_values_after_equals,
    "zsh": _zsh_with_values_after_equals,
    "fish": _fish_with_its_own_files,
}


def _argument_or_sub_command(script: str, shell: str, name: str, below: Sequence[str]) -> str:
    """A script in which the first word after `name` is its argument, a file, or a sub-command.

    shtab expects the argument after the sub-command; in zsh, `distill evaluate` is a `distill`.
    """
    function = f"_shtab_{_PROGRAM}_{name}"
    if shell == "bash":
        return f"{script}\n{function}_pos_0_COMPGEN=_shtab_compgen_files\n"
    if shell == "fish":
        condition = f"_shtab_{_PROGRAM}_using {name}; and test $_shtab_{_PROGRAM}_npos -eq 0"
        return f"{script}\ncomplete -c {_PROGRAM} -n '{condition}' -F\n"
    call = f"{name}) {function} ;;"
    start = script.index(f"{function}_options=(")
    end = script.index("\n)\n", start)
    # shtab lists positional arguments after the options.
    before, found, after = script[start:end].rpartition(':_files"')
    if script.count(call) != 1 or not found:
        raise ValueError(f"the script for zsh has another form: {function}")
    options = f'{before}:{{_files; {function}_commands}}"{after}'
    branches = f"""{name})
          if (( CURRENT > 2 )) && [[ $words[2] == ({"|".join(below)}) ]]; then
            shift words
            (( CURRENT -= 1 ))
            local options={function}_${{words[1]//-/_}}_options
            _arguments -C -s "${{(@P)options}}"
          else
            _arguments -C -s ${function}_options
          fi ;;"""
    return (script[:start] + options + script[end:]).replace(call, branches)
