"""Dataset distillation through an unrolled training; see dd.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from thinset.duration import as_length
from thinset.files.decoding import AboveZero, Count, Positive  # noqa: TC001 - decode looks them up

if TYPE_CHECKING:
    import torch

    from thinset.data import Dataset
    from thinset.distillation.initial_weights import StartingNetworks
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.distillation.unrolled_learner import UnrolledLearner
    from thinset.training.loop.rates import LearningRate

_AT_MOST = {"n_halvings": 1000, "n_networks": 10_000}
"""A rate that is halved 1,000 times is 0 in float32; more networks make a step take hours"""


@dataclass(frozen=True)
class Settings:
    """Those of Wang et al., "Dataset Distillation", 2018, for MNIST; see UnrolledLearner.

    network, width: see NetworkKind. batch_size: real images in a step. learning_rate: of Adam, with
    betas 0.5 and 0.999, halved `n_halvings` times at equal distances, by default every 40 of 400
    epochs. length: of the training of the images. n_steps, n_epochs: T = n_steps * n_epochs inner
    steps; n_steps None for as many as images of a class. step_size: the initial size of all inner
    steps. max_gradient_norm: longer gradients, of all that is learned together, are scaled down to
    this length; None for no limit, as in the paper. learns_labels: learn soft labels, too, which is
    the method "soft" of the command line. n_networks: how many networks each step averages over.

    initial_weights, n_fixed_layers, pretraining, pretrained_path: where networks start; see
    StartingNetworks. "random" draws all weights anew for each step.

    checkpointed: whether to compute the graphs of inner steps twice instead of keeping them all;
    "auto" if they do not fit into memory. freeze_statistics: let batch norm use its running
    statistics instead of refusing it.

    Raises ValueError for settings that do not fit together.
    """

    method: Literal["dd"] = "dd"
    network: str = "lenet"
    width: AboveZero = 1.0
    batch_size: Positive = 1024
    learning_rate: AboveZero = 0.01
    n_halvings: Count = 9
    length: str = "400ep"
    n_steps: Positive | None = None
    n_epochs: Positive = 3
    step_size: AboveZero = 0.02
    max_gradient_norm: AboveZero | None = 1.0
    learns_labels: bool = False
    n_networks: Positive = 1
    initial_weights: Literal["random", "fixed", "pretrained"] = "random"
    n_fixed_layers: Count | None = None
    pretraining: str = "1ep"
    pretrained_path: str | None = None
    checkpointed: Literal["auto"] | bool = "auto"
    freeze_statistics: bool = False

    def __post_init__(self) -> None:
        for name in ("length", "pretraining"):
            if as_length(name, getattr(self, name)).amount == 0:
                raise ValueError(f"{name} must be longer than {getattr(self, name)}")
        for name, most in _AT_MOST.items():
            if getattr(self, name) > most:
                raise ValueError(f"{name} must be at most {most:,}, got {getattr(self, name)}")
        if self.initial_weights == "random" and self.n_fixed_layers:
            raise ValueError(
                'n_fixed_layers needs initial_weights "fixed" or "pretrained", the weights of '
                f"these layers; got {self.n_fixed_layers} layers and random weights"
            )
        if self.initial_weights != "pretrained" and self.pretrained_path is not None:
            raise ValueError(
                f'pretrained_path needs initial_weights "pretrained", got {self.initial_weights!r}'
            )
        if self.initial_weights == "pretrained" and self.freeze_statistics:
            raise ValueError(
                "freeze_statistics does not apply to pretrained weights: distilled data store no "
                "running statistics; use random or fixed initial weights"
            )

    @property
    def rate(self) -> LearningRate:
        """The learning rate over the course of the training."""
        from thinset.training.loop.rates import StepRate

        n_parts = self.n_halvings + 1
        at = tuple(part / n_parts for part in range(1, n_parts))
        return StepRate(self.learning_rate, 0.5, at)


def learner(
    synthetic: SyntheticSet,
    networks: NetworkKind | StartingNetworks,
    settings: Settings,
    *,
    seed: int,
    device: torch.device | str,
    precision: str,
) -> UnrolledLearner:
    """The learner of images, step sizes and, with `learns_labels`, labels."""
    from thinset.distillation.unrolled_learner import UnrolledLearner

    return UnrolledLearner(
        synthetic, networks, settings, seed=seed, device=device, precision=precision
    )


def order(settings: Settings, data: Dataset) -> None:
    """Real images are shuffled."""
