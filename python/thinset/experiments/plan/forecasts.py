"""Forecasts of the accuracy for a plan, if there is time for short trainings."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.experiments.plan.deadline import Deadline, NoTimeToMeasureError
from thinset.experiments.plan.probes import MOST_VALIDATION, Probes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thinset.experiments.plan.measuring import Measured
    from thinset.experiments.plan.options import Option
    from thinset.experiments.plan.probes import Forecast
    from thinset.experiments.settings import PlanSettings
    from thinset.experiments.workbench import Workbench

_SHORTEST = 40  # steps
_LENGTHS = (1, 2, 4)
"""Lengths of the trainings of an option, in units of the shortest"""


def make_forecasts(
    bench: Workbench,
    settings: PlanSettings,
    options: Sequence[Option],
    measured: Measured,
    *,
    deadline: Deadline,
    note: Callable[[str], None],
) -> dict[Option, Forecast]:
    """Predict the accuracy of everything and of the options with a reason, by short trainings.

    Raises NoTimeToMeasureError if these would take more than their share of the length that is
    planned for, or more than the deadline leaves of a budget.
    """
    if settings.probe_share == 0:
        return {}
    if measured.sample is None or measured.embedding_seconds is None:
        raise NoTimeToMeasureError("they need embeddings, which were not measured")
    data, pace = bench.data.train, measured.in_memory
    probed = [option for option in options if option.reason is not None or option is options[0]]
    deadline = Deadline(_seconds_allowed(settings, len(data), measured, deadline))
    n_tested = min(MOST_VALIDATION * data.n_classes, len(data) // 5)
    tests = len(probed) * len(_LENGTHS) * n_tested * pace.test_seconds
    preparation = (
        sum(measured.embedding_seconds.values())
        + (measured.decoding_seconds or 0.0) * len(data)
        + measured.sample.deduplication_seconds
        + measured.sample.writing_seconds * len(data) * len(probed)
    )
    seconds_by_step = len(probed) * sum(_LENGTHS) * pace.step_seconds
    deadline.require(preparation + tests + _SHORTEST * seconds_by_step, "short trainings")
    shortest = max(int((deadline.left - preparation - tests) / seconds_by_step), _SHORTEST)
    forecasts = {}
    with tempfile.TemporaryDirectory() as scratch:
        probes = Probes(bench, settings, bench.device, Path(scratch))
        for option in probed:
            deadline.check()
            note(f"short trainings on {option.arm}")
            forecasts[option] = probes.forecast(option, [n * shortest for n in _LENGTHS])
    return forecasts


def _seconds_allowed(
    settings: PlanSettings, n_samples: int, measured: Measured, deadline: Deadline
) -> float:
    """The share of a budget, or of the predicted time of a number of steps."""
    total = settings.total
    if total.is_time:
        return min(settings.probe_share * total.seconds, deadline.left)
    n_steps = total.n_steps(n_samples, settings.training.batch_size)
    return settings.probe_share * n_steps * measured.pace.step_seconds
