"""Trained generators of images: FID, labels, and what a classifier learns from their images alone.

    thinset augment train DATA --model cdcvae --length 15ep -o vae
    python benchmarks/studies/generators.py DATA OUT vae/generator.safetensors ...

DATA is a dataset folder with train/ and test/. A judge, the small VGG trained on all training
images, gives FID[judge] between generated and training images, and the share of generated images
that it puts into the class that was asked for. Classification accuracy score (CAS): the same
network with new weights, trained on the generated images alone and scored on the test images,
beside training on as many real ones, as many of each class. All these trainings have equal steps,
the judge twice as many; the last weights count.

Prints a row for each generator and seed; OUT/measured.json keeps them. Run again with more files,
it adds what is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import open_dataset, select, write_subset
from thinset.augmentation.generate import generate
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.losses import classification
from thinset.metrics import FewSamplesWarning, ModuleExtractor, features_of, frechet_distance
from thinset.models import SmallVGG
from thinset.training import Phase, evaluate, fit, load_weights, save_weights
from thinset.training.randomness import generator_for
from thinset.transforms.training import TestTransform, TrainTransform

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.data import Dataset

_SHOWN = TestTransform(standardise=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("generators", type=Path, nargs="+", help="generator.safetensors files")
    parser.add_argument("--n-images", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=1000, help="of 128 images, for every training")
    parser.add_argument("--width", type=float, default=0.5, help="of the small VGG")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only-judge", action="store_true", help="FID and labels, no CAS")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    study = Study(options)
    study.measure("judge", lambda: {"test accuracy": _accuracy(study.judge, study.test)})
    if not options.only_judge:
        study.measure_learning("real images", study.real)
    for file in options.generators:
        name = f"{file} ({hashlib.sha256(file.read_bytes()).hexdigest()[:8]})"
        images = study.drawn(file)
        study.measure(name, lambda images=images: study.judged(images))
        if not options.only_judge:
            study.measure_learning(name, lambda _, images=images: images)
    study.summarise()


class Study:
    """What was measured so far, and what the measurements share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._train = open_dataset(options.data / "train")
        self.test = open_dataset(options.data / "test")
        self._path = options.out / "measured.json"
        self._measured: dict[str, dict[str, float]] = (
            json.loads(self._path.read_text()) if self._path.exists() else {}
        )

    def measure(self, name: str, scores: Callable[[], dict[str, float]]) -> None:
        if name not in self._measured:
            self._measured[name] = scores()
            self._path.write_text(json.dumps(self._measured, indent=1))
        row = "  ".join(f"{key} {value:.4g}" for key, value in self._measured[name].items())
        print(f"{name}: {row}", flush=True)

    def measure_learning(self, name: str, images_of: Callable[[int], Dataset]) -> None:
        """CAS for each seed; `images_of(seed)` are the images."""
        options = self._options
        sizes = f"{options.n_images} images, {options.steps} steps, width {options.width}"
        for seed in options.seeds:
            self.measure(
                f"{name}, {sizes}, seed {seed}",
                lambda seed=seed: {"CAS": self._learned(images_of(seed), seed)},  # type: ignore[misc]
            )

    def judged(self, images: Dataset) -> dict[str, float]:
        features = features_of(images, self._extractor)
        warnings.simplefilter("ignore", FewSamplesWarning)  # every row has equally many
        return {
            "FID": float(frechet_distance(features, self._real_features)),
            "in the asked class": _accuracy(self.judge, images),
        }

    def drawn(self, file: Path) -> Dataset:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        n_images = self._options.n_images
        folder = self._options.out / f"{file.stem}-{digest}-{n_images}"
        if folder.exists():
            return open_dataset(folder)
        return generate(TrainedGenerator.load(file), folder, n_images, show_progress=True)

    def real(self, seed: int) -> Dataset:
        """Real images, as many of each class."""
        n_images = self._options.n_images
        folder = self._options.out / f"real-{n_images}-{seed}"
        if not folder.exists():
            unused = np.zeros((len(self._train), 1), dtype=np.float32)  # random needs no embeddings
            chosen = select(
                unused,
                n_images,
                "random",
                labels=self._train.labels,
                per_class="balanced",
                random_state=seed,
            )
            write_subset(chosen, self._train, folder)
        return open_dataset(folder)

    def summarise(self) -> None:
        groups: dict[str, list[float]] = {}
        for name, scores in self._measured.items():
            if "CAS" in scores:
                groups.setdefault(name.rpartition(", seed")[0], []).append(scores["CAS"])
        for name, values in groups.items():
            if len(values) > 1:
                mean, deviation = statistics.mean(values), statistics.stdev(values)
                print(f"{name}: CAS {mean:.2f} ± {deviation:.2f}, n = {len(values)}")

    @cached_property
    def judge(self) -> SmallVGG:
        options = self._options
        model = _new(self._train, "judge", options.width, 0)
        path = options.out / f"judge-{options.width}-{options.steps}.safetensors"
        if path.exists():
            load_weights(model, path)
        else:
            _fit(model, self._train, 2 * options.steps, 0)
            save_weights(model, path)
        return model.eval()

    @cached_property
    def _extractor(self) -> ModuleExtractor:
        return ModuleExtractor(self.judge, "small VGG, all training images", transform=_SHOWN)

    @cached_property
    def _real_features(self) -> np.ndarray[Any, Any]:
        return features_of(self._train, self._extractor)

    def _learned(self, data: Dataset, seed: int) -> float:
        model = _new(data, "student", self._options.width, seed)
        _fit(model, data, self._options.steps, seed)
        return _accuracy(model, self.test)


def _new(data: Dataset, purpose: str, width: float, seed: int) -> SmallVGG:
    generator = generator_for(seed, f"{purpose} weights")
    model = SmallVGG(data.image_shape, data.n_classes, width=width, generator=generator)
    model.standardise_by(data.images)
    return model


def _fit(model: SmallVGG, data: Dataset, steps: int, seed: int) -> None:
    fit(
        model,
        [Phase("training", data, f"{steps}st")],
        loss=classification,
        train_transform=TrainTransform(standardise=False),
        batch_size=128,
        learning_rate=0.001,
        optimizer="adam",
        ema_decay=None,
        seed=seed,
        evaluations=1,
        show_progress=True,
    )


def _accuracy(model: SmallVGG, data: Dataset) -> float:
    """In percent."""
    return 100 * evaluate(model, data, loss=classification, transform=_SHOWN)["accuracy"]


if __name__ == "__main__":
    main()
