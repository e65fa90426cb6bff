"""How fast training goes on this machine, and what it takes in memory."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thinset.data import Dataset, write_subset
from thinset.duration import Duration
from thinset.experiments.plan.memory import forget_peak_memory, held_of_mapped, peak_memory
from thinset.experiments.trial import Trial, train
from thinset.results import FULL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thinset.data import EncodedDataset
    from thinset.experiments.plan.deadline import Deadline
    from thinset.experiments.settings import TrainingSettings
    from thinset.results import RunRecord
    from thinset.training import Order

_MOST_TESTED = 1_000
_FEWEST = 8
"""Number of samples trained and tested on first, to predict the cost of whole batches"""
_GROWTHS = (4, 2)
"""Ratios of the sizes of consecutive batches, the first that there is time for"""
_LEAST_SECONDS = 4.0
"""What predicting the time of whole batches may take, even beyond the deadline: without it, no one
could be told how long a budget must be"""
_WARM_UP_STEPS = 4
_N_BURSTS = 3
_SHORTEST_BURST = 0.3  # seconds
_SHARE_OF_TIME_LEFT = 0.25
"""Share of the remaining planning time that one burst may take"""


@dataclass(frozen=True)
class Pace:
    """Seconds of a step and of testing one sample, and the share of a step spent waiting.

    memory_bytes: the peak memory of the process meanwhile, without mapped images.
    """

    step_seconds: float
    test_seconds: float
    waiting_share: float
    memory_bytes: int


def short_training(
    full: Dataset | EncodedDataset,
    test: Dataset,
    training: TrainingSettings,
    total: Duration,
    *,
    seed: int,
    device: str,
    subset: Dataset | None = None,
    split: float = 0.0,
    order: Order | None = None,
) -> RunRecord:
    """Train as every arm is trained, and keep only the record.

    order: of the passes over `full`. The weights of the end are scored, whatever the settings keep.
    """
    training = replace(training, keep="last")
    trial = Trial(
        name="probe",
        arm=FULL,
        comparison="steps",
        seed=seed,
        total=total,
        split=None if subset is None else split,
        subset=subset,
        n_samples=0 if subset is None else len(subset),
        fine_tuning_order=order,
    )
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = Path(scratch) / "probe.safetensors"
        _, record = train(
            trial, full, test, training,
            device=device, command="", checkpoint_path=checkpoint, show_progress=False,
        )  # fmt: skip
    return record


class Bursts:
    """Trains for some tenths of a second at a time, about `seconds` in all.

    Between bursts other things are measured, because a shared machine may be slow for a second or
    two, which would distort one longer training. A step on a few samples is always taken; larger
    batches and bursts are skipped if there is no time for them.
    """

    def __init__(
        self,
        full: Dataset | EncodedDataset,
        test: Dataset,
        training: TrainingSettings,
        seconds: float,
        *,
        mapped: Sequence[Dataset],
        device: str,
        deadline: Deadline,
        scratch: Path,
    ) -> None:
        self._mapped = mapped
        self._deadline = deadline
        self._seconds = max(seconds / _N_BURSTS, _SHORTEST_BURST)
        self._training = replace(training, evaluations=1)
        self._train = partial(short_training, full, seed=0, device=device)
        self._all_tested, self._scratch = test, scratch
        self._test = self._first_tested(min(_FEWEST, len(test)))
        self._first = self._first_pace()
        if self._fits(_WARM_UP_STEPS * self._first.step_seconds, self._first):
            self._first = self._pace_over(Duration(_WARM_UP_STEPS, "st"))
        self._paces: list[Pace] = []

    def train(self) -> None:
        """Train for one burst, if there is time."""
        if self._fits(max(self._seconds, self._first.step_seconds), self._first):
            self._paces.append(self._pace_over(Duration(self._seconds, "s")))

    def pace(self) -> Pace:
        """The pace of the median burst, with the least memory of all bursts."""
        if not self._paces:
            return self._first
        by_speed = sorted(self._paces, key=lambda pace: pace.step_seconds)
        memory = min(pace.memory_bytes for pace in self._paces)
        return replace(by_speed[len(by_speed) // 2], memory_bytes=memory)

    def _first_pace(self) -> Pace:
        """The pace of whole batches: measured, or predicted from smaller ones.

        Batches grow as long as there is time for the next.
        """
        whole = self._training.batch_size
        few = min(_FEWEST, whole)
        pace = self._pace_of_batch(few)  # with all that is loaded and reserved on first use
        known = {few: pace.step_seconds}
        time = self._deadline.or_at_least(_LEAST_SECONDS)

        def fitting(sizes: Sequence[int]) -> int | None:
            """The first size that there is time for."""
            for n in sizes:
                seconds = predicted_seconds(known, n)
                if seconds + self._n_tested_beside(n, pace) * pace.test_seconds <= time.left:
                    return n
            return None

        n = fitting([few])
        while n is not None:
            n_tested = self._n_tested_beside(n, pace)
            if n_tested > len(self._test):
                self._test = self._first_tested(n_tested)
            pace = self._pace_of_batch(n)
            known[n] = pace.step_seconds
            n = fitting([min(growth * n, whole) for growth in _GROWTHS]) if n < whole else None
        return replace(pace, step_seconds=predicted_seconds(known, whole))

    def _n_tested_beside(self, n: int, pace: Pace) -> int:
        """The number of samples to test on beside a batch of `n`."""
        n_in_time = int(self._seconds / max(pace.test_seconds, 1e-9))
        return max(len(self._test), min(n, n_in_time, _MOST_TESTED, len(self._all_tested)))

    def _pace_of_batch(self, n: int) -> Pace:
        """The pace of one step on `n` samples."""
        whole = self._training
        self._training = replace(whole, batch_size=n)
        try:
            return self._pace_over(Duration(1, "st"))
        finally:
            self._training = whole

    def _first_tested(self, n_rows: int) -> Dataset:
        return write_subset(np.arange(n_rows), self._all_tested, self._scratch / str(n_rows))

    def _fits(self, training_seconds: float, pace: Pace) -> bool:
        seconds = training_seconds + len(self._test) * pace.test_seconds
        return seconds <= _SHARE_OF_TIME_LEFT * self._deadline.left

    def _pace_over(self, length: Duration) -> Pace:
        forget_peak_memory()
        run = self._train(test=self._test, training=self._training, total=length)
        memory = peak_memory() - sum(map(held_of_mapped, (*self._mapped, self._test)))
        return Pace(
            run.training_seconds / run.steps,
            run.evaluation_seconds / (len(run.curve) * len(self._test)),
            run.data_wait_seconds / run.training_seconds,
            memory,
        )


def predicted_seconds(known: Mapping[int, float], n: int) -> float:
    """The seconds of a step on `n` samples, from those of steps on other numbers of samples.

    A step has costs that do not grow with its samples. So the line through the times of the two
    largest batches is continued; of one alone, the time grows in proportion, which is the most
    that it can be.
    """
    if n in known:
        return known[n]
    largest, *smaller = sorted(known, reverse=True)
    most = known[largest] * max(n / largest, 1.0)
    if not smaller or n < largest:
        return most
    slope = (known[largest] - known[smaller[0]]) / (largest - smaller[0])
    return min(known[largest] + max(slope, 0.0) * (n - largest), most)
