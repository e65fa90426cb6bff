"""Arrays and texts in the form in which a page carries them; data.js of the templates reads it."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

NO_POINT = 2**32 - 1
"""The number of a point that the page does not have."""

_TEXT_LENGTHS = (4000, 2000, 1000, 600, 400, 250, 160, 100, 60, 30)
_SAMPLE = 2000


def packed(values: NDArray[Any], kind: str) -> dict[str, str]:
    """An array as the name of its element type and its little-endian bytes in base64."""
    content = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
    return {"type": kind, "data": base64.b64encode(content.tobytes()).decode("ascii")}


def script_json(content: Mapping[str, Any]) -> str:
    """JSON that stays inside its script element, whatever the texts in it are."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def zipped(texts: Sequence[str]) -> str:
    """Texts as JSON, compressed, in base64."""
    content = json.dumps(list(texts)).encode("ascii")
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode("ascii")


def texts_within(
    texts: Sequence[str], n_bytes: int, *, keep_end: bool = False
) -> tuple[list[str], int]:
    """The texts, cut so that they fit into so many bytes once they are zipped; and the length.

    keep_end: cut off the front, as the end of a path says more. The length is 0 where not even the
    shortest parts fit: then there are no texts.
    """
    step = max(1, len(texts) // _SAMPLE)
    for length in _TEXT_LENGTHS:
        sample = [_cut(text, length, keep_end=keep_end) for text in texts[::step]]
        # The whole compresses at least about as well as the sample.
        if len(zipped(sample)) * len(texts) / max(len(sample), 1) > 1.05 * n_bytes:
            continue
        cut = [_cut(text, length, keep_end=keep_end) for text in texts]
        if len(zipped(cut)) <= n_bytes:
            return cut, length
    return [], 0


def _cut(text: str, length: int, *, keep_end: bool) -> str:
    if len(text) <= length:
        return text
    dots = "\N{HORIZONTAL ELLIPSIS}"
    return f"{dots}{text[1 - length :]}" if keep_end else f"{text[: length - 1]}{dots}"
