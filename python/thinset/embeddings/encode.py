"""Embeds a dataset with a trained encoder."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from thinset.data.batches import ImageArrays, ordered_batches
from thinset.embeddings.store import require_output_apart, stored_embeddings, write_embeddings
from thinset.models import Autoencoder
from thinset.progress import ProgressBar
from thinset.training.loop.settings import dataset_fingerprint, describe
from thinset.training.precision import resolve_device
from thinset.training.weights import weights_fingerprint
from thinset.transforms.crops import CenterCrop

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import numpy as np
    from torch import nn

    from thinset.training.learners.evaluate import ImageTransform


def encode(
    model: nn.Module,
    dataset: ImageArrays,
    out: str | os.PathLike[str],
    *,
    transform: ImageTransform | None = None,
    batch_size: int = 1024,
    device: torch.device | str = "auto",
    show_progress: bool = False,
) -> np.memmap[Any, np.dtype[np.float32]]:
    """Embed every sample of `dataset`, in order, as one row of a matrix (N, D), float32.

    `model`: its `encode` method, or the module itself if it has none, turns transformed images
    (B, C, H, W) into a tensor (B, ...), which is flattened per sample. `transform`: applied to
    stored images first; by default, scaling to [0, 1] and, for an Autoencoder, the central crop of
    its size. Computed in float32: lower precision would cause ties, which selection breaks by row
    number.

    Writes embeddings.npy and embeddings.json to the folder `out` and maps the matrix read-only.
    Existing embeddings of the same data, weights and transform are reused; others are replaced. The
    model stays on `device`, in its previous mode. Raises ValueError for embeddings that are not
    finite.
    """
    began = time.monotonic()
    device = resolve_device(device)
    if transform is None:
        transform = _default_transform(model, dataset)
    identity = {
        "dataset_fingerprint": dataset_fingerprint(dataset),
        "encoder": describe(type(model)),
        "encoder_fingerprint": weights_fingerprint(model),
        "transform": describe(transform),
    }
    require_output_apart(out, dataset.images, dataset.labels)
    n_samples = len(dataset.images)
    stored = stored_embeddings(out, identity, n_samples)
    if stored is not None:
        return stored
    was_training = model.training
    model.to(device).eval()
    try:
        batches = ordered_batches(dataset, device=device, batch_size=batch_size)
        with ProgressBar("encoding", n_samples, unit="samples", enabled=show_progress) as bar:
            rows = _encoded(model, batches, transform, bar)
            return write_embeddings(out, rows, n_samples=n_samples, identity=identity, began=began)
    finally:
        model.train(was_training)


def _encoded(
    model: nn.Module,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    transform: ImageTransform,
    bar: ProgressBar,
) -> Iterator[np.ndarray[Any, Any]]:
    encoder = getattr(model, "encode", model)
    for images, _ in batches:
        # Not around the loop: the generator would leave gradients disabled for its caller.
        with torch.inference_mode():
            embeddings = encoder(transform(images)).flatten(1).float()
        yield embeddings.cpu().numpy()
        bar.update(len(images))


def _default_transform(model: nn.Module, dataset: ImageArrays) -> ImageTransform:
    if not isinstance(model, Autoencoder):
        return CenterCrop(None)
    height, width, _ = model.image_shape
    if dataset.images.shape[1:3] == (height, width):
        return CenterCrop(None)
    if height != width:
        raise ValueError(
            f"images of {dataset.images.shape[1:3]} pixels cannot be cropped to the autoencoder's "
            f"{height} x {width}: only square crops are supported; pass a transform"
        )
    return CenterCrop(height)
