"""The memory bank of PatchCore, made smaller by thinset: anomalies among the embedded digits.

`Coreset` stands in for anomalib's KCenterGreedy, the slowest part of fitting PatchCore there:

    import anomalib.models.image.patchcore.torch_model as patchcore
    patchcore.KCenterGreedy = Coreset

`python docs/examples/patchcore_memory_bank.py` takes a few seconds. The zeros are normal, every
other digit is an anomaly.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

import thinset
from thinset.data import import_dataset


class Coreset:
    """Rows of `embedding` (N, D) from which no other row is far: farthest-point selection.

    The calls are those of anomalib.models.components.KCenterGreedy. Distances are those of the
    embeddings themselves, not of a random projection.
    """

    def __init__(self, embedding: torch.Tensor, sampling_ratio: float) -> None:
        self.embedding = embedding
        self.coreset_size = int(len(embedding) * sampling_ratio)

    def select_coreset_idxs(self) -> list[int]:
        """The chosen rows, in the order of their selection."""
        chosen = thinset.select(self.embedding.cpu(), self.coreset_size, "max_min")  # thinset
        return chosen.indices.tolist()

    def sample_coreset(self) -> torch.Tensor:
        """The chosen rows of the embedding."""
        return self.embedding[self.select_coreset_idxs()]


def patches(images: torch.Tensor, side: int = 4) -> torch.Tensor:
    """Every patch of each image with its place in the image: (N, patches, side² + 2)."""
    n, _, height, width = images.shape
    values = F.unfold(images, side).transpose(1, 2)
    rows, columns = height - side + 1, width - side + 1
    places = torch.cartesian_prod(torch.linspace(0, 1, rows), torch.linspace(0, 1, columns))
    return torch.cat([values, places.expand(n, -1, -1)], dim=2)


def scores(images: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
    """How unlike the bank each image is: the distance of its most unlike patch."""
    found = patches(images)
    distances = torch.cdist(found.flatten(0, 1), bank).amin(dim=1)
    return distances.view(found.shape[:2]).amax(dim=1)


def main(folder: Path) -> float:
    """Fit the bank on normal digits; return the AUROC on the test digits, 0..1."""
    digits = import_dataset("digits", folder)
    train, test = digits["train"], digits["test"]

    def as_images(images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2) / 255

    normal = as_images(train.images[np.asarray(train.labels) == 0])
    bank = Coreset(patches(normal).flatten(0, 1), sampling_ratio=0.1).sample_coreset()

    is_anomaly = np.asarray(test.labels) != 0
    return float(roc_auc_score(is_anomaly, scores(as_images(test.images), bank).numpy()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(f"AUROC {main(Path(scratch) / 'digits'):.3f}")  # noqa: T201
