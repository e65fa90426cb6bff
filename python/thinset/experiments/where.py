"""The source of an experiment's data and the destination of its results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os


@dataclass(frozen=True)
class Where:
    """The source, the output and the device of an experiment.

    image_size: (height, width) that images are resized to on import; None lets the import decide.
    """

    source: str
    out: str | os.PathLike[str]
    device: str = "auto"
    command: str = ""
    show_progress: bool = False
    image_size: tuple[int, int] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """The part that a run folder stores and later refuses to change."""
        size = {} if self.image_size is None else {"image_size": list(self.image_size)}
        return {"source": self.source, "device": self.device, **size}
