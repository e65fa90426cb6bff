"""Arguments that several commands share."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from thinset.command_line.usage import UsageError
from thinset.duration import Duration
from thinset.threads import MOST_THREADS, as_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import DataclassInstance

    from thinset.experiments.where import Where

Source = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
"""A dataset folder, a source that can be imported, or "digits"."""

Output = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="DIR")]
OutputFile = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
Device = Literal["auto", "cpu", "cuda"]
Seed = Annotated[int, tyro.conf.arg(metavar="INT")]
Preset = Annotated[
    Literal["smoke", "quick", "paper"],
    tyro.conf.arg(aliases=["--size"], metavar="smoke|quick|paper"),
]
"""Name of a table in a recipe; --size is the older name."""
Count = Annotated[str, tyro.conf.arg(aliases=["-n"], metavar="K")]
Metric = Literal["euclidean", "sqeuclidean", "cosine"]
PerClass = Literal["balanced", "proportional"]
Method = Annotated[
    Literal["topk", "max_sum", "max_min", "facility_location", "kmeans", "random"],
    tyro.conf.arg(aliases=["-m"]),
]


def from_recipe(**options: Any) -> Any:
    """An argument whose default comes from the preset's recipe."""
    return tyro.conf.arg(help_behavior_hint="(default: from the preset)", **options)


def optional(**options: Any) -> Any:
    """An argument without a default."""
    return tyro.conf.arg(help_behavior_hint="", **options)


Encoder = Annotated[str | None, from_recipe(metavar="autoencoder|pca|MODULE:FUNCTION")]
ImageSize = Annotated[tuple[int, int] | None, optional(metavar="HEIGHT WIDTH")]
Embeddings = Annotated[Path | None, optional(metavar="FILE.npy")]
EmbeddingsFiles = Annotated[
    tyro.conf.Positional[tuple[Path, ...]],
    tyro.conf.arg(metavar="EMBEDDINGS...", help_behavior_hint="(required)"),
]
Column = Annotated[str | None, optional(metavar="NAME")]
Threads = Annotated[int | None, optional(metavar="INT")]
Model = Annotated[str | None, optional(metavar="NAME|MODULE:FUNCTION")]


def require_threads(threads: int | None) -> None:
    """Raise ValueError, naming the option, for a number of threads that no call takes."""
    try:
        as_threads(threads)
    except ValueError:
        raise ValueError(f"--threads must be from 1 to {MOST_THREADS}, got {threads}") from None


def require_files(files: Sequence[Path], metavar: str) -> None:
    """Raise UsageError if none is given, which the parser lets pass."""
    if not files:
        raise UsageError(f"missing {metavar}; see the command's --help")


def parse_count(text: str, option: str = "--n-samples") -> float:
    """A count ("4320") or, with a decimal point, a fraction ("0.0864")."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise ValueError(
            f"{option} needs a count such as 4320 or a fraction such as 0.1, got {text!r}"
        ) from None


def require_image_size(size: tuple[int, int]) -> None:
    """Raise ValueError, naming the option, for a size that no image can have."""
    from thinset.data.sources.encoded_image import LARGEST_SIDE, require_size

    try:
        require_size(size)
    except ValueError:
        raise ValueError(
            f"--image-size must be the height and the width, each from 1 to {LARGEST_SIDE:,}, such "
            f"as --image-size 32 32; got {size[0]} {size[1]}"
        ) from None


def parse_time(option: str, text: str) -> Duration:
    """Parse a time such as 90s or 7min; a ValueError names the option."""
    duration = parse_duration(option, text)
    if duration.is_time:
        return duration
    raise ValueError(f"{option} must be a time such as 90s or 7min, got {text!r}")


def parse_length(option: str, text: str) -> Duration:
    """Parse a length that is not a time; a ValueError names the option."""
    duration = parse_duration(option, text)
    if not duration.is_time:
        return duration
    raise ValueError(
        f"{option} must be in steps, epochs or samples, such as 1000st or 20ep; got {text!r}"
    )


def parse_duration(option: str, text: str) -> Duration:
    """Parse a length of training; a ValueError names the option."""
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def where_of(name: str, command: Any) -> Where:
    """Source, output and device of a command that takes DATA, -o, --device and --image-size."""
    from thinset.experiments.where import Where

    return Where(
        command.data,
        command.out,
        command.device,
        typed_again(name, command, "data"),
        show_progress=True,
        image_size=command.image_size,
    )


def typed_again(name: str, command: DataclassInstance, *positional: str) -> str:
    """The command line of `command`: the options that differ from the defaults, quoted."""
    words: list[object] = [
        "thinset",
        *name.split(),
        *(getattr(command, field) for field in positional),
    ]
    for field in dataclasses.fields(command):
        value = getattr(command, field.name)
        if field.name not in positional and value != field.default:
            values = value if isinstance(value, tuple) else () if value is True else (value,)
            words += [f"--{field.name.replace('_', '-')}", *values]
    return shlex.join(map(str, words))
