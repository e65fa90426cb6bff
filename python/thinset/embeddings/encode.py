"""Embeds a dataset with a trained encoder."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from thinset.data.batches import ImageArrays, ordered_batches
from thinset.embeddings.module_identity import code_fingerprint
from thinset.embeddings.store import require_output_apart, stored_embeddings, write_embeddings
from thinset.embeddings.unfinished import UnfinishedRows
from thinset.models import Autoencoder
from thinset.models.layer_output import layer_named, output_of_layer
from thinset.progress import ProgressBar
from thinset.training.loop.settings import dataset_fingerprint, describe
from thinset.training.precision import resolve_device
from thinset.training.weights import weights_fingerprint
from thinset.transforms.crops import CenterCrop

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from thinset.training.learners.evaluate import ImageTransform

_ALIKE = 0.01
"""Largest difference between features of an image alone and in a batch, as a share of the largest
feature; rounding stays far below it, also in half precision."""


def encode(
    model: nn.Module,
    dataset: ImageArrays,
    out: str | os.PathLike[str],
    *,
    transform: ImageTransform | None = None,
    layer: str | None = None,
    average: bool = False,
    unit_length: bool = False,
    batch_size: int = 1024,
    device: torch.device | str = "auto",
    show_progress: bool = False,
) -> np.memmap[Any, np.dtype[np.float32]]:
    """Embed every sample of `dataset`, in order, as one row of a matrix (N, D), float32.

    `model`: its `encode` method, or the module itself if it has none, turns transformed images
    (B, C, H, W) into a tensor (B, ...), which is flattened per sample. `transform`: applied to
    stored images first; by default, scaling to [0, 1] and, for an Autoencoder, the central crop of
    its size. `layer`: take the output of this submodule instead, as named in
    `model.named_modules()`. `average`: features must be (B, D) or (B, D, height, width), and are
    averaged over height and width instead of being flattened. `unit_length`: divide each row by its
    Euclidean length. Computed in float32: lower precision would cause ties, which selection breaks
    by row number.

    Writes embeddings.npy and embeddings.json to the folder `out` and maps the matrix read-only.
    Existing embeddings of the same data, weights, code and options are reused; others are replaced.
    A call that was interrupted after more than half a minute is resumed.
    The model, and a transform that is a module, stay on `device`, in their previous mode; meanwhile
    they are in evaluation mode.

    Raises ValueError if the model fails or returns something else; if its features of an image
    depend on chance or on the other images of the batch; for embeddings that are not finite; and,
    with `unit_length`, for a row of zeros.
    """
    began = time.monotonic()
    device = resolve_device(device)
    if transform is None:
        transform = _default_transform(model, dataset)
    identity = {
        "dataset_fingerprint": dataset_fingerprint(dataset),
        **encoder_identity(model, transform, layer=layer, average=average, unit_length=unit_length),
    }
    require_output_apart(out, dataset.images, dataset.labels)
    n_samples = len(dataset.images)
    if n_samples == 0:
        raise ValueError("dataset must have at least one image to encode, got none")
    stored = stored_embeddings(out, identity, n_samples)
    kept = UnfinishedRows(out, identity)
    if stored is not None:
        kept.remove()  # left if a call was killed in its last moment
        return stored
    features = _Features(model, transform, layer=layer, average=average)
    parts = [part for part in (model, transform) if isinstance(part, nn.Module)]
    modes = [part.training for part in parts]
    for part in parts:
        part.to(device).eval()
    try:
        with ProgressBar("encoding", n_samples, unit="samples", enabled=show_progress) as bar:
            left = _Rest(dataset.images[kept.n_rows :])
            batches: Iterator[tuple[torch.Tensor, torch.Tensor]] = iter(())
            if len(left.images) > 0:
                batches = ordered_batches(left, device=device, batch_size=batch_size)
            rows = _encoded(features, batches, kept, bar, unit_length=unit_length)
            matrix = write_embeddings(
                out, rows, n_samples=n_samples, identity=identity, began=began - kept.seconds
            )
            kept.remove()
            return matrix
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.train(mode)


def encoder_identity(
    model: nn.Module,
    transform: ImageTransform,
    *,
    layer: str | None = None,
    average: bool = False,
    unit_length: bool = False,
) -> dict[str, Any]:
    """Everything but the data that the rows of `encode` depend on, as JSON-able values."""
    options = {"layer": layer, "average": average, "unit_length": unit_length}
    identity = {
        "encoder": describe(type(model)),
        "encoder_fingerprint": weights_fingerprint(model),
        "transform": describe(type(transform) if isinstance(transform, nn.Module) else transform),
        # Options at their defaults are left out, as in files of earlier versions.
        **{name: value for name, value in options.items() if value},
    }
    if isinstance(model, Autoencoder):
        return identity
    if isinstance(transform, nn.Module):
        identity["transform_fingerprint"] = weights_fingerprint(transform)
    return {**identity, "code_fingerprint": code_fingerprint(model, transform)}


class _Rest(NamedTuple):
    """The samples that are not encoded yet."""

    images: np.ndarray[Any, Any]
    labels: None = None


class _Features:
    """Features (B, D) of stored images (B, C, H, W), or an error that says what is wrong."""

    def __init__(
        self, model: nn.Module, transform: ImageTransform, *, layer: str | None, average: bool
    ) -> None:
        self._encoder: Callable[[torch.Tensor], Any] = getattr(model, "encode", model)
        if layer is not None:
            submodule = layer_named(model, layer)
            self._encoder = lambda inputs: output_of_layer(model, submodule, inputs)
        method = ".encode" if hasattr(model, "encode") else ""
        self._name = f"{type(model).__name__}{method}" if layer is None else f"layer {layer}"
        self._transform = transform
        self._average = average

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        # In this place, not around a loop that yields, which would leave gradients disabled.
        with torch.inference_mode():
            try:
                features = self._encoder(self._transform(images))
            except (ValueError, MemoryError):
                raise
            except Exception as error:
                if re.search("(out of|allocate) memory", str(error), re.IGNORECASE):
                    raise
                raise ValueError(
                    f"the encoder fails on a batch of images of shape {tuple(images.shape)}, in "
                    f"[0, 1]: {type(error).__name__}: {error}"
                ) from error
            return self._checked(features, len(images))

    def _checked(self, features: Any, n_images: int) -> torch.Tensor:
        dimensions = "(n, D) or (n, D, height, width)" if self._average else "(n, ...)"
        wanted = f"{self._name} must return a floating-point tensor {dimensions} for n = {n_images}"
        if features is None:
            raise ValueError(f"{self._name} is not called in a forward pass; name another layer")
        if not isinstance(features, torch.Tensor):
            raise ValueError(
                f"{wanted} images, got {type(features).__name__}; take the tensor in the module"
            )
        n_dimensions = (2, 4) if self._average else range(2, features.ndim + 1)
        if (
            features.ndim not in n_dimensions
            or len(features) != n_images
            or features.numel() == 0
            or not features.is_floating_point()
        ):
            advice = (
                "; of tokens (n, tokens, D), take one or the mean in the module"
                if features.ndim == 3 and len(features) == n_images
                else ""
            )
            raise ValueError(
                f"{wanted} images, got {features.dtype} of shape {tuple(features.shape)}{advice}"
            )
        values: torch.Tensor = features if features.dtype == torch.float64 else features.float()
        if self._average and values.ndim == 4:
            return values.mean((2, 3))
        return values.flatten(1)


def _encoded(
    features: _Features,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    kept: UnfinishedRows,
    bar: ProgressBar,
    *,
    unit_length: bool,
) -> Iterator[np.ndarray[Any, Any]]:
    """Rows that an earlier call has computed, then those of `batches`, which it has not."""
    for rows in kept.stored:
        yield rows
        bar.update(len(rows))
    first = n_done = kept.n_rows
    for images, _ in batches:
        rows = features(images).cpu().numpy()
        if n_done == first:
            _require_same_alone(features(images[:1]).cpu().numpy()[0], rows[0])
        if unit_length:
            rows = _of_unit_length(rows, n_done)
        yield rows  # refused there if they are not finite
        kept.append(rows)
        n_done += len(rows)
        bar.update(len(rows))


def _require_same_alone(alone: np.ndarray[Any, Any], in_batch: np.ndarray[Any, Any]) -> None:
    """Raise ValueError unless an image has the same features alone as in its batch."""
    if alone.shape != in_batch.shape:
        raise ValueError(
            f"the encoder must return as many features for one image as for each of a batch, got "
            f"{len(alone)} and {len(in_batch)}"
        )
    if not (np.isfinite(alone).all() and np.isfinite(in_batch).all()):
        return  # refused later, by row
    difference = float(np.abs(alone - in_batch).max())
    largest = float(np.abs(in_batch).max())
    if difference > _ALIKE * largest:
        raise ValueError(
            "the encoder must return the same features for an image in every batch, but those of "
            f"the first image differ by {difference:.3g} of {largest:.3g} between two calls; "
            "remove dropout that is active in evaluation mode, other chance, and normalisation "
            "over the batch"
        )


def _of_unit_length(rows: np.ndarray[Any, Any], first: int) -> np.ndarray[Any, Any]:
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    if not lengths.all():
        raise ValueError(
            f"row {first + int(np.argmin(lengths))} of the embeddings holds only zeros, which have "
            "no unit length; leave out unit_length, or remove the sample"
        )
    with np.errstate(invalid="ignore"):  # rows with infinity are refused later
        scaled: np.ndarray[Any, Any] = rows / lengths
    return scaled


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
