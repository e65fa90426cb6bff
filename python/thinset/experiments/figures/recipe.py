"""The description of a page in a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from thinset.report import PublishedFigure, PublishedTable  # noqa: TC001 - decode looks them up


@dataclass(frozen=True)
class FigureRecipe:
    """The table `figure` of a recipe.

    name: of the recipe. title: what the figure shows. paper: where it stands; empty for this
    project's own. kind: a module of thinset.experiments.kinds. published, tables: what the paper
    reports.
    """

    name: str
    title: str
    paper: str
    kind: str
    published: tuple[PublishedFigure, ...] = ()
    tables: tuple[PublishedTable, ...] = ()
