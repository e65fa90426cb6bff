"""Measures the cost of each part of the work on this machine by doing a little of it."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from thinset.data import Dataset, write_subset
from thinset.duration import Duration
from thinset.experiments.plan.deadline import Deadline, NoTimeToMeasureError
from thinset.experiments.plan.memory import forget_peak_memory, held_of_mapped, peak_memory
from thinset.experiments.plan.sampling import Sample, SampledData
from thinset.experiments.trial import Trial, train
from thinset.results import FULL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.data import EncodedDataset
    from thinset.experiments.prepare.data import Splits
    from thinset.experiments.settings import PlanSettings, TrainingSettings
    from thinset.results import RunRecord
    from thinset.training import Order

_MOST_TESTED = 1_000
_FEWEST = 8
"""Number of samples trained and tested on first, to predict the cost of whole batches"""
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


class _Bursts:
    """Trains for some tenths of a second at a time.

    Between bursts other things are measured, because a shared machine may be slow for a second or
    two, which would distort one longer training. A step on a few samples is always taken; whole
    steps and bursts are skipped if the deadline leaves no time for them.
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
        self._seconds = seconds
        self._training = training
        self._train = partial(short_training, full, seed=0, device=device)
        self._test = _first_rows(test, _FEWEST, scratch / "few")
        self._first = self._pace_of_few_samples()
        n_tested = int(seconds / max(self._first.test_seconds, 1e-9))
        if n_tested > _FEWEST:
            self._test = _first_rows(test, min(n_tested, _MOST_TESTED), scratch / "many")
        for n_steps in (1, _WARM_UP_STEPS):
            if self._fits(n_steps * self._first.step_seconds, self._first):
                self._first = self._pace_over(Duration(n_steps, "st"))
        self._paces: list[Pace] = []

    def _pace_of_few_samples(self) -> Pace:
        """The pace of whole batches as predicted from steps on a few samples; an upper bound.

        A step has costs that do not grow with its samples.
        """
        whole = self._training
        few = min(_FEWEST, whole.batch_size)
        self._training = replace(whole, batch_size=few, evaluations=1)
        pace = self._pace_over(Duration(1, "st"))
        if self._fits(2 * pace.step_seconds, pace):  # after warming up
            pace = self._pace_over(Duration(2, "st"))
        self._training = whole
        return replace(pace, step_seconds=pace.step_seconds * whole.batch_size / few)

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


def _first_rows(data: Dataset, n_rows: int, path: Path) -> Dataset:
    return write_subset(np.arange(min(n_rows, len(data))), data, path)


@dataclass(frozen=True)
class Measured:
    """Everything that was measured.

    pace: of training on everything; in_memory: on images that need no decoding. decoding_seconds:
    of one image; None if images are not encoded. embedding_seconds: of everything, by stage;
    None if there was no time to measure it. sample: None if there was no time to look at one.
    skipped: the reason, if something was not measured.
    """

    pace: Pace
    in_memory: Pace
    decoding_seconds: float | None
    embedding_seconds: dict[str, float] | None
    sample: Sample | None
    skipped: str = ""


class Bench(Protocol):
    """What is measured: a workbench, or a sample of a dataset.

    encoded: all training images as they are decoded in the loop; None if they are not.
    """

    @property
    def data(self) -> Splits: ...
    @property
    def device(self) -> str: ...
    @property
    def encoded(self) -> EncodedDataset | None: ...
    def embeddings(self) -> np.ndarray[Any, Any]:
        """The embeddings of the training data."""
        ...


def measure(
    bench: Bench,
    settings: PlanSettings,
    seconds: float,
    deadline: Deadline,
    n_total: int | None = None,
) -> Measured:
    """Train, embed and decode, about `seconds` each, and measure a sample of the data.

    Training is always measured by at least a step on a few samples. Other measurements that would
    miss the deadline are skipped. n_total: the size of the whole dataset, if the training data of
    `bench` are a random sample of it.
    """
    data, test, device = bench.data.train, bench.data.test, bench.device
    given = bench.embeddings() if settings.encoder.kind == "given" else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)

        def bursts_on(full: Dataset | EncodedDataset, name: str) -> _Bursts:
            return _Bursts(
                full,
                test,
                settings.training,
                max(seconds / _N_BURSTS, _SHORTEST_BURST),
                mapped=(data,),
                device=device,
                deadline=deadline,
                scratch=folder / name,
            )

        trainings = [bursts_on(data, "in memory")]
        if bench.encoded is not None:
            trainings.insert(0, bursts_on(bench.encoded, "encoded"))

        def train_in_a_burst() -> None:
            for training in trainings:
                training.train()

        train_in_a_burst()
        decoding = None if bench.encoded is None else _decoding_seconds(bench.encoded, seconds)
        sample = embedding_seconds = None
        skipped = ""
        try:
            sampled = SampledData(data, settings.encoder, given, folder, deadline, n_total=n_total)
            sample = sampled.look()
            train_in_a_burst()
            embedding_seconds = sampled.embedding_seconds(seconds, device=device)
        except NoTimeToMeasureError as error:
            skipped = str(error)
        train_in_a_burst()
        pace, in_memory = trainings[0].pace(), trainings[-1].pace()
        return Measured(pace, in_memory, decoding, embedding_seconds, sample, skipped)


def _decoding_seconds(encoded: EncodedDataset, seconds: float) -> float:
    """Seconds that decoding one image takes, writing included."""
    n_rows = 4
    while True:
        rows = np.random.default_rng(n_rows).integers(len(encoded), size=n_rows)
        start = time.monotonic()
        encoded.images.take(rows, axis=0)
        taken = time.monotonic() - start
        if taken >= seconds / 2:
            return taken / n_rows
        n_rows *= 2
