"""Training of new networks by the stored steps of a distilled dataset, and their accuracy."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from thinset.distillation.distilled_for import DistilledFor, prepare_for_replay
from thinset.losses import classification
from thinset.models.batch_statistics import require_no_batch_statistics
from thinset.progress import ProgressBar
from thinset.training.learners.supervised import SupervisedLearner
from thinset.training.loop.run import TrainingDivergedError
from thinset.training.loop.train import train
from thinset.training.phases import REPLAY, Replay
from thinset.training.randomness import generator_for
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from torch import nn

    from thinset.data import Dataset
    from thinset.data.batches import ImageRows
    from thinset.distillation.networks import NetworkKind


@dataclass(frozen=True)
class NetworkScores:
    """Test accuracies, 0..1, of networks that were trained alike and differ in random numbers.

    n_diverged: how many of them diverged; these count as guessing, one divided by the number of
    classes.
    """

    accuracies: tuple[float, ...]
    n_diverged: int = 0

    @property
    def n(self) -> int:
        """Number of networks."""
        return len(self.accuracies)

    @property
    def mean(self) -> float:
        """Mean over the networks."""
        return statistics.fmean(self.accuracies)

    @property
    def standard_deviation(self) -> float | None:
        """Of the sample (n - 1); None with one network."""
        return statistics.stdev(self.accuracies) if self.n > 1 else None


def replay(
    dataset: Dataset,
    networks: NetworkKind,
    *,
    n_networks: int,
    seed: int,
    test_data: ImageRows,
    new_weights: bool = False,
    device: torch.device | str = "auto",
    show_progress: bool = False,
) -> NetworkScores:
    """Train `n_networks` new networks by the stored steps of `dataset`, and test each once.

    Initial weights: random draws from `seed`, except for the layers whose initial weights are
    stored with the dataset; with `new_weights` those are drawn, too, which is the control for them.
    Where all weights are stored, all networks would be the same, and one is trained. Otherwise
    nothing is random: no shuffling, no random transform; labels are soft where they are stored.

    The networks are trained one after the other: on processors, training 20 of them at once with
    torch.func.vmap took 1.4 times as long.

    Raises ValueError for a dataset without stored steps, networks with batch statistics, and stored
    weights of other networks.
    """
    if n_networks < 1:
        raise ValueError(f"n_networks must be at least 1, got {n_networks}")
    made_for = DistilledFor.of(dataset)
    if not (new_weights or made_for.has_random_weights):
        n_networks = 1
    phase = Replay(REPLAY, dataset)
    generator = generator_for(seed, "replayed networks")
    accuracies: list[float] = []
    n_diverged = 0
    with ProgressBar("replay", n_networks, unit="networks", enabled=show_progress) as progress:
        for _ in range(n_networks):
            network = networks.new(generator)
            require_no_batch_statistics(network)
            prepare_for_replay(network, dataset, new_weights=new_weights)
            layer_seed = int(torch.randint(2**31, (), generator=generator))
            accuracy = _accuracy(network, phase, test_data, seed=layer_seed, device=device)
            n_diverged += accuracy is None
            accuracies.append(1 / networks.n_classes if accuracy is None else accuracy)
            progress.update(accuracy=statistics.fmean(accuracies))
    return NetworkScores(tuple(accuracies), n_diverged)


def _accuracy(
    network: nn.Module,
    phase: Replay,
    test_data: ImageRows,
    *,
    seed: int,
    device: torch.device | str,
) -> float | None:
    """The accuracy on test data after the stored steps; None if they diverge."""
    learner = SupervisedLearner(
        network,
        loss=classification,
        train_transform=_unchanged,
        test_transform=to_unit_range,
        ema_decay=None,
        seed=seed,
        device=device,
        precision="float32",
    )
    try:
        history = train(
            learner, [phase], learning_rate=0.0, test_data=test_data, seed=seed, evaluations=1
        )
    except TrainingDivergedError:
        return None
    return history.final.scores["accuracy"]


def _unchanged(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG001
    return to_unit_range(images)
