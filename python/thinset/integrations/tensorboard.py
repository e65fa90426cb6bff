"""The figures of a training in TensorBoard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.tensorboard import SummaryWriter

if TYPE_CHECKING:
    import os


class TensorBoardLog:
    """A `log` for `thinset.training.fit` that writes events to the folder `path`.

    A training that resumes from a checkpoint hides the events of the steps that it repeats.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._writer: SummaryWriter | None = None

    def __call__(self, values: dict[str, float], step: int) -> None:
        if self._writer is None:
            self._writer = SummaryWriter(str(self._path), purge_step=step)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()
