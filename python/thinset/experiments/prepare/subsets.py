"""Selects, deduplicates, opens or adds the samples that an experiment trains on, each once."""

from __future__ import annotations

import hashlib
import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thinset.data import (
    Dataset,
    EncodedDataset,
    join_datasets,
    open_dataset,
    write_subset,
)
from thinset.data.matching_splits import require_matching_samples
from thinset.selection import Selection, deduplicate, select
from thinset.selection.arguments import as_count

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from thinset.experiments.run_folder import RunFolder
    from thinset.results.arm import Arm
    from thinset.results.selection_rule import SelectionRule
    from thinset.training import SampleWeights

NEAR_DUPLICATES = 0.2
"""The distance below which samples count as near-duplicates, as a share of the typical one"""


class Subset(NamedTuple):
    """The data of a fast phase, and the seconds that making it took, by stage.

    selection: the rows; None if the samples do not come from the training data.
    """

    selection: Selection | None
    data: Dataset
    seconds: dict[str, float]


class Made(NamedTuple):
    """A dataset made of the training data, and the seconds that it took, by stage."""

    data: Dataset
    seconds: dict[str, float]


def prepare_subset(
    name: str,
    data: Dataset,
    embeddings: np.ndarray[Any, Any] | None,
    folder: RunFolder,
    *,
    rule: SelectionRule,
    size: float,
    seed: int,
    encoded: EncodedDataset | None = None,
) -> Subset:
    """Select rows and write them as the dataset folder subsets/`name`, once.

    Without `embeddings` the method must not need them. With `encoded` the samples are decoded from
    it instead of copied from `data`.
    """
    selection_path, subset_path = folder.selection(name), folder.subset(name)
    stages = {stage: f"{stage} ({name})" for stage in ("selection", "writing the subset")}
    if not folder.is_made(selection_path, stages["selection"]):
        with folder.making(selection_path, stages["selection"]) as partial:
            select_rows(embeddings, data, rule, size, seed=seed).save(partial)
    selection = Selection.load(selection_path)
    if not folder.is_made(subset_path, stages["writing the subset"]):
        with folder.making(subset_path, stages["writing the subset"]) as partial:
            if encoded is None:
                write_subset(selection, data, partial)
            else:
                encoded.write_rows(selection.indices, partial)
    seconds = folder.stage_seconds
    return Subset(
        selection,
        open_dataset(subset_path),
        {stage: seconds[key] for stage, key in stages.items()},
    )


def prepare_given_subset(name: str, data: Dataset, folder: RunFolder, path: Path) -> Subset:
    """Write the samples of a saved selection as the dataset folder subsets/`name`, once."""
    selection = Selection.load(path)
    digest = hashlib.sha256(selection.indices.tobytes()).hexdigest()
    folder.require_unchanged(f"file:{path}", digest)
    subset_path = folder.subset(name)
    stage = f"writing the subset ({name})"
    if not folder.is_made(subset_path, stage):
        with folder.making(subset_path, stage) as partial:
            write_subset(selection, data, partial)
    seconds = folder.stage_seconds[stage]
    return Subset(selection, open_dataset(subset_path), {"writing the subset": seconds})


def require_readable(arms: Iterable[Arm]) -> None:
    """Open the files and folders that arms name; OSError or ValueError if one cannot be used."""
    for arm in arms:
        if arm.file is not None:
            Selection.load(arm.file)
        elif arm.path is not None:
            open_dataset(arm.path)


def require_given(arms: Iterable[Arm], data: Dataset) -> None:
    """Raise ValueError unless the files and folders that arms name fit the training data `data`.

    In a grid of many trainings, a mistake shows before the first.
    """
    for arm in arms:
        if arm.file is not None:
            n_total = Selection.load(arm.file).n_total
            if n_total != len(data):
                raise ValueError(
                    f"the selection {arm.file} was made from {n_total} samples, but the training "
                    f"data are {len(data)}"
                )
        elif arm.path is not None:
            require_matching_samples(data, open_dataset(arm.path))


def prepare_given_data(data: Dataset, path: Path, folder: RunFolder) -> Subset:
    """Open the dataset folder `path` to train on; making it is not part of the experiment.

    Raises ValueError if its images or classes do not match those of `data`.
    """
    given = open_dataset(path)
    require_matching_samples(data, given)
    folder.require_unchanged(f"data:{path}", given.fingerprint)
    return Subset(None, given, {})


def prepare_added(data: Dataset, path: Path, folder: RunFolder) -> Made:
    """Write the samples of `data` and of the dataset folder `path` as one folder, once.

    Raises ValueError if the images or classes of the two do not match.
    """
    added = open_dataset(path)
    require_matching_samples(data, added)
    folder.require_unchanged(f"full+data:{path}", added.fingerprint)
    if added.schedule is not None:
        from thinset.training.phases import StepSizesUnusedWarning

        warnings.warn(StepSizesUnusedWarning.about(added), stacklevel=1)
    stage = f"adding samples ({added.fingerprint[:12]})"
    out = folder.subset(f"full-and-{added.fingerprint[:12]}")
    if not folder.is_made(out, stage):
        with folder.making(out, stage) as partial:
            join_datasets((data, added), partial)
    return Made(open_dataset(out), {"adding samples": folder.stage_seconds[stage]})


def prepare_distinct(
    data: Dataset, embeddings: np.ndarray[Any, Any], folder: RunFolder, share: float
) -> Made:
    """Write the samples that deduplication at `share` of the typical distance keeps, once."""
    stage = f"leaving out near-duplicates ({share!r})"
    path = folder.subset(f"distinct-{share!r}")
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            write_subset(distinct_rows(embeddings, share), data, partial)
    seconds = folder.stage_seconds[stage]
    return Made(open_dataset(path), {"leaving out near-duplicates": seconds})


def prepare_weights(
    embeddings: np.ndarray[Any, Any], folder: RunFolder, share: float
) -> tuple[SampleWeights, dict[str, float]]:
    """Each sample's weight, 1 over the size of its group of near-duplicates, computed once.

    `share` of the typical distance: below it, samples are near-duplicates. Also returns the seconds
    that it took, by stage.
    """
    from thinset.training import SampleWeights  # imported late: pages are written without torch

    path = folder.selection(f"weights-{share!r}")
    stage = f"weighing near-duplicates ({share!r})"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            weights = 1 / group_sizes(embeddings, share)
            rows, n_total = np.arange(len(weights)), len(weights)
            Selection(rows, weights, n_total, "near-duplicates", {"dedup": share}).save(partial)
    seconds = {"weighing near-duplicates": folder.stage_seconds[stage]}
    return SampleWeights(Selection.load(path).gains), seconds


def group_sizes(
    embeddings: np.ndarray[Any, Any], share: float
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many rows each row's group has, itself included; groups as in `distinct_rows`."""
    groups = deduplicate(embeddings, share * typical_distance(embeddings)).groups
    return np.bincount(groups, minlength=len(groups))[groups]


def distinct_rows(
    embeddings: np.ndarray[Any, Any], share: float
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """One row of each group of rows closer than `share` of the typical distance."""
    return deduplicate(embeddings, share * typical_distance(embeddings)).representatives


def select_rows(
    embeddings: np.ndarray[Any, Any] | None,
    data: Dataset,
    rule: SelectionRule,
    size: float,
    *,
    seed: int,
) -> Selection:
    """Select rows of `data` by `rule`, among those that deduplication keeps.

    size: a count, or a fraction of all samples. Without `embeddings` the rule must not need them.
    """
    if embeddings is None:
        if rule.needs_embeddings:
            raise ValueError(f"{rule} needs embeddings, but there are none")
        embeddings = np.zeros((len(data), 1), np.float32)
    labels: np.ndarray[Any, Any] | None = data.labels
    rows: np.ndarray[Any, np.dtype[np.int64]] | None = None
    if rule.dedup is not None:
        rows = distinct_rows(embeddings, rule.dedup)
        size = _count(size, len(data), len(rows))
        embeddings = embeddings[rows]
        labels = None if labels is None else labels[rows]
    selection = select(
        embeddings,
        size,
        rule.method,
        labels=labels,
        per_class=rule.per_class,
        metric=rule.metric,
        random_state=seed,
        **rule.method_options,
    )
    if rows is None:
        return selection
    return Selection(
        rows[selection.indices],
        selection.gains,
        len(data),
        selection.method,
        {**selection.params, "dedup": rule.dedup, "n_distinct": len(rows)},
        constant_columns=selection.constant_columns,
    )


def typical_distance(embeddings: np.ndarray[Any, Any]) -> float:
    """The root of the mean squared distance over all pairs of rows."""
    return math.sqrt(2 * float(np.var(embeddings, axis=0, dtype=np.float64).sum()))


def _count(size: float, n_total: int, n_left: int) -> int:
    count = as_count(size, n_total)
    if count > n_left:
        raise ValueError(
            f"deduplication leaves {n_left} of {n_total} samples, fewer than the {count} to select"
        )
    return count
