"""Rewrites the page of an experiment from its folder, without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.finished import Finished, figure_of
from thinset.experiments.kinds import kind_of
from thinset.experiments.probe.page import is_probe
from thinset.experiments.probe.page import write_page as write_probe_page

if TYPE_CHECKING:
    import os
    from pathlib import Path


def write_page(out: str | os.PathLike[str]) -> Path:
    """Write the page of the experiment or probe in the folder `out`; returns its path.

    Raises FileNotFoundError if a part is missing, ValueError if one is damaged.
    """
    if is_probe(out):
        return write_probe_page(out)
    recipe = recipe_of(figure_of(out))
    kind = kind_of(recipe.kind)
    return kind.write_page(recipe, Finished.read(out, kind.Settings))
