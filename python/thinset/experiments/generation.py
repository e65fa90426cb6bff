"""Settings of the generators that an experiment trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from thinset.augmentation.generators import cdcgan, cdcvae, flow, sngan
from thinset.duration import Duration
from thinset.files.decoding import Count, Positive  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thinset.results.arm import Arm


@dataclass(frozen=True)
class GenerationSettings:
    """How arms with augment=... or generated:... get their images.

    length: of the training of a generator. evaluations: their number in it. n_seeds: number of
    generators of each kind; a training with seed s uses the generator with seed s modulo n_seeds.
    candidates: how many images are drawn for each that `keep` keeps. classifier_length: of the
    classifier that keeps and measures images; it is trained on real data. n_scored: number of
    images that it scores at each evaluation of a generator's training (FID, and the share in the
    class that was asked for); 0 for none. precision: what generators compute in while they are
    trained; "auto" is bfloat16 where the device has instructions for it, which are faster for
    sngan and slower for the smaller networks of the others. cdcgan, cdcvae, flow, sngan: see
    thinset.augmentation.generators.
    """

    length: Duration = Duration(500, "ep")
    evaluations: Positive = 10
    n_seeds: Positive = 1
    candidates: Positive = 10
    classifier_length: Duration = Duration(1000, "st")
    n_scored: Count = 0
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    cdcgan: cdcgan.Settings = field(default_factory=cdcgan.Settings)
    cdcvae: cdcvae.Settings = field(default_factory=cdcvae.Settings)
    flow: flow.Settings = field(default_factory=flow.Settings)
    sngan: sngan.Settings = field(default_factory=sngan.Settings)

    def __post_init__(self) -> None:
        for name in ("length", "classifier_length"):
            if getattr(self, name).amount == 0:
                raise ValueError(f"generation.{name} must be longer than {getattr(self, name)}")

    def of(self, name: str) -> Any:
        """The settings of the generator `name`."""
        return getattr(self, name)

    def of_names(self, names: Iterable[str | None]) -> tuple[Any, ...]:
        """The settings of each of the generators `names`, once; None is skipped."""
        return tuple(self.of(name) for name in dict.fromkeys(names) if name is not None)

    def of_arms(self, arms: Iterable[Arm]) -> tuple[Any, ...]:
        """The settings of each generator that one of `arms` uses."""
        return self.of_names(
            arm.generator if arm.distilled is None else arm.distilled.generator for arm in arms
        )


def generated_name(generator: str, n_images: int, seed: int) -> str:
    """The name of the folder of drawn images, among the subsets of their experiment."""
    return f"generated-{generator}-n{n_images}-seed{seed}"
