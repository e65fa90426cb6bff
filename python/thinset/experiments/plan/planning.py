"""Advice on how to train within a length of time or steps, with the cost of each way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from thinset.experiments.cells import Cell, comparison_of
from thinset.experiments.kinds.plan import PLAN_FILE, PLANNED
from thinset.experiments.plan.costs import FOR_FORECASTS, Costs
from thinset.experiments.plan.deadline import Deadline, NoTimeToMeasureError
from thinset.experiments.plan.facts import facts_of, repeated_share
from thinset.experiments.plan.forecasts import make_forecasts
from thinset.experiments.plan.measuring import Measured, measure
from thinset.experiments.plan.options import advise, options_for
from thinset.experiments.plan.rules import class_sizes
from thinset.experiments.workbench import Workbench
from thinset.results import Plan, describe_hardware, describe_versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.data import Dataset
    from thinset.experiments.plan.options import Option
    from thinset.experiments.plan.probes import Forecast
    from thinset.experiments.settings import PlanSettings
    from thinset.experiments.where import Where
    from thinset.results import RunRecord
    from thinset.results.plan import Choice

_FEWEST_SAMPLES = 100
_PLANNING_SHARE = 0.2
"""The share of a budget that planning may take, unless short trainings were allowed more"""
_BUDGET_OF_STEPS = 150.0
"""The budget in seconds that planning assumes if the length is not a time"""
_FEWEST_STEPS = 10
"""A budget of fewer steps is too short"""
_USEFUL_STEPS = 100
"""A budget is useful if it allows one pass over the data, or this many steps"""


class Planner:
    """Plans a training on the data of a folder, and follows the plan."""

    def __init__(self, where: Where, settings: PlanSettings) -> None:
        self._total = settings.total
        self._where = where
        fixed = ("training", "total", "probe_share", "seed")
        self._bench = Workbench(where, settings, fixed=fixed, figure="plan")
        self.folder = self._bench.folder
        data = self._bench.data.train
        if data.labels is None or len(data) < _FEWEST_SAMPLES:
            n_held_out = len(self._bench.data.test) if self.folder.test_split.exists() else 0
            held_out = f", besides {n_held_out} that were held out to test on" if n_held_out else ""
            raise ValueError(
                f"a plan needs at least {_FEWEST_SAMPLES} training samples with labels, got "
                f"{len(data)} {'without' if data.labels is None else 'with'} labels{held_out}"
            )
        self._settings = settings.resolved_for(data.image_shape)

    def plan(self, note: Callable[[str], None]) -> Plan:
        """Measure and advise; each folder is planned once."""
        path = self.folder.path / PLAN_FILE
        if not path.exists():
            self._new_plan(note).save(path)
        return Plan.load(path)

    def follow(self, plan: Plan) -> RunRecord:
        """Train as the plan advises; the time that planning took is part of the budget.

        The model's weights are written to classifier.safetensors in the folder. Raises ValueError
        where the plan says that the budget is too short.
        """
        if plan.least_seconds is not None:
            raise ValueError(f"the plan in {self.folder.path} cannot be followed: {plan.advice}")
        choice, settings = plan.choice, self._settings
        subset = choice.subset
        cell = Cell(
            choice.arm,
            None if subset is None else subset.size,
            None if subset is None else subset.split,
            settings.total,
            comparison_of(settings.total),
            settings.seed,
        )
        planning_seconds = {"planning": plan.planning_seconds}
        if FOR_FORECASTS in choice.preparation_seconds:
            planning_seconds[FOR_FORECASTS] = choice.preparation_seconds[FOR_FORECASTS]
        return self._bench.train(
            cell,
            settings.training,
            PLANNED,
            weights=self.folder.path / "classifier.safetensors",
            planning_seconds=planning_seconds,
        )

    def _new_plan(self, note: Callable[[str], None]) -> Plan:
        start = time.monotonic()
        before = self.folder.stage_seconds

        def made() -> dict[str, float]:
            # Results that planning keeps, such as embeddings, are separate stages.
            after = self.folder.stage_seconds.items()
            return {stage: seconds for stage, seconds in after if stage not in before}

        def planning_seconds() -> float:
            return max(time.monotonic() - start - sum(made().values()), 0.0)

        budget = self._total.seconds if self._total.is_time else _BUDGET_OF_STEPS
        deadline = Deadline(max(_PLANNING_SHARE, self._settings.probe_share) * budget)
        note("measuring training, embedding and a sample of the data")
        # Time for each measurement: a fiftieth of the budget, from half a second to three.
        seconds = min(max(0.02 * budget, 0.5), 3.0)
        measured = measure(self._bench, self._settings, seconds, deadline)
        data = self._bench.data.train
        options = options_for(data, self._total, measured)
        facts = _facts(data, measured)
        forecasts: dict[Option, Forecast] = {}
        try:
            forecasts = make_forecasts(
                self._bench, self._settings, options, measured, deadline=deadline, note=note
            )
        except NoTimeToMeasureError as error:
            facts["forecasts"] = f"none: {error}"
        costs = Costs(self._bench, self._settings, measured, planning_seconds(), made())
        choices = tuple(costs.choice(option, forecasts.get(option)) for option in options)
        # Without the means to embed everything, near-duplicates were no option.
        sample = None if measured.embedding_seconds is None else measured.sample
        repeated = None if sample is None else repeated_share(sample)
        recommended, reasons = advise(options, choices, repeated)
        return Plan(
            self._where.source,
            self._settings.total,
            facts,
            choices,
            recommended,
            reasons,
            planning_seconds(),
            describe_hardware(),
            describe_versions(),
            self._where.command,
            self._least_seconds(choices[recommended], choices[0], measured, planning_seconds()),
        )

    def _least_seconds(
        self, choice: Choice, full: Choice, measured: Measured, planning_seconds: float
    ) -> float | None:
        """The shortest useful budget; None if the given one is long enough."""
        if not self._total.is_time or choice.steps >= _FEWEST_STEPS:
            return None
        one_pass = -(-len(self._bench.data.train) // self._settings.training.batch_size)
        n_steps = max(min(one_pass, _USEFUL_STEPS), _FEWEST_STEPS)
        evaluations, preparation = full.evaluation_seconds, sum(full.preparation_seconds.values())
        training = preparation + evaluations + n_steps * measured.pace.step_seconds
        # Measured again, all may be faster; but this budget was too short.
        given = self._total.seconds
        return max(training + planning_seconds, training / (1 - _PLANNING_SHARE), 1.5 * given)


def _facts(data: Dataset, measured: Measured) -> dict[str, str]:
    """The measurements, in words."""
    sample = measured.sample
    facts = facts_of(
        len(data),
        data.image_shape,
        class_sizes(data),
        sample=sample,
        pace=measured.pace,
        decoding_seconds=measured.decoding_seconds,
        not_measured={} if sample is not None else {"repetition": measured.skipped},
    ).in_words()
    if measured.embedding_seconds is None:
        facts["embeddings"] = f"not measured: {measured.skipped}"
    else:
        for stage, seconds in measured.embedding_seconds.items():
            facts[stage] = f"about {seconds:.3g} s"
    return facts
