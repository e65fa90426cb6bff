"""The command `thinset`: a name, a module that is loaded when it is called, an exit status."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import Any

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_BAD_INPUT = 3
EXIT_IO_FAILURE = 4
EXIT_INTERRUPTED = 130

# Name, module, line of help. The modules import torch and more, so that none is loaded for --help.
COMMANDS = (
    ("demo", "demo", "the whole way on the embedded digits dataset, in about a minute"),
    ("run", "run", "embed, select, write the subset, train every arm, report"),
    ("embed", "embed", "turn a dataset into an array of embeddings"),
    ("select", "select", "choose rows of an array of embeddings"),
    ("subset", "subset", "write the chosen samples as a dataset of their own"),
    ("train", "train", "train on a subset first, then on everything"),
    ("plan", "plan", "how to train within a time, and what it will take"),
    ("compare", "compare", "which subset to train on: methods beside random, paired by seed"),
    ("reproduce", "reproduce", "make a published figure again"),
    ("report", "report", "write the report page of a finished run again"),
    ("verify", "verify", "check that datasets, selections and runs are whole"),
    ("data import", "data_import", "read images from files into a dataset folder"),
    ("data list", "data_list", "list the kinds of source that can be imported"),
    ("data download", "data_download", "fetch a public dataset over https, checked by SHA-256"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 2 usage, 3 bad input, 4 input/output."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else EXIT_USAGE
    if arguments[0] == "--version":
        from thinset import __version__

        print(f"thinset {__version__}")
        return 0
    for name, module, _ in COMMANDS:
        words = name.split()
        if arguments[: len(words)] == words:
            return _call(name, module, arguments[len(words) :])
    if arguments[0] == "data":
        _complain(f"data takes import, list or download; got {' '.join(arguments[1:2]) or 'none'}")
    else:
        _complain(f"unknown command {arguments[0]!r}")
    print("try 'thinset --help'", file=sys.stderr)
    return EXIT_USAGE


def _call(name: str, module: str, arguments: list[str]) -> int:
    # A warning is a line for the person at the terminal, not a place in our source.
    warnings.showwarning = lambda message, *_args, **_kwargs: _complain(message, "warning")
    try:
        # The command line is read first: a mistake in it must not wait for torch to load.
        command = importlib.import_module(f"thinset.command_line.{module}")
        parsed = _parse(command, name, arguments)
        status: int = parsed.run() or 0
    except SystemExit as stop:  # the parser's own, for --help and mistakes
        return stop.code if isinstance(stop.code, int) else EXIT_USAGE
    except KeyboardInterrupt:
        _complain("interrupted; what was finished is kept, and the same command goes on from there")
        return EXIT_INTERRUPTED
    except ImportError as error:
        _complain(f"{error}{_extra_that_has(error.name)}")
        return EXIT_FAILURE
    except BrokenPipeError:
        # The reader of our output left; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_IO_FAILURE
    except ValueError as error:
        _complain(error)
        return EXIT_BAD_INPUT
    except OSError as error:
        _complain(error)
        return EXIT_IO_FAILURE
    else:
        return status


def _parse(command: Any, name: str, arguments: list[str]) -> Any:
    import tyro

    return tyro.cli(command.Command, prog=f"thinset {name}", args=arguments)


def _extra_that_has(module: str | None) -> str:
    extras = {
        "torch": "train",
        "safetensors": "train",
        "matplotlib": "report",
        "pyarrow": "parquet",
        "PIL": "parquet",
        "tensorboard": "tensorboard",
        "wandb": "wandb",
        "mlflow": "mlflow",
    }
    extra = extras.get((module or "").split(".")[0])
    return f"; install it with: pip install 'thinset[{extra}]'" if extra else ""


def _complain(message: object, kind: str = "error") -> None:
    print(f"thinset: {kind}: {message}", file=sys.stderr)


def _help() -> str:
    width = max(len(name) for name, *_ in COMMANDS)
    lines = [f"  {name:<{width}}  {summary}" for name, _, summary in COMMANDS]
    return _HELP.format(commands="\n".join(lines))


_HELP = """\
Train on the samples that matter first.

usage: thinset COMMAND [options]        thinset COMMAND --help

{commands}

Long commands take --seed, --device auto|cpu|cuda and -o DIR, save their settings there, and
go on where they were stopped when called again.

exit status: 0 done, 1 failure, 2 usage, 3 bad input, 4 input/output failure, 130 interrupted"""
