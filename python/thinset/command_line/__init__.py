"""The command `thinset`: finds the module of a command, loads and runs it, returns a status."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import TYPE_CHECKING, Any

from thinset.command_line.allocator import keep_freed_memory
from thinset.command_line.commands import COMMANDS, ListedCommand
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
    command = _command_of(arguments)
    if command is not None:
        return _call(command, arguments[len(command.words) :])
    of_group = [one for one in COMMANDS if one.name.startswith(f"{arguments[0]} ")]
    if of_group:
        if arguments[1:2] in (["-h"], ["--help"], ["help"]):
            print(_help(of_group))
            return 0
        *others, last = (one.words[1] for one in of_group)
        complain(
            f"{arguments[0]} needs {', '.join(others)} or {last}; "
            f"got {' '.join(arguments[1:2]) or 'none'}"
        )
    else:
        complain(f"unknown command {arguments[0]!r}")
    print("try 'thinset --help'", file=sys.stderr)
    return EXIT_USAGE


def _command_of(arguments: list[str]) -> ListedCommand | None:
    """The command that the arguments begin with; None if it is unknown."""
    found = (one for one in COMMANDS if arguments[: len(one.words)] == one.words)
    # The longest: "distill evaluate" is another command than "distill".
    return max(found, key=lambda one: len(one.words), default=None)


def _after_interruption(arguments: list[str]) -> str:
    command = _command_of(arguments)
    resumes = command is None or command.resumes
    if isinstance(resumes, str):
        resumes = any(word.partition("=")[0] == resumes for word in arguments)
    if resumes:
        return "the same command resumes from what is finished"
    return "the same command starts again from the beginning"


def _print_completion(shells: list[str]) -> int:
    from thinset.command_line.completions import SHELLS, completion_script

    if len(shells) != 1 or shells[0] not in SHELLS:
        complain(f"--print-completion needs {', '.join(SHELLS)}; got {' '.join(shells) or 'none'}")
        return EXIT_USAGE
    print(completion_script(COMMANDS, shells[0]))
    return 0


def _call(command: ListedCommand, arguments: list[str]) -> int:
    from thinset.command_line.arguments import require_image_size, require_threads
    from thinset.command_line.parsing import ArgumentsError, parse
    from thinset.seeds import require_seed

    keep_to_cpu_quota()
    if command.trains:
        keep_freed_memory()
    # Parse the command line first, so that mistakes are reported before torch loads.
    module: Any = importlib.import_module(command.module)
    try:
        parsed = parse(module.Command, f"thinset {command.name}", arguments)
    except ArgumentsError as error:
        print_line(f"thinset {command.name}: {error}; see thinset {command.name} --help")
        return EXIT_USAGE
    require_threads(getattr(parsed, "threads", None))
    if command.name != "select":  # which takes all seeds of the native core
        for name in ("seed", "seeds"):
            given = getattr(parsed, name, None)
            seeds = given if isinstance(given, tuple) else () if given is None else (given,)
            for seed in seeds:
                require_seed(f"--{name}", seed)
    if getattr(parsed, "image_size", None) is not None:
        require_image_size(parsed.image_size)
    return parsed.run() or 0


def _help(commands: Sequence[ListedCommand]) -> str:
    width = max(len(one.name) for one in commands)
    lines = [f"  {one.name:<{width}}  {one.summary}" for one in commands]
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
