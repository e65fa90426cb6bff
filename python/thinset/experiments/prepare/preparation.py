"""What comes before training: the data, its embeddings, the selection, the subset."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from thinset._core import open_npy
from thinset.data import (
    SPLITS,
    Dataset,
    EncodedDataset,
    hold_out,
    import_dataset,
    open_dataset,
    open_encoded,
    require_matching_splits,
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
from thinset.embeddings.store import DESCRIPTION_FILE, seconds_of_embeddings
from thinset.embeddings.train_encoder import seconds_of_encoder
from thinset.report import Reproductions
from thinset.selection import Selection, deduplicate, select
from thinset.selection.arguments import as_count
from thinset.selection.matrix_input import as_matrix
from thinset.training import TrainingDivergedError

if TYPE_CHECKING:
    import os

    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import EncoderSettings, SelectionSettings


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
    image_size: tuple[int, int] | None = None,
    show_progress: bool,
) -> TrainAndTest:
    """Open `source`, importing and splitting it where needed.

    `source`: a dataset folder, a folder with dataset folders train and test, or anything that
    `import_dataset` reads. Without test data, a stratified `hold_out_share` is held out (seed 0);
    with `on_validation` it is, and stands in for the test data, whatever test data there are.
    `image_size` = (height, width) resizes the images. Raises ValueError where training and test
    data do not go together; see `require_matching_splits`.
    """
    splits = _open_splits(source, folder, image_size, show_progress=show_progress)
    if "test" in splits and not on_validation:
        require_matching_splits(splits["train"], splits["test"])
        return TrainAndTest(splits["train"], splits["test"])
    parts = {name: folder.test_split / name for name in ("train", "test")}
    if not folder.is_made(folder.test_split, "splitting"):
        whole = splits["train"]
        if whole.labels is None:
            raise ValueError(f"{source} has no labels, which training a classifier needs")
        with folder.making(folder.test_split, "splitting") as path:
            rows = hold_out(whole.labels, hold_out_share, random_state=0)
            for name, indices in zip(parts, rows, strict=True):
                write_subset(indices, whole, path / name, name=f"{whole.name}/{name}")
    data = TrainAndTest(open_dataset(parts["train"]), open_dataset(parts["test"]))
    require_matching_splits(*data)
    return data


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
    source: str,
    data: Dataset,
    folder: RunFolder,
    photograph_side: int | None,
    image_size: tuple[int, int] | None = None,
) -> EncodedDataset:
    """Open the training images of `source` encoded, or photographs of `data`, made once.

    `image_size` is the one that `data` was prepared with.
    """
    if photograph_side is None:
        return open_encoded(source, size=image_size)
    path = folder.path / "photographs.parquet"
    stage = "making photographs"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            write_photographs(data, partial, side=photograph_side)
    return open_encoded(path, size=data.image_shape[:2])


def prepare_decoded(encoded: EncodedDataset, folder: RunFolder, *, stage: str) -> Dataset:
    """Decode every image into a dataset folder, once; the seconds are those of `stage`."""
    path = folder.path / "decoded"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            encoded.write_rows(np.arange(len(encoded)), partial)
    return open_dataset(path)


def open_training_data(
    source: str,
    folder: RunFolder,
    image_size: tuple[int, int] | None = None,
    *,
    show_progress: bool,
) -> Dataset:
    """The training data of `source` (see prepare_data), imported where needed."""
    return _open_splits(source, folder, image_size, show_progress=show_progress)["train"]


def _open_splits(
    source: str, folder: RunFolder, image_size: tuple[int, int] | None, *, show_progress: bool
) -> dict[str, Dataset]:
    splits = _written_splits(source, folder, image_size)
    if splits is None:
        with folder.making(folder.data, "import") as partial:
            import_dataset(
                source,
                partial,
                size=image_size,
                note=_print_note if show_progress else None,
                show_progress=show_progress,
            )
        splits = open_splits(folder.data)
    if "validation" in splits and show_progress:
        _print_note("the validation split is not used: neither for training nor for testing")
    return splits


def _written_splits(
    source: str, folder: RunFolder, image_size: tuple[int, int] | None
) -> dict[str, Dataset] | None:
    """The dataset folders that are the source, or that it was imported to; None without any."""
    # Images of another size than those of the source are in the run's folder alone.
    if image_size is None:
        if is_dataset_folder(source):
            return {"train": open_dataset(source)}
        if is_dataset_folder(Path(source) / "train"):
            return open_splits(Path(source))
    return open_splits(folder.data) if folder.is_made(folder.data, "import") else None


def open_splits(parent: Path) -> dict[str, Dataset]:
    """The dataset folders train, test and validation in the folder `parent`, those there are."""
    names = [name for name in SPLITS if is_dataset_folder(parent / name)]
    return {name: open_dataset(parent / name) for name in names}


def _print_note(text: str) -> None:
    print(f"thinset: note: {text}", file=sys.stderr, flush=True)  # noqa: T201


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
    if settings.kind == "autoencoder":
        return _encoded(data, folder, settings, device=device, show_progress=show_progress)
    _forget_unless_known(folder, "principal components")
    n_components = min(settings.n_components, len(data), math.prod(data.image_shape))
    if n_components < settings.n_components and show_progress:
        _print_note(
            f"{n_components} principal components instead of {settings.n_components}: "
            f"{len(data)} samples of {math.prod(data.image_shape)} values have no more"
        )
    embeddings = pca(data, n_components, folder.embeddings)
    folder.know_seconds("principal components", seconds_of_embeddings(folder.embeddings))
    return embeddings


def _encoded(
    data: Dataset,
    folder: RunFolder,
    settings: EncoderSettings,
    *,
    device: str,
    show_progress: bool,
) -> np.ndarray[Any, Any]:
    is_trained = folder.encoder.exists() and folder.know_seconds(
        "encoder training", seconds_of_encoder(folder.encoder)
    )
    if not is_trained:
        _train_encoder(data, folder, settings, device=device, show_progress=show_progress)
    _forget_unless_known(folder, "encoding")
    embeddings = encode(
        load_autoencoder(folder.encoder),
        data,
        folder.embeddings,
        device=device,
        show_progress=show_progress,
    )
    folder.know_seconds("encoding", seconds_of_embeddings(folder.embeddings))
    return embeddings


def _forget_unless_known(folder: RunFolder, stage: str) -> None:
    """Have embeddings computed again where nothing says what computing them took."""
    if not folder.know_seconds(stage, seconds_of_embeddings(folder.embeddings)):
        (folder.embeddings / DESCRIPTION_FILE).unlink(missing_ok=True)


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
    try:
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
            overwrite=True,
            show_progress=show_progress,
        )
    except TrainingDivergedError:
        checkpoint.unlink(missing_ok=True)  # it would diverge again, and keep out other settings
        raise
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
    if not folder.is_made(selection_path, stages["selection"]):
        with folder.making(selection_path, stages["selection"]) as partial:
            select_rows(embeddings, data, settings, seed=seed).save(partial)
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
    subset_path = folder.subset(name)
    stage = f"writing the subset ({name})"
    if not folder.is_made(subset_path, stage):
        with folder.making(subset_path, stage) as partial:
            write_subset(selection, data, partial)
    seconds = folder.stage_seconds[stage]
    return Subset(selection, open_dataset(subset_path), {"writing the subset": seconds})


class Distinct(NamedTuple):
    """What deduplication leaves, as a dataset, and the seconds that it took."""

    data: Dataset
    seconds: dict[str, float]


def prepare_distinct(
    data: Dataset, embeddings: np.ndarray[Any, Any], folder: RunFolder, share: float
) -> Distinct:
    """Write what deduplication at `share` of the typical distance leaves as a folder, once."""
    stage = f"leaving out near-duplicates ({share!r})"
    path = folder.subset(f"distinct-{share!r}")
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            write_subset(distinct_rows(embeddings, share), data, partial)
    seconds = folder.stage_seconds[stage]
    return Distinct(open_dataset(path), {"leaving out near-duplicates": seconds})


def distinct_rows(
    embeddings: np.ndarray[Any, Any], share: float
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """One row of each group of rows closer than `share` of the typical distance."""
    return deduplicate(embeddings, share * typical_distance(embeddings)).representatives


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
        rows = distinct_rows(embeddings, settings.dedup)
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
