"""Dataset distillation through an unrolled training; see dd.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from thinset.distillation.unrolled_settings import UnrolledSettings

if TYPE_CHECKING:
    import torch

    from thinset.data import Dataset
    from thinset.distillation.initial_weights import StartingNetworks
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.distillation.unrolled_learner import UnrolledLearner


@dataclass(frozen=True)
class Settings(UnrolledSettings):
    """See UnrolledSettings. learns_labels: the method `soft` is the one with learned labels."""

    method: Literal["dd"] = "dd"
    learns_labels: bool = False


def learner(
    synthetic: SyntheticSet,
    networks: NetworkKind | StartingNetworks,
    settings: UnrolledSettings,
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


def order(settings: UnrolledSettings, data: Dataset) -> None:  # noqa: ARG001
    """Real images are shuffled."""
