"""What comes before training: the data, its embeddings, the selection, the subset."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from thinset._core import open_npy
from thinset.data import (
    Dataset,
    EncodedDataset,
    hold_out,
    import_dataset,
    open_dataset,
    open_encoded,
    write_long_tailed,
    write_photographs,
    write_redundant,
    write_subset,
)
from thinset.embeddings import (
    CenterCrop,
    describe_embeddings,
    encode,
    load_autoencoder,
    pca,
    train_autoencoder,
)
from thinset.report import Reproductions
from thinset.selection import Selection, deduplicate, select
from thinset.selection.arguments import as_count
from thinset.selection.matrix_input import as_matrix

if TYPE_CHECKING:
    import os

    from thinset.recipes.run_folder import RunFolder
    from thinset.recipes.schema import EncoderSettings, SelectionSettings


_N_REPRODUCTIONS = 6  # as in the paper's Figure 4

NEAR_DUPLICATES = 0.2
"""The distance below which samples count as near-duplicates, as a share of the typical one"""


class TrainAndTest(NamedTuple):
    train: Dataset
    test: Dataset


def is_dataset_folder(path: str | os.PathLike[str]) -> bool:
    return (Path(path) / "manifest.json").exists()


def prepare_data(
    source: str,
    folder: RunFolder,
    *,
    hold_out_share: float,
    on_validation: bool = False,
    show_progress: bool,
) -> TrainAndTest:
    """Open `source`, importing and splitting it where needed.

    `source`: a dataset folder, a folder with dataset folders train and test, or anything that
    `import_dataset` reads. Without test data, a stratified `hold_out_share` is held out (seed 0);
    with `on_validation` it is, and stands in for the test data, whatever test data there are.
    """
    splits = _open_splits(source, folder, show_progress=show_progress)
    if "test" in splits and not on_validation:
        return TrainAndTest(splits["train"], splits["test"])
    parts = {name: folder.test_split / name for name in ("train", "test")}
    if not is_dataset_folder(parts["test"]):
        whole = splits["train"]
        if whole.labels is None:
            raise ValueError(f"{source} has no labels, which training a classifier needs")
        with folder.stage("splitting"):
            rows = hold_out(whole.labels, hold_out_share, random_state=0)
            for (name, path), indices in zip(parts.items(), rows, strict=True):
                write_subset(indices, whole, path, overwrite=True, name=f"{whole.name}/{name}")
    return TrainAndTest(open_dataset(parts["train"]), open_dataset(parts["test"]))


def prepare_variant(data: TrainAndTest, variant: str | None, folder: RunFolder) -> TrainAndTest:
    """Make the training data harder (see StudySettings), once; the test data stays as it is."""
    if variant is None:
        return data
    name, _, amount = variant.partition(":")
    path = folder.path / "variant"
    if not is_dataset_folder(path):
        if name == "redundant":
            write_redundant(data.train, path, overwrite=True)
        elif name == "long_tailed" and amount.replace(".", "", 1).isdigit():
            write_long_tailed(data.train, path, imbalance=float(amount), overwrite=True)
        else:
            raise ValueError(
                f"variant must be redundant, or long_tailed: and a number; got {variant!r}"
            )
    return TrainAndTest(open_dataset(path), data.test)


def prepare_encoded(
    source: str, data: Dataset, folder: RunFolder, photograph_side: int | None
) -> EncodedDataset:
    """Open the training images of `source` encoded, or photographs of `data`, made once."""
    if photograph_side is None:
        return open_encoded(source)
    path = folder.path / "photographs.parquet"
    if not path.exists():
        with folder.stage("making photographs"):
            write_photographs(data, path, side=photograph_side)
    return open_encoded(path, size=data.image_shape[:2])


def prepare_decoded(encoded: EncodedDataset, folder: RunFolder, *, stage: str) -> Dataset:
    """Decode every image into a dataset folder, once; the seconds are those of `stage`."""
    path = folder.path / "decoded"
    if not is_dataset_folder(path):
        with folder.stage(stage):
            encoded.write_rows(np.arange(len(encoded)), path, overwrite=True)
    return open_dataset(path)


def open_training_data(source: str, folder: RunFolder, *, show_progress: bool) -> Dataset:
    """The training data of `source` (see prepare_data), imported where needed."""
    return _open_splits(source, folder, show_progress=show_progress)["train"]


def _open_splits(source: str, folder: RunFolder, *, show_progress: bool) -> dict[str, Dataset]:
    if is_dataset_folder(source):
        return {"train": open_dataset(source)}
    for parent in (Path(source), folder.data):
        if is_dataset_folder(parent / "train"):
            names = [name for name in ("train", "test") if is_dataset_folder(parent / name)]
            return {name: open_dataset(parent / name) for name in names}
    with folder.stage("import"):
        return import_dataset(source, folder.data, show_progress=show_progress)


def prepare_embeddings(
    data: Dataset,
    folder: RunFolder,
    settings: EncoderSettings,
    *,
    device: str,
    show_progress: bool,
) -> np.ndarray[Any, Any]:
    """The embedding matrix (N, D) of `data`, computed once, memory-mapped."""
    if settings.kind == "given":
        if settings.path is None:
            raise ValueError('encoder.path must name a .npy file where encoder.kind is "given"')
        as_matrix(settings.path)  # refuses what cannot be selected from, and names the file
        embeddings = open_npy(settings.path)
        if len(embeddings) != len(data):
            raise ValueError(
                f"'{settings.path}': given embeddings must have one row for each of {len(data)} "
                f"samples, got shape {embeddings.shape}"
            )
        return embeddings
    if settings.kind == "autoencoder" and not folder.encoder.exists():
        _train_encoder(data, folder, settings, device=device, show_progress=show_progress)
    name = "encoding" if settings.kind == "autoencoder" else "principal components"
    start = time.monotonic()
    if settings.kind == "autoencoder":
        embeddings = encode(
            load_autoencoder(folder.encoder),
            data,
            folder.embeddings,
            device=device,
            show_progress=show_progress,
        )
    else:
        embeddings = pca(data, settings.n_components, folder.embeddings)
    if name not in folder.stage_seconds:
        folder.add_stage_seconds(name, time.monotonic() - start)
    return embeddings


def embedding_seconds(folder: RunFolder) -> dict[str, float]:
    """Seconds that the embeddings of `folder` took, by stage; empty where they were given."""
    stages = ("encoder training", "encoding", "principal components")
    seconds = folder.stage_seconds
    return {stage: seconds[stage] for stage in stages if stage in seconds}


def _train_encoder(
    data: Dataset,
    folder: RunFolder,
    settings: EncoderSettings,
    *,
    device: str,
    show_progress: bool,
) -> None:
    checkpoint = folder.checkpoint("encoder")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    assert not isinstance(settings.crop, str)
    trained = train_autoencoder(
        data,
        folder.encoder,
        length=settings.length,
        crop=settings.crop,
        widths=settings.widths,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        momentum=settings.momentum,
        seed=settings.seed,
        device=device,
        checkpoint_path=checkpoint,
        resume=True,
        show_progress=show_progress,
    )
    # The history's seconds, not the clock's: they count what was done before an interruption.
    folder.add_stage_seconds("encoder training", trained.history.seconds)
    checkpoint.unlink(missing_ok=True)


def embedding_facts(embeddings: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What the report says of the embeddings, as plain JSON."""
    facts = describe_embeddings(embeddings)
    return {
        "samples": facts.n_samples,
        "dimensions": facts.n_dimensions,
        "constant columns": list(facts.constant_columns),
        "smallest value": facts.minimum,
        "largest value": facts.maximum,
        "share of zeros": facts.share_of_zeros,
    }


def reproductions(
    folder: RunFolder, data: Dataset, settings: EncoderSettings
) -> Reproductions | None:
    """What the folder's autoencoder makes of a few samples; None where there is no autoencoder."""
    if settings.kind != "autoencoder":
        return None
    model = load_autoencoder(folder.encoder)
    n_shown = min(_N_REPRODUCTIONS, len(data))
    rows = np.random.default_rng(0).choice(len(data), n_shown, replace=False)
    images = torch.from_numpy(np.array(data.images[rows])).permute(0, 3, 1, 2)
    assert not isinstance(settings.crop, str)
    inputs = CenterCrop(settings.crop)(images)
    with torch.inference_mode():
        embeddings = model.encode(inputs)
        outputs = model(inputs)

    def as_images(batch: torch.Tensor) -> np.ndarray[Any, Any]:
        return batch.clamp(0, 1).permute(0, 2, 3, 1).numpy()

    channels = embeddings.permute(0, 2, 3, 1).numpy() if embeddings.ndim == 4 else embeddings
    return Reproductions(as_images(inputs), np.asarray(channels), as_images(outputs))


class Subset(NamedTuple):
    """A selection, its samples as a dataset, and the seconds that each took."""

    selection: Selection
    data: Dataset
    seconds: dict[str, float]


def prepare_subset(
    name: str,
    data: Dataset,
    embeddings: np.ndarray[Any, Any] | None,
    folder: RunFolder,
    settings: SelectionSettings,
    *,
    seed: int,
    encoded: EncodedDataset | None = None,
) -> Subset:
    """Select rows and write them as the dataset folder subsets/`name`, once.

    Without `embeddings` the method must be one that does not look at them. With `encoded` the
    samples are decoded from there, and not copied from `data`.
    """
    selection_path, subset_path = folder.selection(name), folder.subset(name)
    stages = {stage: f"{stage} ({name})" for stage in ("selection", "writing the subset")}
    if not selection_path.exists():
        with folder.stage(stages["selection"]):
            selection = select_rows(embeddings, data, settings, seed=seed)
            selection.save(selection_path)
    selection = Selection.load(selection_path)
    if not is_dataset_folder(subset_path):
        with folder.stage(stages["writing the subset"]):
            if encoded is None:
                write_subset(selection, data, subset_path, overwrite=True)
            else:
                encoded.write_rows(selection.indices, subset_path, overwrite=True)
    seconds = folder.stage_seconds
    return Subset(
        selection,
        open_dataset(subset_path),
        {stage: seconds[key] for stage, key in stages.items() if key in seconds},
    )


def prepare_given_subset(name: str, data: Dataset, folder: RunFolder, path: Path) -> Subset:
    """Write the samples of a saved selection as the dataset folder subsets/`name`, once."""
    selection = Selection.load(path)
    subset_path = folder.subset(name)
    stage = f"writing the subset ({name})"
    if not is_dataset_folder(subset_path):
        with folder.stage(stage):
            write_subset(selection, data, subset_path, overwrite=True)
    seconds = folder.stage_seconds[stage]
    return Subset(selection, open_dataset(subset_path), {"writing the subset": seconds})


def select_rows(
    embeddings: np.ndarray[Any, Any] | None,
    data: Dataset,
    settings: SelectionSettings,
    *,
    seed: int,
) -> Selection:
    """Select rows of `data` as the settings say, among those that deduplication leaves."""
    if embeddings is None:
        if settings.method != "random" or settings.dedup is not None:
            raise ValueError(f"{settings.method} selects by embeddings, and there are none")
        embeddings = np.zeros((len(data), 1), np.float32)
    options = settings.options
    if settings.method == "topk":
        options = {"drop_constant": True, **options}
    n_samples = settings.n_samples
    labels: np.ndarray[Any, Any] | None = data.labels
    rows: np.ndarray[Any, np.dtype[np.int64]] | None = None
    if settings.dedup is not None:
        distance = settings.dedup * typical_distance(embeddings)
        rows = deduplicate(embeddings, distance).representatives
        n_samples = _count(n_samples, len(data), len(rows))
        embeddings = embeddings[rows]
        labels = None if labels is None else labels[rows]
    selection = select(
        embeddings,
        n_samples,
        settings.method,
        labels=labels,
        per_class=settings.per_class,
        metric=settings.metric,
        random_state=seed,
        **options,
    )
    if rows is None:
        return selection
    return Selection(
        rows[selection.indices],
        selection.gains,
        len(data),
        selection.method,
        {**selection.params, "dedup": settings.dedup, "n_distinct": len(rows)},
        constant_columns=selection.constant_columns,
    )


def typical_distance(embeddings: np.ndarray[Any, Any]) -> float:
    """The root of the mean squared distance over all pairs of rows."""
    return math.sqrt(2 * float(np.var(embeddings, axis=0, dtype=np.float64).sum()))


def _count(n_samples: float, n_total: int, n_left: int) -> int:
    count = as_count(n_samples, n_total)
    if count > n_left:
        raise ValueError(
            f"deduplication leaves {n_left} of {n_total} samples, fewer than the {count} to select"
        )
    return count
