"""Rows of a dataset on the training device: whole in its memory, or copied batch by batch.

With thinset.data.batches and thinset.data.passes one of the files of thinset.data that import
torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from thinset.data.store import NO_LABEL

if TYPE_CHECKING:
    from thinset.data.encoded_images import EncodedImages


_BLOCK_BYTES = 1 << 26


class ImageRows(Protocol):
    """What batches are drawn from: an open Dataset, or any object with these two arrays.

    It may have `soft_labels` as well: (N, C) float32, or None.
    """

    @property
    def images(self) -> np.ndarray[Any, Any] | EncodedImages:
        """(N, height, width, channels), uint8 or float32, in C order; or decoded when wanted."""

    @property
    def labels(self) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        """(N,) int64, or None."""


class ImageArrays(ImageRows, Protocol):
    """The same with images in memory or mapped."""

    @property
    def images(self) -> np.ndarray[Any, Any]:
        """(N, height, width, channels), uint8 or float32, in C order."""


class _ResidentRows:
    """A whole array in the device's memory; brought there block by block."""

    def __init__(self, array: np.ndarray[Any, Any] | EncodedImages, device: torch.device) -> None:
        self._array = torch.empty(array.shape, dtype=_torch_dtype(array), device=device)
        n_rows = max(1, _BLOCK_BYTES // array[0].nbytes)
        for start in range(0, len(array), n_rows):
            # np.array copies: torch cannot wrap read-only memory.
            block = torch.from_numpy(np.array(array[start : start + n_rows]))
            self._array[start : start + n_rows] = block

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        return self._array.index_select(0, to_device(indices, self._array.device))


class _MappedRows:
    """An array in place, in host memory or on disk; rows are copied batch by batch.

    For a CUDA device the copies go through two pinned buffers in turn, so that a copy runs beside
    the step before it; a buffer is filled again only when its last copy has arrived.
    """

    def __init__(self, array: np.ndarray[Any, Any] | EncodedImages, device: torch.device) -> None:
        self._array = array
        self._device = device
        self._pinned = device.type == "cuda"
        self._buffers: list[tuple[torch.Tensor, torch.cuda.Event]] = []

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        if not self._pinned:
            return torch.from_numpy(self._array.take(indices.numpy(), axis=0)).to(self._device)
        buffer, copied = self._next_buffer(len(indices))
        # mode="clip" lets numpy write straight into the buffer; the indices are known to be valid.
        self._array.take(indices.numpy(), axis=0, out=buffer.numpy(), mode="clip")
        rows_on_device = buffer.to(self._device, non_blocking=True)
        copied.record(torch.cuda.current_stream(self._device))
        return rows_on_device

    def _next_buffer(self, n_rows: int) -> tuple[torch.Tensor, torch.cuda.Event]:
        if len(self._buffers) < 2:
            self._buffers.append(self._new_buffer(n_rows))
        else:
            self._buffers.reverse()
            self._buffers[-1][1].synchronize()
            # Only stored steps of a distilled dataset have batches that grow.
            if len(self._buffers[-1][0]) < n_rows:
                self._buffers[-1] = self._new_buffer(n_rows)
        buffer, copied = self._buffers[-1]
        return buffer[:n_rows], copied

    def _new_buffer(self, n_rows: int) -> tuple[torch.Tensor, torch.cuda.Event]:
        shape = (n_rows, *self._array.shape[1:])
        buffer = torch.empty(shape, dtype=_torch_dtype(self._array), pin_memory=True)
        return buffer, torch.cuda.Event()  # type: ignore[no-untyped-call]


class DeviceRows:
    """Images as NCHW and labels of chosen rows, on the device.

    Soft labels take the place of labels where there are both, if `prefer_soft`.
    """

    def __init__(
        self,
        dataset: ImageRows,
        *,
        device: torch.device,
        resident: bool,
        channels_last: bool,
        prefer_soft: bool,
    ) -> None:
        images, labels = dataset.images, dataset.labels
        if images.ndim != 4 or len(images) == 0:
            raise ValueError(
                f"images must have shape (N, height, width, channels) with N >= 1, "
                f"got {images.shape}"
            )
        if not images.dtype.isnative:
            raise ValueError(
                f"images must be in the byte order of this machine, got {images.dtype.str}; pass "
                "images.astype(images.dtype.newbyteorder('='))"
            )
        rows_of = _ResidentRows if resident else _MappedRows
        self._images = rows_of(images, device)
        soft_labels = soft_labels_of(dataset)
        self._soft_labels: _ResidentRows | _MappedRows | None = None
        if soft_labels is not None and (prefer_soft or labels is None):
            self._soft_labels = rows_of(soft_labels, device)
        self._labels = torch.from_numpy(_as_int64(labels, len(images)))
        self._device = device
        self._channels_last = channels_last

    def __len__(self) -> int:
        return len(self._labels)

    def take(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # The rows are stored as NHWC, so their NCHW view is channels_last without a copy.
        images = self._images.take(indices).permute(0, 3, 1, 2)
        if not self._channels_last:
            images = images.contiguous()
        if self._soft_labels is not None:
            return images, self._soft_labels.take(indices)
        return images, to_device(self._labels.index_select(0, indices), self._device)


def _as_int64(
    labels: np.ndarray[Any, Any] | None, n_samples: int
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A copy of the labels, whatever type of integers; torch cannot gather every type."""
    if labels is None:
        return np.full(n_samples, NO_LABEL, np.int64)
    labels = np.asarray(labels)
    if labels.shape != (n_samples,):
        raise ValueError(f"labels must have shape ({n_samples},), got {labels.shape}")
    if labels.dtype.kind not in "iub":
        raise ValueError(
            f"labels must be integers, got {labels.dtype}; numpy.unique(labels, "
            "return_inverse=True)[1] numbers the classes"
        )
    return np.array(labels, np.int64)


def soft_labels_of(dataset: ImageRows) -> np.ndarray[Any, Any] | None:
    values: np.ndarray[Any, Any] | None = getattr(dataset, "soft_labels", None)
    n_samples = len(dataset.images)
    if values is None:
        return None
    if values.dtype != np.float32 or values.ndim != 2 or len(values) != n_samples:
        raise ValueError(
            f"soft_labels must be float32 of shape ({n_samples}, C), got {values.dtype} of shape "
            f"{values.shape}"
        )
    return values


def _torch_dtype(array: np.ndarray[Any, Any] | EncodedImages) -> torch.dtype:
    return torch.from_numpy(np.empty(0, array.dtype)).dtype


def to_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    # CUDA stages pageable memory before the call returns, so that not waiting for the device is
    # safe; waiting would hold the host up until every step queued there is done.
    return values.to(device, non_blocking=device.type == "cuda")
