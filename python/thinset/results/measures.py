"""What artificial images are like, measured against the real ones: records in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from thinset.files.decoding import Count, Positive, Share, decode
from thinset.files.json import read_json, write_json_with_digest

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

FILE = "measures.json"


class Measures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The measures of the images that one augmentation or arm made with one seed.

    augmentation: its name, or the text of the arm that trains on the images instead of real ones.
    share: of the training data, `n_real` images, which the augmentation saw and is compared with.
    extractor: what features came from; values of different extractors cannot be compared. fid:
    Fréchet distance. kid: kernel distance. density, coverage: see thinset.metrics. agreement: the
    share of images that a classifier trained on real data puts into the class that was asked for.
    near_copies: the share of images that are nearer to a training image than nearly all training
    images are to one another. seconds: of making the images, training of a generator included.
    """

    augmentation: str
    share: Share
    seed: Count
    n_real: Positive
    n_artificial: Positive
    extractor: str
    fid: float
    kid: float
    density: float
    coverage: float
    agreement: float
    near_copies: float
    seconds: float


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    measures: tuple[Measures, ...]


def save_measures(measures: Iterable[Measures], path: str | os.PathLike[str]) -> None:
    """Write the file, atomically and with its digest."""
    write_json_with_digest(
        Path(path),
        {
            "format": "thinset-measures",
            "version": 1,
            "measures": msgspec.to_builtins(list(measures)),
        },
    )


def load_measures(path: str | os.PathLike[str]) -> tuple[Measures, ...]:
    """Read the file; none if it does not exist. ValueError, naming it, if it is damaged."""
    path = Path(path)
    if not path.exists():
        return ()
    content = read_json(path)
    header = (content.get("format"), content.get("version")) if isinstance(content, dict) else None
    if header != ("thinset-measures", 1):
        raise ValueError(f"{path} must be thinset-measures version 1, got {header}")
    return decode(content, _File, str(path)).measures
