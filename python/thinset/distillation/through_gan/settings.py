"""Settings of what is distilled through a generator; see gan_terms.md and latent.md."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from thinset.duration import Duration, as_length
from thinset.files.decoding import (  # noqa: TC001 - decode looks them up
    AboveZero,
    AtLeastZero,
    Positive,
)


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """The evaluation network R; see EvaluationNetworks.

    network, width: see NetworkKind. start: "fresh" draws new weights for each step, "pretrained"
    trains R once on the data for the length `pretraining`, or reads its weights from the file
    `pretrained_path`.

    Raises ValueError for settings that do not fit together.
    """

    network: str = "resnet"
    width: AboveZero = 1.0
    start: Literal["fresh", "pretrained"] = "fresh"
    pretraining: str = "1ep"
    pretrained_path: str | None = None

    def __post_init__(self) -> None:
        require_above_zero("width", self.width)
        require_one_of("start", self.start, ("fresh", "pretrained"))
        if as_length("pretraining", self.pretraining).amount == 0:
            raise ValueError(f"pretraining must be longer than {self.pretraining}")
        if self.start != "pretrained" and self.pretrained_path is not None:
            raise ValueError(f'pretrained_path needs start "pretrained", got {self.start!r}')


@dataclass(frozen=True, kw_only=True)
class TermSettings(EvaluationSettings):
    """A term of the losses of a generative adversarial network; see GradientTerm.

    weight: λ, the factor of the term. on: whose loss it is added to. only: leave the adversarial
    loss out on that side. of: gradients of R with respect to the images, as published, or with
    respect to its weights.
    """

    method: Literal["gan-difference", "gan-magnitude"] = "gan-difference"
    weight: AtLeastZero = 1.0
    on: Literal["generator", "discriminator", "both"] = "generator"
    only: bool = False
    of: Literal["inputs", "weights"] = "inputs"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("method", self.method, ("gan-difference", "gan-magnitude"))
        require_at_least_zero("weight", self.weight)
        require_one_of("on", self.on, ("generator", "discriminator", "both"))
        require_one_of("of", self.of, ("inputs", "weights"))

    @property
    def adversarial_weight(self) -> float:
        """The factor of the adversarial loss where the term is added."""
        return 0.0 if self.only else 1.0


@dataclass(frozen=True, kw_only=True)
class LatentSettings(EvaluationSettings):
    """A search among the latents of a trained generator; see LatentLearner.

    alpha, beta: the factors of Eq. 4.6. length: N, the steps of each latent; "0st" leaves them
    where they start, the control. constraint: "free", "l2" adds `penalty` times the squared length
    of the latent, "sphere" keeps latents at the length that random ones have. learning_rate: of
    Adam. batch_size: latents computed at once; results do not depend on it. encoding: steps that
    move latents towards real images before the search, and pool: random latents of each class of
    which they start at the closest; for searches that start from real images.
    """

    method: Literal["latent"] = "latent"
    alpha: AtLeastZero = 1.0
    beta: float = 0.0
    length: str = "10000st"
    constraint: Literal["free", "l2", "sphere"] = "free"
    penalty: AtLeastZero = 0.01
    learning_rate: AboveZero = 0.01
    batch_size: Positive = 100
    encoding: str = "0st"
    pool: Positive = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least_zero("alpha", self.alpha)
        if not math.isfinite(self.beta):
            raise ValueError(f"beta must be a finite number, got {self.beta}")
        require_one_of("constraint", self.constraint, ("free", "l2", "sphere"))
        require_at_least_zero("penalty", self.penalty)
        require_above_zero("learning_rate", self.learning_rate)
        for name in ("batch_size", "pool"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        n_steps = as_length("length", self.length).amount
        if n_steps > 0 and self.alpha == self.beta == 0:
            raise ValueError("alpha must not be 0 where beta is 0: there is nothing to minimise")
        if as_length("encoding", self.encoding).unit != "st":
            raise ValueError(f"encoding must be in steps, such as 200st; got {self.encoding!r}")

    @property
    def n_encoding(self) -> int:
        """The number of steps of the encoding."""
        return int(Duration.parse(self.encoding).amount)


def require_at_least_zero(name: str, value: float) -> None:
    """Raise ValueError unless `value` is finite and at least 0."""
    if not 0 <= value < math.inf:  # in this form, NaN is refused as well
        raise ValueError(f"{name} must be a finite number of at least 0, got {value}")


def require_above_zero(name: str, value: float) -> None:
    """Raise ValueError unless `value` is finite and above 0."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a finite number above 0, got {value}")


def require_one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}")
