"""Which networks a training can be unrolled for."""

from __future__ import annotations

import copy
import functools
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd

from thinset.models.batch_statistics import layer_with_batch_statistics

_N_IMAGES = 4
_TOLERANCE = 1e-3
"""Relative; statistics of a batch change values by far more, other orders of summation by less"""


def require_unrollable(
    network: nn.Module, image_shape: tuple[int, int, int], n_classes: int
) -> None:
    """Raise ValueError, naming the layer, unless trainings of `network` can be unrolled.

    A step of such a training is a function of weights and images that is differentiable twice and
    the same at each call. Refused are batch norm that uses the statistics of the batch, dropout and
    other random layers, layers that change buffers, operations without a second derivative, and
    networks without parameters to train or with outputs of another shape than (B, n_classes).

    network: on the CPU, in the mode that it is trained in; it is not changed. image_shape:
    (H, W, C). Layers of unknown types are judged by what they do to random images.
    """
    normalised = layer_with_batch_statistics(network)
    if normalised is not None:
        raise ValueError(
            f"{normalised} uses the statistics of each batch or gathers them, so that replay would "
            "take other steps; use a network without batch norm, such as lenet or alexnet, or "
            "instance norm with track_running_stats=False, or set freeze_statistics to use the "
            "running statistics"
        )
    for name, layer in network.named_modules():
        _require_no_dropout(name, layer)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(f"{type(network).__name__} has no parameters to train")
    height, width, channels = image_shape
    generator = torch.Generator().manual_seed(0)
    network = copy.deepcopy(network)
    dtype = next(network.parameters()).dtype
    images = torch.rand((_N_IMAGES, channels, height, width), generator=generator, dtype=dtype)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = {name: buffer.clone() for name, buffer in network.named_buffers()}
        first = _outputs(network, images, seed=0)
        for name, buffer in network.named_buffers():
            if not torch.equal(buffer, before[name]):
                raise ValueError(
                    f"the buffer {name!r} changes when the network is used in training; a step "
                    "that changes more than weights cannot be unrolled: use a network without it"
                )
        logits = first.get("")
        shape = None if logits is None else tuple(logits.shape)
        if shape != (_N_IMAGES, n_classes):
            raise ValueError(
                f"the network must return logits of shape ({_N_IMAGES}, {n_classes}), got {shape}"
            )
        name = _difference(first, _outputs(network, images, seed=1))
        if name is not None:
            raise ValueError(
                f"{_layer(network, name)} gives other values at each call; random layers cannot be "
                "unrolled, because replay would draw other numbers: use a network without them"
            )
        name = _difference(first, _outputs(network, images[: _N_IMAGES // 2], seed=0))
        if name is not None:
            raise ValueError(
                f"{_layer(network, name)} mixes the images of a batch, as batch norm does; use a "
                "network in which the logits of an image depend on that image alone"
            )
    _require_second_derivatives(network, images, n_classes)


def _require_no_dropout(name: str, layer: nn.Module) -> None:
    kind = type(layer).__name__
    if isinstance(layer, _DropoutNd) and layer.training and layer.p > 0:
        raise ValueError(
            f"layer {name!r} ({kind}) draws a random mask at each step, so that replay would take "
            "other steps than those that were distilled; use a network without dropout"
        )


def _require_second_derivatives(network: nn.Module, images: torch.Tensor, n_classes: int) -> None:
    images.requires_grad_()
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        loss = F.cross_entropy(network(images), torch.arange(_N_IMAGES) % n_classes)
        gradients = torch.autograd.grad(loss, learned, create_graph=True, materialize_grads=True)
        # To all leaves: a sweep to chosen ones skips operations that only fail where it meets them.
        torch.autograd.backward(torch.stack([value.square().sum() for value in gradients]).sum())
    except RuntimeError as error:
        text = str(error).splitlines()[0]
        raise ValueError(
            f"{type(network).__name__} cannot be differentiated twice, which unrolled training "
            f"needs: {text}"
        ) from error


def _outputs(network: nn.Module, images: torch.Tensor, *, seed: int) -> dict[str, torch.Tensor]:
    """The output of each layer by name, in the order of computation; that of the network is ""."""
    found: dict[str, torch.Tensor] = {}
    handles = [
        layer.register_forward_hook(functools.partial(_note, found, name))
        for name, layer in network.named_modules()
    ]
    torch.manual_seed(seed)
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _note(
    found: dict[str, torch.Tensor], name: str, _layer: nn.Module, _inputs: Any, output: Any
) -> None:
    if isinstance(output, torch.Tensor):
        found.setdefault(name, output.clone())  # the next layer may work in place


def _difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> str | None:
    """The first layer whose values for the same images differ; None if there is none."""
    for name, values in first.items():
        other = second.get(name)
        if other is None or len(values) != _N_IMAGES or other.shape[1:] != values.shape[1:]:
            continue
        limit = _TOLERANCE * float(values.abs().max())
        if not bool(((values[: len(other)] - other).abs() <= limit).all()):
            return name
    return None


def _layer(network: nn.Module, name: str) -> str:
    layer = network.get_submodule(name)
    return f"layer {name!r} ({type(layer).__name__})" if name else type(layer).__name__
