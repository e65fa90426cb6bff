from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from thinset.augmentation.generators import cdcgan
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data import DatasetWriter, open_dataset
from thinset.data.provenance import DistilledBy
from thinset.distillation.distilled_for import DistilledFor
from thinset.distillation.through_gan.settings import LatentSettings, TermSettings
from thinset.distillation.through_gan.terms import weighted_term
from thinset.duration import Duration
from thinset.experiments.prepare.generated import train_and_keep_generator
from thinset.experiments.prepare.through_gan import draw_distilled, require_search, search_latents

R = "smooth_networks:perceptron"
TERM = TermSettings(method="gan-magnitude", network=R, weight=2.0)

pytestmark = pytest.mark.filterwarnings("ignore::thinset.augmentation.train.CollapseWarning")


@pytest.fixture
def data(tmp_path):
    """Noise, 12 images of each of two classes."""
    with DatasetWriter(
        tmp_path / "data", name="d", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=24
    ) as writer:
        images = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1), np.uint8)
        writer.append(images, np.arange(24) % 2)
    return open_dataset(tmp_path / "data")


@pytest.fixture
def trained(data, tmp_path):
    """A GAN trained with the term."""
    return train_and_keep_generator(
        data, tmp_path / "g.safetensors", length=Duration(3, "st"),
        settings=cdcgan.Settings(batch_size=6, latent_size=3),
        term=weighted_term(TERM, data, seed=4), called="gan-magnitude, cdcgan",
        checkpoint=tmp_path / "checkpoints" / "g.safetensors", grids=None, seed=4, device="cpu",
        evaluations=1, show_progress=False,
    )  # fmt: skip


def test_a_generator_is_trained_once_and_gives_any_number_of_images(trained, data, tmp_path):
    assert trained.history.final.scores["term"] < 0
    model = TrainedGenerator.load(tmp_path / "g.safetensors")
    sets = [
        draw_distilled(
            model, tmp_path / f"n{n}", settings=TERM, images_per_class=n, seed=7, device="cpu"
        )
        for n in (2, 5)
    ]
    assert [len(made) for made in sets] == [4, 10]
    np.testing.assert_array_equal(sets[0].images, sets[1].images[:4])
    provenance = sets[1].manifest.provenance
    assert isinstance(provenance, DistilledBy)
    assert (provenance.by, provenance.seed) == ("gan-magnitude", 7)
    assert provenance.parent.fingerprint == data.fingerprint
    assert provenance.params["generator_seed"] == 4
    assert provenance.params["steps"] == 3
    made_for = DistilledFor.of(sets[1])
    assert (made_for.name, made_for.width, made_for.starts) == (R, 1.0, "random")


def test_a_search_takes_the_generator_and_names_it(trained, data, tmp_path):
    settings = LatentSettings(network=R, length="2st", constraint="sphere")
    made = search_latents(
        trained, data, tmp_path / "latent", settings=settings, images_per_class=2,
        checkpoint=tmp_path / "checkpoints" / "l.safetensors", seed=4, device="cpu", evaluations=1,
        show_progress=False,
    )  # fmt: skip
    assert made.manifest.provenance.model == trained.fingerprint
    assert made.array("latents").shape == (4, 3)
    made_for = DistilledFor.of(made)
    assert (made_for.name, made_for.starts) == (R, "random")
    assert made_for.mean == pytest.approx((np.asarray(data.images).mean() / 255,))


def test_a_class_without_training_images_cannot_be_searched(trained, data):
    untrained = dataclasses.replace(trained, class_counts=(24, 0))
    settings = LatentSettings(network=R)
    with pytest.raises(ValueError, match="the generator was not trained on class 1"):
        require_search(
            untrained, data, settings=settings, images_per_class=1, starts_from_real=False
        )
