"""URIs where paths are expected."""

from __future__ import annotations

import os
import re

# One slash: that is what pathlib leaves of two. A scheme of one letter is a drive.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
_FILE = re.compile(r"file:(?://([^/]*))?(?=/)", re.IGNORECASE)

ADVICE = "mount the bucket as a folder, or copy the files"


def as_uri(text: str) -> str | None:
    """The URI that `text` is or was before pathlib joined its slashes; None for a path.

    What exists under this name is a path.
    """
    found = _URI.match(text)
    if found is None or os.path.exists(text):  # noqa: PTH110 - imported with thinset
        return None
    file = _FILE.match(text)
    host = "" if file is None else (file[1] or "") + "/"
    return f"{found[1]}://{host}{text[found.end() if file is None else file.end() + 1 :]}"


def local_path(path: str | os.PathLike[str], advice: str = ADVICE) -> str:
    """A path as it is, and the path of a file:// URI.

    Raises ValueError for another URI: files are mapped, so they must be on a file system.
    """
    text = os.fsdecode(path)
    uri = as_uri(text)
    if uri is None:
        return text
    # Not urlsplit: the "?" of a pattern starts no query here.
    file = _FILE.match(text)
    if file is not None and (file[1] or "localhost").lower() == "localhost":
        from urllib.parse import unquote  # imported late: few paths are URIs

        return unquote(text[file.end() :])
    raise ValueError(f"{uri!r} is not a local path, and object stores are not read; {advice}")
