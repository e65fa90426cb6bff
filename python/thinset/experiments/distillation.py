"""Settings of the distillations of an experiment."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.distillation.methods import dd, dm, gm
from thinset.distillation.through_gan.settings import LatentSettings, TermSettings
from thinset.experiments.cells import as_file_name
from thinset.files.decoding import AboveZero, Positive, encode
from thinset.results.gan_rules import TermRule

if TYPE_CHECKING:
    from thinset.experiments.settings import TrainingSettings
    from thinset.results.distillation_rule import DistillationRule


@dataclass(frozen=True)
class DistillationSettings:
    """How arms with distilled:... get their images.

    evaluations: their number in a distillation. n_seeds: how often each set is distilled; a
    training with seed s uses the set with seed s modulo n_seeds. dd, gm, dm: see
    thinset.distillation.methods, but for what follows. network, width: of all methods; None for
    those of the training. Trainings of other networks then share one set. The initial weights are
    those that the arm names; and its method `soft` is dd with learned labels. gan, latent: see
    thinset.distillation.through_gan; what an arm says of these methods replaces their values. The
    GAN itself is the generator `sngan` of GenerationSettings. Raises ValueError for a width without
    a network.
    """

    evaluations: Positive = 10
    n_seeds: Positive = 1
    network: str | None = None
    width: AboveZero | None = None
    dd: dd.Settings = field(default_factory=dd.Settings)
    gm: gm.Settings = field(default_factory=gm.Settings)
    dm: dm.Settings = field(default_factory=dm.Settings)
    gan: TermSettings = field(default_factory=TermSettings)
    latent: LatentSettings = field(default_factory=LatentSettings)

    def __post_init__(self) -> None:
        if self.width is not None and self.network is None:
            raise ValueError(f"distillation.width needs distillation.network, got {self.width}")

    def of(self, rule: DistillationRule, training: TrainingSettings) -> Any:
        """The settings of the method of `rule`, for the classifier of `training` by default."""
        values: dict[str, Any] = {"network": training.model or "paper", "width": training.width}
        if self.network is not None:
            values = {"network": self.network, "width": self.width or 1.0}
        if isinstance(rule.through, TermRule):
            values |= {"method": rule.method, "start": rule.start, **encode(rule.through)}
            return dataclasses.replace(self.gan, **values)
        if rule.through is not None:
            values |= {**encode(rule.through), "start": rule.start}
            n_steps = values.pop("n_steps")
            if n_steps is not None:
                values["length"] = f"{n_steps}st"
            return dataclasses.replace(self.latent, **values)
        if not rule.has_steps:
            return dataclasses.replace(getattr(self, rule.method), **values)
        values |= {"learns_labels": rule.method == "soft", "initial_weights": rule.start}
        return dataclasses.replace(self.dd, **values, n_fixed_layers=rule.fixed_layers)


def distilled_name(rule: DistillationRule, n_images: int, seed: int) -> str:
    """The name of the folder of one set, among the subsets of its experiment."""
    return as_file_name(f"distilled-{rule}-n{n_images}-seed{seed}")
