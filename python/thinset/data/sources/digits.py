"""The embedded default: 1,797 handwritten digits of 8x8 pixels.

From E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository (1998), https://doi.org/10.24432/C50P49, CC BY 4.0: the test part, as distributed with
scikit-learn (`sklearn.datasets.load_digits`), in its order. digits.npz holds the original values
0..16 and the labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.provenance import ImportedFrom
from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_stream import ImageStream, Opened, array_batches

if TYPE_CHECKING:
    from thinset.data.sources.image_stream import ReadOptions

DIGITS = "digits"
_FILE = Path(__file__).with_name("digits.npz")


class Digits:
    """The embedded digits, named "digits" instead of by a path.

    Values are scaled from 0..16 to 0..255. Of each class, every fifth sample is test data: 80/20,
    stratified, and the same everywhere.
    """

    name = "digits"
    summary = "the embedded default: 1,797 handwritten digits of 8x8 pixels (UCI, scikit-learn)"

    def recognises(self, path: str) -> bool:
        """Whether `path` is the name itself; a folder of that name is "./digits"."""
        return path == DIGITS

    def open(self, path: str, options: ReadOptions) -> Opened:
        """Open both splits; ValueError for another path than the name itself."""
        if path != DIGITS:
            raise ValueError(
                f"the kind {DIGITS!r} is the embedded dataset, got the source {path}; give "
                f"{DIGITS!r} as the source, or leave the kind out to read {path}"
            )
        with np.load(_FILE, allow_pickle=False) as content:
            levels, labels = content["images"], content["labels"]
        return Opened(
            {
                split: resized(_stream(split, levels[rows], labels[rows]), options.size)
                for split, rows in (("train", ~_is_test(labels)), ("test", _is_test(labels)))
            }
        )


def _stream(split: str, levels: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> ImageStream:
    images = np.rint(levels * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    return ImageStream(
        name=Digits.name,
        n_samples=len(labels),
        image_shape=(8, 8, 1),
        batches=lambda: array_batches(images, labels),
        class_names=tuple("0123456789"),
        provenance=ImportedFrom(
            source=Digits.name,
            split=split,
            credit="Alpaydin and Kaynak (1998), https://doi.org/10.24432/C50P49, CC BY 4.0",
        ),
    )


def _is_test(
    labels: np.ndarray[tuple[int], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Every fifth sample of each class, in order."""
    is_test = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        is_test[np.flatnonzero(labels == label)[2::5]] = True
    return is_test
