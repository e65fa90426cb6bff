"""Rewrites the page of an experiment from its folder, without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.finished import Finished, figure_of
from thinset.experiments.kinds import kind_of

if TYPE_CHECKING:
    import os
    from pathlib import Path


def write_page(out: str | os.PathLike[str]) -> Path:
    """Write the page of the experiment in the folder `out`; returns its path.

    Raises FileNotFoundError if a part is missing, ValueError if one is damaged.
    """
    recipe = recipe_of(figure_of(out))
    kind = kind_of(recipe.kind)
    return kind.write_page(recipe, Finished.read(out, kind.Settings))
