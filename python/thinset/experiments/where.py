"""Where the data of an experiment come from and its results go to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os


@dataclass(frozen=True)
class Where:
    """Where data come from and results go to, and how it is run.

    image_size: (height, width) that images are resized to on import; None leaves it to the import.
    """

    source: str
    out: str | os.PathLike[str]
    device: str = "auto"
    command: str = ""
    show_progress: bool = False
    image_size: tuple[int, int] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What a run folder keeps of it, and takes no other of later."""
        size = {} if self.image_size is None else {"image_size": list(self.image_size)}
        return {"source": self.source, "device": self.device, **size}
