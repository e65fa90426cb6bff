"""Advice on how to train within a length of time or steps, and what each way will take."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.recipes.arms import parse_arm
from thinset.recipes.cells import Cell, comparison_of
from thinset.recipes.costs import Costs
from thinset.recipes.measuring import Measured, measure
from thinset.recipes.options import advise, class_sizes, options_for
from thinset.recipes.probes import Probes
from thinset.recipes.workbench import Where, Workbench
from thinset.report import Plan, describe_hardware, describe_versions
from thinset.training import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thinset.data import Dataset
    from thinset.recipes.options import Option
    from thinset.recipes.probes import Forecast
    from thinset.recipes.schema import PlanSettings
    from thinset.report import RunRecord

PLAN = "plan.json"
"""Where a folder keeps its plan"""

_FEWEST_SAMPLES = 100
_SHORTEST_PROBE = 40  # steps
_PROBE_LENGTHS = (1, 2, 4)


class Planner:
    """Plans a training on the data of a folder, and follows the plan."""

    def __init__(self, where: Where, settings: PlanSettings) -> None:
        self._total = Duration.parse(settings.total)  # first: a mistake must not leave a folder
        self._where = where
        fixed = ("training", "total", "probe_share", "seed")
        self._bench = Workbench(where, settings, fixed=fixed, figure="plan")
        self.folder = self._bench.folder
        data = self._bench.data.train
        if data.labels is None or len(data) < _FEWEST_SAMPLES:
            raise ValueError(
                f"a plan needs at least {_FEWEST_SAMPLES} training samples with labels, got "
                f"{len(data)} {'without' if data.labels is None else 'with'} labels"
            )
        shape = data.image_shape
        self._settings = dataclasses.replace(
            settings.resolved_for(shape), training=settings.training.resolved_for(shape)
        )

    def plan(self, note: Callable[[str], None]) -> Plan:
        """Measure and advise; the plan of a folder is made once."""
        path = self.folder.path / PLAN
        if not path.exists():
            self._new_plan(note).save(path)
        return Plan.load(path)

    def follow(self, plan: Plan) -> RunRecord:
        """Train as the plan advises; the time that planning took is part of the budget.

        The model's weights are written to classifier.safetensors in the folder.
        """
        choice, settings = plan.choice, self._settings
        cell = Cell(
            parse_arm(choice.arm),
            choice.size,
            choice.split,
            settings.total,
            comparison_of(settings.total),
            settings.seed,
        )
        return self._bench.train(
            cell,
            settings.training,
            "planned",
            weights=self.folder.path / "classifier.safetensors",
            planning_seconds=plan.planning_seconds,
        )

    def _new_plan(self, note: Callable[[str], None]) -> Plan:
        start = time.monotonic()
        before = sum(self.folder.stage_seconds.values())

        def planning_seconds() -> float:
            # What is made on the way and stays, such as embeddings, counts where it is used.
            made = sum(self.folder.stage_seconds.values()) - before
            return max(time.monotonic() - start - made, 0.0)

        note("measuring training, embedding and a sample of the data")
        measured = measure(self._bench, self._settings, self._seconds_to_measure())
        data = self._bench.data.train
        options = options_for(data, self._total, measured)
        forecasts = self._forecasts(options, measured, note)
        costs = Costs(self._bench, self._settings, measured, planning_seconds())
        choices = tuple(costs.choice(option, forecasts.get(option)) for option in options)
        recommended, reasons = advise(options, choices)
        return Plan(
            self._where.source,
            self._settings.total,
            _facts(data, measured),
            choices,
            recommended,
            reasons,
            planning_seconds(),
            describe_hardware(),
            describe_versions(),
            self._where.command,
        )

    def _seconds_to_measure(self) -> float:
        """For each thing that is measured: a fiftieth of a budget, half a second to three."""
        budget = self._total.seconds if self._total.is_time else 150.0
        return min(max(0.02 * budget, 0.5), 3.0)

    def _forecasts(
        self, options: Sequence[Option], measured: Measured, note: Callable[[str], None]
    ) -> dict[Option, Forecast]:
        """How accurate everything and what something speaks for will be, where a probe can tell."""
        probed = [option for option in options if option.reason is not None or option is options[0]]
        data, settings = self._bench.data.train, self._settings
        seconds = (
            self._total.seconds
            if self._total.is_time
            else self._total.n_steps(len(data), settings.training.batch_size)
            * measured.pace.step_seconds
        )
        n_steps = settings.probe_share * seconds / measured.in_memory.step_seconds / len(probed)
        shortest = int(n_steps / sum(_PROBE_LENGTHS))
        if shortest < _SHORTEST_PROBE:
            return {}
        forecasts = {}
        with tempfile.TemporaryDirectory() as scratch:
            probes = Probes(self._bench, settings, self._where.device, Path(scratch))
            for option in probed:
                note(f"short trainings on {option.arm}")
                lengths = [length * shortest for length in _PROBE_LENGTHS]
                forecasts[option] = probes.forecast(option, lengths)
        return forecasts


def _facts(data: Dataset, measured: Measured) -> dict[str, str]:
    """What was measured, in words."""
    pace, sample = measured.pace, measured.sample
    facts = {
        "samples": f"{len(data):,}, {' x '.join(map(str, data.image_shape))}",
        "steps": f"{1 / pace.step_seconds:.3g} per second, {100 * pace.waiting_share:.0f} % of the "
        "time waiting for images",
    }
    sizes = class_sizes(data)
    if sizes is not None:
        facts["classes"] = f"{len(sizes)}, of {sizes.min():,} to {sizes.max():,} samples"
    facts["repetition"] = (
        f"two samples drawn at random are near-duplicates with probability "
        f"{sample.near_duplicates:.2g} ({sample.n_rows:,} looked at)"
    )
    for stage, seconds in measured.embedding_seconds.items():
        facts[stage] = f"about {seconds:.3g} s"
    if measured.decoding_seconds is not None:
        facts["decoding"] = f"{1 / measured.decoding_seconds:,.0f} images per second"
    return facts
