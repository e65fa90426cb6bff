"""Which column of a table, or tensor of a file, holds the embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN = 12


def choose(
    column: object, fitting: Sequence[Any], names: Sequence[Any], where: str, thing: str = "column"
) -> Any:
    """The one of `names` that is called `column`, or the only one of `fitting`.

    where, thing: used in messages. Raises ValueError, listing the names, for an unknown one, for a
    name that is there twice, and where there is no single choice.
    """
    if column is not None:
        found = [name for name in names if name == column]
        if len(found) != 1:
            is_or_are = "no" if not found else f"{len(found)}"
            raise ValueError(
                f"{where} has {is_or_are} {thing}{'s' if found else ''} named {column!r}; it has "
                f"{listed(names)}"
            )
        return found[0]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise ValueError(
            f"{where} has no {thing} of embeddings (lists of float16, float32 or float64); it has "
            f"{listed(names)}"
            if thing == "column"
            else f"{where} has no 2-D {thing} of floats; it has {listed(names)}"
        )
    raise ValueError(
        f"{where} has several {thing}s that may be the embeddings, {listed(fitting)}; choose one "
        "with column= (on the command line: --column NAME)"
    )


def listed(names: Sequence[Any]) -> str:
    """The names, shortened if there are many."""
    if not names:
        return "none"
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
