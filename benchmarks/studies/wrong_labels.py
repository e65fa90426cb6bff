"""Training from scratch where some labels are wrong: what leaving samples out gains.

    python benchmarks/studies/wrong_labels.py DATA FOLDER -o out.json --seeds 0 1 2
    python benchmarks/studies/wrong_labels.py table out.json ...

DATA is a dataset folder with train and test. FOLDER holds train.npy, embeddings of the training
samples by a pretrained network, as for label_budgets.py.

10 or 30 % of all training samples get the label of another class, drawn uniformly. The paper's
classifier trains for 400 steps of 256, one-cycle at 0.1, and is scored on test samples with right
labels. What it trains on:

- everything, as it is
- right labels alone: the samples whose label was not changed. No one has this list; it shows how
  much can be gained at most
- votes, pretrained: those whose label most of their 10 nearest have (Wilson 1972), by FOLDER
- votes, pca: the same by 64 principal components of the pixels
- predicted, pretrained: those that a logistic regression on FOLDER, trained on the other four
  fifths, predicts; no thinset is needed
- small loss: all but the share that is wrong, those with the largest loss after a first training
  like the second, which costs as much again; the share is told, and no thinset is needed
- random, 4,320; and facility_location, 4,320 of what the votes leave, balanced over the classes

Preparation is CPU seconds beyond the training that is scored, embeddings by the pretrained network
not included. Run again with more seeds, it adds what is missing.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from survey_command import mean_with_interval, parser_of
from torch.nn import functional as F

import thinset
from thinset.data import open_dataset
from thinset.losses import classification
from thinset.metrics import nearest
from thinset.models import Classifier
from thinset.training import OneCycleRate, Phase, fit, generator_for
from thinset.transforms import TestTransform, TrainTransform

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from thinset.data import Dataset

    Rows = NDArray[np.int64]

WRONG_SHARES, N_VOTES, N_CHOSEN = (0.1, 0.3), 10, 4320
LENGTH, BATCH_SIZE, LEARNING_RATE, CROP = "400st", 256, 0.1, 24
BASELINE = "everything"
RIVALS = (BASELINE, "small loss", "predicted, pretrained")  # they need no thinset


@dataclass
class Samples:
    """In memory, as the training takes them."""

    images: NDArray[np.uint8]
    labels: Rows


class Bench:
    """The training data with one draw of wrong labels."""

    def __init__(self, train: Dataset, test: Dataset, X: NDArray[np.float32],
                 pixels: NDArray[np.float32], share: float, seed: int) -> None:  # fmt: skip
        self._test, self._embeddings, self._seed, self._share = test, X, seed, share
        self._pixels = pixels
        self._n_classes, self._shape = train.n_classes, train.image_shape
        draw = np.random.default_rng([seed, round(100 * share)])
        given = np.asarray(train.labels).astype(np.int64)
        self.wrong = draw.random(len(given)) < share
        other = draw.integers(1, train.n_classes, self.wrong.sum())
        given[self.wrong] = (given[self.wrong] + other) % train.n_classes
        self.data = Samples(np.asarray(train.images), given)
        self._kept: dict[str, Rows] = {}

    def rows(self, arm: str) -> Rows:
        if arm in ("votes, pretrained", "votes, pca"):
            if arm not in self._kept:
                X = self._embeddings if arm == "votes, pretrained" else self._pixels
                self._kept[arm] = np.flatnonzero(self._agrees(X))
            return self._kept[arm]
        n = len(self.data.labels)
        if arm == "right labels alone":
            return np.flatnonzero(~self.wrong)
        if arm == "random, 4,320":
            return np.sort(np.random.default_rng(self._seed).permutation(n)[:N_CHOSEN])
        if arm == "facility_location, 4,320 after votes":
            kept = self.rows("votes, pretrained")
            chosen = thinset.select(
                self._embeddings[kept], N_CHOSEN, "facility_location", kernel="cosine",
                labels=self.data.labels[kept], per_class=True, random_state=self._seed,
            )  # fmt: skip
            return np.sort(kept[chosen.indices])
        if arm == "predicted, pretrained":
            regression = LogisticRegression(C=0.1, max_iter=1000)
            found = cross_val_predict(regression, self._embeddings, self.data.labels, cv=5)
            return np.flatnonzero(found == self.data.labels)
        if arm == "small loss":
            losses = self._losses(self.trained(np.arange(n))[0])
            return np.sort(np.argsort(losses)[: round((1 - self._share) * n)])
        assert arm == BASELINE
        return np.arange(n)

    def _agrees(self, X: NDArray[np.float32]) -> NDArray[np.bool_]:
        found = self.data.labels[nearest(X, X, N_VOTES, exclude_self=True).indices]
        votes = np.stack([(found == label).sum(axis=1) for label in range(self._n_classes)], axis=1)
        return votes.argmax(axis=1) == self.data.labels

    def _losses(self, model: torch.nn.Module) -> NDArray[np.float32]:
        shown = TestTransform(crop=CROP)
        found = []
        with torch.no_grad():
            for start in range(0, len(self.data.labels), 1000):
                part = slice(start, start + 1000)
                images = torch.from_numpy(self.data.images[part]).permute(0, 3, 1, 2)
                labels = torch.from_numpy(self.data.labels[part])
                found.append(F.cross_entropy(model(shown(images)), labels, reduction="none"))
        return torch.cat(found).numpy()

    def trained(self, rows: Rows) -> tuple[torch.nn.Module, float]:
        """The classifier, and its test accuracy in percent after the last step."""
        kept = Samples(self.data.images[rows], self.data.labels[rows])
        model = Classifier(
            (CROP, CROP, self._shape[2]), self._n_classes,
            generator=generator_for(self._seed, "classifier weights"),
        )  # fmt: skip
        history = fit(
            model,
            [Phase("training", kept, LENGTH)],
            loss=classification,
            learning_rate=OneCycleRate(LEARNING_RATE),
            train_transform=TrainTransform(
                crop=CROP, flip=True, brightness=63 / 255, contrast=(0.2, 1.8)
            ),
            test_data=self._test,
            test_transform=TestTransform(crop=CROP),
            batch_size=BATCH_SIZE,
            weight_decay=0.004,
            seed=self._seed,
            evaluations=1,
        )
        return model, 100 * history.curve[-1].test_accuracy


ARMS = (
    BASELINE, "right labels alone", "votes, pretrained", "votes, pca", "small loss",
    "predicted, pretrained", "random, 4,320", "facility_location, 4,320 after votes",
)  # fmt: skip


def principal_components(images: NDArray[np.uint8], n: int = 64) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=0)
    _, axes = np.linalg.eigh(flat.T @ flat)
    return np.ascontiguousarray(flat @ axes[:, -n:])


def survey(data: Path, embeddings: Path, seeds: list[int], out: Path) -> None:
    train, test = open_dataset(data / "train"), open_dataset(data / "test")
    X = np.load(embeddings / "train.npy")
    pixels = principal_components(np.asarray(train.images))
    results = json.loads(out.read_text())["results"] if out.exists() else []
    done = {(one["arm"], one["share"], one["seed"]) for one in results}
    for seed in seeds:
        for share in WRONG_SHARES:
            bench = Bench(train, test, X, pixels, share, seed)
            for arm in ARMS:
                if (arm, share, seed) in done:
                    continue
                started = time.process_time()
                rows = bench.rows(arm)
                prepared = time.process_time()
                _, score = bench.trained(rows)
                results.append({
                    "arm": arm, "share": share, "seed": seed, "accuracy": score, "rows": len(rows),
                    "wrong": 100 * float(bench.wrong[rows].mean()),
                    "preparation": prepared - started, "training": time.process_time() - prepared,
                })  # fmt: skip
                print(results[-1], flush=True)
                out.write_text(json.dumps({"data": data.name, "results": results}, indent=1))


def print_table(files: list[Path]) -> None:
    for file in files:
        found = json.loads(file.read_text())
        for share in WRONG_SHARES:
            arms: dict[str, list[dict[str, Any]]] = {}
            for one in sorted(found["results"], key=lambda one: one["seed"]):
                if one["share"] == share:
                    arms.setdefault(one["arm"], []).append(one)
            scores = {arm: [one["accuracy"] for one in each] for arm, each in arms.items()}
            print(f"\n{found['data']}, {share:.0%} wrong, n = {len(scores[BASELINE])}\n")
            heads = ["trained on", "samples", "wrong", "accuracy"]
            heads += [*(f"- {other}" for other in RIVALS), "preparation"]
            print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
            for arm, each in arms.items():
                mean = {key: statistics.fmean(one[key] for one in each)
                        for key in ("rows", "wrong", "preparation")}  # fmt: skip
                if arm.endswith("after votes"):  # which the arm of the votes has paid for
                    voted = arms["votes, pretrained"]
                    mean["preparation"] += statistics.fmean(one["preparation"] for one in voted)
                cells = [
                    "" if arm == other else mean_with_interval(
                        [a - b for a, b in zip(scores[arm], scores[other], strict=True)]
                    )
                    for other in RIVALS
                ]  # fmt: skip
                print(
                    f"| {arm} | {mean['rows']:,.0f} | {mean['wrong']:.1f} % | "
                    f"{statistics.fmean(scores[arm]):.1f} ± {statistics.stdev(scores[arm]):.1f} | "
                    f"{' | '.join(cells)} | {mean['preparation']:.0f} s |"
                )


def main() -> None:
    arguments = parser_of(__doc__, ("data", "embeddings"), print_table, n_seeds=3).parse_args()
    survey(arguments.data, arguments.embeddings, arguments.seeds, arguments.out)


if __name__ == "__main__":
    main()
