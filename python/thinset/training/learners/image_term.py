"""An addition to the losses of adversarial networks that depends on images alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

TermSide: TypeAlias = Literal["generator", "discriminator", "both"]

_SIDES: Mapping[TermSide, tuple[str, ...]] = {
    "generator": ("generator",),
    "discriminator": ("discriminator",),
    "both": ("generator", "discriminator"),
}


class ImageTerm(Protocol):
    """An addition to the losses that depends on generated images, and on real ones beside them.

    It has random streams of its own: it draws neither from the learner's noise nor from torch's
    global generator, and changes neither images nor networks of the learner.
    """

    def prepare(self, device: torch.device) -> None:
        """Train or move what the term needs; called once, before the first step of a training.

        Not called after `load`: a resumed term follows the device of the images.
        """

    def renew(self) -> None:
        """Take a new evaluation network; called before each step that computes the term."""

    def __call__(
        self, generated: torch.Tensor, images: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Return the term of each sample, (B,) float32, without its weight; it is minimised.

        `generated` and `images` (B, C, H, W) float32 in [0, 1] are paired by row, and both are of
        the classes `labels` (B,). Differentiable in `generated` where that requires a gradient.
        """

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Return everything that later calls depend on, by name."""

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restore what `tensors` returned; they are on the CPU."""

    def describe(self) -> Mapping[str, Any]:
        """Return the settings that the results depend on, by name."""


class WeightedTerm:
    """A term, its weight, the networks whose losses it is added to, and what is left of these.

    weight: factor of the term. on: the networks. adversarial_weight: factor of all other losses of
    these networks; 0 leaves the term alone. Raises ValueError for values out of range.
    """

    def __init__(
        self,
        term: ImageTerm,
        weight: float = 1.0,
        *,
        on: TermSide = "generator",
        adversarial_weight: float = 1.0,
    ) -> None:
        if on not in _SIDES:
            raise ValueError(f"on must be one of {', '.join(_SIDES)}; got {on!r}")
        for name, value in (("weight", weight), ("adversarial_weight", adversarial_weight)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be finite and at least 0, got {value}")
        self._term = term
        self._weight = weight
        self._side: TermSide = on
        self._adversarial_weight = adversarial_weight
        self._is_prepared = False

    def prepare(self, device: torch.device) -> None:
        """Prepare the term of a new training; later calls do nothing."""
        if not self._is_prepared:
            self._term.prepare(device)
            self._is_prepared = True

    def renew(self, *, trains_generator: bool) -> None:
        """Renew the term if a step computes it; every step trains the discriminator."""
        if trains_generator or self.is_on("discriminator"):
            self._term.renew()

    def is_on(self, network: str) -> bool:
        """Whether the term is added to the loss of `network`."""
        return network in _SIDES[self._side]

    def values(
        self, generated: torch.Tensor, images: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """The term of each sample (B,); without gradients if its weight is 0."""
        # 0 times a gradient that is not finite would be NaN.
        return self._term(generated if self._weight > 0 else generated.detach(), images, labels)

    def total(self, loss: torch.Tensor, term: torch.Tensor) -> torch.Tensor:
        """What a network with the term minimises, from its other losses and `values`."""
        loss = self._adversarial_weight * loss
        return loss + self._weight * term.mean() if self._weight > 0 else loss

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """See ImageTerm."""
        return self._term.tensors()

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """See ImageTerm."""
        self._term.load(tensors)
        self._is_prepared = True

    def describe(self) -> dict[str, Any]:
        """Return the settings that the results depend on, by name."""
        return {
            "term": dict(self._term.describe()),
            "term_weight": self._weight,
            "term_on": self._side,
            "adversarial_weight": self._adversarial_weight,
        }
