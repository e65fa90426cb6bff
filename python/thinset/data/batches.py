"""Batches of a dataset on the training device, shuffled without end or in order once.

Images come as NCHW in the dataset's own dtype (uint8 0..255), so that augmentation runs in batches
on the device.
"""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from thinset.data.device_rows import (
    DeviceRows,
    ImageArrays,
    ImageRows,
    soft_labels_of,
    to_device,
)
from thinset.data.passes import Passes, ShuffledPasses
from thinset.files.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

__all__ = [
    "Batch",
    "DeviceBatches",
    "ImageArrays",
    "ImageRows",
    "Passes",
    "ShuffledPasses",
    "ordered_batches",
]


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


class DeviceBatches:
    """An endless stream of passes over a dataset in batches of exactly `batch_size` samples.

    With `batch_size` None each batch is one pass, whatever its size.

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
        batch_size: int | None,
        generator: torch.Generator,
        passes: Passes | None = None,
        channels_last: bool = False,
        resident: bool | None = None,
    ) -> None:
        if batch_size is not None:
            _require_batch_size(batch_size)
        if generator.device.type != "cpu":
            raise ValueError(f"generator must be on the CPU, got one on {generator.device}")
        device = torch.device(device)
        self.batch_size = batch_size
        self.progress = 0.0
        """The share of the phase that is done, for passes that depend on it; the caller's to set"""
        soft_labels = soft_labels_of(dataset)
        n_bytes = dataset.images.nbytes + (0 if soft_labels is None else soft_labels.nbytes)
        self.resident = _fits(n_bytes, device) if resident is None else resident
        self._rows = DeviceRows(
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
            weights = to_device(weights, images.device)
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
        """Resume where `state_dict` was taken, in the same order.

        Raises ValueError if the state is of a dataset of another size.
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
        if self.batch_size is None and self._position == len(self._order):
            self._begin_pass()
        missing = len(self._order) if self.batch_size is None else self.batch_size
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
    rows = DeviceRows(
        dataset,
        device=torch.device(device),
        resident=False,
        channels_last=channels_last,
        prefer_soft=False,
    )
    starts = range(0, len(rows), batch_size)
    return (rows.take(torch.arange(i, min(i + batch_size, len(rows)))) for i in starts)


def _require_batch_size(batch_size: object) -> None:
    if isinstance(batch_size, bool) or not isinstance(batch_size, numbers.Integral):
        raise ValueError(f"batch_size must be a whole number, got {shown(batch_size)}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")


def _fits(n_bytes: int, device: torch.device) -> bool:
    if device.type == "cpu":
        return False  # the system already keeps mapped files in memory where there is room
    if device.type == "cuda":
        n_free, _ = torch.cuda.mem_get_info(device)
        return n_bytes <= n_free // 2
    return True
