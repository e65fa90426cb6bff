"""Which few samples to label, if a pretrained network is fine-tuned on them.

    python benchmarks/studies/fine_tuning.py DATA FOLDER -o out.json --seeds {0..9}
    python benchmarks/studies/fine_tuning.py table out.json ...

DATA is a dataset folder with train and test. FOLDER holds their embeddings by EfficientNet-Lite0,
as for label_budgets.py; the packages of docs/examples/efficientnet_encoder.py must be installed.

For each seed, 6,000 training samples are drawn, as in label_budgets.py, and each method chooses
from their embeddings without labels. The chosen are labelled, and EfficientNet-Lite0 of ImageNet,
with a new linear layer, is trained on them as a whole: 100 steps of up to 32 images at 64 x 64
pixels by AdamW at a falling rate, images shifted by up to four pixels and, with --flip, mirrored.
Its batch norm keeps the statistics of ImageNet. The rate is the best of three for 100 random
samples (two seeds), scored on 1,000 training samples that no method sees; all methods use it.
Scores are those of 2,000 test samples, the same for all. Run again, it adds what is missing.

`table` prints means with standard deviations, and differences to random paired by seed with 95 %
Student intervals; a star marks those that hold with Holm's correction for all of a file's.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from label_budgets import METHODS, N_POOL, draw, print_table
from survey_command import parser_of
from torch import nn
from torch.nn import functional as F

from thinset.data import open_dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.data import Dataset

    Rows = NDArray[np.int64]

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
NAMES = ("random", "kmeans", "facility_location, cosine")
BUDGETS = (50, 250)
LEARNING_RATES = (0.0001, 0.0003, 0.001)
N_VALIDATION, N_TEST = 1000, 2000
N_STEPS, BATCH_SIZE, EVALUATION_BATCH, SHIFT = 100, 32, 250, 4
N_FEATURES = 1280


class FineTuned(nn.Module):
    """The pretrained network and a linear layer that starts at zero."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        sys.path.insert(0, str(EXAMPLES))
        import efficientnet_encoder

        self.features, self._preprocess = efficientnet_encoder.efficientnet_lite0()
        weights = torch.load(efficientnet_encoder.weights(), weights_only=True)
        self.features.load_state_dict(weights)
        self.classify = nn.Linear(N_FEATURES, n_classes)
        nn.init.zeros_(self.classify.weight)
        nn.init.zeros_(self.classify.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.features(self._preprocess(images)).mean(dim=(2, 3))
        logits: torch.Tensor = self.classify(found)
        return logits


def images_of(data: Dataset, rows: Rows) -> torch.Tensor:
    """(n, C, H, W) in [0, 1]."""
    return torch.from_numpy(data.images[rows]).permute(0, 3, 1, 2).float() / 255


def fine_tuned(
    data: Dataset, rows: Rows, *, learning_rate: float, seed: int, flips: bool
) -> nn.Module:
    labels = torch.from_numpy(np.asarray(data.labels)[rows].astype(np.int64))
    images = F.pad(images_of(data, rows), [SHIFT] * 4, mode="reflect")
    images = images.to(memory_format=torch.channels_last)
    height, width = data.image_shape[:2]
    model = FineTuned(data.n_classes).to(memory_format=torch.channels_last)
    model.eval()  # batch norm keeps its statistics
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, N_STEPS)
    generator = np.random.default_rng(seed)
    order: list[int] = []
    n_batch = min(BATCH_SIZE, len(rows))
    for _ in range(N_STEPS):
        if len(order) < n_batch:
            order = generator.permutation(len(rows)).tolist()
        batch, order = order[:n_batch], order[n_batch:]
        top, left = generator.integers(0, 2 * SHIFT + 1, 2)
        shown = images[batch, :, top : top + height, left : left + width]
        if flips:
            mirrored = torch.from_numpy(generator.random(n_batch) < 0.5)
            shown = torch.where(mirrored[:, None, None, None], shown.flip(3), shown)
        optimizer.zero_grad()
        F.cross_entropy(model(shown), labels[batch]).backward()
        optimizer.step()
        schedule.step()
    return model


@torch.no_grad()
def accuracy(model: nn.Module, data: Dataset, rows: Rows) -> float:
    """In percent."""
    labels = np.asarray(data.labels)
    right = 0
    for start in range(0, len(rows), EVALUATION_BATCH):
        part = rows[start : start + EVALUATION_BATCH]
        right += int((model(images_of(data, part)).argmax(1).numpy() == labels[part]).sum())
    return 100 * right / len(rows)


def best_rate(train: Dataset, *, flips: bool) -> float:
    scores: dict[float, list[float]] = {rate: [] for rate in LEARNING_RATES}
    for seed in range(2):
        rows = draw(len(train), seed)
        held_out = np.sort(rows[N_POOL : N_POOL + N_VALIDATION])
        for rate, found in scores.items():
            model = fine_tuned(train, rows[:100], learning_rate=rate, seed=seed, flips=flips)
            found.append(accuracy(model, train, held_out))
    print("validation accuracy by learning rate:", scores, flush=True)
    return max(scores, key=lambda rate: statistics.fmean(scores[rate]))


def survey(data: Path, embeddings: Path, seeds: list[int], *, flips: bool, out: Path) -> None:
    train, test = open_dataset(data / "train"), open_dataset(data / "test")
    X = np.load(embeddings / "train.npy", mmap_mode="r")
    scored = np.sort(draw(len(test), 0)[:N_TEST])
    found: dict[str, Any] = {"folder": embeddings.name, "results": []}
    if out.exists():
        found = json.loads(out.read_text())
    if "learning_rate" not in found:
        found["learning_rate"] = best_rate(train, flips=flips)
    done = {(one["method"], one["labels"], one["seed"]) for one in found["results"]}
    for seed in seeds:
        pool = draw(len(train), seed)[:N_POOL]
        pooled = np.ascontiguousarray(X[pool])
        for name in NAMES:
            for k in BUDGETS:
                if (name, k, seed) in done:
                    continue
                rows = pool[METHODS[name](pooled, k, seed)]
                started = time.process_time()
                model = fine_tuned(
                    train, rows, learning_rate=found["learning_rate"], seed=seed, flips=flips
                )
                score = accuracy(model, test, scored)
                seconds = time.process_time() - started
                found["results"].append(
                    {"method": name, "labels": k, "seed": seed, "accuracy": score}
                )
                print(f"seed {seed}, {k} labels, {name}: {score:.1f} %, {seconds:.0f} CPU s",
                      flush=True)  # fmt: skip
                out.write_text(json.dumps(found, indent=1))


def main() -> None:
    parser = parser_of(__doc__, ("data", "embeddings"), print_table, n_seeds=10)
    parser.add_argument("--flip", action="store_true")
    arguments = parser.parse_args()
    survey(
        arguments.data, arguments.embeddings, arguments.seeds, flips=arguments.flip,
        out=arguments.out,
    )  # fmt: skip


if __name__ == "__main__":
    main()
