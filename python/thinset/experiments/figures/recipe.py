"""The description of a page in a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from thinset.report import PublishedFigure  # noqa: TC001 - decode looks it up


@dataclass(frozen=True)
class FigureRecipe:
    """The table `figure` of a recipe.

    name: of the recipe. title: what the figure shows. paper: where it stands; empty for this
    project's own. kind: a module of thinset.experiments.kinds. published: what the paper reports.
    """

    name: str
    title: str
    paper: str
    kind: str
    published: tuple[PublishedFigure, ...] = ()
