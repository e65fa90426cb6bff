"""Parses the arguments of a command; a mistake becomes one line instead of tyro's box."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from typing import TYPE_CHECKING, Any, get_type_hints

from thinset.files.uris import as_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDE = "100000"  # columns, so that no line is broken
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_OPTION = re.compile(r"--[A-Za-z][\w-]*|-[A-Za-z]")
_INSIDE = re.compile(r"│ (.*?) *│|  (.*)")
"""A line in tyro's box; where the output is not UTF-8, the box is an indentation."""
_RULE = re.compile(r"[─-]{3,}")
_FOOTER = re.compile(r"For full helptext|Argument helptext:")

_KINDS = {"int": "integer", "float": "number", "str": "text", "Path": "path"}


class ArgumentsError(Exception):
    """The arguments cannot be parsed; the text says why and names the option and its value."""


def parse(command: type[Any], prog: str, arguments: Sequence[str]) -> Any:
    """Parse `arguments` into an object of `command`, a dataclass.

    Raises ArgumentsError for mistakes, and SystemExit after printing help.
    """
    import tyro

    _require_values(arguments)
    printed = io.StringIO()
    # Help texts are for the real terminal.
    columns = None if {"-h", "--help"} & set(arguments) else _WIDE
    try:
        with contextlib.redirect_stderr(printed), _terminal(columns):
            parsed = tyro.cli(command, prog=prog, args=list(arguments))
    except SystemExit as stop:
        if not stop.code:
            raise
        raise ArgumentsError(_with_metavar(_plain(printed.getvalue()), command)) from None
    sys.stderr.write(printed.getvalue())  # warnings
    _require_local_output(parsed)
    return parsed


def _require_values(arguments: Sequence[str]) -> None:
    """Raise ArgumentsError for an empty argument, such as that of an unset shell variable.

    An empty path would be the current folder.
    """
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option = before if argument == "" else argument.removesuffix("=")
        if option != argument and _OPTION.fullmatch(option):
            raise ArgumentsError(f"{option} needs a value, got an empty one")
        if argument == "":
            raise ArgumentsError("an argument is empty; give it a value, or leave it out")


def _require_local_output(parsed: Any) -> None:
    """Raise ArgumentsError for an output in an object store: a folder "s3:" would be made here."""
    out = getattr(parsed, "out", None)
    uri = None if out is None else as_uri(os.fspath(out))
    if uri is not None:
        raise ArgumentsError(f"-o must be a local path, got {uri}")


@contextlib.contextmanager
def _terminal(columns: str | None) -> Iterator[None]:
    """Let tyro see a terminal of this width; None for the real one."""
    before = os.environ.get("COLUMNS")
    if columns is not None:
        os.environ["COLUMNS"] = columns
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("COLUMNS", None)
        else:
            os.environ["COLUMNS"] = before


def _plain(box: str) -> str:
    """The content of tyro's message, in one line: what is wrong with which option."""
    sections: list[list[str]] = [[]]
    for line in _ANSI.sub("", box).splitlines():
        inside = _INSIDE.fullmatch(line.rstrip())
        content = (inside[1] or inside[2]) if inside is not None else None
        if not content:
            continue  # the title, the border, an empty line
        if _RULE.fullmatch(content):
            sections.append([])
        else:
            sections[-1].append(content)
    said = [section for section in sections if section and not _FOOTER.match(section[0])]
    metavar = "".join(map(_metavar, sections))
    message = "; ".join(_of_section(section, metavar) for section in said)
    # An unexpected form is kept as it is: no information is lost.
    message = message or " ".join(_ANSI.sub("", box).split()) or "the arguments cannot be parsed"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)


def _with_metavar(message: str, command: type[Any]) -> str:
    """The message, with an argument without dashes called as in the usage: SET, not its field."""
    name, space, rest = message.partition(" ")
    for found in getattr(
        get_type_hints(command, include_extras=True).get(name), "__metadata__", ()
    ):
        metavar = getattr(found, "metavar", None)
        if metavar is not None:
            return f"{metavar}{space}{rest}"
    return message


def _metavar(section: list[str]) -> str:
    """What tyro's help text says about the form of the value: "INT" of "--seed INT"."""
    if len(section) < 2 or section[0] != "Argument helptext:":
        return ""
    return section[1].strip().split(", ")[-1].partition(" ")[2].strip()


def _of_section(lines: list[str], metavar: str) -> str:
    first = lines[0]
    if first.startswith("Missing from "):
        split = [*lines, "Unrecognized options:"].index("Unrecognized options:")
        return f"missing {', '.join(_names(lines[1:split]))}"
    if first.startswith(("Perhaps you meant", "Arguments similar to")):
        return f"did you mean {' or '.join(_names(lines[1:]))}?"
    if first == "Unrecognized options:":
        return f"unrecognized arguments: {', '.join(line.strip() for line in lines[1:])}"
    if found := re.fullmatch(r"Unrecognized options: (.*)", first, re.DOTALL):
        return f"unrecognized arguments: {found[1]}"
    text = " ".join(line.strip() for line in lines)
    if found := re.fullmatch(
        r"invalid choice (.*) for argument '(.*?)'\. Expected one of \((.*)\)\.", text, re.DOTALL
    ):
        return f"{found[2]} {_must_be_one_of(found[3])}; got {found[1]}"
    if found := re.fullmatch(r"Missing value for argument '(.*?)'\. Expected (.*) values?\.", text):
        return f"{found[1]} needs {'a value' if found[2] == '1' else f'{found[2]} values'}"
    if found := re.fullmatch(r"Error parsing (.*?): (.*)", text, re.DOTALL):
        return f"{found[1]} {_of_value(found[2], metavar)}"
    return text


def _names(lines: list[str]) -> list[str]:
    """The options among lines of options and, indented deeper, their help texts."""
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    names = [line.strip() for line in lines if line[indent : indent + 1].strip()]
    # "-o DIR, --out DIR" is one option.
    return [re.sub(r"^(-\w) (\S+), (?=--\S+ \2$)", r"\1/", name) for name in names]


def _must_be_one_of(choices: str) -> str:
    names = [choice.strip().strip("'") for choice in choices.rstrip(",").split(",")]
    if "None" in names:  # then they come from a set, in any order
        names = sorted(set(names) - {"None"})
    return f"must be one of {', '.join(names)}"


def _of_value(text: str, metavar: str) -> str:
    """What is wrong with a value, from the message of the type that it could not become."""
    if found := re.fullmatch(r"invalid literal for int\(\) with base 10: (.*)", text, re.DOTALL):
        return f"must be an integer, got {found[1]}"
    if found := re.fullmatch(r"could not convert string to float: (.*)", text, re.DOTALL):
        return f"must be a number, got {found[1]}"
    if found := re.search(r"input length (\d+) did not match expected argument count (\d+)", text):
        return f"needs {found[2]} values, got {found[1]}"
    if found := re.fullmatch(
        r"Could not find valid parse for arguments: \[(.*)\]", text, re.DOTALL
    ):
        return f"must be {metavar or 'other values'}, got {found[1].replace(', ', ' ')}"
    if found := re.fullmatch(
        r"Could not parse arguments \[(.*)\] into tuple type [\w.]*\[(.*)\]", text, re.DOTALL
    ):
        types = found[2].split(", ")
        kinds = {_KINDS.get(kind, kind) for kind in types}
        kind = f"{kinds.pop()}s" if len(kinds) == 1 else f"values ({found[2]})"
        return f"must be {len(types)} {kind}, got {found[1].replace(', ', ' ')}"
    if found := re.fullmatch(
        r"no type matching .* could be instantiated from \[(.*?)\]\. *Got errors: *(.*)",
        text,
        re.DOTALL,
    ):
        reasons = [
            reason
            for reason in re.split(r"(?:^| )- (?=<class|tuple|typing|[A-Z]\w+\[)", found[2])
            if reason and not reason.startswith("<class 'NoneType'>")
        ]
        if len(reasons) == 1:
            return _of_value(reasons[0].partition(": ")[2].strip(), metavar)
    if found := re.fullmatch(
        r"\[(.*)\] does not match choices \((.*?),?\)", text.strip(), re.DOTALL
    ):
        return f"{_must_be_one_of(found[2])}; got {found[1]}"
    return f"is wrong: {text}"
