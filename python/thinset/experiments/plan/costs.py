"""The cost of a way to train: time by stage, steps, memory and disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.results.plan import Choice
from thinset.selection import estimate
from thinset.selection.arguments import as_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thinset.experiments.plan.measuring import Measured
    from thinset.experiments.plan.options import Option
    from thinset.experiments.plan.pace import Pace
    from thinset.experiments.plan.probes import Forecast
    from thinset.experiments.plan.sampling import Sample
    from thinset.experiments.settings import PlanSettings
    from thinset.experiments.workbench import Workbench
    from thinset.results import Arm
    from thinset.selection import Estimate


FOR_FORECASTS = "embeddings for the forecasts"
"""The preparation stage for results of planning that an arm does not use"""


class Costs:
    """Predicts costs from measurements.

    planning_seconds: already spent from the budget. made: stages that planning has finished, and
    their seconds; an arm pays for them even if it does not use them.
    """

    def __init__(
        self,
        bench: Workbench,
        settings: PlanSettings,
        measured: Measured,
        planning_seconds: float,
        made: Mapping[str, float],
    ) -> None:
        self._bench = bench
        self._settings = settings
        self._measured = measured
        self._planning_seconds = planning_seconds
        self._made = made
        self._data, test = bench.data.train, bench.data.test
        self._memory_without_images = measured.pace.memory_bytes + test.images.nbytes
        self._test_seconds = measured.pace.test_seconds * len(test)

    def choice(self, option: Option, forecast: Forecast | None) -> Choice:
        """The cost of `option`, and its forecast."""
        arm, subset = option.arm, option.subset
        n_samples = 0 if subset is None else as_count(subset.size, len(self._data))
        preparation = self._preparation(arm, n_samples)
        fast, rest = self._paces(arm)
        split = 0.0 if subset is None else subset.split
        evaluations = self._settings.training.evaluations
        total = self._settings.total
        if total.is_time:
            # The last evaluation happens after the budget is used up.
            spent = sum(preparation.values()) + self._planning_seconds
            spent += (evaluations - 1) * self._test_seconds
            training = max(total.seconds - spent, 0.0)
            seconds = (split * training, (1 - split) * training)
            steps = round(seconds[0] / fast.step_seconds + seconds[1] / rest.step_seconds)
        else:
            batch_size = self._settings.training.batch_size
            fast_length = split * total
            n_fast = fast_length.n_steps(n_samples or 1, batch_size)
            n_rest = (total - fast_length).n_steps(self._n_fine_tuned(arm), batch_size)
            seconds = (n_fast * fast.step_seconds, n_rest * rest.step_seconds)
            steps = n_fast + n_rest
        waiting = seconds[0] * fast.waiting_share + seconds[1] * rest.waiting_share
        return Choice(
            arm,
            subset,
            preparation,
            steps,
            sum(seconds),
            evaluations * self._test_seconds,
            waiting / max(sum(seconds), 1e-9),
            self._memory(arm, n_samples),
            self._disk(arm, n_samples),
            None if forecast is None or steps == 0 else forecast(steps),
        )

    def _decodes_all(self, arm: Arm) -> bool:
        is_encoded = self._measured.decoding_seconds is not None
        return is_encoded and (arm.needs_embeddings or arm.is_resident)

    def _paces(self, arm: Arm) -> tuple[Pace, Pace]:
        """The seconds of steps on the subset, and on everything."""
        measured = self._measured
        return measured.in_memory, measured.in_memory if self._decodes_all(arm) else measured.pace

    @property
    def _sample(self) -> Sample:
        """The sample's measurements; options that need embeddings exist only if there is one."""
        assert self._measured.sample is not None
        return self._measured.sample

    def _n_fine_tuned(self, arm: Arm) -> int:
        """The number of samples in a pass over everything."""
        n_total = len(self._data)
        if arm.distinct is None:
            return n_total
        return max(round(self._sample.distinct_share * n_total), 1)

    def _preparation(self, arm: Arm, n_samples: int) -> dict[str, float]:
        measured, n_total = self._measured, len(self._data)
        decoding = measured.decoding_seconds or 0.0
        writing = 0.0 if measured.sample is None else measured.sample.writing_seconds
        seconds = {}
        made = self._bench.folder.stage_seconds
        if self._decodes_all(arm):
            stage = "decoding everything"
            seconds[stage] = made.get(stage, decoding * n_total)
        if arm.needs_embeddings:
            assert measured.embedding_seconds is not None
            for stage, predicted in measured.embedding_seconds.items():
                seconds[stage] = made.get(stage, predicted)
        if arm.distinct is not None:
            n_left = self._n_fine_tuned(arm)
            seconds["leaving out near-duplicates"] = (
                self._sample.deduplication_seconds + writing * n_left
            )
        if arm.rule is not None:
            seconds["selection"] = self._selection_seconds(arm, n_samples)
            is_decoded_for_it = not self._decodes_all(arm)
            writing += decoding if is_decoded_for_it else 0.0
            seconds["writing the subset"] = writing * n_samples
        unused = sum(spent for stage, spent in self._made.items() if stage not in seconds)
        return {FOR_FORECASTS: unused, **seconds} if unused > 0 else seconds

    def _selection_seconds(self, arm: Arm, n_samples: int) -> float:
        assert arm.rule is not None
        if arm.rule.dedup is not None:
            return self._sample.deduplication_seconds
        if not arm.needs_embeddings:
            sample = self._measured.sample
            return 0.0 if sample is None else sample.choosing_seconds
        return self._estimate(arm, n_samples).seconds

    def _memory(self, arm: Arm, n_samples: int) -> int:
        is_decoded = self._measured.decoding_seconds is None or self._decodes_all(arm)
        n_images = len(self._data) if is_decoded else 0
        n_images += self._n_written(arm, n_samples)
        images = n_images * int(self._data.images[0].nbytes)
        return self._memory_without_images + images + self._selection_memory(arm, n_samples)

    def _n_written(self, arm: Arm, n_samples: int) -> int:
        """How many samples are written as a dataset of their own."""
        if arm.distinct is not None:
            return self._n_fine_tuned(arm)
        return n_samples if arm.rule is not None else 0

    def _selection_memory(self, arm: Arm, n_samples: int) -> int:
        if not arm.needs_embeddings:
            return 0
        embeddings = 4 * self._sample.n_columns * len(self._data)
        if arm.rule is None or arm.rule.dedup is not None:
            return embeddings
        return embeddings + self._estimate(arm, n_samples).memory_bytes

    def _estimate(self, arm: Arm, n_samples: int) -> Estimate:
        assert arm.rule is not None
        return estimate(
            (len(self._data), self._sample.n_columns),
            n_samples,
            arm.rule.method,
            labels=self._data.labels,
            per_class=arm.rule.per_class,
        )

    def _disk(self, arm: Arm, n_samples: int) -> int:
        image_bytes = int(self._data.images[0].nbytes)
        n_images = self._n_written(arm, n_samples)
        if self._decodes_all(arm):
            n_images += len(self._data)
        n_values = self._sample.n_columns * len(self._data) if arm.needs_embeddings else 0
        return image_bytes * n_images + 4 * n_values
