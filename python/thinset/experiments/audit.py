"""The audit of a small training set: every comparison of it, each made once, in one folder."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from thinset.data.matching_splits import require_matching_samples
from thinset.distillation.evaluation import choose_rate, scores_of
from thinset.distillation.replay import replay
from thinset.experiments.audit_sets import AuditSets
from thinset.experiments.cells import as_file_name
from thinset.experiments.prepare.data import prepare_data
from thinset.experiments.run_folder import RunFolder
from thinset.files.decoding import AboveZero, Seconds, decode, encode
from thinset.files.json import read_json, write_json_with_digest
from thinset.progress import ProgressBar
from thinset.results.audit import FILE, THE_SET, Audit, AuditRow, Labels, SeedScores, Way
from thinset.results.hardware import describe_hardware, describe_versions
from thinset.training.precision import resolve_device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from thinset.data import Dataset
    from thinset.distillation.network_scores import NetworkScores
    from thinset.experiments.audit_settings import AuditSettings
    from thinset.experiments.prepare.data import Splits
    from thinset.experiments.where import Where

SCORES_FOLDER = "scores"
"""The folder of the finished parts of an audit"""

_TUNED = 3
"""Networks that a learning rate is chosen with, if an audit trains as many"""

Kept = TypeVar("Kept", bound="_Part")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    seconds: Seconds


class RatePart(_Part, frozen=True, kw_only=True):
    """A learning rate that was chosen; see ChosenRate."""

    learning_rate: AboveZero
    tried: tuple[tuple[AboveZero, float], ...]
    is_edge: bool


class ScorePart(_Part, frozen=True, kw_only=True):
    """The test accuracies, 0..1, of the networks of one seed."""

    accuracies: tuple[float, ...]
    n_diverged: int


@dataclass(frozen=True)
class Job:
    """One row of the audit; see AuditRow."""

    network: str
    name: str
    labels: Labels
    is_augmented: bool
    way: Way = "training"

    @property
    def key(self) -> str:
        """A name that is safe in file names."""
        augmented = "augmented" if self.is_augmented else "plain"
        return as_file_name(f"{self.network}-{self.name}-{self.labels}-{augmented}-{self.way}")


def evaluate_set(
    small: Dataset | Callable[[Dataset, RunFolder], Dataset],
    where: Where,
    settings: AuditSettings,
    *,
    identity: dict[str, Any] | None = None,
    data: Splits | None = None,
    others: Iterable[Path] = (),
) -> Audit:
    """Compare the training set `small` with simple sets of real images, trained alike.

    `where.source`: the real data. `small`: a dataset, or a function of the training data and the
    folder that makes one; then `identity` is what decides what it makes, as plain JSON. `data`: the
    splits of the source, if they are prepared already. `others`: folders of finished audits with
    the same data and settings, whose results for equally large sets of real images are taken.

    Each set is trained on with hard labels and, if `small` has any, with soft ones; without
    augmentation and with it; on every network; for the same number of steps, with a learning rate
    chosen by the same rule on the same validation data: the validation split of the real data or,
    without one, a part of the training data. Only with a split can `small` be learned from other
    images than those its rate is chosen on. Sets of real images then get soft labels, too: the
    predictions of a network trained on real data. A set with stored steps is replayed as well. Each
    trained network is scored on test data once, after all learning rates are chosen, and nothing is
    chosen by that.

    Every result is stored in the folder `where.out` when it is known; the same call resumes. Writes
    audit.json there. Raises ValueError for sets and settings that do not fit the data.
    """
    resolve_device(where.device)
    if not callable(small):
        identity = {"set": str(small.path)}
    folder = RunFolder(
        Path(where.out),
        {**where.identity, **(identity or {}), "settings": encode(settings)},
        notes={"command": where.command},
    )
    with folder.removed_if_refused():
        if data is None:
            data = prepare_data(
                where.source,
                folder,
                hold_out_share=settings.hold_out,
                image_size=where.image_size,
                # A folder of an earlier version goes on with the data that it has chosen by.
                uses_validation=not folder.parts.exists(),
                show_progress=where.show_progress,
            )
        dataset = small(data.train, folder) if callable(small) else small
        require_matching_samples(data.train, dataset)
    shown = {"set": dataset, "training data": data.train, "test data": data.test}
    if data.validation is not None:
        shown["validation data"] = data.validation
    for name, part in shown.items():
        folder.require_unchanged(f"the {name}", part.fingerprint)
    settings = dataclasses.replace(
        settings, training=settings.training.resolved_for(data.train.image_shape, len(dataset))
    )
    with folder.removed_if_refused():
        evaluation = _Evaluation(AuditSets(dataset, data, folder, where, settings), others)
    return evaluation.run()


class _Evaluation:
    """The jobs of one audit."""

    def __init__(self, sets: AuditSets, others: Iterable[Path]) -> None:
        self._sets = sets
        audits = ((path / SCORES_FOLDER, Audit.load(path / FILE)) for path in others)
        # The length of trainings may be in epochs of the audited set.
        self._others = [found for found in audits if found[1].n_images == len(sets.dataset)]
        self._where, self._settings = sets.where, sets.settings
        self._folder = sets.folder
        self._seconds = 0.0
        # Before any training: it refuses a set that cannot be replayed.
        self._all_jobs = list(self._jobs())

    def run(self) -> Audit:
        """Do what is missing, and write the result."""
        jobs = self._all_jobs
        trained = [job for job in jobs if job.way == "training"]
        n_parts = len(trained) + len(jobs) * len(self._settings.seeds)
        rates: dict[Job, RatePart] = {}
        rows = []
        with ProgressBar(
            "evaluating", n_parts, unit="parts", enabled=self._where.show_progress
        ) as progress:
            # All choices come before the first look at test data.
            for job in trained:
                rates[job] = self._rate(job)
                progress.update(rate=rates[job].learning_rate)
            for job in jobs:
                scores = []
                for seed in self._settings.seeds:
                    scores.append(self._scores(job, seed, rates.get(job)))
                    progress.update(test=100 * scores[-1].accuracies[0])
                rows.append(self._row(job, rates.get(job), scores))
        path = self._folder.path / FILE
        self._audit(tuple(rows)).save(path)
        return Audit.load(path)

    def _jobs(self) -> Iterator[Job]:
        sets = self._sets
        for network in self._settings.networks:
            for name in sets.names:
                for labels in sets.labels_of(name):
                    yield Job(network, name, labels, is_augmented=False)
                    yield Job(network, name, labels, is_augmented=True)
                for way in sets.replays_on(network) if name == THE_SET else ():
                    yield Job(network, name, sets.own_labels, is_augmented=False, way=way)

    def _rate(self, job: Job) -> RatePart:
        seed = self._settings.seeds[0]

        def choose() -> dict[str, Any]:
            found = choose_rate(
                self._sets.small(job.name, job.labels, seed),
                self._sets.kinds[job.network],
                self._settings.training,
                is_augmented=job.is_augmented,
                validation_data=self._sets.validation,
                seed=seed,
                n_networks=min(self._settings.n_networks, _TUNED),
                device=self._where.device,
            )
            return dataclasses.asdict(found)

        return self._kept(job, "rate", RatePart, choose)

    def _scores(self, job: Job, seed: int, rate: RatePart | None) -> ScorePart:
        def score() -> dict[str, Any]:
            found = self._trained(job, seed, rate)
            return {"accuracies": found.accuracies, "n_diverged": found.n_diverged}

        return self._kept(job, f"seed{seed}", ScorePart, score)

    def _trained(self, job: Job, seed: int, rate: RatePart | None) -> NetworkScores:
        kind, device = self._sets.kinds[job.network], self._where.device
        if rate is None:
            return replay(
                self._sets.dataset,
                kind,
                n_networks=self._settings.n_networks,
                seed=seed,
                test_data=self._sets.test,
                new_weights=job.way == "replay from new weights",
                device=device,
            )
        return scores_of(
            self._sets.small(job.name, job.labels, seed),
            kind,
            self._settings.training,
            learning_rate=rate.learning_rate,
            is_augmented=job.is_augmented,
            n_networks=self._settings.n_networks,
            scored_on=self._sets.test,
            seed=seed,
            device=device,
        )

    def _row(self, job: Job, rate: RatePart | None, scores: list[ScorePart]) -> AuditRow:
        n_images, n_bytes = self._sets.size_of(job.name, job.labels, replays=rate is None)
        return AuditRow(
            network=job.network,
            name=job.name,
            labels=job.labels,
            is_augmented=job.is_augmented,
            way=job.way,
            n_images=n_images,
            n_bytes=n_bytes,
            learning_rate=None if rate is None else rate.learning_rate,
            is_edge=rate is not None and rate.is_edge,
            is_one_network=job.way == "replay" and self._sets.replays_one_network,
            scores=tuple(
                SeedScores(seed, tuple(100 * value for value in part.accuracies), part.n_diverged)
                for seed, part in zip(self._settings.seeds, scores, strict=True)
            ),
        )

    def _audit(self, rows: tuple[AuditRow, ...]) -> Audit:
        sets = self._sets
        return Audit(
            set_name=sets.dataset.name,
            n_images=len(sets.dataset),
            n_bytes=sets.n_bytes,
            n_classes=sets.n_classes,
            data_name=sets.whole.name,
            n_train=len(sets.train),
            n_validation=len(sets.validation),
            n_test=len(sets.test),
            rows=rows,
            teacher=sets.teacher_facts,
            notes=tuple(sets.notes),
            seconds=self._seconds + sum(self._folder.stage_seconds.values()),
            settings=encode(self._settings),
            hardware=describe_hardware(),
            versions=describe_versions(),
            command=self._where.command,
        )

    def _kept(
        self, job: Job, what: str, kind: type[Kept], make: Callable[[], dict[str, Any]]
    ) -> Kept:
        """The stored part `what` of a job, made and stored if there is none."""
        name = f"{job.key}-{what}.json"
        path = self._folder.path / SCORES_FOLDER / name
        if not path.exists():
            start = time.monotonic()
            other = self._other(job, name)
            content = make() if other is None else encode(decode(other, kind, name))
            path.parent.mkdir(exist_ok=True)
            seconds = time.monotonic() - start
            write_json_with_digest(path, {**content, "seconds": seconds})
        part = decode(read_json(path), kind, str(path))
        self._seconds += part.seconds
        return part

    def _other(self, job: Job, name: str) -> Any:
        """The content of the part in another audit, if the set is the same there; else None."""
        if job.name == THE_SET:
            return None
        n_images, _ = self._sets.size_of(job.name, job.labels, replays=False)
        same = (job.network, job.name, job.labels, job.is_augmented, job.way, n_images)
        for folder, audit in self._others:
            for row in audit.rows:
                found = (row.network, row.name, row.labels, row.is_augmented, row.way, row.n_images)
                if found == same and (folder / name).exists():
                    return read_json(folder / name)
        return None
