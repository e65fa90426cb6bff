"""Arrays, tensors and buffers of other libraries, read as numpy arrays without a copy."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

    # (name of the element type, its kind) -> None, or raises ValueError for an unsupported type.
    # The kind is numpy's letter, "fields" or "raw bytes", or "tensor".
    CheckType = Callable[[str, str], None]

# Device types of DLPack whose memory the processor reads: the host, and memory pinned for a GPU.
_DLPACK_HOST = (1, 3, 11)


class HostArray(NamedTuple):
    """A numpy array that shares memory with the user's object.

    bfloat16, which numpy does not know, is stored as its bits in uint16. `is_tensor` says whether
    messages should name torch's functions or numpy's.
    """

    values: NDArray[Any]
    dtype_name: str
    is_tensor: bool = False


def read_array(source: object, name: str, check_type: CheckType) -> HostArray:
    """View an array, tensor or buffer as a numpy array.

    source: an ndarray of any subclass, a torch tensor in host memory, or anything with DLPack,
    `__array__` or the buffer protocol. name: used in messages. check_type: refuses element types
    before any value is read.

    Raises ValueError for anything else, for masked values, and for tensors that are not dense.
    """
    if isinstance(source, bytes):  # would be read as integers, but is likely to be a path
        raise NotAnArrayError
    if isinstance(source, np.ma.MaskedArray):
        _refuse_masked(source, name)
    if isinstance(source, np.ndarray):
        return _of_numpy(np.asarray(source), check_type)
    if is_tensor(source):
        check_dense(source, name)
        return _of_tensor(source, name, check_type)
    if hasattr(source, "__dlpack__"):
        return _of_dlpack(source, name, check_type)
    if hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
        return _of_foreign(source, name, check_type)
    if hasattr(source, "toarray"):
        raise ValueError(
            f"{name} must be dense, got {type(source).__name__}; pass {name}.toarray()"
        )
    try:
        buffer = memoryview(source)  # type: ignore[arg-type]
    except TypeError:
        raise NotAnArrayError from None
    try:
        return _of_numpy(np.asarray(buffer), check_type)
    except ValueError as error:
        raise ValueError(
            f"{name} must hold numbers, got a buffer of format {buffer.format!r}: {error}"
        ) from None


class NotAnArrayError(Exception):
    """The object is not an array of any kind; the caller knows what else it might be."""


def is_tensor(source: object) -> TypeGuard[torch.Tensor]:
    # A tensor can only come from a torch that is loaded already.
    torch = sys.modules.get("torch")
    return torch is not None and bool(isinstance(source, torch.Tensor))


def device_tensor(source: object, name: str) -> torch.Tensor | None:
    """A tensor that views `source` if it is not in host memory; None if it is."""
    if is_tensor(source) or not hasattr(source, "__dlpack_device__"):
        return None
    if hasattr(source, "__arrow_c_array__"):
        return None  # Arrow arrays of lists have the method, but older ones only raise in it
    kind, _ = source.__dlpack_device__()
    if kind in _DLPACK_HOST:
        return None
    if "torch" not in sys.modules:
        raise ValueError(
            f"{name} must be in host memory, got {type(source).__name__} on another device (DLPack "
            f"device type {int(kind)}); pass a copy in host memory, or import torch, which makes it"
        )
    return _tensor_of_dlpack(source, name)


def _tensor_of_dlpack(source: object, name: str) -> torch.Tensor:
    try:
        tensor: torch.Tensor = sys.modules["torch"].from_dlpack(source)
    except (BufferError, RuntimeError, TypeError) as error:
        raise ValueError(f"{name} cannot be read by DLPack: {error}") from None
    return tensor


def check_dense(tensor: torch.Tensor, name: str) -> None:
    """Raise ValueError for tensors whose elements are not stored one by one, unchanged."""
    torch = sys.modules["torch"]
    if tensor.is_nested:
        raise ValueError(
            f"{name} must be a tensor of rows of one length, got a nested tensor; "
            f"torch.nested.to_padded_tensor({name}, 0.0) makes them one length"
        )
    if tensor.layout != torch.strided:
        raise ValueError(
            f"{name} must be dense, got a tensor of layout {tensor.layout}; pass {name}.to_dense()"
        )
    if tensor.is_quantized:
        raise ValueError(
            f"{name} must not be quantized, got {_type_name(tensor)}; pass {name}.dequantize()"
        )
    if tensor.is_neg() or tensor.is_conj():
        raise ValueError(
            f"{name} must not be a view that negates or conjugates other values; pass "
            f"{name}.resolve_neg().resolve_conj()"
        )


def _of_numpy(array: NDArray[Any], check_type: CheckType) -> HostArray:
    name = name_of(array.dtype)
    check_type(name, _kind(array.dtype))
    if is_bfloat16(array.dtype):
        return HostArray(array.view(np.uint16), "bfloat16")
    return HostArray(array, name)


@functools.cache  # numpy takes as long to name a type as a small selection takes
def name_of(dtype: np.dtype[Any]) -> str:
    return str(dtype)


def _kind(dtype: np.dtype[Any]) -> str:
    # Types that other libraries add to numpy, such as float8, also have the letter V.
    if dtype.fields is not None:
        return "fields"
    return "raw bytes" if dtype.type is np.void else dtype.kind


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """The type that ml_dtypes adds to numpy, which is also what jax and tensorflow use."""
    return dtype.itemsize == 2 and dtype.fields is None and name_of(dtype) == "bfloat16"


def _of_tensor(tensor: torch.Tensor, name: str, check_type: CheckType) -> HostArray:
    torch = sys.modules["torch"]
    type_name = _type_name(tensor)
    check_type(type_name, "tensor")
    try:
        values = tensor.detach()
        if tensor.dtype == torch.bfloat16:
            return HostArray(values.view(torch.int16).numpy().view(np.uint16), type_name, True)
        return HostArray(values.numpy(), type_name, True)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{name} cannot be read as an array: {error}") from None


def _type_name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _of_dlpack(source: Any, name: str, check_type: CheckType) -> HostArray:
    try:
        array = np.from_dlpack(source)
    except (BufferError, RuntimeError, TypeError) as error:
        # numpy does not read every element type through DLPack, for instance bfloat16.
        if hasattr(source, "__array__"):
            return _of_foreign(source, name, check_type)
        if "torch" not in sys.modules:
            raise ValueError(
                f"{name} cannot be read by DLPack: {error}; pass numpy.asarray({name}), or import "
                "torch first, which reads more element types"
            ) from None
        return _of_tensor(_tensor_of_dlpack(source, name), name, check_type)
    return _of_numpy(array, check_type)


def _of_foreign(source: Any, name: str, check_type: CheckType) -> HostArray:
    try:
        array = np.asarray(source)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{name} cannot be read as an array: {type(source).__name__} says: {error}"
        ) from None
    return _of_numpy(array, check_type)


def _refuse_masked(array: np.ma.MaskedArray[Any, Any], name: str) -> None:
    mask = np.asarray(np.ma.getmaskarray(array) if array.mask is not np.ma.nomask else False)
    if not mask.any():
        return
    # One flag per row: a list of all masked positions could be as large as the array.
    rows = mask.reshape(len(mask), -1).any(axis=1) if mask.ndim else mask.reshape(1)
    n_masked = int(np.count_nonzero(rows))
    others = f" ({n_masked} rows have masked values)" if n_masked > 1 else ""
    raise ValueError(
        f"{name} must not have masked values: row {int(np.argmax(rows))} has one{others}; remove "
        f"these rows, or pass {name}.filled(value)"
    )
