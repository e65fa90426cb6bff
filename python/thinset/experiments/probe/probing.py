"""Answers "should I select?" from a bounded sample of the data, within a bounded time."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thinset.experiments.classifier import require_model
from thinset.experiments.plan.deadline import Deadline, NoTimeToMeasureError
from thinset.experiments.plan.facts import facts_of, repeated_share
from thinset.experiments.plan.measuring import Measured, measure
from thinset.experiments.plan.rules import (
    SOME_REPEAT,
    few_labels,
    reason_to_balance,
    reason_to_deduplicate,
    reason_to_keep_in_memory,
)
from thinset.experiments.plan.sampling import Sample, SampledData
from thinset.experiments.probe.advice import Case, Costs, advise
from thinset.experiments.probe.sampled import SampledBench, Whole, open_whole
from thinset.experiments.probe.trainings import Trained, options_to_train, train_in_pairs
from thinset.experiments.run_folder import RunFolder
from thinset.experiments.settings import (
    EncoderSettings,
    PlanSettings,
    TrainingSettings,
    load_recipe,
    require_valid,
)
from thinset.files.decoding import encode
from thinset.results.probe import FILE, Probe
from thinset.selection import estimate
from thinset.training.precision import resolve_device

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.experiments.plan.rules import Sizes
    from thinset.experiments.probe.settings import ProbeSettings
    from thinset.experiments.where import Where

_USABLE = 0.85
"""The share of the time that is planned with; the rest is for starting and for surprises"""
_SAMPLING_SHARE = 0.15
_MEASURING_SHARE = 0.5
_MOST_CLASSES = 1_000
"""With more classes, a sample has too few of each to train on"""


def probe(where: Where, settings: ProbeSettings, note: Callable[[str], None]) -> Probe:
    """Measure a sample of the training data and advise; each folder is probed once.

    No test data are read. Stages that would not fit into `settings.time` are skipped, and named in
    the result. Opening the data is not bounded: sources that are neither a dataset folder nor
    encoded images are imported first. Raises ValueError or OSError for data or embeddings that
    cannot be used.
    """
    start = time.monotonic()
    deadline = Deadline(_USABLE * settings.time.seconds, "the probe")
    require_valid(settings)
    require_model(settings.model)
    resolve_device(where.device)
    folder = RunFolder(
        Path(where.out),
        {**where.identity, "probe": encode(settings)},
        notes={"command": where.command, "figure": "probe"},
    )
    note("opening the data")
    with folder.removed_if_refused():
        whole = open_whole(where, folder, encoded=settings.encoded, embeddings=settings.embeddings)
    folder.require_unchanged(f"the training data of {where.source}", whole.data.fingerprint)
    path = folder.path / FILE
    if not path.exists():
        with tempfile.TemporaryDirectory() as scratch:
            probing = _Probing(where, settings, whole, Path(scratch), deadline, note=note)
            result = probing.result()
        dataclasses.replace(result, seconds=time.monotonic() - start).save(path)
    return Probe.load(path)


class _Probing:
    """One probe: samples, measures, trains and advises; keeps what was skipped, and why."""

    def __init__(
        self,
        where: Where,
        settings: ProbeSettings,
        whole: Whole,
        scratch: Path,
        deadline: Deadline,
        *,
        note: Callable[[str], None],
    ) -> None:
        self._where, self._settings, self._whole = where, settings, whole
        self._scratch, self._deadline, self._note = scratch, deadline, note
        self._missing: dict[str, str] = {}
        labels = whole.labels
        self._sizes: Sizes | None = (
            None if labels is None else np.unique(labels, return_counts=True)[1]
        )
        if self._sizes is None:
            self._missing["classes"] = "the data have no labels"
        elif len(self._sizes) == 1:
            self._missing["classes"] = "all samples are of one class; nothing can be told apart"
        note("drawing a sample")
        self._bench = SampledBench(
            whole,
            scratch,
            _SAMPLING_SHARE * deadline.left,
            device=where.device,
            seed=settings.seed,
        )
        recipe = load_recipe("plan", "smoke", PlanSettings)
        encoder = EncoderSettings(kind="pca")
        if settings.embeddings is not None:
            encoder = EncoderSettings(kind="given", path=settings.embeddings)
        training: TrainingSettings = dataclasses.replace(recipe.training, model=settings.model)
        self._planned = PlanSettings(
            encoder=encoder, training=training.resolved_for(whole.data.image_shape)
        )

    def result(self) -> Probe:
        measured, sample, embedding = self._measured()
        n_total = len(self._whole.data)
        trained = self._trained(measured, sample)
        decoding = None if measured is None else measured.decoding_seconds
        facts = facts_of(
            n_total,
            self._whole.data.image_shape,
            self._sizes,
            sample=sample,
            pace=None if measured is None else measured.pace,
            decoding_seconds=decoding,
            not_measured={},
        )
        waits = None
        if measured is not None and self._settings.encoded:
            pace = measured.pace
            waits = reason_to_keep_in_memory(
                pace.waiting_share, pace.step_seconds, measured.in_memory.step_seconds
            )
        repeated = None if sample is None else sample.near_duplicates
        case = Case(
            source=self._where.source,
            n_samples=n_total,
            has_labels=self._sizes is not None,
            label_budget=self._settings.label_budget,
            embeddings=self._settings.embeddings,
            image_size=self._where.image_size,
            in_memory=waits,
            distinct=reason_to_deduplicate(n_total, repeated),
            repeated_share=None if sample is None else repeated_share(sample),
            balance=reason_to_balance(self._sizes),
            arms=() if trained is None else trained.arms,
            missing=tuple(self._missing),
            costs=self._costs(sample, embedding, decoding),
        )
        return Probe(
            source=self._where.source,
            facts=facts,
            label_budget=self._settings.label_budget,
            n_sampled=len(self._bench.rows),
            steps=0 if trained is None else trained.steps,
            n_held_out=0 if trained is None else trained.n_held_out,
            arms=() if trained is None else trained.arms,
            not_measured=self._missing,
            advice=advise(case),
            seconds=0.0,
        )

    def _measured(self) -> tuple[Measured | None, Sample | None, float | None]:
        """The costs of training, if there are labels, the sample, and the seconds of embedding."""
        deadline = Deadline(_MEASURING_SHARE * self._deadline.left, "this part of the probe")
        seconds = min(max(0.02 * self._settings.time.seconds, 0.2), 1.5)
        n_total = len(self._whole.data)
        can_train = self._sizes is not None and len(self._sizes) > 1
        self._note("measuring the sample")
        if can_train:
            measured = measure(self._bench, self._planned, seconds, deadline, n_total)
            sample, by_stage = measured.sample, measured.embedding_seconds
            skipped = measured.skipped
            if not self._settings.encoded:
                self._missing["waiting"] = "images are not decoded in the loop (see --encoded)"
        else:
            measured, sample, by_stage, skipped = None, *self._sampled(deadline, seconds)
            self._missing["waiting"] = "it needs labels of two classes, to train with"
        if sample is None:
            self._missing["repetition"] = skipped
        return measured, sample, None if by_stage is None else sum(by_stage.values())

    def _sampled(
        self, deadline: Deadline, seconds: float
    ) -> tuple[Sample | None, dict[str, float] | None, str]:
        bench = self._bench
        given = bench.embeddings() if self._settings.embeddings is not None else None
        try:
            sampled = SampledData(
                bench.data.train,
                self._planned.encoder,
                given,
                self._scratch / "looked at",
                deadline,
                n_total=len(self._whole.data),
            )
            sample = sampled.look()
            return sample, sampled.embedding_seconds(seconds, device=bench.device), ""
        except NoTimeToMeasureError as error:
            return None, None, str(error)

    def _trained(self, measured: Measured | None, sample: Sample | None) -> Trained | None:
        data, n_total = self._bench.data.train, len(self._whole.data)
        if measured is None or self._sizes is None:
            self._missing["short trainings"] = "they need labels of two classes"
            return None
        if self._settings.label_budget is not None:
            why = "they need labels, and the question is which to get"
            self._missing["short trainings"] = why
            return None
        if data.n_classes > _MOST_CLASSES:
            self._missing["short trainings"] = (
                f"they are for up to {_MOST_CLASSES:,} classes, got {data.n_classes:,}"
            )
            return None
        try:
            repeated = None if sample is None else sample.near_duplicates
            options = options_to_train(
                len(data),
                data.n_classes,
                balance=reason_to_balance(self._sizes) is not None,
                distinct=reason_to_deduplicate(n_total, repeated) is not None
                or (sample is not None and repeated_share(sample) >= SOME_REPEAT),
            )
            return train_in_pairs(
                self._bench,
                self._planned,
                options,
                measured,
                deadline=self._deadline,
                scratch=self._scratch,
                note=self._note,
            )
        except NoTimeToMeasureError as error:
            self._missing["short trainings"] = str(error)
            return None

    def _costs(
        self, sample: Sample | None, embedding: float | None, decoding: float | None
    ) -> Costs:
        data, n_labels = self._whole.data, self._settings.label_budget
        kmeans = None
        most = few_labels(embeddings_given=self._settings.embeddings is not None)
        if sample is not None and n_labels is not None and n_labels <= min(most, len(data)):
            kmeans = estimate((len(data), sample.n_columns), n_labels, "kmeans").seconds
        return Costs(
            embedding_seconds=embedding,
            deduplication_seconds=None if sample is None else sample.deduplication_seconds,
            decoding_seconds=None if decoding is None else decoding * len(data),
            decoded_bytes=len(data) * int(np.prod(data.image_shape)),
            kmeans_seconds=kmeans,
        )
