"""The files below a folder, without what systems and editors leave there."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.data.sources.listing import count, first_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Beside names that start with a dot: .DS_Store, .ipynb_checkpoints, ._photo.jpg, .git.
_SYSTEM_NAMES = {
    "__macosx",
    "__pycache__",
    "@eadir",
    "$recycle.bin",
    "desktop.ini",
    "ehthumbs.db",
    "lost+found",
    "system volume information",
    "thumbs.db",
}

_DEEPEST_LINKS = 4  # folders full of links to each other have endlessly many paths


@dataclass
class FileTree:
    """Files below a folder, sorted, and what was passed over on the way.

    All are relative to the folder. files: regular files, links followed. folders: those that were
    looked into. hidden: hidden and system files
    and folders. dangling: links to nothing. loops: links to a folder above themselves, or inside
    more than four links. special: neither file nor folder, such as a FIFO.
    """

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    hidden: list[Path] = field(default_factory=list)
    dangling: list[Path] = field(default_factory=list)
    loops: list[Path] = field(default_factory=list)
    special: list[Path] = field(default_factory=list)

    def folders_without(self, files: Sequence[Path]) -> list[Path]:
        """The folders that have none of `files` in them; of nested ones the outermost."""
        with_files = {folder for file in files for folder in file.parents}
        empty = set(self.folders) - with_files
        return sorted(folder for folder in empty if folder.parent not in empty)

    def notes(self) -> Iterator[str]:
        """One sentence for each kind of thing that was passed over."""
        for found, thing, things in (
            (self.hidden, "hidden or system file or folder", "hidden or system files and folders"),
            (self.loops, "link that leads round in a circle", "links that lead round in circles"),
            (self.special, "entry that is no regular file", "entries that are no regular files"),
        ):
            if found:
                yield f"left out {count(len(found), thing, things)}: {first_of(found)}"


def read_tree(root: Path, *, depth: int | None = None) -> FileTree:
    """List the files below `root`, at most `depth` folders deep; OSError names what it cannot."""
    tree = FileTree()
    _add(tree, root, Path(), depth, _Above((_identity(root),), 0))
    for found in vars(tree).values():
        found.sort()
    return tree


def printable(name: str) -> str:
    """A file's name as valid text in one normal form, for class names and records."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", text)


@dataclass(frozen=True)
class _Above:
    """The folders above an entry, each as (device, inode), and how many of them are links."""

    folders: tuple[tuple[int, int], ...]
    n_links: int

    def and_(self, entry: os.DirEntry[str]) -> _Above | None:
        """The same with one more folder; None where that leads round in a circle."""
        identity = _identity(entry.path)
        n_links = self.n_links + entry.is_symlink()
        if identity in self.folders or n_links > _DEEPEST_LINKS:
            return None
        return _Above((*self.folders, identity), n_links)


def _add(tree: FileTree, folder: Path, relative: Path, depth: int | None, above: _Above) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = relative / entry.name
            if entry.name.startswith(".") or entry.name.lower() in _SYSTEM_NAMES:
                tree.hidden.append(path)
            elif entry.is_symlink() and not Path(entry.path).exists():
                tree.dangling.append(path)
            elif entry.is_dir():
                deeper = above.and_(entry)
                if deeper is None:
                    tree.loops.append(path)
                    continue
                tree.folders.append(path)
                if depth is None or depth > 0:
                    _add(tree, Path(entry.path), path, depth and depth - 1, deeper)
            elif entry.is_file():
                tree.files.append(path)
            else:
                tree.special.append(path)


def _identity(path: str | os.PathLike[str]) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_dev, status.st_ino
