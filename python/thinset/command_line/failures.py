"""Turns an exception into one line on standard error and an exit status."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import traceback

from thinset.command_line.usage import UsageError
from thinset.files.byte_sizes import shown_bytes
from thinset.files.uris import as_uri

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_BAD_INPUT = 3
EXIT_IO_FAILURE = 4
EXIT_INTERRUPTED = 130

TRACEBACK_VARIABLE = "THINSET_TRACEBACK"

_EXTRAS = {
    "torch": "train",
    "safetensors": "train",
    "jinja2": "report",
    "matplotlib": "report",
    "pyarrow": "parquet",
    "PIL": "parquet",
    "tensorboard": "tensorboard",
    "torch_fidelity": "metrics",
    "torchvision": "metrics",
    "wandb": "wandb",
    "mlflow": "mlflow",
    "ray": "ray",
}


def complain(message: object, kind: str = "error") -> None:
    """Print one line on standard error; a message of several lines is joined."""
    print_line(f"thinset: {kind}: {' '.join(str(message).split(chr(10))) or 'no message'}")


def print_line(text: str) -> None:
    """Print `text` on standard error, if that is still open."""
    with contextlib.suppress(OSError, ValueError):  # nowhere left to print it
        print(text, file=sys.stderr, flush=True)


def report_failure(error: Exception) -> int:
    """Print what went wrong, and return the exit status."""
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(type(error), error, error.__traceback__)
    message, status = _described(error)
    complain(message)
    return status


def _described(error: Exception) -> tuple[str, int]:
    if isinstance(error, MemoryError) or _is_device_memory(error):
        return f"not enough memory: {_of_allocation(error)}", EXIT_FAILURE
    if isinstance(error, ImportError):
        return f"{error}{_extra_that_has(error.name)}", EXIT_FAILURE
    if isinstance(error, UsageError):
        return str(error), EXIT_USAGE
    if isinstance(error, ValueError):
        return str(error) or repr(error), EXIT_BAD_INPUT
    if isinstance(error, BrokenPipeError):
        return "cannot write to standard output: the reader closed it", EXIT_IO_FAILURE
    if isinstance(error, OSError):
        return _of_system(error), EXIT_IO_FAILURE
    if isinstance(error, RecursionError):
        return "the input is nested too deeply", EXIT_BAD_INPUT
    message = (
        f"unexpected {type(error).__name__}: {_first_line(error)}; this is a bug in thinset; "
        f"please report it with the output of the same command under {TRACEBACK_VARIABLE}=1"
    )
    return message, EXIT_FAILURE


def _of_system(error: OSError) -> str:
    """Describe the failure of a system call: the file first, without the error number."""
    names = [
        os.fsdecode(name)
        for name in (error.filename, error.filename2)
        if isinstance(name, (str, bytes, os.PathLike))
    ]
    text = str(error)
    if error.strerror:
        reason = error.strerror
        if error.errno == errno.ENOTDIR:
            reason = "part of this path is a file, where a folder is needed"
        text = ": ".join([*([" -> ".join(names)] if names else []), reason])
    uri = as_uri(text) if isinstance(error, FileNotFoundError) else None
    if uri is None:
        return text
    return f"{uri}; URIs are not read: give a local path, such as one in a mounted bucket"


def _is_device_memory(error: Exception) -> bool:
    # torch is not imported for this: its errors are recognised by name and text.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError"
        or "out of memory" in text
        or "can't allocate memory" in text
    )


def _of_allocation(error: Exception) -> str:
    # What torch says of an allocation on the CPU is about its source code, except for the size.
    size = re.search(r"DefaultCPUAllocator.*tried to allocate (\d+) bytes", str(error))
    if size is not None:
        return (
            f"an array of {shown_bytes(int(size[1]))} could not be allocated; choose a smaller "
            "network, smaller batches or smaller images"
        )
    return _first_line(error) or "an allocation failed"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _extra_that_has(module: str | None) -> str:
    extra = _EXTRAS.get((module or "").split(".")[0])
    return f"; install it with: pip install 'thinset[{extra}]'" if extra else ""
