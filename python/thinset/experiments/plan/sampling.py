"""Predicts repetition, and the cost of embedding a dataset, from a random sample of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data import Dataset, write_subset
from thinset.embeddings import encode, pca, train_autoencoder
from thinset.experiments.prepare.embeddings import encoding_options, named_encoder
from thinset.experiments.prepare.subsets import NEAR_DUPLICATES, typical_distance
from thinset.selection import deduplicate, select

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thinset.experiments.plan.deadline import Deadline
    from thinset.experiments.settings import EncoderSettings

_MOST_ROWS = 6_000
_FIRST_ROWS = 600
"""Number of samples measured first, to predict the cost of more"""
_SHARE_OF_TIME_LEFT = 0.4
"""Share of the remaining planning time that the sample may take"""
_FEWEST_ENCODED = 32
_PAIRED_ROWS = 1_000
_ONE_SIDED_95 = 1.645
"""A normal number is more standard errors than this above its mean with a probability of 5 %"""


@dataclass(frozen=True)
class Sample:
    """Predictions for the whole dataset from a random sample.

    near_duplicates: the probability that two random samples are near-duplicates, at least (with
    95 % confidence). distinct_share: the share of samples that deduplication will keep; rather too
    large than too small. deduplication_seconds: of everything. choosing_seconds: of random rows,
    within classes. writing_seconds: of one sample. n_rows: the number of samples measured.
    n_columns: of the embeddings. n_distinct: the number of groups of near-duplicates among the
    samples measured.
    """

    near_duplicates: float
    distinct_share: float
    deduplication_seconds: float
    choosing_seconds: float
    writing_seconds: float
    n_rows: int
    n_columns: int
    n_distinct: int = 0


class SampledData:
    """A random sample of a dataset, and a third of it, written and embedded.

    As many samples as the deadline allows. `given`: the embeddings, if they need not be computed.
    `n_total`: the size of the whole dataset, if `data` is a random sample of it already.
    Raises NoTimeToMeasureError if there is no time even for a few.
    """

    def __init__(
        self,
        data: Dataset,
        encoder: EncoderSettings,
        given: np.ndarray[Any, Any] | None,
        scratch: Path,
        deadline: Deadline,
        *,
        n_total: int | None = None,
    ) -> None:
        self._data = data
        self._n_total = len(data) if n_total is None else n_total
        self._encoder = encoder
        self._given = given
        self._deadline = deadline
        start = time.monotonic()
        self._take(min(_FIRST_ROWS, len(data)), scratch / "first")
        seconds_of_row = (time.monotonic() - start) / len(self._sample)
        allowed = _SHARE_OF_TIME_LEFT * deadline.left
        n_rows = min(_MOST_ROWS, len(data), int(allowed / max(seconds_of_row, 1e-9)))
        if n_rows > len(self._sample):
            self._take(n_rows, scratch / "more")

    def _take(self, n_rows: int, scratch: Path) -> None:
        rows = np.random.default_rng(0).choice(len(self._data), n_rows, replace=False)
        rows.sort()
        start = time.monotonic()
        sample = write_subset(rows, self._data, scratch / "sample")
        writing_seconds = (time.monotonic() - start) / n_rows
        third = write_subset(rows[::3], self._data, scratch / "third")
        pca_seconds = [0.0, 0.0]
        embeddings: np.ndarray[Any, Any]
        if self._given is None:
            n_values = int(np.prod(sample.image_shape))
            n_components = min(self._encoder.n_components, len(third), n_values)
            for number, data in enumerate((third, sample)):
                start = time.monotonic()
                embeddings = pca(
                    data,
                    n_components,
                    scratch / f"components {number}",
                    before_piece=self._deadline.check,
                )
                pca_seconds[number] = time.monotonic() - start
        else:
            embeddings = np.asarray(self._given[rows], np.float32)
        self._scratch, self._sample, self._third = scratch, sample, third
        self._embeddings = embeddings
        self._writing_seconds, self._pca_seconds = writing_seconds, pca_seconds

    def embedding_seconds(self, seconds: float, *, device: str) -> dict[str, float]:
        """Seconds of embedding everything, by stage, with the stage names of a run.

        Trains an autoencoder for about `seconds`; NoTimeToMeasureError if that takes too long.
        """
        if self._given is not None:
            return {}
        if self._encoder.kind == "autoencoder":
            return self._autoencoder_seconds(seconds, device=device)
        if self._encoder.kind == "module":
            return self._module_seconds(seconds, device=device)
        of_third, of_sample = self._pca_seconds
        n_more_rows = len(self._sample) - len(self._third)
        per_row = max(of_sample - of_third, 0.0) / max(n_more_rows, 1)
        n_more = self._n_total - len(self._sample)
        return {"principal components": of_sample + per_row * n_more}

    def look(self) -> Sample:
        """Measure the sample, and predict the same of the whole dataset."""
        distance = NEAR_DUPLICATES * typical_distance(self._embeddings)
        seconds, counts = [], []
        for matrix in (self._embeddings[::3], self._embeddings):
            start = time.monotonic()
            counts.append(len(deduplicate(matrix, distance)))
            seconds.append(time.monotonic() - start)
        # Extrapolate the growth from a third of the sample to all of it.
        n_rows, n_columns = self._embeddings.shape
        n_total = self._n_total
        more = np.log(n_total / n_rows) / np.log(3)
        n_distinct = counts[1] * (counts[1] / counts[0]) ** more
        slowdown = min(max(seconds[1] / seconds[0], 1.0), 9.0)
        labels = self._sample.labels
        start = time.monotonic()
        select(
            self._embeddings, 0.1, "random", labels=labels,
            per_class=None if labels is None else "balanced",
        )  # fmt: skip
        choosing = (time.monotonic() - start) * n_total / n_rows
        return Sample(
            near_duplicates=least_share_of_close_pairs(self._embeddings, distance),
            distinct_share=min(round(float(n_distinct)), n_total) / n_total,
            deduplication_seconds=float(seconds[1] * slowdown**more),
            choosing_seconds=choosing,
            writing_seconds=self._writing_seconds,
            n_rows=n_rows,
            n_columns=n_columns,
            n_distinct=counts[1],
        )

    def _autoencoder_seconds(self, seconds: float, *, device: str) -> dict[str, float]:
        settings, deadline = self._encoder, self._deadline
        assert not isinstance(settings.crop, str)
        deadline.check()
        step_seconds = 0.0
        for length in self._lengths(seconds):
            deadline.require(4 * step_seconds, "training the autoencoder for four steps")
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
            step_seconds = trained.history.training_seconds / trained.history.steps
        # Encoding a sample takes less than training on it.
        n_in_time = int(settings.batch_size * deadline.left / 2 / step_seconds)
        n_encoded = min(max(n_in_time, _FEWEST_ENCODED), len(self._third))
        encoded = write_subset(np.arange(n_encoded), self._third, self._scratch / "to encode")
        start = time.monotonic()
        encode(trained.model, encoded, self._scratch / "encoded", device=device)
        encoding = (time.monotonic() - start) / n_encoded
        whole = settings.length
        n_steps = 0 if whole.is_time else whole.n_steps(self._n_total, settings.batch_size)
        training = whole.seconds if whole.is_time else n_steps * step_seconds
        return {"encoder training": training, "encoding": encoding * self._n_total}

    def _module_seconds(self, seconds: float, *, device: str) -> dict[str, float]:
        """Encode twice as many samples each time, until that takes about `seconds`."""
        encoder, options = named_encoder(self._encoder), encoding_options(self._encoder)
        n_rows, taken = min(_FEWEST_ENCODED, len(self._sample)), 0.0
        while True:
            self._deadline.require(2 * taken, "encoding a few samples")
            some = write_subset(np.arange(n_rows), self._sample, self._scratch / f"some {n_rows}")
            start = time.monotonic()
            encode(
                encoder.module,
                some,
                self._scratch / f"encoded {n_rows}",
                transform=encoder.transform,
                **options,
                batch_size=self._encoder.batch_size,
                device=device,
            )
            taken = time.monotonic() - start
            if taken >= seconds or 2 * n_rows > len(self._sample):
                return {"encoding": taken / n_rows * self._n_total}
            n_rows *= 2

    def _lengths(self, seconds: float) -> Iterator[str]:
        """One step to check the time, some to warm up, and those that are measured."""
        yield "1st"
        yield "4st"
        yield f"{min(seconds, max(self._deadline.left / 4, 0.01)):.3g}s"


def least_share_of_close_pairs(embeddings: np.ndarray[Any, Any], distance: float) -> float:
    """The share of pairs at most `distance` apart in what the rows were drawn from, at least.

    With 95 % confidence: a share of pairs is nearly normal, with four times the variance of the
    mean share of a row (Hoeffding, "A class of statistics with asymptotically normal distribution",
    1948). Two rows or more.
    """
    n_rows = len(embeddings)
    squares = (embeddings**2).sum(axis=1)
    n_close = np.full(n_rows, -1)  # every row is close to itself
    for start in range(0, n_rows, _PAIRED_ROWS):
        part = slice(start, start + _PAIRED_ROWS)
        apart = squares[part, None] + squares - 2 * embeddings[part] @ embeddings.T
        n_close[part] += np.count_nonzero(apart <= distance**2, axis=1)
    shares = np.maximum(n_close, 0) / (n_rows - 1)
    error = 2 * shares.std(ddof=1) / math.sqrt(n_rows)
    return max(float(shares.mean() - _ONE_SIDED_95 * error), 0.0)
