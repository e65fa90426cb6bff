"""Batches of a dataset on the training device, shuffled without end or in order once.

The one file of thinset.data that imports torch. Images come as NCHW in the dataset's own dtype
(uint8 0..255), so that augmentation runs in batches on the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch

from thinset.data.store import NO_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from thinset.data.encoded import EncodedImages


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


class Batch(NamedTuple):
    """Samples on the training device.

    images: (B, C, H, W), in the dataset's dtype. labels: (B,) int64, -1 where there are none; soft
    labels (B, classes) float32 where the dataset has them. indices: (B,) int64 on the CPU, the rows
    of the dataset. weights: (B,) float32, how much each sample counts in the loss; None where all
    count 1.
    """

    images: torch.Tensor
    labels: torch.Tensor
    indices: torch.Tensor
    weights: torch.Tensor | None


class Passes(Protocol):
    """Which samples each pass over a dataset shows, in which order, and how much each counts."""

    def begin(self, progress: float) -> None:
        """Begin the next pass; `progress` is the share of the phase, 0..1, that is done."""

    def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Rows (int64, at least one) and weights (float32) of this pass, on the CPU.

        The same state of `generator` (a CPU generator) gives the same pass again.
        """

    def observe(self, indices: torch.Tensor, losses: torch.Tensor) -> None:
        """Take note of the losses (B,) of samples that were just trained on."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What later passes depend on, beside the generator."""

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Go back to what `state_dict` gave."""


class ShuffledPasses:
    """Every sample once in each pass, in random order."""

    def __init__(self, n_samples: int) -> None:
        self._n_samples = n_samples

    def begin(self, progress: float) -> None:
        """Nothing changes from pass to pass."""

    def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, None]:
        """One permutation."""
        return torch.randperm(self._n_samples, generator=generator), None

    def observe(self, indices: torch.Tensor, losses: torch.Tensor) -> None:
        """Nothing depends on losses."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Nothing."""


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
        return self._array.index_select(0, _to_device(indices, self._array.device))


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
        # Batches never grow, so that buffers made for the first two hold all that follow.
        if len(self._buffers) < 2:
            shape = (n_rows, *self._array.shape[1:])
            buffer = torch.empty(shape, dtype=_torch_dtype(self._array), pin_memory=True)
            self._buffers.append((buffer, torch.cuda.Event()))  # type: ignore[no-untyped-call]
        else:
            self._buffers.reverse()
            self._buffers[-1][1].synchronize()
        buffer, copied = self._buffers[-1]
        return buffer[:n_rows], copied


class _Rows:
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
        if labels is not None and labels.shape != (len(images),):
            raise ValueError(f"labels must have shape ({len(images)},), got {labels.shape}")
        rows_of = _ResidentRows if resident else _MappedRows
        self._images = rows_of(images, device)
        soft_labels = _soft_labels(dataset)
        self._soft_labels: _ResidentRows | _MappedRows | None = None
        if soft_labels is not None and (prefer_soft or labels is None):
            self._soft_labels = rows_of(soft_labels, device)
        self._labels = torch.from_numpy(
            np.full(len(images), NO_LABEL, np.int64) if labels is None else np.array(labels)
        )
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
        return images, _to_device(self._labels.index_select(0, indices), self._device)


def _soft_labels(dataset: ImageRows) -> np.ndarray[Any, Any] | None:
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


class DeviceBatches:
    """An endless stream of passes over a dataset in batches of exactly `batch_size` samples.

    `passes` says what a pass shows; by default every sample exactly once, shuffled. A batch may run
    across the border of two passes (or, where it is larger than a pass, of several). `next()` gives
    a Batch on `device`.

    `generator` is a CPU generator that determines the order and belongs to this stream alone; each
    pass is drawn from it when its first sample is wanted. `resident=True` keeps the whole set on
    the device, `False` leaves it in place and copies batches (through pinned memory to CUDA); None
    picks resident on an accelerator where the set takes at most half of the memory that is free
    there. `channels_last` gives images in torch's channels_last memory format, which costs nothing
    here.

    Raises ValueError for an empty dataset, shapes that do not fit, `batch_size` below 1 or a
    generator that is not on the CPU.
    """

    def __init__(
        self,
        dataset: ImageRows,
        *,
        device: torch.device | str,
        batch_size: int,
        generator: torch.Generator,
        passes: Passes | None = None,
        channels_last: bool = False,
        resident: bool | None = None,
    ) -> None:
        _require_batch_size(batch_size)
        if generator.device.type != "cpu":
            raise ValueError(f"generator must be on the CPU, got one on {generator.device}")
        device = torch.device(device)
        self.batch_size = batch_size
        self.progress = 0.0
        """The share of the phase that is done, for passes that depend on it; the caller's to set"""
        soft_labels = _soft_labels(dataset)
        n_bytes = dataset.images.nbytes + (0 if soft_labels is None else soft_labels.nbytes)
        self.resident = _fits(n_bytes, device) if resident is None else resident
        self._rows = _Rows(
            dataset,
            device=device,
            resident=self.resident,
            channels_last=channels_last,
            prefer_soft=True,
        )
        self._passes = ShuffledPasses(len(self._rows)) if passes is None else passes
        self._generator = generator
        self._n_before = 0  # samples given in the passes before this one
        self._position = 0
        self._begin_pass()

    @property
    def n_samples(self) -> int:
        """The number of samples in the dataset."""
        return len(self._rows)

    @property
    def samples_drawn(self) -> int:
        """How many samples have been given since the start, over all passes."""
        return self._n_before + self._position

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        indices, weights = self._next_samples()
        images, labels = self._rows.take(indices)
        if weights is not None:
            weights = _to_device(weights, images.device)
        return Batch(images, labels, indices, weights)

    def observe(self, batch: Batch, losses: torch.Tensor) -> None:
        """Tell the passes the losses (B,) of a batch that was trained on."""
        self._passes.observe(batch.indices, losses)

    def state_dict(self) -> dict[str, Any]:
        """The place in the stream: integers, a tensor with the generator's state, and tensors."""
        return {
            "n_samples": self.n_samples,
            "n_before": self._n_before,
            "position": self._position,
            "generator_state": self._generator_state,
            "passes": self._passes.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state_dict` was taken, with the very same order.

        Raises ValueError where the state is of a dataset of another size.
        """
        if state["n_samples"] != self.n_samples:
            raise ValueError(
                f"the state is of a dataset of {state['n_samples']} samples, "
                f"this one has {self.n_samples}"
            )
        self._passes.load_state_dict(state["passes"])
        self._generator.set_state(state["generator_state"])
        self._draw_pass()
        self._n_before = state["n_before"]
        self._position = state["position"]

    def _begin_pass(self) -> None:
        self._n_before += self._position
        self._passes.begin(self.progress)
        self._draw_pass()

    def _draw_pass(self) -> None:
        # The state before the draw: resuming in mid-pass draws the same pass again.
        self._generator_state = self._generator.get_state()
        self._order, self._weights = self._passes.draw(self._generator)
        self._position = 0

    def _next_samples(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        rows: list[torch.Tensor] = []
        weights: list[torch.Tensor | None] = []
        missing = self.batch_size
        while missing > 0:
            if self._position == len(self._order):
                self._begin_pass()
            part = slice(self._position, self._position + missing)
            rows.append(self._order[part])
            weights.append(None if self._weights is None else self._weights[part])
            self._position += len(rows[-1])
            missing -= len(rows[-1])
        return torch.cat(rows), _joined_weights(rows, weights)


def _joined_weights(
    rows: list[torch.Tensor], weights: list[torch.Tensor | None]
) -> torch.Tensor | None:
    if all(part is None for part in weights):
        return None
    return torch.cat(
        [
            torch.ones(len(part)) if given is None else given
            for part, given in zip(rows, weights, strict=True)
        ]
    )


def ordered_batches(
    dataset: ImageRows,
    *,
    device: torch.device | str,
    batch_size: int,
    channels_last: bool = False,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Every sample once, in order, for evaluation and encoding; the last batch may be smaller.

    Gives images (B, C, H, W) and labels (B,) int64; soft labels (B, classes) float32 only where
    there are no labels, because accuracy counts true classes. The dataset stays in place; one batch
    at a time is copied to `device`. Raises ValueError for `batch_size` below 1 and shapes that do
    not fit.
    """
    _require_batch_size(batch_size)
    rows = _Rows(
        dataset,
        device=torch.device(device),
        resident=False,
        channels_last=channels_last,
        prefer_soft=False,
    )
    starts = range(0, len(rows), batch_size)
    return (rows.take(torch.arange(i, min(i + batch_size, len(rows)))) for i in starts)


def _require_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")


def _torch_dtype(array: np.ndarray[Any, Any] | EncodedImages) -> torch.dtype:
    return torch.from_numpy(np.empty(0, array.dtype)).dtype


def _to_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    # CUDA stages pageable memory before the call returns, so that not waiting for the device is
    # safe; waiting would hold the host up until every step queued there is done.
    return values.to(device, non_blocking=device.type == "cuda")


def _fits(n_bytes: int, device: torch.device) -> bool:
    if device.type == "cpu":
        return False  # the system already keeps mapped files in memory where there is room
    if device.type == "cuda":
        n_free, _ = torch.cuda.mem_get_info(device)
        return n_bytes <= n_free // 2
    return True
