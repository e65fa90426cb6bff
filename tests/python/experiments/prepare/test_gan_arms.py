"""Arms that go through a GAN: their GANs, images, and the seconds that these take."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.augmentation.generators import sngan
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data import import_dataset
from thinset.data.provenance import DistilledBy
from thinset.distillation.through_gan.settings import LatentSettings, TermSettings
from thinset.duration import Duration
from thinset.experiments.cells import cell_of
from thinset.experiments.distillation import DistillationSettings
from thinset.experiments.generation import GenerationSettings
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.prepare import gan_arms
from thinset.experiments.settings import EncoderSettings, StudySettings, TrainingSettings
from thinset.experiments.where import Where
from thinset.experiments.workbench import Workbench
from thinset.results import Arm

TERM, LATENT = "distilled:gan-difference:weight=2", "distilled:latent:constraint=sphere"
SETTINGS = StudySettings(
    arms=(Arm.parse(TERM),),
    sizes=(20,),
    encoder=EncoderSettings(kind="pca", n_components=8),
    training=TrainingSettings(model="lenet", width=0.34, evaluations=1, crop="whole"),
    generation=GenerationSettings(
        length=Duration(4, "st"),
        evaluations=1,
        n_seeds=2,
        sngan=sngan.Settings(
            batch_size=8,
            latent_size=8,
            generator_channels=4,
            discriminator_channels=4,
            n_discriminator=2,
        ),
    ),
    distillation=DistillationSettings(
        gan=TermSettings(pretraining="2st"), latent=LatentSettings(length="2st", pool=4)
    ),
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    out = tmp_path_factory.mktemp("source") / "digits"
    import_dataset("digits", out)
    return out


def changed(arm, **changes):
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__}
    return StudySettings(**{**values, "arms": (Arm.parse(arm),), **changes})


def bench_of(source, out, arm, **changes):
    where = Where(str(source), out, "cpu", "thinset compare")
    return Workbench(where, changed(arm, **changes), fixed=("training",), figure="compare")


def cell(arm, seed=0, size=20):
    return cell_of(
        Arm.parse(arm), size=size, split=1.0, total=Duration(8, "st"), comparison="steps", seed=seed
    )


@pytest.mark.parametrize("arm", [TERM, LATENT, "distilled:latent:init=kmeans:steps=1"])
def test_the_images_are_made_once_and_say_how(arm, source, tmp_path, monkeypatch):
    bench = bench_of(source, tmp_path / "out", arm)
    subset = bench.subset(cell(arm))
    assert len(subset.data) == 20
    np.testing.assert_array_equal(np.bincount(subset.data.labels), np.full(10, 2))
    assert isinstance(subset.data.manifest.provenance, DistilledBy)
    assert subset.data.manifest.provenance.by == Arm.parse(arm).distilled.method
    assert set(subset.seconds) == {"training the generator", "distilling"}
    for name in ("search_latents", "draw_distilled", "prepare_generator"):
        monkeypatch.setattr(gan_arms, name, None)
    again = bench_of(source, tmp_path / "out", arm).subset(cell(arm))
    np.testing.assert_array_equal(again.data.images, subset.data.images)
    assert again.seconds == subset.seconds


def test_gans_are_shared_and_images_are_not(source, tmp_path):
    bench = bench_of(source, tmp_path / "out", TERM)
    images = [np.array(bench.subset(cell(TERM, seed)).data.images) for seed in range(3)]
    generators = sorted(
        path.name for path in (tmp_path / "out" / "generators").glob("*.safetensors")
    )
    name = "sngan-gan-difference_weight=2-seed{}.safetensors"
    assert generators == [name.format(0), name.format(1)]
    assert not np.array_equal(images[0], images[2])


def test_the_term_changes_the_gan_on_the_side_of_the_generator(source, tmp_path):
    """On the discriminator's side it moves nothing: the GAN is that of weight 0, to the bit."""
    weights = {}
    for arm in (TERM, f"{TERM}:on=discriminator", "distilled:gan-difference:weight=0"):
        bench = bench_of(source, tmp_path / "out", arm)
        bench.subset(cell(arm))
        (path,) = (tmp_path / "out" / "generators").glob(
            f"sngan-{arm.removeprefix('distilled:').replace(':', '_')}-seed0.safetensors"
        )
        weights[arm] = {
            name: value.numpy()
            for name, value in TrainedGenerator.load(path).generator.state_dict().items()
        }
    plain = weights["distilled:gan-difference:weight=0"]
    same = {
        arm: all(np.array_equal(values[name], plain[name]) for name in plain)
        for arm, values in weights.items()
    }
    assert same == {
        TERM: False, f"{TERM}:on=discriminator": True, "distilled:gan-difference:weight=0": True
    }  # fmt: skip


def test_searches_share_the_plain_gan(source, tmp_path):
    bench = bench_of(source, tmp_path / "out", LATENT)
    bench.subset(cell(LATENT))
    control = bench_of(source, tmp_path / "out", "distilled:latent:steps=0")
    unmoved = control.subset(cell("distilled:latent:steps=0"))
    assert [path.name for path in (tmp_path / "out" / "generators").glob("*.safetensors")] == [
        "sngan-seed0.safetensors"
    ]
    assert not np.array_equal(unmoved.data.images, bench.subset(cell(LATENT)).data.images)


@pytest.mark.parametrize(
    ("arm", "changes", "message"),
    [
        (TERM, {"sizes": (25,)}, "multiple of the 10 classes, got 25"),
        (
            TERM,
            {"distillation": DistillationSettings(network="unknown")},
            f"{TERM}: .*'unknown'",
        ),
    ],
)
def test_mistakes_show_before_any_training(arm, changes, message, source, tmp_path):
    with pytest.raises(ValueError, match=message):
        bench_of(source, tmp_path / "out", arm, **changes)
    assert not (tmp_path / "out" / "generators").exists()


def test_sides_that_the_gan_cannot_draw_are_refused_before_any_training(source, tmp_path):
    generation = GenerationSettings(sngan=sngan.Settings(bottom_width=3, padding=0))
    where = Where(str(source), tmp_path / "out", "cpu", "thinset compare")
    with pytest.raises(ValueError, match="8"):
        Study(where, changed(LATENT, generation=generation))
    assert not (tmp_path / "out" / "generators").exists()
