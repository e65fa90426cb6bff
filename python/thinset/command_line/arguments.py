"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

Source = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
"""A dataset folder, a source that can be imported, or "digits"."""

Output = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="DIR")]
OutputFile = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
Device = Literal["auto", "cpu", "cuda"]
Seed = Annotated[int, tyro.conf.arg(metavar="INT")]
Count = Annotated[str, tyro.conf.arg(aliases=["-n"], metavar="K")]
Metric = Literal["euclidean", "sqeuclidean", "cosine"]
PerClass = Literal["balanced", "proportional"]
Method = Annotated[
    Literal["topk", "max_sum", "max_min", "facility_location", "kmeans", "random"],
    tyro.conf.arg(aliases=["-m"]),
]


def parse_count(text: str) -> float:
    """A count ("4320") or, with a decimal point, a fraction ("0.0864")."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise ValueError(
            f"--n-samples needs a count such as 4320 or a fraction such as 0.1, got {text!r}"
        ) from None


def command_text(*words: object) -> str:
    """The command line as a person would type it again."""
    import shlex

    return " ".join(shlex.quote(str(word)) for word in ("thinset", *words))
