"""A classifier trained on real data, and the generated images that it keeps, each made once."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from thinset.augmentation.train import balanced_labels
from thinset.data import open_dataset, write_subset
from thinset.data.batches import ordered_batches
from thinset.experiments.checkpoints import kept_until_done
from thinset.experiments.classifier import new_classifier
from thinset.experiments.prepare.subsets import Made
from thinset.experiments.trial import Trial, scoring_transform, standardised_for, train
from thinset.metrics import (
    FewSamplesWarning,
    ModuleExtractor,
    features_of,
    frechet_distance,
    nearest,
)
from thinset.results.arm import FULL
from thinset.selection import select
from thinset.training import load_weights, save_weights
from thinset.training.precision import resolve_device
from thinset.transforms.images import as_rows

if TYPE_CHECKING:
    from torch import nn

    from thinset.data import Dataset
    from thinset.data.batches import ImageArrays
    from thinset.duration import Duration
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import TrainingSettings
    from thinset.models.generators import ImageGenerator
    from thinset.results.arm_options import Keep

    Features = np.ndarray[Any, np.dtype[np.float32]]
    Rows = np.ndarray[Any, np.dtype[np.int64]]

CLASSIFIER_STAGE = "training the classifier"
_N_NEIGHBOURS = 5
_BATCH = 1000


class RealClassifier:
    """A classifier trained on real data alone; it judges generated images."""

    def __init__(self, model: nn.Module, training: TrainingSettings, device: str) -> None:
        self._device = resolve_device(device)
        self._model = model.to(self._device).eval()
        self._transform = scoring_transform(standardised_for(model, training))
        self._extractor = ModuleExtractor(
            model, "classifier trained on the real data", transform=self._transform
        )
        self.name = self._extractor.name

    def features(self, data: ImageArrays) -> Features:
        """Its last hidden layer for every image: (N, D)."""
        return features_of(data, self._extractor, device=self._device)

    def probabilities(self, data: ImageArrays) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Its probability of every class for every image: (N, C)."""
        found = []
        with torch.no_grad():
            for images, _ in ordered_batches(data, device=self._device, batch_size=_BATCH):
                found.append(self._model(self._transform(images)).float().softmax(dim=1).cpu())
        return torch.cat(found).numpy()

    def agreement(self, data: ImageArrays) -> float:
        """The share of images that it puts into the class of their label, 0..1."""
        assert data.labels is not None
        return float((self.probabilities(data).argmax(axis=1) == data.labels).mean())


class Images(NamedTuple):
    """Images (N, H, W, C) and labels (N,) in memory or mapped."""

    images: np.ndarray[Any, Any]
    labels: Rows


class ScoresInTraining:
    """Scores a generator at each evaluation of its training: FID[classifier] and agreement.

    `n_images` images, balanced over the classes of `real`, the same latents each time. Their
    features are compared with those of `real`. `name`: of the features; see Observer.
    """

    def __init__(self, classifier: RealClassifier, real: Dataset, n_images: int) -> None:
        assert real.labels is not None
        self._classifier = classifier
        self._real = classifier.features(real)
        # A generator draws noise for a class without training images.
        self._labels = balanced_labels(n_images, np.unique(real.labels).tolist())
        self.name = classifier.name

    def __call__(self, generator: ImageGenerator) -> dict[str, float]:
        """See thinset.training.learners.generative.Observer."""
        labels = self._labels
        device = next(generator.parameters()).device
        noise = torch.Generator().manual_seed(0)
        drawn = []
        for start in range(0, len(labels), _BATCH):
            targets = torch.from_numpy(labels[start : start + _BATCH]).to(device)
            latents = generator.latents(len(targets), noise).to(device)
            drawn.append(as_rows(generator(latents, targets), "uint8"))
        images = Images(np.concatenate(drawn), labels)
        features = self._classifier.features(images)
        return {
            "fid": fid_of(features, self._real),
            "agreement": self._classifier.agreement(images),
        }


def fid_of(features: Features, real: Features) -> float:
    """FID of any number of images; records and pages state the number, so nothing warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewSamplesWarning)
        return float(frechet_distance(features, real, allow_few=True))


def prepare_classifier(
    data: Dataset,
    test: Dataset,
    training: TrainingSettings,
    length: Duration,
    folder: RunFolder,
    *,
    device: str,
    show_progress: bool,
) -> RealClassifier:
    """Train a classifier on `data` with seed 0, once."""
    path = folder.path / "classifier.safetensors"
    if not folder.is_made(path, CLASSIFIER_STAGE):
        trial = Trial(CLASSIFIER_STAGE, FULL, "steps", seed=0, total=length)
        training = dataclasses.replace(training, keep="last", evaluations=1)
        with kept_until_done(folder.checkpoint("classifier")) as checkpoint:
            with folder.making(path, CLASSIFIER_STAGE) as partial:
                model, record = train(
                    trial,
                    data,
                    test,
                    training,
                    device=device,
                    command="",
                    checkpoint_path=checkpoint,
                    show_progress=show_progress,
                )
                save_weights(model, partial)
            folder.add_stage_seconds(CLASSIFIER_STAGE, record.training_seconds)
    model = new_classifier(data, training, seed=0)
    load_weights(model, path)
    return RealClassifier(model, training, device)


def prepare_kept(
    drawn: Dataset,
    n_images: int,
    real: Dataset,
    classifier: RealClassifier,
    folder: RunFolder,
    *,
    keep: Keep,
) -> Made:
    """Write the `n_images` best of the `drawn` images as a dataset folder, once.

    As many of each class. keep: "confidence", the highest probability of their class;
    "typicality", the smallest mean distance to the 5 nearest real images of their class;
    "coverage", the subset that represents the drawn images of their class best (facility location).
    Distances are those of the classifier's features.
    """
    name = f"{drawn.path.name}-keep-{keep}"
    path, stage = folder.subset(name), f"keeping ({name})"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            rows = kept_rows(drawn, n_images, real, classifier, keep)
            write_subset(rows, drawn, partial)
    return Made(open_dataset(path), {"keeping": folder.stage_seconds[stage]})


def kept_rows(
    drawn: Dataset, n_images: int, real: Dataset, classifier: RealClassifier, keep: Keep
) -> Rows:
    """The rows that `prepare_kept` writes, sorted."""
    assert drawn.labels is not None
    assert real.labels is not None
    labels = np.asarray(drawn.labels)
    classes = np.unique(labels)
    probabilities = classifier.probabilities(drawn) if keep == "confidence" else None
    features = None if keep == "confidence" else classifier.features(drawn)
    real_features = classifier.features(real) if keep == "typicality" else None
    chosen = []
    for place, number in enumerate(classes):
        rows = np.flatnonzero(labels == number)
        n_kept = n_images // len(classes) + (place < n_images % len(classes))
        if probabilities is not None:
            best = np.argsort(-probabilities[rows, number], kind="stable")[:n_kept]
        elif real_features is not None:
            assert features is not None
            of_class = real_features[np.asarray(real.labels) == number]
            k = min(_N_NEIGHBOURS, len(of_class))
            distances = nearest(features[rows], of_class, k).distances.mean(axis=1)
            best = np.argsort(distances, kind="stable")[:n_kept]
        else:
            assert features is not None
            best = select(features[rows], n_kept, "facility_location").indices
        chosen.append(rows[best])
    return np.sort(np.concatenate(chosen))
