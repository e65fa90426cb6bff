"""Features of images from any network, under the name of that network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import nn

from thinset.data.batches import ordered_batches
from thinset.metrics.images import as_images
from thinset.models.layer_output import layer_named, output_of_layer
from thinset.progress import ProgressBar
from thinset.training.precision import resolve_device
from thinset.training.weights import weights_fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGEST_LENGTH = 12


class Extractor(Protocol):
    """Turns images into features.

    An extractor may also have `to(device)`, which `features_of` calls once before the first batch.
    """

    @property
    def name(self) -> str:
        """The network and its weights, for every figure and record made with it."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of images (B, C, H, W), uint8 0..255 or float in [0, 1]."""


class ModuleExtractor:
    """Features from a module of the user's, for instance a classifier of the real training data.

    They are the output of the submodule called `layer` (as in `module.named_modules()`); without
    it, what `module.features_of(images)` returns; and for a module without that method, the input
    of the last linear layer that a forward pass calls: the last hidden layer of a classifier.
    Outputs are flattened per sample.

    `transform` is applied to images first; by default uint8 is scaled to [0, 1] and floats are left
    alone. The weights' SHA-256 is added to `name` and stands for the module as it is now: train it
    no further. Calls run in evaluation mode, without gradients. Raises ValueError for an unknown
    layer, and where there is no linear layer to take.
    """

    def __init__(
        self,
        module: nn.Module,
        name: str,
        *,
        transform: Callable[[torch.Tensor], torch.Tensor] | None = None,
        layer: str | None = None,
    ) -> None:
        self.module = module
        self.name = f"{name} (SHA-256 {weights_fingerprint(module)[:_DIGEST_LENGTH]})"
        self._transform = unit_interval if transform is None else transform
        self._layer = None if layer is None else layer_named(module, layer)

    def to(self, device: torch.device) -> None:
        """Move the module."""
        self.module.to(device)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of images (B, C, H, W)."""
        was_training = self.module.training
        self.module.eval()
        try:
            with torch.inference_mode():
                return self._features(self._transform(images)).flatten(1).float()
        finally:
            self.module.train(was_training)

    def _features(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._layer is not None:
            return self._output_of(self._layer, inputs)
        features_of_module = getattr(self.module, "features_of", None)
        if features_of_module is not None:
            features: torch.Tensor = features_of_module(inputs)
            return features
        return self._input_of_last_linear(inputs)

    def _output_of(self, layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        output = output_of_layer(self.module, layer, inputs)
        if output is None:
            raise ValueError(f"{self.name}: the forward pass does not call the layer")
        if not isinstance(output, torch.Tensor):
            raise ValueError(
                f"{self.name}: the layer must return a tensor, got {type(output).__name__}"
            )
        return output

    def _input_of_last_linear(self, inputs: torch.Tensor) -> torch.Tensor:
        seen: list[torch.Tensor] = []

        def keep(_module: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
            seen[:] = arguments[:1]

        hooks = [
            layer.register_forward_pre_hook(keep)
            for layer in self.module.modules()
            if isinstance(layer, nn.Linear)
        ]
        try:
            self.module(inputs)
        finally:
            for hook in hooks:
                hook.remove()
        if not seen:
            raise ValueError(
                f"{self.name}: the forward pass calls no linear layer; pass layer=, the name of "
                "the submodule whose output is to be used"
            )
        return seen[0]


def features_of(
    images: object,
    extractor: Extractor,
    *,
    device: torch.device | str = "auto",
    batch_size: int = 256,
    show_progress: bool = False,
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Features (N, D) float32 of images, in order.

    `images`: a Dataset; an array (N, height, width, channels); or a tensor (N, channels, height,
    width); uint8 or floats in [0, 1]. Raises ValueError for other shapes, types and ranges, for
    features that are not a matrix (B, D), and for features that are not finite.
    """
    device = resolve_device(device)
    held = as_images(images)
    move = getattr(extractor, "to", None)
    if move is not None:
        move(device)
    source = SimpleNamespace(images=held, labels=None)
    n_samples = len(held)
    features: np.ndarray[Any, np.dtype[np.float32]] | None = None
    done = 0
    with ProgressBar("features", n_samples, unit="images", enabled=show_progress) as bar:
        for stored, _ in ordered_batches(source, device=device, batch_size=batch_size):
            # float64 images too are taken as float32, like those of datasets.
            batch = stored if stored.dtype == torch.uint8 else stored.float()
            _require_unit_range(batch, done)
            found = _as_matrix(extractor(batch), len(batch), done, extractor.name)
            if features is None:
                features = np.empty((n_samples, found.shape[1]), np.float32)
            features[done : done + len(batch)] = found
            done += len(batch)
            bar.update(len(batch))
    assert features is not None  # as_images takes no empty set
    return features


def _require_unit_range(images: torch.Tensor, first: int) -> None:
    """Raise ValueError for floats outside [0, 1]: features of such images mean nothing."""
    if images.dtype == torch.uint8:
        return
    outside = ~((images >= 0) & (images <= 1)).flatten(1)  # also true for NaN
    if bool(outside.any()):
        row = int(outside.any(dim=1).nonzero()[0])
        value = float(images.flatten(1)[row][outside[row]][0])
        raise ValueError(
            f"images must be uint8, or floats in [0, 1]: image {first + row} holds {value:g}"
        )


def unit_interval(images: torch.Tensor) -> torch.Tensor:
    """Scale uint8 images to [0, 1] in float32; leave floats alone."""
    return images.float() / 255.0 if images.dtype == torch.uint8 else images.float()


def _as_matrix(
    features: torch.Tensor, n_images: int, first: int, name: str
) -> np.ndarray[Any, np.dtype[np.float32]]:
    if features.ndim != 2 or len(features) != n_images:
        raise ValueError(
            f"{name} must turn {n_images} images into a matrix ({n_images}, D), got shape "
            f"{tuple(features.shape)}"
        )
    matrix: np.ndarray[Any, np.dtype[np.float32]] = features.detach().float().cpu().numpy()
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{name} gives features that are not finite, first for image "
            f"{first + int(np.argmin(finite))}"
        )
    return matrix
