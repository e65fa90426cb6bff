"""Whatever the user holds as embeddings, seen as a matrix where it lies."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from thinset import _core

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    # indices int64, gains float64, constant columns int64, what each swap gained float64
    Choice: TypeAlias = tuple[
        NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]
    ]


class HostMatrix(NamedTuple):
    """Arrays that share the user's memory; bfloat16 values stand in uint16 as their bits.

    One array, or shards whose rows run through in their order.
    """

    values: np.ndarray[Any, Any] | list[np.ndarray[Any, Any]]
    is_bfloat16: bool

    @property
    def shape(self) -> tuple[int, ...]:
        if isinstance(self.values, list):
            return _core.shape_of(self.values, bfloat16=self.is_bfloat16)
        return tuple(self.values.shape)

    @property
    def dtype_name(self) -> str:
        first = self.values[0] if isinstance(self.values, list) else self.values
        return "bfloat16" if self.is_bfloat16 else str(first.dtype)

    def choose(self, n_samples: int, **request: Any) -> Choice:
        """Select rows in the core, which names the keywords of `request`."""
        return _core.select(self.values, n_samples, bfloat16=self.is_bfloat16, **request)

    def figure(self, name: str, indices: NDArray[np.int64], **request: Any) -> float:
        """One figure of `Objective`, or one bound of `Certificates`."""
        figure = getattr(_core, name)
        return float(figure(self.values, indices, bfloat16=self.is_bfloat16, **request))


class DeviceMatrix(NamedTuple):
    """A torch tensor that does not lie in host memory."""

    values: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape)

    @property
    def dtype_name(self) -> str:
        return str(self.values.dtype).removeprefix("torch.")

    def choose(self, n_samples: int, *, n_threads: int, **request: Any) -> Choice:
        """Select rows on the device. The threads are the core's; a device has its own."""
        # Loads torch, which only a user of tensors needs to have.
        from thinset.selection import on_device

        del n_threads
        return on_device.select(self.values, n_samples, **request)

    def figure(self, name: str, indices: NDArray[np.int64], **request: Any) -> float:
        """One figure or bound, from a copy of the tensor on the host."""
        return _of_host_tensor(self.values.cpu()).figure(name, indices, **request)


Matrix: TypeAlias = "HostMatrix | DeviceMatrix"


def as_matrix(embeddings: object) -> Matrix:
    """View embeddings as a matrix where they lie, without a copy.

    Takes an ndarray or memmap, a path to a .npy file (it is mapped), a torch tensor on the host or
    on another device, and anything with DLPack, `__array__` or the buffer protocol; or a list or
    tuple of these, in host memory, as shards of one matrix. Raises ValueError for anything else.
    """
    if isinstance(embeddings, (list, tuple)):
        return _stack([_as_shard(number, shard) for number, shard in enumerate(embeddings)])
    return _as_one_matrix(embeddings)


def _as_one_matrix(embeddings: object) -> Matrix:
    if isinstance(embeddings, (str, os.PathLike)):
        return HostMatrix(_core.open_npy(os.fspath(embeddings)), is_bfloat16=False)
    if isinstance(embeddings, np.ndarray):
        return HostMatrix(embeddings, is_bfloat16=False)
    # A tensor can only come from a torch that is loaded already.
    loaded_torch = sys.modules.get("torch")
    if loaded_torch is not None and isinstance(embeddings, loaded_torch.Tensor):
        tensor = embeddings.detach()
        return _of_host_tensor(tensor) if _lies_on_host(tensor) else DeviceMatrix(tensor)
    if hasattr(embeddings, "__dlpack__"):
        return HostMatrix(np.from_dlpack(embeddings), is_bfloat16=False)
    if hasattr(embeddings, "__array__"):
        return HostMatrix(np.asarray(embeddings), is_bfloat16=False)
    try:
        return HostMatrix(np.asarray(memoryview(embeddings)), is_bfloat16=False)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(
            "embeddings must be an array, a tensor, a path to a .npy file, or offer DLPack or the "
            f"buffer protocol; got {type(embeddings).__name__}"
        ) from None


def _as_shard(number: int, embeddings: object) -> HostMatrix:
    try:
        shard = _as_one_matrix(embeddings)
    except _core.FormatError:
        raise  # names the file
    except ValueError as error:
        raise ValueError(f"shard {number}: {error}") from None
    if isinstance(shard, DeviceMatrix):
        raise ValueError(
            f"shards must lie in host memory or in files: shard {number} lies on "
            f"{shard.values.device}"
        )
    return shard


def _stack(shards: list[HostMatrix]) -> HostMatrix:
    if not shards:
        raise ValueError("embeddings must have at least one shard, got an empty list")
    for number, shard in enumerate(shards):
        if shard.is_bfloat16 != shards[0].is_bfloat16:
            raise ValueError(
                f"shards must have one element type: shard {number} is {shard.dtype_name}, "
                f"shard 0 is {shards[0].dtype_name}"
            )
    arrays = [array for shard in shards if isinstance(array := shard.values, np.ndarray)]
    return HostMatrix(arrays, shards[0].is_bfloat16)


def host_array(values: object) -> NDArray[Any]:
    """Labels or row numbers as an array; a tensor may lie on any device."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        values = values.detach().cpu()
    return np.asarray(values)


def _lies_on_host(tensor: torch.Tensor) -> bool:
    return tensor.device.type == "cpu"


def _of_host_tensor(tensor: torch.Tensor) -> HostMatrix:
    torch = sys.modules["torch"]
    if tensor.dtype == torch.bfloat16:
        return HostMatrix(tensor.view(torch.int16).numpy().view(np.uint16), is_bfloat16=True)
    return HostMatrix(tensor.numpy(), is_bfloat16=False)
