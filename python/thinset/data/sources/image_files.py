"""Which files are images, by suffix or by their first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SUFFIXES = {
    *(".apng", ".avif", ".avifs", ".bmp", ".dib", ".gif", ".heic", ".heif", ".j2k", ".jfif"),
    *(".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif"),
    *(".tiff", ".webp"),
}
_BEGINNINGS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",  # TIFF
    b"MM\x00*",
)


def looks_like_image(path: Path) -> bool:
    """Whether the name ends as image files do."""
    return path.suffix.lower() in _SUFFIXES


def keep_images(root: Path, files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Divide files, given relative to `root`, into images and others.

    Names without a suffix of images are images where their first bytes are those of one.
    """
    images: list[Path] = []
    others: list[Path] = []
    for file in files:
        is_image = looks_like_image(file) or _begins_like_image(root / file)
        (images if is_image else others).append(file)
    return images, others


def _begins_like_image(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(12)
    return start.startswith(_BEGINNINGS) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")
