"""Subsets of one dataset by many rules, for `thinset compare --methods file:NAME.npz ...`.

    python benchmarks/studies/varied_selections.py TRAIN EMBEDDINGS.npy OUT

TRAIN is a dataset folder of colour images with labels, EMBEDDINGS.npy the autoencoder's (N, D) and
OUT the folder of the selections, one file for each rule. Every rule takes 8.64 % of the samples.
These are the rules of which docs/when-selecting-helps.md tells.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

import thinset
from thinset.data import Dataset, open_dataset
from thinset.data.batches import DeviceBatches, ordered_batches
from thinset.embeddings import activation_scores
from thinset.models import Classifier
from thinset.selection import Selection
from thinset.training import generator_for
from thinset.transforms import TestTransform, TrainTransform

SHARE = 0.0864
CROP = 24
PROXY_PASSES = 5
BATCH_SIZE = 256


class Proxy(NamedTuple):
    """What a short training leaves: features (N, 192), and how hard each sample was (N,)."""

    features: np.ndarray
    hardness: np.ndarray


def train_proxy(data: Dataset) -> Proxy:
    """The paper's classifier for five passes; hardness is the mean margin, with its sign turned."""
    torch.manual_seed(99)
    shape = (CROP, CROP, data.image_shape[2])
    model = Classifier(shape, data.n_classes, generator=generator_for(99, "classifier weights"))
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    batches = DeviceBatches(
        data, device="cpu", batch_size=BATCH_SIZE, generator=torch.Generator().manual_seed(99),
        channels_last=True,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(98)
    to_train = TrainTransform(crop=CROP, flip=True, brightness=63 / 255, contrast=(0.2, 1.8))
    margins = []
    for _ in range(PROXY_PASSES):
        model.train()
        for _ in range(len(data) // BATCH_SIZE):
            batch = next(batches)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(to_train(batch.images, generator))
            loss = functional.cross_entropy(logits.float(), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        features, margin = _looked_at(model, data)
        margins.append(margin)
    return Proxy(features, -np.mean(margins, axis=0))


def _looked_at(model: Classifier, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    model.eval()
    features, margins = [], []
    transform = TestTransform(crop=CROP)
    with torch.inference_mode():
        for images, labels in ordered_batches(
            data, device="cpu", batch_size=1000, channels_last=True
        ):
            with torch.autocast("cpu", torch.bfloat16):
                hidden = model.head[:5](model.features(transform(images)))
                logits = model.head[5:](hidden).float()
            shares = logits.softmax(dim=1)
            own = shares.gather(1, labels[:, None])[:, 0]
            others = shares.scatter(1, labels[:, None], 0.0).max(dim=1).values
            features.append(hidden.float())
            margins.append(own - others)
    return torch.cat(features).numpy(), torch.cat(margins).numpy()


def standardised(matrix: np.ndarray) -> np.ndarray:
    """Columns that vary, each with mean 0 and standard deviation 1."""
    deviation = matrix.std(axis=0)
    varies = deviation > 0
    scaled = (matrix - matrix.mean(axis=0))[:, varies] / deviation[varies]
    return np.ascontiguousarray(scaled, np.float32)


def principal_components(data: Dataset, n_components: int = 64) -> np.ndarray:
    """Of the pixels of the central crop."""
    margin = (data.image_shape[0] - CROP) // 2
    inner = slice(margin, margin + CROP)
    pixels = torch.from_numpy(np.array(data.images)).float()[:, inner, inner].flatten(1)
    pixels -= pixels.mean(dim=0)
    _, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
    return np.ascontiguousarray((pixels @ vectors[:, -n_components:]).numpy())


def random_convolutions(data: Dataset) -> np.ndarray:
    """Two random layers of convolutions with ReLU, pooled to 2 x 2."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(64, 3, 5, 5, generator=generator) / 75**0.5
    second = torch.randn(128, 64, 3, 3, generator=generator) / 576**0.5
    margin = (data.image_shape[0] - CROP) // 2
    inner = slice(margin, margin + CROP)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(data), 1000):
            images = torch.from_numpy(np.array(data.images[start : start + 1000])).float()
            images = images.permute(0, 3, 1, 2)[:, :, inner, inner]
            images -= images.mean((1, 2, 3), keepdim=True)
            images /= images.std((1, 2, 3), keepdim=True)
            hidden = functional.conv2d(images, first, padding=2, stride=2).relu()
            hidden = functional.conv2d(hidden, second, padding=1, stride=2).relu()
            parts.append(functional.adaptive_avg_pool2d(hidden, 2).flatten(1))
    features = torch.cat(parts).numpy()
    return (features - features.mean(axis=0)) / features.std(axis=0)


def centre_to_boundary(
    matrix: np.ndarray, labels: np.ndarray, n_samples: int, share: float
) -> np.ndarray:
    """In each class the samples nearest to its mean (0) to those furthest from it (1)."""
    rows = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        distances = np.linalg.norm(matrix[members] - matrix[members].mean(axis=0), axis=1)
        n_chosen = n_samples // len(np.unique(labels))
        first = int(share * (len(members) - n_chosen))
        rows.append(members[np.argsort(distances)][first : first + n_chosen])
    return np.concatenate(rows)


def coverage_centric(
    hardness: np.ndarray, n_samples: int, cut: float, generator: np.random.Generator
) -> np.ndarray:
    """As many of each of 50 grades of hardness, the hardest `cut` left out (Zheng et al., 2023)."""
    kept = np.argsort(hardness)[: int(len(hardness) * (1 - cut))]
    edges = np.linspace(hardness[kept].min(), hardness[kept].max(), 51)
    grades = np.clip(np.digitize(hardness[kept], edges) - 1, 0, 49)
    groups = sorted((kept[grades == grade] for grade in np.unique(grades)), key=len)
    chosen, left = [], n_samples
    for number, group in enumerate(groups):
        n_chosen = min(len(group), left // (len(groups) - number))
        chosen.append(generator.choice(group, n_chosen, replace=False))
        left -= n_chosen
    rows = np.concatenate(chosen)
    if left:
        others = np.setdiff1d(kept, rows)
        rows = np.concatenate([rows, generator.choice(others, left, replace=False)])
    return rows


def rarity_in_subspaces(matrix: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """How alone a row is in the cells of 32 x 32 grids over 1,000 random pairs of columns."""
    low, high = np.percentile(matrix, 1, axis=0), np.percentile(matrix, 99, axis=0)
    cells = np.clip(((matrix - low) / (high - low + 1e-9) * 32).astype(int), 0, 31)
    rarity = np.zeros(len(matrix))
    for _ in range(1000):
        one, other = generator.choice(matrix.shape[1], 2, replace=False)
        cell = cells[:, one] * 32 + cells[:, other]
        rarity += 1 / np.bincount(cell, minlength=1024)[cell]
    return rarity


def selections(data: Dataset, embeddings: np.ndarray) -> dict[str, np.ndarray]:
    """The rows that each rule chooses, by its name."""
    labels = np.array(data.labels)
    n_samples = round(SHARE * len(data))
    n_classes = len(np.unique(labels))
    generator = np.random.default_rng(0)
    proxy = train_proxy(data)
    scaled = standardised(embeddings)
    spaces = {
        "pca": principal_components(data),
        "randomconv": random_convolutions(data),
        "proxy": proxy.features,
        "autoencoder": embeddings,
    }

    def chosen(matrix: np.ndarray, method: str, **options: object) -> np.ndarray:
        return thinset.select(matrix, n_samples, method, **options).indices

    inside = {"labels": labels, "per_class": "balanced"}
    rows = {
        f"kmeans-per-class-{name}": chosen(space, "kmeans", **inside)
        for name, space in spaces.items()
    }
    for name in ("pca", "proxy"):
        rows[f"kmeans-{name}"] = chosen(spaces[name], "kmeans")
    for name, space in (("ae", scaled), ("proxy", proxy.features)):
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            rows[f"centre-{share:g}-{name}"] = centre_to_boundary(space, labels, n_samples, share)
    for cut in (0.1, 0.3, 0.5):
        rows[f"ccs-{cut:g}"] = coverage_centric(proxy.hardness, n_samples, cut, generator)
    order = np.argsort(-proxy.hardness)
    rows["hardest"] = order[:n_samples]
    rows["easiest"] = np.argsort(proxy.hardness)[:n_samples]
    rows["hardest-per-class"] = np.concatenate(
        [order[labels[order] == label][: n_samples // n_classes] for label in range(n_classes)]
    )
    rows["topk-standardised"] = chosen(scaled, "topk")
    rows["topk-abs-standardised"] = chosen(scaled, "topk", mode="abs")
    pairs = [(one, other) for one in range(scaled.shape[1]) for other in range(one)]
    drawn = [pairs[i] for i in generator.choice(len(pairs), 432, replace=False)]
    sums = np.stack([scaled[:, one] + scaled[:, other] for one, other in drawn], axis=1)
    rows["topk-pairs"] = chosen(np.ascontiguousarray(sums), "topk")
    with tempfile.TemporaryDirectory() as scratch:
        penalised = np.array(activation_scores(embeddings, scratch))
    rows["topk-penalty"] = chosen(penalised, "topk")
    rows["topk-penalty-per-class"] = chosen(penalised, "topk", **inside)
    for name, space in (("ae", scaled), ("proxy", proxy.features)):
        rarity = rarity_in_subspaces(space, generator)
        rows[f"subspaces-top-{name}"] = np.argsort(-rarity)[:n_samples]
        rows[f"subspaces-drawn-{name}"] = generator.choice(
            len(data), n_samples, replace=False, p=rarity / rarity.sum()
        )
    return rows


def main() -> None:
    """Make every selection and save it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("train", "embeddings", "out"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = open_dataset(options.train)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, rows in selections(data, np.load(options.embeddings)).items():
        indices = np.asarray(rows, np.int64)
        Selection(indices, np.zeros(len(indices)), len(data), name, {}).save(
            options.out / f"{name}.npz"
        )
        print(name)


if __name__ == "__main__":
    main()
