"""Measures the cost of each part of the work on this machine by doing a little of it."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from thinset.experiments.plan.deadline import NoTimeToMeasureError
from thinset.experiments.plan.pace import Bursts, Pace
from thinset.experiments.plan.sampling import Sample, SampledData

if TYPE_CHECKING:
    from thinset.data import Dataset, EncodedDataset
    from thinset.experiments.plan.deadline import Deadline
    from thinset.experiments.prepare.data import Splits
    from thinset.experiments.settings import PlanSettings


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

        def bursts_on(full: Dataset | EncodedDataset, name: str) -> Bursts:
            return Bursts(
                full,
                test,
                settings.training,
                seconds,
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
