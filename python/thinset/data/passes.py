"""What each pass over a dataset shows; by default every sample once, in random order."""

from __future__ import annotations

from typing import Protocol

import torch


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
