"""The reference of the commands: a page for each, made from what its --help prints."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.command_line import COMMANDS, main

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

_WIDE = "10000"  # columns, so that no line is broken
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BOX = re.compile(r"^╭─ (?P<title>.*?) ─*╮\n(?P<body>.*?)^╰─*╯\n?", re.DOTALL | re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation."""
    reference = next(entry["Reference"] for entry in config.nav if "Reference" in entry)
    section = next(entry["Commands"] for entry in reference if "Commands" in entry)
    section += ["commands/index.md"]
    section += [{name: _path(name)} for name, *_ in COMMANDS]
    section += [{"thinset-filter": "commands/thinset-filter.md"}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each command, and their list."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "commands/index.md", content=_index()))
    for name, *_ in COMMANDS:
        text = page(f"thinset {name}", help_of(name))
        files.append(File.generated(config, _path(name), content=text))
    program = Path(sysconfig.get_path("scripts")) / "thinset-filter"
    if not program.exists():
        raise RuntimeError(f"{program} is missing; install thinset in the environment of mkdocs")
    printed = subprocess.run(
        [program, "--help"], check=True, capture_output=True, encoding="utf-8"
    ).stdout
    text = f"# thinset-filter\n\n```text\n{printed}```\n"
    files.append(File.generated(config, "commands/thinset-filter.md", content=text))
    return files


def help_of(name: str) -> str:
    """What `thinset NAME --help` prints, on a terminal so wide that no line is broken."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _WIDE
    # The boxes around arguments are drawn where the output can show them.
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(printed):
            status = main([*name.split(), "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    if status != 0:
        raise RuntimeError(f"thinset {name} --help ended with status {status}")
    printed.seek(0)
    return _ANSI.sub("", printed.read())


def page(title: str, text: str) -> str:
    """The Markdown of a command's page: usage, description, and a list of its arguments."""
    usage, _, rest = text.partition("\n\n")
    description = _BOX.sub("", rest).strip()
    parts = [
        f"# {title}",
        _escaped(description),
        f"```text\n{usage.removeprefix('usage: ')}\n```",
    ]
    for box in _BOX.finditer(rest):
        parts.append(f"## {box['title'].capitalize()}")
        parts += [_definition(names, meaning) for names, meaning in arguments(box["body"])]
    return "\n\n".join(parts) + "\n"


def arguments(body: str) -> list[tuple[str, str]]:
    """The lines of a box of arguments, as (names, meaning)."""
    found: list[tuple[str, str]] = []
    for line in body.splitlines():
        content = line.strip("│")[1:].rstrip()
        if content and not content.startswith(" "):
            names, _, meaning = re.sub(r" {2,}", "\n", content, count=1).partition("\n")
            # "-n K, --n-samples K" is one option with one value.
            found.append(
                (re.sub(r"(^|, )(-\S+) (\S.*?)(?=, -\S+ \3(,|$))", r"\1\2", names), meaning)
            )
        elif content:
            names, meaning = found[-1]
            found[-1] = (names, f"{meaning} {content.strip()}".strip())
    return found


def _definition(names: str, meaning: str) -> str:
    return f"`{names}`\n:   {_escaped(meaning) or '(no text)'}"


def _escaped(text: str) -> str:
    """The text as Markdown: options and what is between backticks are code, nothing is markup."""
    text = re.sub(r"(?<![\w`-])(--[a-z][a-z-]*)(?![^`]*`(?:[^`]*`[^`]*`)*[^`]*$)", r"`\1`", text)
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(
        piece if piece.startswith("`") else re.sub(r"([\\*_<>\[\]])", r"\\\1", piece)
        for piece in pieces
    )


def _index() -> str:
    rows = [
        f"| [thinset {name}]({_path(name).removeprefix('commands/')}) | {summary} |"
        for name, summary, *_ in COMMANDS
    ]
    return (
        "# Commands\n\n"
        "`thinset` and `thinset-filter` are installed with the package. Long commands save their\n"
        "settings in the output folder, and resume if you run them again after an interruption.\n\n"
        "| command | what it does |\n|---|---|\n"
        + "\n".join(rows)
        + "\n| [thinset-filter](thinset-filter.md) | select and copy rows of .npy files, without"
        " Python |\n"
    )


def _path(name: str) -> str:
    return f"commands/{name.replace(' ', '-')}.md"
