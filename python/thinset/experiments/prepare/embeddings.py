"""The embeddings of an experiment, computed once, and their description for pages."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from thinset._core import open_npy
from thinset.embeddings import (
    CenterCrop,
    describe_embeddings,
    encode,
    load_autoencoder,
    load_encoder,
    pca,
    train_autoencoder,
)
from thinset.embeddings.encode import encoder_identity
from thinset.embeddings.store import DESCRIPTION_FILE, seconds_of_embeddings
from thinset.embeddings.train_encoder import seconds_of_encoder
from thinset.experiments.checkpoints import kept_until_done
from thinset.experiments.prepare.data import print_note
from thinset.report import Reconstructions
from thinset.selection.matrix_input import require_npy_matrix

if TYPE_CHECKING:
    from thinset.data import Dataset
    from thinset.embeddings import NamedEncoder
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import EncoderSettings

_ROWS_AT_ONCE = 8192
_N_RECONSTRUCTIONS = 6  # as in the paper's Figure 4


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
            raise ValueError('encoder.path must name a .npy file if encoder.kind is "given"')
        require_npy_matrix(settings.path)  # refuses unusable files, by name
        embeddings = open_npy(settings.path)
        if len(embeddings) != len(data):
            raise ValueError(
                f"'{settings.path}': given embeddings must have one row for each of {len(data)} "
                f"samples, got shape {embeddings.shape}"
            )
        _require_finite(embeddings, settings.path)
        return embeddings
    if settings.kind == "autoencoder":
        return _encoded(data, folder, settings, device=device, show_progress=show_progress)
    if settings.kind == "module":
        return _encoded_by_module(
            data, folder, settings, device=device, show_progress=show_progress
        )
    _forget_unless_known(folder, "principal components")
    n_components = min(settings.n_components, len(data), math.prod(data.image_shape))
    if n_components < settings.n_components and show_progress:
        print_note(
            f"{n_components} principal components instead of {settings.n_components}: "
            f"{len(data)} samples of {math.prod(data.image_shape)} values have no more"
        )
    embeddings = pca(data, n_components, folder.embeddings)
    folder.know_seconds("principal components", seconds_of_embeddings(folder.embeddings))
    return embeddings


def _require_finite(embeddings: np.ndarray[Any, Any], path: str) -> None:
    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        finite = np.isfinite(embeddings[start : start + _ROWS_AT_ONCE]).all(axis=1)
        if not finite.all():
            row = start + int(finite.argmin())
            raise ValueError(f"'{path}': row {row} holds NaN or infinity; remove or replace it")


def require_encoder(settings: EncoderSettings) -> None:
    """Raise ValueError, ImportError or OSError if given files or functions cannot be used."""
    if settings.kind == "given" and settings.path is not None:
        require_npy_matrix(settings.path)
    if settings.kind == "module":
        named_encoder(settings)


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
    return _encoded_with(
        load_autoencoder(folder.encoder), data, folder, device=device, show_progress=show_progress
    )


def _encoded_by_module(
    data: Dataset,
    folder: RunFolder,
    settings: EncoderSettings,
    *,
    device: str,
    show_progress: bool,
) -> np.ndarray[Any, Any]:
    encoder = named_encoder(settings)
    options = encoding_options(settings)
    identity = json.dumps(encoder_identity(*encoder, **options), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()
    folder.require_unchanged(f"the encoder {settings.function}", digest, until_prepared=True)
    return _encoded_with(
        encoder.module,
        data,
        folder,
        transform=encoder.transform,
        **options,
        batch_size=settings.batch_size,
        device=device,
        show_progress=show_progress,
    )


def _encoded_with(
    module: Any, data: Dataset, folder: RunFolder, **options: Any
) -> np.ndarray[Any, Any]:
    """What `encode` makes of `data` with these options; the folder knows the time it took."""
    _forget_unless_known(folder, "encoding")
    embeddings = encode(module, data, folder.embeddings, **options)
    seconds = seconds_of_embeddings(folder.embeddings)
    if seconds is not None and seconds != folder.stage_seconds.get("encoding"):
        folder.add_stage_seconds("encoding", seconds)  # also if another encoder has replaced them
    return embeddings


def named_encoder(settings: EncoderSettings) -> NamedEncoder:
    """The network of settings of kind "module"; see load_encoder for what is refused."""
    assert settings.function is not None
    return load_encoder(
        settings.function, settings.weights, layer=settings.feature_layer, seed=settings.seed
    )


def encoding_options(settings: EncoderSettings) -> dict[str, Any]:
    """How `encode` turns outputs of that network into rows."""
    return {
        "layer": settings.feature_layer,
        "average": True,
        "unit_length": settings.unit_length,
    }


def _forget_unless_known(folder: RunFolder, stage: str) -> None:
    """Recompute embeddings if the time that they took is unknown."""
    if not folder.know_seconds(stage, seconds_of_embeddings(folder.embeddings)):
        (folder.embeddings / DESCRIPTION_FILE).unlink(missing_ok=True)


def embedding_seconds(folder: RunFolder) -> dict[str, float]:
    """Seconds that the embeddings of `folder` took, by stage; empty if they were given."""
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
    assert not isinstance(settings.crop, str)
    with kept_until_done(folder.checkpoint("encoder")) as checkpoint:
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
        # Those of the history, not of the clock: they include the time before an interruption.
        folder.add_stage_seconds("encoder training", trained.history.seconds)


def embedding_facts(embeddings: np.ndarray[Any, Any]) -> dict[str, Any]:
    """The description of the embeddings for the report, as plain JSON."""
    facts = describe_embeddings(embeddings)
    return {
        "samples": facts.n_samples,
        "dimensions": facts.n_dimensions,
        "constant columns": list(facts.constant_columns),
        "smallest value": facts.minimum,
        "largest value": facts.maximum,
        "share of zeros": facts.share_of_zeros,
    }


def reconstructions(
    folder: RunFolder, data: Dataset, settings: EncoderSettings
) -> Reconstructions | None:
    """A few samples as reconstructed by the folder's autoencoder; None without an autoencoder."""
    if settings.kind != "autoencoder":
        return None
    model = load_autoencoder(folder.encoder)
    n_shown = min(_N_RECONSTRUCTIONS, len(data))
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
    return Reconstructions(as_images(inputs), np.asarray(channels), as_images(outputs))
