"""The figures that can be reproduced, as their recipes describe them; nothing here trains."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass, field
from typing import Literal

from thinset.experiments.settings import (
    DataSettings,
    SearchSettings,
    StudySettings,
    from_table,
    load_recipe,
    read_recipe,
)
from thinset.report import PublishedFigure  # noqa: TC001 - from_table looks it up


@dataclass(frozen=True)
class FigureRecipe:
    """What a recipe's table `figure` says.

    title: what the figure shows. paper: where it stands; empty for this project's own. kind: what
    it is made from: "trainings" (a Study), "search" (a Search), or "reproductions" (of an
    autoencoder). published: what the paper reports.
    """

    title: str
    paper: str
    kind: Literal["trainings", "search", "reproductions"]
    published: tuple[PublishedFigure, ...] = field(default=())


COMPARISON = "compare"
_COMPARISON_PAGE = FigureRecipe("Which samples to train on", "", "trainings")
SETTINGS: dict[str, type[DataSettings]] = {
    "trainings": StudySettings,
    "search": SearchSettings,
    "reproductions": DataSettings,
}


def figures() -> dict[str, FigureRecipe]:
    """Every figure that can be reproduced, by name."""
    recipes = sorted(
        resource.name.removesuffix(".toml")
        for resource in importlib.resources.files("thinset.experiments.figures").iterdir()
        if resource.name.endswith(".toml")
    )
    tables = {name: read_recipe(name).get("figure") for name in recipes}
    return {
        name: from_table(FigureRecipe, table, f"{name}.figure")
        for name, table in tables.items()
        if table is not None
    }


def recipe_of(name: str) -> FigureRecipe:
    """The recipe of a figure, or of a comparison (COMPARISON); ValueError for another name."""
    if name == COMPARISON:
        return _COMPARISON_PAGE
    known = figures()
    if name not in known:
        raise ValueError(f"figure must be one of {', '.join(known)}; got {name!r}")
    return known[name]


def settings_of(name: str, size: str) -> DataSettings:
    """What the recipe of a figure, or COMPARISON, says for one size, in the class of its kind."""
    return load_recipe(name, size, SETTINGS[recipe_of(name).kind])
