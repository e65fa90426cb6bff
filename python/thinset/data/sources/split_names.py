"""Which split a file or folder belongs to, by its name.

As the public hubs spell them, in upper or lower case: train, training; test, testing, eval,
evaluation; val, valid, validation, dev.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from thinset.data.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPELLINGS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
}
# What may follow: "trainset", "test_images", "Training Data", "test1".
_FOLDER = re.compile(
    rf"({'|'.join(_SPELLINGS)})[\W_\d]*(set|data|images|imgs)?[\W_\d]*", re.IGNORECASE
)
_WORD = re.compile(r"[a-z]+")


def split_of_folder(name: str) -> str | None:
    """The split that a folder is named after as a whole; None where it is not."""
    match = _FOLDER.fullmatch(name)
    return _SPELLINGS[match[1].lower()] if match else None


def splits_in(name: str) -> set[str]:
    """The splits named by words of `name`: {"train"} for "mnist_train-00000-of-00002"."""
    words = _WORD.findall(re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    return {split for word in words if (split := split_of_folder(word)) is not None}


def in_order(splits: Iterable[str]) -> list[str]:
    """The splits in the order in which datasets give them."""
    return sorted(splits, key=SPLITS.index)
