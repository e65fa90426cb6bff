"""A model's weights in one safetensors file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from thinset.training.loop.checkpoint import read_tensors, write_tensors

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from torch import nn


def save_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the model's state, parameters and buffers, atomically as safetensors."""
    write_tensors(path, model.state_dict(), {})


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Copy weights written by `save_weights` into `model`, wherever it is.

    Raises ValueError if the file is damaged or its tensors' names or shapes are not the
    model's, OSError if it cannot be read.
    """
    tensors, _ = read_tensors(path)
    require_same_shapes(model.state_dict(), tensors, Path(path))
    model.load_state_dict(tensors)


def named_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return all parameters and buffers by name, without gradients and without copies.

    Unlike state_dict(), this includes buffers that are not persistent.
    """
    return {
        name: tensor.detach()
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }


@torch.no_grad()
def copy_tensors(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy what `named_tensors` gave into the parameters and buffers of `model`."""
    for name, value in named_tensors(model).items():
        value.copy_(tensors[name])


def restore_tensors(model: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Copy what `named_tensors` gave, read from the file `path`, into `model`.

    Raises ValueError if names or shapes are not the model's.
    """
    require_same_shapes(named_tensors(model), tensors, path)
    copy_tensors(model, tensors)


def weights_fingerprint(model: nn.Module) -> str:
    """SHA-256 over names, dtypes, shapes and values of the model's state, wherever it is."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        flat = value.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def require_same_shapes(
    expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], path: Path
) -> None:
    """Raise ValueError, naming the first difference, unless both have the same names and shapes."""
    for name in (*expected, *found):
        shapes = [
            tuple(tensors[name].shape) if name in tensors else None for tensors in (expected, found)
        ]
        if shapes[0] == shapes[1]:
            continue
        if shapes[0] is None:
            difference = f"is there, with shape {shapes[1]}, but the model here has none"
        elif shapes[1] is None:
            difference = f"is missing there; it must have shape {shapes[0]}"
        else:
            difference = f"must have shape {shapes[0]}, there it has {shapes[1]}"
        raise ValueError(f"{path} is of another model: tensor {name!r} {difference}")
