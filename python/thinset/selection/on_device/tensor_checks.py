"""Which tensors can be selected from where they lie."""

from __future__ import annotations

import functools

import torch

from thinset.selection.on_device.arithmetic import computes_exactly

# Asked once of every device.
_computes_exactly = functools.cache(computes_exactly)

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_tensor(tensor: torch.Tensor) -> None:
    """Raise ValueError unless a 2-D tensor holds floats, row by row, on a device with float64."""
    if tensor.dtype not in _DTYPES:
        raise ValueError(
            "embeddings must be float16, bfloat16, float32 or float64, got "
            + str(tensor.dtype).removeprefix("torch.")
        )
    if tensor.layout != torch.strided:
        raise ValueError(f"embeddings must be a dense tensor, got layout {tensor.layout}")
    _check_strides(tensor)
    _check_device(tensor.device)


def _check_strides(tensor: torch.Tensor) -> None:
    n_rows, n_columns = tensor.shape
    row_stride, column_stride = tensor.stride()
    lies_row_by_row = (column_stride == 1 or n_columns == 1) and (
        row_stride >= n_columns or n_rows == 1
    )
    if n_rows > 0 and n_columns > 0 and not lies_row_by_row:
        size = tensor.element_size()
        raise ValueError(
            "embeddings must be stored row by row (C order), got strides "
            f"({row_stride * size}, {column_stride * size}) bytes; pass a contiguous copy"
        )


def _check_device(device: torch.device) -> None:
    if device.type == "meta":
        raise ValueError("embeddings on the device 'meta' have a shape and no values")
    try:
        exact = _computes_exactly(device)
    except (TypeError, RuntimeError) as error:
        raise ValueError(
            f"embeddings lie on the device '{device}', which does not compute in float64: "
            f"pass embeddings.cpu() ({error})"
        ) from error
    if not exact:
        raise ValueError(
            f"embeddings lie on the device '{device}', whose float64 arithmetic does not round as "
            "the selection needs: pass embeddings.cpu()"
        )
