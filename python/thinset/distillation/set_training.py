"""How networks are trained on a small set."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from thinset.duration import Duration
from thinset.files.decoding import AboveZero, Positive, Share  # noqa: TC001 - decode looks them up


@dataclass(frozen=True)
class SetTraining:
    """How networks are trained on a small set, the same for all sets.

    length: of each training; epochs are those of the audited set. batch_size: samples in a step, at
    most all. learning_rates: what one is chosen from, once for each set, kind of labels,
    augmentation and network; see choose_rate. It is divided by ten after half of the steps, as
    usual for distilled sets (Zhao, Mopuri, Bilen, "Dataset Condensation with Gradient Matching",
    2021). strategy, flips: the random transforms, where there are any: see
    DifferentiableAugmentation and random_flip; "auto" takes colours and flips for colour images
    only.
    """

    length: Duration = Duration(1000, "st")
    batch_size: Positive = 256
    learning_rates: tuple[AboveZero, ...] = (0.003, 0.01, 0.03, 0.1)
    momentum: Share = 0.9
    weight_decay: float = 5e-4
    strategy: str = "auto"
    flips: bool | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if list(self.learning_rates) != sorted(set(self.learning_rates)):
            raise ValueError(
                f"learning_rates must be distinct and ascending, got {self.learning_rates}"
            )
        if not self.learning_rates:
            raise ValueError("learning_rates must have at least one value")
        if self.length.is_time or self.length.amount == 0:
            raise ValueError(
                f"length must be in steps, epochs or samples, and more than 0; got {self.length}"
            )
        if self.strategy != "auto":
            from thinset.transforms.differentiable import require_operations

            require_operations("strategy", self.strategy)

    def resolved_for(self, image_shape: tuple[int, int, int], n_images: int) -> SetTraining:
        """Resolve every "auto" by (height, width, channels), and the length by a set of n_images.

        The length then is in steps, which are equally many for all sets.
        """
        is_colour = image_shape[2] == 3
        automatic = "color,translation,cutout" if is_colour else "translation,cutout"
        return dataclasses.replace(
            self,
            strategy=automatic if self.strategy == "auto" else self.strategy,
            flips=is_colour if self.flips == "auto" else self.flips,
            length=Duration(self.length.n_steps(n_images, min(self.batch_size, n_images)), "st"),
        )
