from __future__ import annotations

import dataclasses
import re
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from thinset.augmentation.generators import (
    cdcgan,
    cdcvae,
    flow,
    generator_named,
    generators,
    sngan,
)
from thinset.augmentation.train import (
    CollapseWarning,
    balanced_labels,
    class_counts,
    collapse_of,
    train_generator,
)
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.files.decoding import decode, encode
from thinset.training import TrainingDivergedError
from thinset.training.loop.history import Evaluation, History

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("cdcgan", "cdcvae", "flow", "sngan")
ignore_collapse = pytest.mark.filterwarnings("ignore::thinset.augmentation.train.CollapseWarning")


def test_all_generators_are_found() -> None:
    assert generators() == NAMES
    for name in NAMES:
        assert generator_named(name).Settings().model == name
    with pytest.raises(ValueError, match="model must be one of cdcgan, .*, sngan; got 'gan'"):
        generator_named("gan")


@pytest.mark.parametrize("name", NAMES)
def test_settings_survive_a_file(name: str) -> None:
    kind = generator_named(name).Settings
    for settings in (kind(), kind(batch_size=7, ema_decay=0.5)):
        assert decode(encode(settings), kind, "settings") == settings


def test_defaults_are_those_of_the_paper() -> None:
    gan, vae = cdcgan.Settings(), cdcvae.Settings()
    assert (gan.batch_size, gan.learning_rate, gan.generator_rate) == (64, 2e-4, 5.0)
    assert (gan.loss, gan.resolved_penalty, gan.ema_decay) == ("non_saturating", 0.0, None)
    assert (vae.batch_size, vae.learning_rate, vae.beta, vae.free_nats) == (64, 1e-3, 1.0, 0.0)
    assert dataclasses.replace(gan, loss="wasserstein").resolved_penalty == 10.0
    assert dataclasses.replace(gan, loss="hinge", penalty=2.0).resolved_penalty == 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cdcgan.Settings(batch_size=1), "batch_size must be at least 2, .*; got 1"),
        (lambda: cdcvae.Settings(batch_size=1), "batch_size must be at least 2, .*; got 1"),
        (lambda: cdcgan.Settings(penalty=-1.0), "penalty must be .* at least 0, got -1.0"),
        (lambda: cdcgan.Settings(penalty=float("nan")), "penalty must be .*, got nan"),
        (lambda: cdcvae.Settings(beta=-1.0), "beta must be .* at least 0, got -1.0"),
        (lambda: cdcvae.Settings(free_nats=float("inf")), "free_nats must be finite.*, got inf"),
    ],
)
def test_settings_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@ignore_collapse
@pytest.mark.parametrize("name", NAMES)
def test_same_latent_other_label_other_image(name: str, data, train_small) -> None:
    """Trained on dark and bright images, the label decides the brightness."""
    length = {"cdcgan": "150st", "sngan": "100st"}.get(name, "60st")
    trained = train_small(name, data, length, settings=_fast(name))
    generator = trained.generator
    latents = generator.latents(16, torch.Generator().manual_seed(0))
    with torch.no_grad():
        dark, bright = (
            generator(latents, torch.full((16,), label)).mean(dim=(1, 2, 3)) for label in (0, 1)
        )
    assert (bright > dark + 0.2).all()


def _fast(name: str):
    if name == "flow":
        return flow.Settings(
            batch_size=12, widths=(16, 8), n_steps=3, learning_rate=5e-3, ema_decay=0.9
        )
    if name == "cdcvae":
        return cdcvae.Settings(batch_size=12, latent_size=4)
    if name == "sngan":
        return sngan.Settings(
            batch_size=12, latent_size=4, learning_rate=1e-2, n_discriminator=1,
            generator_channels=8, discriminator_channels=8, bottom_width=2,
        )  # fmt: skip
    # With the penalty, sides are found in these few steps whatever the seed.
    return cdcgan.Settings(
        batch_size=12, latent_size=4, learning_rate=1e-3, generator_rate=2.0, penalty=1.0
    )


@ignore_collapse
def test_a_generator_knows_what_it_was_trained_on(data, train_small, tmp_path: Path) -> None:
    trained = train_small("cdcvae", data, "3st", seed=5, out=tmp_path / "new" / "vae.safetensors")
    assert (trained.name, trained.seed, trained.class_counts) == ("cdcvae", 5, (12, 12))
    assert (trained.classes, trained.class_names) == ((0, 1), ("dark", "bright"))
    assert trained.parent.fingerprint == data.fingerprint
    assert (trained.image_shape, trained.image_dtype) == ((4, 4, 1), "uint8")
    assert trained.history.steps == 3
    assert not any(network.training for network in trained.networks.values())
    loaded = TrainedGenerator.load(tmp_path / "new" / "vae.safetensors")
    assert loaded.fingerprint == trained.fingerprint


@ignore_collapse
@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_the_weights(name: str, data, train_small) -> None:
    torch.manual_seed(1)
    first = train_small(name, data, seed=1)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again, other = train_small(name, data, seed=1), train_small(name, data, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.fingerprint == again.fingerprint != other.fingerprint


@ignore_collapse
def test_differentiable_augmentation_changes_the_training(data, train_small) -> None:
    def fingerprint(policy):
        settings = cdcgan.Settings(batch_size=8, latent_size=4, differentiable=policy)
        trained = train_small("cdcgan", data, "2st", settings=settings)
        weights = trained.networks["generator"].state_dict()
        return [value.sum().item() for value in weights.values()]

    plain, coloured = fingerprint(None), fingerprint("color,translation,cutout")
    assert coloured == fingerprint("color,translation,cutout") != plain
    with pytest.raises(ValueError, match="got 'shear' in 'shear'"):
        fingerprint("shear")


def test_an_output_that_exists_is_refused_before_training(data, train_small, tmp_path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(FileExistsError, match="there already exists; choose another output"):
        train_small("cdcvae", data, "1000000ep", out=tmp_path / "there")


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_no_file_can_hold_is_refused_before_training(
    data, train_small, tmp_path, seed: int
) -> None:
    with pytest.raises(ValueError, match=r"seed must be a whole number from 0 to 2\*\*63 - 1, got"):
        train_small("flow", data, "1000000ep", out=tmp_path / "out", seed=seed)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "shades has no labels, which a generator needs"),
        ([0, 0, 0, 1], r"class 1 \(bright\) has a single sample; .* at least two of each class"),
    ],
)
def test_labels_that_no_generator_learns_from_are_refused(
    write_data, train_small, labels, message: str
) -> None:
    images = np.zeros((4 if labels is None else len(labels), 4, 4, 1), np.uint8)
    with pytest.raises(ValueError, match=message):
        train_small("cdcvae", write_data(labels, images=images), "1000000ep")


def test_a_row_without_a_label_is_named() -> None:
    """Dataset folders cannot hold such rows; other data may."""
    data = SimpleNamespace(name="mine", labels=np.array([0, 1, 0, -1, 1, -1]), n_classes=2)
    with pytest.raises(ValueError, match="mine: row 3 has no label; leave out rows without labels"):
        class_counts(data)


def test_a_single_sample_is_named_by_number_without_class_names(write_data, train_small) -> None:
    data = write_data([0, 0, 1, 2, 2], class_names=None)
    with pytest.raises(ValueError, match="shades: class 1 has a single sample"):
        train_small("flow", data)


def test_soft_labels_alone_are_no_labels(write_data, train_small) -> None:
    soft = np.eye(2, dtype=np.float32)[np.arange(8) % 2]
    data = write_data(None, soft_labels=soft, images=np.zeros((8, 4, 4, 1), np.uint8))
    with pytest.raises(ValueError, match="shades has no labels, which a generator needs"):
        train_small("cdcgan", data)


@pytest.mark.parametrize("name", ["cdcgan", "cdcvae", "flow"])
@pytest.mark.parametrize(("side", "shape"), [("height", (6, 4, 1)), ("width", (8, 9, 3))])
def test_sides_that_are_no_multiple_of_four_are_refused(
    write_data, train_small, name: str, side: str, shape
) -> None:
    images = np.zeros((8, *shape), np.uint8)
    data = write_data(np.arange(8) % 2, images=images)
    with pytest.raises(ValueError, match=f"the {side} of images must be divisible by 4, got"):
        train_small(name, data)


@pytest.mark.parametrize("value", [1.5, -0.25, np.nan, np.inf])
def test_float_images_outside_the_unit_range_are_refused(write_data, train_small, value) -> None:
    images = np.random.default_rng(0).random((8, 4, 4, 1), dtype=np.float32)
    images[6, 1, 2, 0] = value
    data = write_data(np.arange(8) % 2, images=images)
    with pytest.raises(ValueError, match=rf"must be in \[0, 1\], row 6 holds {value}"):
        train_small("cdcvae", data)


def test_validation_data_must_fit(data, write_data, train_small) -> None:
    large = write_data(images=np.zeros((24, 8, 4, 1), np.uint8), name="large")
    unlabelled = write_data(None, images=np.zeros((24, 4, 4, 1), np.uint8), name="unlabelled")
    others = write_data([0, 1, 2, 2], name="others", class_names=None)
    for validation, message in (
        (large, r"images of large must have the shape .* \(4, 4, 1\), got \(8, 4, 1\)"),
        (unlabelled, "unlabelled has no labels, which the scores of a generator need"),
        (others, "others: the label of row 2 must be from 0 to 1, .*; got 2"),
    ):
        with pytest.raises(ValueError, match=message):
            train_small("cdcvae", data, validation_data=validation)


@ignore_collapse
def test_scores_compare_with_validation_data(data, write_data, train_small) -> None:
    bright = write_data([1] * 8, name="other")
    scores = [
        train_small("cdcvae", data, "20st", validation_data=validation).history.final.scores
        for validation in (None, data, bright)
    ]
    assert scores[0] == scores[1]
    assert scores[2]["negative_elbo"] != scores[0]["negative_elbo"]


@pytest.mark.parametrize("name", NAMES)
def test_divergence_leaves_no_generator(name: str, data, train_small, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    settings = dataclasses.replace(_fast(name), learning_rate=1e30)
    with pytest.raises(TrainingDivergedError, match="after step"):
        train_small(name, data, "20st", settings=settings, out=out, evaluations=20)
    assert not out.exists()


def test_a_generator_that_time_left_untrained_is_not_delivered(data, train_small, tmp_path) -> None:
    """A phase in time takes one step at least, which trains the discriminator alone."""
    out = tmp_path / "out.safetensors"
    with pytest.raises(ValueError, match="length 1e-06s is 1 steps, .* n_discriminator 2 it takes"):
        train_small("sngan", data, "0.000001s", out=out)
    assert not out.exists()


def history_with(step: int = 7, **scores: float) -> History:
    point = Evaluation(step, 8 * step, 1.0, 1.0, "cdcgan", 0.5, scores)
    return History(curve=[Evaluation(1, 8, 0.1, 0.1, "cdcgan", 0.5, {"diversity": 0.0}), point])


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"diversity": 0.049}, "one class hardly differ at step 7: their deviation is 0.049 of"),
        ({"diversity": 0.051}, None),
        ({"diversity": 1.0, "discriminator_loss": 0.0099}, "is never wrong at step 7: .* 0.0099"),
        ({"diversity": 1.0, "discriminator_loss": 0.0101}, None),
        ({"diversity": 1.0, "discriminator_loss": 0.0}, "is never wrong at step 7"),
        ({"loss": 0.001}, None),
    ],
)
def test_collapse_is_told_from_the_last_evaluation(scores, message: str | None) -> None:
    found = collapse_of(history_with(**scores))
    if message is None:
        assert found is None
    else:
        assert found is not None
        assert re.search(message, found)


def test_a_wasserstein_loss_of_zero_is_no_collapse() -> None:
    history = history_with(diversity=1.0, discriminator_loss=0.001)
    assert collapse_of(history, loss_is_bounded=False) is None
    assert collapse_of(History()) is None


def test_a_generator_that_ignores_its_latents_is_reported_and_kept(
    data, train_small, tmp_path: Path
) -> None:
    """After one step, the decoder of a VAE draws nearly the same image from all latents."""
    out = tmp_path / "vae.safetensors"
    with pytest.warns(CollapseWarning, match="cdcvae: generated images of one class hardly differ"):
        trained = train_small("cdcvae", data, out=out)
    assert trained.collapse is not None
    assert TrainedGenerator.load(out).collapse == trained.collapse
    other = tmp_path / "kept.safetensors"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CollapseWarning):
            train_small("cdcvae", data, out=other)
    assert TrainedGenerator.load(other).fingerprint == trained.fingerprint


def test_a_discriminator_that_always_wins_is_reported(data, train_small) -> None:
    settings = cdcgan.Settings(
        batch_size=12, latent_size=4, learning_rate=1e-3, generator_rate=1e-6, penalty=1e-6
    )
    with pytest.warns(CollapseWarning, match="the discriminator is never wrong at step 80"):
        trained = train_small("cdcgan", data, "80st", settings=settings, evaluations=4)
    assert trained.history.final.scores["discriminator_loss"] < 0.01


@pytest.mark.parametrize("n_images", [1, 5, 7])
def test_balanced_labels_take_turns(n_images: int) -> None:
    assert balanced_labels(n_images, (3, 0, 4)).tolist() == [3, 0, 4, 3, 0, 4, 3][:n_images]


def test_balanced_labels_need_classes_and_images() -> None:
    with pytest.raises(ValueError, match="classes must name at least one class, got none"):
        balanced_labels(3, ())
    with pytest.raises(ValueError, match="n_images must be at least 1, got 0"):
        balanced_labels(0, (1,))


def test_train_generator_needs_no_output(data) -> None:
    with pytest.warns(CollapseWarning):
        trained = train_generator(
            data, settings=cdcvae.Settings(batch_size=8), length="1st", device="cpu"
        )
    assert trained.history.steps == 1
