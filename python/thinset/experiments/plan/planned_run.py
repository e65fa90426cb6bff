"""A training that follows its plan, and the page that holds the two against each other."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from thinset.experiments.plan.memory import forget_peak_memory, peak_memory
from thinset.experiments.plan.planning import PLAN, Planner
from thinset.experiments.run_folder import read_settings
from thinset.experiments.settings import PlanSettings, from_table
from thinset.report import write_plan_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thinset.experiments.workbench import Where


def run_planned(where: Where, settings: PlanSettings, note: Callable[[str], None]) -> Path:
    """Plan, train as planned and write the report; return the path of its page.

    Called again on the same folder, it goes on where it was stopped.
    """
    planner = Planner(where, settings)
    plan = planner.plan(note)
    note(plan.describe())
    forget_peak_memory()
    record = planner.follow(plan)
    return write_plan_report(plan, record, peak_memory(), asdict(settings), planner.folder.report)


def stored_plan_settings(out: Path) -> PlanSettings | None:
    """What the plan in the folder `out` was made for; None where there is no plan."""
    if not (out / PLAN).exists():
        return None
    stored, notes = read_settings(out)
    return from_table(PlanSettings, {**stored["settings"], **notes["grid"]}, "settings.json")
