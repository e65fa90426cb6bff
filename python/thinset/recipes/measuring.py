"""What the parts of the work take on this machine, measured by doing a little of each."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data import Dataset, write_subset
from thinset.embeddings import encode, pca, train_autoencoder
from thinset.recipes.memory import forget_peak_memory, held_of_mapped, peak_memory
from thinset.recipes.preparation import NEAR_DUPLICATES, typical_distance
from thinset.recipes.trial import Trial, train
from thinset.selection import deduplicate, select
from thinset.training import Duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.data import EncodedDataset
    from thinset.recipes.schema import EncoderSettings, PlanSettings, TrainingSettings
    from thinset.recipes.workbench import Workbench
    from thinset.report import RunRecord

_N_SAMPLED = 6_000
_N_TESTED = 1_000
_PAIRED_ROWS = 1_000
_WARM_UP = "4st"
_N_BURSTS = 3
_SHORTEST_BURST = 0.3  # seconds


@dataclass(frozen=True)
class Pace:
    """Seconds of a step and of testing one sample, and the share of a step spent waiting.

    memory_bytes: the most that the process held meanwhile, images that are mapped left out.
    """

    step_seconds: float
    test_seconds: float
    waiting_share: float
    memory_bytes: int


def short_training(
    full: Dataset | EncodedDataset,
    test: Dataset,
    training: TrainingSettings,
    total: str,
    *,
    seed: int,
    device: str,
    subset: Dataset | None = None,
    split: float = 0.0,
) -> RunRecord:
    """Train as every arm is trained, and leave nothing but the record."""
    trial = Trial(
        name="probe",
        arm="full",
        comparison="steps",
        method="probe",
        seed=seed,
        total=total,
        split=split,
        subset=subset,
        n_subset=len(full if subset is None else subset),
        preparation_seconds={},
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

    Between bursts other things are measured: a machine that others use may be slow for a second or
    two, which one longer training would take for the pace of all.
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
    ) -> None:
        self._test = test
        self._mapped = mapped
        self._train = partial(short_training, full, test, training, seed=0, device=device)
        self._length = f"{seconds}s"
        self._paces: list[Pace] = []
        self._train(_WARM_UP)

    def train(self) -> None:
        """Train for one burst."""
        forget_peak_memory()
        run = self._train(self._length)
        memory = peak_memory() - sum(map(held_of_mapped, self._mapped))
        self._paces.append(
            Pace(
                run.training_seconds / run.steps,
                run.evaluation_seconds / (len(run.curve) * len(self._test)),
                run.data_wait_seconds / run.training_seconds,
                memory,
            )
        )

    def pace(self) -> Pace:
        """That of the burst in the middle, and the memory of the one with least beside it."""
        by_speed = sorted(self._paces, key=lambda pace: pace.step_seconds)
        memory = min(pace.memory_bytes for pace in self._paces)
        return replace(by_speed[len(by_speed) // 2], memory_bytes=memory)


@dataclass(frozen=True)
class Sample:
    """What a random sample of the dataset tells of the whole.

    near_duplicates: how probably two samples drawn at random are near-duplicates. distinct_share:
    how many of all samples deduplication will leave; rather too many than too few.
    deduplication_seconds: of everything. choosing_seconds: of random rows, inside classes.
    writing_seconds: of one sample. n_rows: how many samples were looked at. n_columns: of the
    embeddings.
    """

    near_duplicates: float
    distinct_share: float
    deduplication_seconds: float
    choosing_seconds: float
    writing_seconds: float
    n_rows: int
    n_columns: int


@dataclass(frozen=True)
class Measured:
    """Everything that was measured.

    pace: of training on everything; in_memory: on images that need no decoding. decoding_seconds:
    of one image; None where images are not encoded. embedding_seconds: of everything, by stage.
    """

    pace: Pace
    in_memory: Pace
    decoding_seconds: float | None
    embedding_seconds: dict[str, float]
    sample: Sample


def measure(bench: Workbench, settings: PlanSettings, seconds: float) -> Measured:
    """Train, embed and decode, about `seconds` each, and look at a sample of the data."""
    data, device = bench.data.train, bench.device
    given = bench.embeddings() if settings.encoder.kind == "given" else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tested = np.arange(min(_N_TESTED, len(bench.data.test)))
        test = write_subset(tested, bench.data.test, folder / "test")

        def bursts_on(full: Dataset | EncodedDataset) -> _Bursts:
            burst_seconds = max(seconds / _N_BURSTS, _SHORTEST_BURST)
            mapped = (data, test)
            return _Bursts(
                full, test, settings.training, burst_seconds, mapped=mapped, device=device
            )

        trainings = [bursts_on(data)]
        if bench.encoded is not None:
            trainings.insert(0, bursts_on(bench.encoded))

        def train_in_a_burst() -> None:
            for training in trainings:
                training.train()

        train_in_a_burst()
        decoding = None if bench.encoded is None else _decoding_seconds(bench.encoded, seconds)
        sampled = _Sampled(data, settings.encoder, given, folder)
        train_in_a_burst()
        embedding_seconds = sampled.embedding_seconds(seconds, device=device)
        sample = sampled.look()
        train_in_a_burst()
        pace, in_memory = trainings[0].pace(), trainings[-1].pace()
        return Measured(pace, in_memory, decoding, embedding_seconds, sample)


class _Sampled:
    """A random sample of a dataset, and a third of it, written and embedded."""

    def __init__(
        self,
        data: Dataset,
        encoder: EncoderSettings,
        given: np.ndarray[Any, Any] | None,
        scratch: Path,
    ) -> None:
        self._n_total = len(data)
        self._encoder = encoder
        self._is_given = given is not None
        self._scratch = scratch
        n_rows = min(_N_SAMPLED, len(data))
        rows = np.sort(np.random.default_rng(0).choice(len(data), n_rows, replace=False))
        start = time.monotonic()
        self._sample = write_subset(rows, data, scratch / "sample")
        self._writing_seconds = (time.monotonic() - start) / n_rows
        self._third = write_subset(rows[::3], data, scratch / "third")
        if given is None:
            self._embeddings, self._pca_seconds = self._components(self._sample, "components")
        else:
            self._embeddings, self._pca_seconds = np.asarray(given[rows], np.float32), 0.0

    def _components(self, data: Dataset, name: str) -> tuple[np.ndarray[Any, Any], float]:
        n_values = int(np.prod(data.image_shape))
        n_components = min(self._encoder.n_components, len(self._third), n_values)
        start = time.monotonic()
        return pca(data, n_components, self._scratch / name), time.monotonic() - start

    def embedding_seconds(self, seconds: float, *, device: str) -> dict[str, float]:
        """Of everything, by stage, with the names that the work itself uses."""
        if self._is_given:
            return {}
        if self._encoder.kind == "autoencoder":
            return self._autoencoder_seconds(seconds, device=device)
        _, third = self._components(self._third, "components-of-third")
        per_row = max(self._pca_seconds - third, 0.0) / (len(self._sample) - len(self._third))
        n_more = self._n_total - len(self._sample)
        return {"principal components": self._pca_seconds + per_row * n_more}

    def look(self) -> Sample:
        """What the sample tells of the whole."""
        distance = NEAR_DUPLICATES * typical_distance(self._embeddings)
        seconds, counts = [], []
        for matrix in (self._embeddings[::3], self._embeddings):
            start = time.monotonic()
            counts.append(len(deduplicate(matrix, distance)))
            seconds.append(time.monotonic() - start)
        # As both grew from a third of the sample to all of it, they will grow to everything.
        n_rows, n_columns = self._embeddings.shape
        more = np.log(self._n_total / n_rows) / np.log(3)
        n_distinct = counts[1] * (counts[1] / counts[0]) ** more
        slowdown = min(max(seconds[1] / seconds[0], 1.0), 9.0)
        labels = self._sample.labels
        start = time.monotonic()
        select(
            self._embeddings, 0.1, "random", labels=labels,
            per_class=None if labels is None else "balanced",
        )  # fmt: skip
        choosing = (time.monotonic() - start) * self._n_total / n_rows
        return Sample(
            near_duplicates=_share_of_close_pairs(self._embeddings, distance),
            distinct_share=min(float(n_distinct) / self._n_total, 1.0),
            deduplication_seconds=float(seconds[1] * slowdown**more),
            choosing_seconds=choosing,
            writing_seconds=self._writing_seconds,
            n_rows=n_rows,
            n_columns=n_columns,
        )

    def _autoencoder_seconds(self, seconds: float, *, device: str) -> dict[str, float]:
        settings = self._encoder
        assert not isinstance(settings.crop, str)
        for length in (_WARM_UP, f"{seconds}s"):
            trained = train_autoencoder(
                self._third,
                length=length,
                crop=settings.crop,
                widths=settings.widths,
                batch_size=settings.batch_size,
                learning_rate=settings.learning_rate,
                device=device,
                evaluations=1,
            )
        start = time.monotonic()
        encode(trained.model, self._third, self._scratch / "encoded", device=device)
        encoding = (time.monotonic() - start) / len(self._third)
        length_of_all = Duration.parse(settings.length)
        training = (
            length_of_all.seconds
            if length_of_all.is_time
            else (
                length_of_all.n_steps(self._n_total, settings.batch_size)
                * trained.history.training_seconds
                / trained.history.steps
            )
        )
        return {"encoder training": training, "encoding": encoding * self._n_total}


def _share_of_close_pairs(embeddings: np.ndarray[Any, Any], distance: float) -> float:
    """How many of all pairs of rows are at most `distance` apart."""
    n_rows = len(embeddings)
    squares = (embeddings**2).sum(axis=1)
    n_close = -n_rows  # every row is close to itself
    for start in range(0, n_rows, _PAIRED_ROWS):
        part = slice(start, start + _PAIRED_ROWS)
        apart = squares[part, None] + squares - 2 * embeddings[part] @ embeddings.T
        n_close += int(np.count_nonzero(apart <= distance**2))
    return max(n_close, 0) / (n_rows * (n_rows - 1))


def _decoding_seconds(encoded: EncodedDataset, seconds: float) -> float:
    """Seconds that decoding one image takes, all that writing it takes included."""
    n_rows = 64
    while True:
        rows = np.random.default_rng(n_rows).integers(len(encoded), size=n_rows)
        start = time.monotonic()
        encoded.images.take(rows, axis=0)
        taken = time.monotonic() - start
        if taken >= seconds / 2:
            return taken / n_rows
        n_rows *= 2
