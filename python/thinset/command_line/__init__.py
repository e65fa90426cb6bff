"""The command `thinset`: finds the module of a command, loads and runs it, returns a status."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import TYPE_CHECKING, Any

from thinset.command_line.allocator import keep_freed_memory
from thinset.command_line.failures import (
    EXIT_BAD_INPUT,
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_IO_FAILURE,
    EXIT_USAGE,
    complain,
    print_line,
    report_failure,
)
from thinset.command_line.process import (
    Terminated,
    abandon_output,
    flush_output,
    prepare_output,
    signals_as_exceptions,
)
from thinset.command_line.processors import keep_to_cpu_quota

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "COMMANDS",
    "EXIT_BAD_INPUT",
    "EXIT_FAILURE",
    "EXIT_INTERRUPTED",
    "EXIT_IO_FAILURE",
    "EXIT_USAGE",
    "main",
]

# Name, module, help text. The modules may import torch, so --help loads none of them.
COMMANDS = (
    ("demo", "demo", "run every step on the embedded digits dataset, in a few minutes"),
    ("run", "run", "embed, select, write the subset, train every arm, report"),
    ("embed", "embed", "turn a dataset into an array of embeddings"),
    ("select", "select", "choose rows of an array of embeddings"),
    ("deduplicate", "deduplicate", "find near-duplicates, and keep one of each group"),
    ("subset", "subset", "write the selected samples in the form that they came in"),
    ("show", "show", "write a page to look at a selection with, alone or beside another"),
    ("train", "train", "train on a subset first, then on everything"),
    ("probe", "probe", "tell whether to select, balance or deduplicate, in about a minute"),
    ("plan", "plan", "advise how to train within a time budget, with predicted costs"),
    ("compare", "compare", "compare selection methods with random selection, paired by seed"),
    ("augment train", "augment_train", "train a generator of labelled images"),
    ("augment sample", "augment_sample", "draw images from a trained generator"),
    ("augment apply", "augment_apply", "make one new image for each sample of a dataset"),
    ("distill", "distill", "learn a small training set from a large one"),
    ("distill evaluate", "distill_evaluate", "compare a small training set with simple ones"),
    ("reproduce", "reproduce", "reproduce a published figure"),
    ("report", "report", "rewrite the report page of a finished run"),
    ("verify", "verify", "check datasets, selections and runs against their digests"),
    ("data import", "data_import", "read images from files into a dataset folder"),
    ("data split", "data_split", "divide training data by class, with nested subsets"),
    ("data list", "data_list", "list the kinds of source that can be imported"),
    ("data download", "data_download", "download a public dataset, checked by SHA-256"),
)

# The commands that keep nothing of an interrupted call.
START_OVER = {
    "select", "deduplicate", "subset", "show", "augment sample", "report", "verify", "data import",
    "data split", "data list",
}  # fmt: skip
_KEEP_WITH = {"select": "--folder"}
"""Options with which commands among these keep their work."""


_TRAINING = {
    "demo", "run", "embed", "train", "probe", "plan", "compare", "augment train", "distill",
    "distill evaluate", "reproduce",
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 2 usage, 3 bad input, 4 input/output."""
    arguments = sys.argv[1:] if arguments is None else arguments
    prepare_output()
    # Print a warning as one line, without its place in the source code.
    warnings.showwarning = lambda message, *_args, **_kwargs: complain(message, "warning")
    status = EXIT_FAILURE
    try:
        with signals_as_exceptions():
            status = _guarded(arguments)
            # Flushing shows whether the output could be written.
            flush_output()
    except Terminated as signal:
        complain(f"terminated by signal {signal.number}; {_after_interruption(arguments)}")
        return signal.exit_status
    except OSError as error:
        abandon_output()
        if status == 0:  # otherwise the failure has been reported
            complain(f"cannot write to standard output: {error.strerror or error}")
            return EXIT_IO_FAILURE
    return status


def _guarded(arguments: list[str]) -> int:
    try:
        return _dispatch(arguments)
    except SystemExit as stop:  # raised by the parser, for --help and mistakes
        return stop.code if isinstance(stop.code, int) else EXIT_USAGE
    except KeyboardInterrupt:
        complain(f"interrupted; {_after_interruption(arguments)}")
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last one to catch it
        return report_failure(error)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help(COMMANDS))
        return 0 if arguments else EXIT_USAGE
    if arguments[0] == "--version":
        from thinset import __version__

        print(f"thinset {__version__}")
        return 0
    if arguments[0] == "--print-completion":
        return _print_completion(arguments[1:])
    name = _command_of(arguments)
    if name is not None:
        module = next(module for known, module, _ in COMMANDS if known == name)
        return _call(name, module, arguments[len(name.split()) :])
    of_group = [row for row in COMMANDS if row[0].startswith(f"{arguments[0]} ")]
    if of_group:
        if arguments[1:2] in (["-h"], ["--help"], ["help"]):
            print(_help(of_group))
            return 0
        *others, last = (row[0].split()[1] for row in of_group)
        complain(
            f"{arguments[0]} needs {', '.join(others)} or {last}; "
            f"got {' '.join(arguments[1:2]) or 'none'}"
        )
    else:
        complain(f"unknown command {arguments[0]!r}")
    print("try 'thinset --help'", file=sys.stderr)
    return EXIT_USAGE


def _command_of(arguments: Sequence[str]) -> str | None:
    """The name of the command that the arguments begin with; None if it is unknown."""
    # The longest name: "distill evaluate" is another command than "distill".
    names = sorted((name for name, *_ in COMMANDS), key=lambda name: -len(name.split()))
    return next(
        (name for name in names if list(arguments[: len(name.split())]) == name.split()), None
    )


def _after_interruption(arguments: Sequence[str]) -> str:
    name = _command_of(arguments)
    option = _KEEP_WITH.get(name or "")
    keeps = option and any(word.partition("=")[0] == option for word in arguments)
    if name in START_OVER and not keeps:
        return "the same command starts again from the beginning"
    return "the same command resumes from what is finished"


def _print_completion(shells: list[str]) -> int:
    from thinset.command_line.completions import SHELLS, completion_script

    if len(shells) != 1 or shells[0] not in SHELLS:
        complain(f"--print-completion needs {', '.join(SHELLS)}; got {' '.join(shells) or 'none'}")
        return EXIT_USAGE
    print(completion_script(COMMANDS, shells[0]))
    return 0


def _call(name: str, module: str, arguments: list[str]) -> int:
    from thinset.command_line.parsing import ArgumentsError, parse

    keep_to_cpu_quota()
    if name in _TRAINING:
        keep_freed_memory()
    # Parse the command line first, so that mistakes are reported before torch loads.
    command: Any = importlib.import_module(f"thinset.command_line.{module}")
    try:
        parsed = parse(command.Command, f"thinset {name}", arguments)
    except ArgumentsError as error:
        print_line(f"thinset {name}: {error}; see thinset {name} --help")
        return EXIT_USAGE
    return parsed.run() or 0


def _help(commands: Sequence[tuple[str, str, str]]) -> str:
    width = max(len(name) for name, *_ in commands)
    lines = [f"  {name:<{width}}  {summary}" for name, _, summary in commands]
    return _HELP.format(commands="\n".join(lines))


_HELP = """\
Train on the samples that matter first.

usage: thinset COMMAND [options]        thinset COMMAND --help
       thinset --version                thinset --print-completion bash|zsh|fish

{commands}

Long commands take --seed, --device auto|cpu|cuda and -o DIR, save their settings in DIR, and
resume if you run them again after an interruption.

exit status: 0 done, 1 failure, 2 usage, 3 bad input, 4 input/output failure, 130 interrupted,
143 terminated"""
