"""Writing the page of a finished run again from its folder; torch is not needed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.experiments.figures.registry import SETTINGS, recipe_of
from thinset.experiments.finished import (
    finished_embeddings,
    finished_training_data,
    stored_facts,
    stored_reproductions,
)
from thinset.experiments.pages import write_figure_page, write_run_page
from thinset.experiments.run_folder import read_settings
from thinset.experiments.settings import PlanSettings, RunSettings, from_table
from thinset.report import write_plan_report
from thinset.results import Plan, RunRecord

if TYPE_CHECKING:
    import os

PLAN_FIGURE = "plan"
"""What the notes of a planned run call it"""


def rewrite_report(out: str | os.PathLike[str]) -> Path:
    """Write the page of the run, figure or comparison in the folder `out`; returns its path.

    Raises FileNotFoundError where a part is missing, ValueError where one is damaged.
    """
    path = Path(out)
    stored, notes = read_settings(path)
    if notes.get("figure") == PLAN_FIGURE:
        return _rewrite_planned(path, stored, notes)
    if not (path / "records").exists() and "figure" not in notes:
        raise FileNotFoundError(f"{out} holds no finished training; run it first")
    data = finished_training_data(stored["source"], path)
    command = notes.get("command", "")
    if "figure" in notes:
        name = notes["figure"]
        table = {**stored["settings"], **notes.get("grid", {})}
        figure_settings = from_table(SETTINGS[recipe_of(name).kind], table, "settings.json")
        facts, shown = stored_facts(path), stored_reproductions(path)
        return write_figure_page(
            path, name, data, figure_settings, command, facts=facts, shown=shown
        )
    settings = from_table(RunSettings, stored["settings"], "settings.json")
    settings = settings.resolved_for(data.image_shape)
    embeddings = finished_embeddings(path, settings.encoder)
    facts, shown = stored_facts(path), stored_reproductions(path)
    return write_run_page(path, data, embeddings, settings, command, facts=facts, shown=shown)


def _rewrite_planned(path: Path, stored: dict[str, Any], notes: dict[str, Any]) -> Path:
    record = path / "records" / "planned.json"
    if not record.exists():
        raise FileNotFoundError(
            f"{path} holds a plan that has not been followed; thinset run --plan -o {path} does"
        )
    table = {**stored["settings"], **notes.get("grid", {})}
    settings = from_table(PlanSettings, table, "settings.json")
    plan = Plan.load(path / "plan.json")
    return write_plan_report(plan, RunRecord.load(record), None, asdict(settings), path / "report")
