"""The figures that can be reproduced, as described by their recipes; nothing here trains."""

from __future__ import annotations

import importlib.resources

from thinset.experiments.figures.recipe import FigureRecipe
from thinset.experiments.kinds import kind_of
from thinset.experiments.settings import DataSettings, load_recipe, read_recipe
from thinset.files.decoding import decode

COMMANDS = {
    "run": FigureRecipe("run", "Selected samples, random ones and everything", "", "run"),
    "compare": FigureRecipe("compare", "Which samples to train on", "", "trainings"),
    "plan": FigureRecipe("plan", "A training as planned", "", "plan"),
}
"""Results of commands, by command; these are not figures"""


def figures() -> dict[str, FigureRecipe]:
    """Every figure that can be reproduced, by name."""
    recipes = sorted(
        resource.name.removesuffix(".toml")
        for resource in importlib.resources.files("thinset.experiments.figures").iterdir()
        if resource.name.endswith(".toml")
    )
    tables = {name: read_recipe(name).get("figure") for name in recipes}
    return {
        name: decode({"name": name, **table}, FigureRecipe, f"{name}.toml: figure")
        for name, table in tables.items()
        if table is not None
    }


def recipe_of(name: str) -> FigureRecipe:
    """The recipe of a figure, or of a command (see COMMANDS); ValueError for another name."""
    if name in COMMANDS:
        return COMMANDS[name]
    known = figures()
    if name not in known:
        raise ValueError(f"figure must be one of {', '.join(known)}; got {name!r}")
    return known[name]


def settings_of(name: str, size: str) -> DataSettings:
    """The settings of one preset of a figure or a command, in the class of its kind."""
    return load_recipe(name, size, kind_of(recipe_of(name).kind).Settings)
