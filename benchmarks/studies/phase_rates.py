"""A learning rate for each phase: `python benchmarks/studies/phase_rates.py TRAIN TEST`.

Half of 400 steps on a random 8.64 % of the samples, half on everything, with pairs of rates for
the two phases. Prints the table that stands in docs/when-selecting-helps.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

from thinset.data import Dataset, open_dataset, write_subset
from thinset.losses import classification
from thinset.models import Classifier
from thinset.results.student import mean_interval
from thinset.training import TwoPhase, fit, generator_for
from thinset.transforms import TestTransform, TrainTransform

CROP = 24
SHARE = 0.0864
SEEDS = (0, 1, 2)
RATES = ((0.05, 0.05), (0.1, 0.05), (0.025, 0.05), (0.05, 0.1), (0.05, 0.025), (0.1, 0.025))


def accuracy(
    full: Dataset, subset: Dataset, test: Dataset, rates: tuple[float, float], seed: int
) -> float:
    """In percent, after the last step."""
    fast, fine_tuning = rates
    history = fit(
        Classifier(
            (CROP, CROP, full.image_shape[2]), full.n_classes,
            generator=generator_for(seed, "classifier weights"),
        ),
        TwoPhase(
            full, subset, split="50%", total="400st",
            fast_learning_rate=fast, fine_tuning_learning_rate=fine_tuning,
        ),
        loss=classification,
        train_transform=TrainTransform(
            crop=CROP, flip=True, brightness=63 / 255, contrast=(0.2, 1.8)
        ),
        test_data=test,
        test_transform=TestTransform(crop=CROP),
        batch_size=256,
        weight_decay=0.004,
        seed=seed,
        evaluations=1,
    )  # fmt: skip
    return 100 * history.curve[-1].test_accuracy


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    options = parser.parse_args()
    full, test = open_dataset(options.train), open_dataset(options.test)
    found: dict[tuple[float, float], list[float]] = {rates: [] for rates in RATES}
    with tempfile.TemporaryDirectory() as scratch:
        for seed in SEEDS:
            generator = np.random.default_rng(seed)
            rows = generator.choice(len(full), round(SHARE * len(full)), replace=False)
            subset = write_subset(rows, full, Path(scratch) / str(seed))
            for rates, accuracies in found.items():
                accuracies.append(accuracy(full, subset, test, rates, seed))
    print("| on the subset | on everything | accuracy | against the same rate |\n|---|---|---|---|")
    same = found[RATES[0]]
    for (fast, fine_tuning), own in found.items():
        differences = [one - other for one, other in zip(own, same, strict=True)]
        low, high = mean_interval(differences)
        told = f"{statistics.fmean(differences):+.1f} ({low:+.1f} to {high:+.1f})"
        spread = f"{statistics.fmean(own):.2f} ± {statistics.stdev(own):.2f}"
        print(f"| {fast} | {fine_tuning} | {spread} | {'' if own is same else told} |")


if __name__ == "__main__":
    main()
