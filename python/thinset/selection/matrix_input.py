"""Whatever the user holds as embeddings, seen as a matrix where it lies."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

import numpy as np

from thinset import _core


class Matrix(NamedTuple):
    """A 2-D array that shares the user's memory; bfloat16 values stand in uint16 as their bits."""

    values: np.ndarray[Any, Any]
    is_bfloat16: bool

    @property
    def dtype_name(self) -> str:
        return "bfloat16" if self.is_bfloat16 else str(self.values.dtype)


def as_matrix(embeddings: object) -> Matrix:
    """View embeddings as a matrix, without a copy of arrays in host memory.

    Takes an ndarray or memmap, a path to a .npy file (it is mapped), a torch tensor (one on another
    device is copied to the host), and anything with DLPack, `__array__` or the buffer protocol.
    Raises ValueError for anything else.
    """
    if isinstance(embeddings, (str, os.PathLike)):
        return Matrix(_core.open_npy(os.fspath(embeddings)), is_bfloat16=False)
    if isinstance(embeddings, np.ndarray):
        return Matrix(embeddings, is_bfloat16=False)
    # A tensor can only come from a torch that is loaded already.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(embeddings, torch.Tensor):
        tensor = embeddings.detach().cpu()
        if tensor.dtype == torch.bfloat16:
            return Matrix(tensor.view(torch.int16).numpy().view(np.uint16), is_bfloat16=True)
        return Matrix(tensor.numpy(), is_bfloat16=False)
    if hasattr(embeddings, "__dlpack__"):
        return Matrix(np.from_dlpack(embeddings), is_bfloat16=False)
    if hasattr(embeddings, "__array__"):
        return Matrix(np.asarray(embeddings), is_bfloat16=False)
    try:
        return Matrix(np.asarray(memoryview(embeddings)), is_bfloat16=False)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(
            "embeddings must be an array, a tensor, a path to a .npy file, or offer DLPack or the "
            f"buffer protocol; got {type(embeddings).__name__}"
        ) from None
