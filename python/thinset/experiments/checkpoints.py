"""What becomes of the checkpoint of a training."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from thinset.training import TrainingDivergedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def divergence_named(name: str, checkpoint: Path) -> Iterator[None]:
    """Put `name`, and where the last good state is kept, into the message of a divergence."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except TrainingDivergedError as error:
        kept = f"; the last good state is kept in {checkpoint}" if checkpoint.exists() else ""
        raise TrainingDivergedError(f"{name}: {error}{kept}") from None


@contextlib.contextmanager
def kept_until_done(checkpoint: Path) -> Iterator[Path]:
    """Yield the path of a checkpoint, and remove the file once the block has kept its results.

    After an interruption or another error the file stays, to resume from. After a divergence it
    is removed: resuming would diverge again, and would refuse other settings.
    """
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield checkpoint
    except TrainingDivergedError:
        checkpoint.unlink(missing_ok=True)
        raise
    checkpoint.unlink(missing_ok=True)
