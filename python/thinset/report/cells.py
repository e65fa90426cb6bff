"""Values as pages show them, already formatted; templates/parts.html.j2 turns them into HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NONE = "\N{EN DASH}"
"""What a cell without a value shows"""

_WRITTEN_NAMES = {"cpu": "CPU", "gpus": "GPUs", "memory_gib": "memory (GiB)"}


@dataclass(frozen=True)
class Cell:
    """One cell of a table: a value, a remark in small print, and the colour of the arm it names."""

    text: str
    remark: str = ""
    colour: str = ""
    is_strong: bool = False


@dataclass(frozen=True)
class Table:
    """The first column names the rows; the others are aligned to the right."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class NextStep:
    """What to do next: a sentence, and the command for it; None if there is nothing to run."""

    words: str
    command: str | None = None


@dataclass(frozen=True)
class Progress:
    """How many trainings are finished, of how many; `unit` is the plural noun for them."""

    n_done: int
    n_total: int
    unit: str = "trainings"


def table(header: Sequence[str], rows: Iterable[Sequence[Cell | str | int]]) -> Table:
    """Return a table; plain values become cells."""
    return Table(
        tuple(header),
        tuple(
            tuple(value if isinstance(value, Cell) else Cell(str(value)) for value in row)
            for row in rows
        ),
    )


def facts(content: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return names and values as text; nested mappings and lists take one line each."""
    return [
        (_WRITTEN_NAMES.get(name, name.replace("_", " ")), _plain(value))
        for name, value in (content or {}).items()
    ]


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value) or "none"
    return "none" if value is None else str(value)
