"""Training of new networks by the stored steps of a distilled dataset, and their accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.data.soft_labels import class_numbers
from thinset.distillation.distilled_for import DistilledFor, prepared_for_replay
from thinset.distillation.network_scores import NetworkScores, accuracy_after, unchanged
from thinset.losses import classification
from thinset.progress import ProgressBar
from thinset.training.learners.supervised import SupervisedLearner
from thinset.training.phases import REPLAY, Replay
from thinset.training.randomness import generator_for
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from thinset.data import Dataset
    from thinset.data.batches import ImageRows
    from thinset.distillation.networks import NetworkKind


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
    if class_numbers(dataset) is None:
        raise ValueError(f"{dataset.path} has no labels, which training on it needs")
    made_for = DistilledFor.of(dataset)
    if not (new_weights or made_for.has_random_weights):
        n_networks = 1
    phase = Replay(REPLAY, dataset)
    generator = generator_for(seed, "replayed networks")
    accuracies: list[float | None] = []
    with ProgressBar("replay", n_networks, unit="networks", enabled=show_progress) as progress:
        for _ in range(n_networks):
            network = prepared_for_replay(networks.new(generator), dataset, new_weights=new_weights)
            layer_seed = int(torch.randint(2**31, (), generator=generator))
            learner = SupervisedLearner(
                network,
                loss=classification,
                train_transform=unchanged,  # not used in a replay
                test_transform=to_unit_range,
                ema_decay=None,
                device=device,
                precision="float32",
            )
            accuracies.append(accuracy_after(learner, phase, test_data, seed=layer_seed))
            progress.update()
    return NetworkScores.of(accuracies, networks.n_classes)
