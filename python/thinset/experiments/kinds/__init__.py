"""Kinds of experiment, one module each, all on one engine (thinset.experiments.workbench).

A module has `Settings`, a dataclass on top of DataSettings; `make(recipe, settings, where, note)`,
which trains what is missing in a folder and writes its page; and `write_page(recipe, finished)`,
which rewrites the page from the folder. `make` imports torch when it is called, so that pages and
lists do not need torch.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.finished import Finished
    from thinset.experiments.settings import DataSettings
    from thinset.experiments.where import Where


class Kind(Protocol):
    """The interface of a module of this package; see above."""

    Settings: type[DataSettings]

    def make(
        self,
        recipe: FigureRecipe,
        settings: Any,
        where: Where,
        note: Callable[[str], None],
    ) -> Path: ...

    def write_page(self, recipe: FigureRecipe, finished: Finished[Any]) -> Path: ...


def kinds() -> tuple[str, ...]:
    """The names of all kinds."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def kind_of(name: str) -> Kind:
    """The kind with this name; ValueError for an unknown name."""
    if name not in kinds():
        raise ValueError(f"kind must be one of {', '.join(kinds())}; got {name!r}")
    return cast("Kind", importlib.import_module(f"{__name__}.{name}"))
