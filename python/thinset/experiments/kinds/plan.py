"""A training that follows its plan, and the page that compares the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.experiments.explored import explored_choice
from thinset.experiments.finished import Finished
from thinset.experiments.next_steps import after_plan
from thinset.experiments.run_folder import differences
from thinset.experiments.settings import PlanSettings
from thinset.files.decoding import encode
from thinset.report import Progress, write_plan_report
from thinset.results import Plan, RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.where import Where

Settings = PlanSettings

PLAN_FILE = "plan.json"
"""The plan's file in a folder"""
PLANNED = "planned"
"""The name of the record of the training that followed the plan"""


def make(
    recipe: FigureRecipe,
    settings: PlanSettings,
    where: Where,
    note: Callable[[str], None],
) -> Path:
    """Plan, train as planned and write the page; returns its path.

    Call it again on the same folder to resume.
    """
    from thinset.experiments.plan.memory import forget_peak_memory, peak_memory
    from thinset.experiments.plan.planning import Planner

    planner = Planner(where, settings)
    plan = planner.plan(note)
    note(plan.describe())
    if plan.least_seconds is None:
        write_page(recipe, Finished.read(where.out, PlanSettings), is_followed_now=True)
    forget_peak_memory()
    planner.follow(plan)
    return write_page(recipe, Finished.read(where.out, PlanSettings), peak_memory())


def stored_settings(
    out: Path, *, model: str | None = None, encoder: str | None = None
) -> PlanSettings | None:
    """What the plan in the folder `out` was made for; None if there is no plan.

    `model`, `encoder`: what the user names. Raises ValueError if the folder names a function of the
    user's own, and the user does not.
    """
    from thinset.models.classifiers import is_own_function
    from thinset.models.named_callable import require_named_by_user

    if not (out / PLAN_FILE).exists():
        return None
    settings = Finished.read(out, PlanSettings).settings
    where, named = f"{out / 'settings.json'}: settings", settings.training.model
    if named is not None and is_own_function(named):
        require_named_by_user(named, model, f"{where}.training.model", "--model")
    function = settings.encoder.function
    if function is not None:
        require_named_by_user(function, encoder, f"{where}.encoder.function", "--encoder")
    return settings


def require_planned(
    out: Path, stored: PlanSettings, *, asked: PlanSettings, unasked: PlanSettings
) -> None:
    """Raise ValueError if the user asks for a setting that is not that of the plan in `out`.

    asked: the settings by the user's options. unasked: those without any; where the two are alike,
    the user asks for nothing.
    """
    named = {where for where, *_ in differences(encode(unasked), encode(asked))}
    refused = [one for one in differences(encode(stored), encode(asked)) if one[0] in named]
    if refused:
        # An option may change several settings; the one of its own name is not in a part.
        where, there, here = min(refused, key=lambda one: len(one[0]))
        planned = "none" if there is None else repr(there)
        raise ValueError(
            f"{'.'.join(where)} is {here!r}, but the plan in {out} has {planned}; leave the option "
            "out to follow that plan, or choose another output"
        )


def write_page(
    recipe: FigureRecipe,  # noqa: ARG001 - as every kind's
    finished: Finished[PlanSettings],
    memory_bytes: int | None = None,
    *,
    is_followed_now: bool = False,
) -> Path:
    """Write the page of the plan and, if there is one, of the training that followed it.

    memory_bytes: the peak memory of the process, if known. is_followed_now: the page says that the
    training is not finished, if it is not.
    """
    plan = Plan.load(finished.path / PLAN_FILE)
    file = finished.path / "records" / f"{PLANNED}.json"
    record = RunRecord.load(file) if file.exists() else None
    is_unfinished = is_followed_now and record is None
    can_be_followed = plan.least_seconds is None
    return write_plan_report(
        plan,
        record,
        memory_bytes,
        encode(finished.settings),
        finished.report,
        next_step=after_plan(finished, plan.choice.arm, is_followed=record is not None)
        if can_be_followed and not is_unfinished
        else None,
        progress=Progress(0, 1) if is_unfinished else None,
        explored=explored_choice(finished, plan) if can_be_followed else None,
    )
