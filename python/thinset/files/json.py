"""JSON files with the SHA-256 of their own content, read strictly.

A file written by `write_json_with_digest` is an object whose last entry, "sha256", is the digest of
all other entries. Files without that entry, from earlier versions or other programs, are read
without the check.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.files.atomic import write_json
from thinset.files.regular import open_regular

if TYPE_CHECKING:
    import os

DIGEST_KEY = "sha256"

# Python refuses to parse integers of more than 4,300 digits and cannot turn those of more than 308
# into a float. Seeds and states of random generators are much shorter.
_MOST_DIGITS = 300


def write_json_with_digest(target: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Write `content` and its digest, atomically; ValueError for NaN and infinity."""
    text = json.dumps(content, allow_nan=False)
    write_json(target, {**content, DIGEST_KEY: _digest_of(text)})


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file and return its content without the digest.

    Raises OSError if the file cannot be read, and ValueError, naming the file, if it is not JSON,
    has a number that is not finite or has more than 300 digits, or has changed since it was
    written.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            text = file.read()
        content = json.loads(
            text, parse_constant=_finite, parse_float=_finite, parse_int=_short_integer
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a readable JSON file: {error}") from error
    if isinstance(content, dict):
        expected = content.pop(DIGEST_KEY, None)
        if expected is None:
            _require_no_damaged_digest(path, content)
        elif expected != _digest_of(text):
            raise ValueError(
                f"{path} has changed since it was written: its content does not match its SHA-256; "
                f"if you changed it on purpose, remove its {DIGEST_KEY!r} entry"
            )
    return content


def _digest_of(text: str | bytes) -> str:
    """SHA-256 of a JSON object without its digest, independent of key order and white space.

    Numbers are compared as text, so that every changed digit is noticed.
    """
    content = json.loads(text, parse_float=_spelled, parse_int=_spelled)
    content.pop(DIGEST_KEY, None)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _spelled(text: str) -> list[str]:
    return ["number", text]


def _require_no_damaged_digest(path: Path, content: dict[str, Any]) -> None:
    # A changed letter in the key itself must not make a current file look like an old one.
    for key, value in content.items():
        is_digest = isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value)
        if is_digest and len(key) == len(DIGEST_KEY):
            raise ValueError(
                f"{path} has changed since it was written: its entry {DIGEST_KEY!r} is called "
                f"{key!r}"
            )


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"numbers must be finite, got {text[:40]}")
    return value


def _short_integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"numbers must have at most {_MOST_DIGITS} digits, got one of {len(text)}")
    return int(text)
