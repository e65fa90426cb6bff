"""Trainings of the SNGAN, alone and with a term of its images."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from thinset.augmentation.generate import generate
from thinset.augmentation.generators import cdcvae, flow, sngan
from thinset.augmentation.train import CollapseWarning, class_counts, train_generator
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data import import_dataset
from thinset.data.batches import Batch
from thinset.files.decoding import decode, encode
from thinset.models.generators.padded_square import padded_square
from thinset.training import LinearRate, TrainingDivergedError, generator_for
from thinset.training.loop.checkpoint import read_tensors, write_tensors
from weighted_terms import take_term

if TYPE_CHECKING:
    from pathlib import Path

SMALL = sngan.Settings(
    batch_size=8,
    latent_size=4,
    n_discriminator=2,
    generator_channels=8,
    discriminator_channels=8,
    bottom_width=2,
)
ignore_collapse = pytest.mark.filterwarnings("ignore::thinset.augmentation.train.CollapseWarning")
pytestmark = ignore_collapse


def train(data, length="4st", settings=SMALL, term: Any = None, **options: Any) -> TrainedGenerator:
    weighted = take_term(options, term)
    return train_generator(
        data, settings=settings, length=length, term=weighted, device="cpu",
        **{"evaluations": 2, **options},
    )  # fmt: skip


def curve(trained: TrainedGenerator) -> list[Any]:
    return [(point.step, point.train_loss, point.scores) for point in trained.history.curve]


class Brightness:
    """How far from `level` generated images are on the mean, on a random share of the pixels."""

    def __init__(self, level: float = 1.0) -> None:
        self.level, self.random = level, torch.Generator().manual_seed(3)
        self.mask = torch.ones(1, 4, 4)
        self.n_calls, self.nan_from = 0, 10**9

    def prepare(self, device: torch.device) -> None:
        pass

    def renew(self) -> None:
        self.mask = (torch.rand(1, 4, 4, generator=self.random) < 0.9).float()

    def __call__(self, generated, images, labels):
        self.n_calls += 1
        factor = float("nan") if self.n_calls > self.nan_from else 1.0
        return factor * (self.mask * (self.level - generated)).square().flatten(1).mean(dim=1)

    def tensors(self):
        return {"random": self.random.get_state(), "mask": self.mask}

    def load(self, tensors) -> None:
        self.random.set_state(tensors["random"])
        self.mask = tensors["mask"].clone()

    def describe(self):
        return {"level": self.level}


# ---- settings


def test_defaults_are_the_published_settings() -> None:
    settings = sngan.Settings()
    assert (settings.batch_size, settings.learning_rate, settings.betas) == (64, 2e-4, (0.0, 0.9))
    assert (settings.n_discriminator, settings.loss, settings.latent_size) == (5, "hinge", 128)
    assert (settings.generator_channels, settings.discriminator_channels) == (256, 128)
    assert (settings.bottom_width, settings.padding) == (4, "auto")
    assert (settings.shortcuts, settings.output_norm) == ("reference", "plain")
    assert (settings.ema_decay, settings.differentiable) == (None, None)
    assert settings.rate == LinearRate(2e-4, 0.0)
    networks = _networks(settings, (8, 8, 1))
    optimizers = _learner(networks, settings)._optimizers
    assert [(kind.defaults["betas"], rate) for kind, rate in optimizers.values()] == [
        ((0.0, 0.9), 1.0)
    ] * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 1}, "batch_size must be at least 2, for batch norm; got 1"),
        ({"betas": (0.0, 1.0)}, r"betas must be at least 0 and less than 1, got \(0.0, 1.0\)"),
        ({"betas": (-0.1, 0.9)}, r"betas must be at least 0 .*, got \(-0.1, 0.9\)"),
        ({"bottom_width": 70_000}, "bottom_width must be at most 65536, got 70000"),
        ({"generator_channels": 2**40}, "generator_channels must be at most 65536"),
        ({"padding": 10**9}, "padding must be at most 65536, got 1000000000"),
        ({"differentiable": "shear"}, "differentiable must be names among .*; got 'shear'"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **changes)


@pytest.mark.parametrize("changes", [{"padding": 4}, {"shortcuts": "all"}, {"betas": (0.5, 0.9)}])
def test_settings_survive_a_file(changes) -> None:
    settings = dataclasses.replace(SMALL, **changes)
    assert decode(encode(settings), sngan.Settings, "settings") == settings


@pytest.mark.parametrize("changes", [{}, {"padding": 4}, {"padding": 9}, {"bottom_width": 5}])
def test_the_smallest_shape_has_networks(changes) -> None:
    settings = dataclasses.replace(SMALL, **{"bottom_width": 4, **changes})
    shape = sngan.smallest_shape(settings)
    assert padded_square(shape, settings.bottom_width, settings.padding).image_shape == shape
    sngan.require_image_shape(settings, shape)
    images = _networks(settings, shape)["generator"](torch.zeros(2, 4), torch.tensor([0, 1]))
    assert images.shape[2:] == shape[:2]


# ---- training


def _networks(settings, shape, n_classes=2, seed=0):
    return sngan.networks(settings, shape, n_classes, generator_for(seed, "generator weights"))


def _learner(networks, settings, **options: Any):
    made = sngan.learner(
        networks, settings, seed=0, device="cpu", precision="float32", observe=None, **options
    )
    made.start()
    return made


def _batch(shape, n, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    labels = torch.arange(n) % 2
    return Batch(torch.from_numpy(images), labels, torch.arange(n), None)


def test_every_weight_of_the_discriminator_has_spectral_norm_one_after_training() -> None:
    networks = _networks(SMALL, (16, 16, 1))
    learner = _learner(networks, SMALL)
    for n_before in range(20):
        learner.step(_batch((1, 16, 16), 8, n_before), learning_rate=1e-3, n_before=n_before)
    discriminator, n_bounded = networks["discriminator"].eval(), 0
    for name, layer in discriminator.named_modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear | torch.nn.Embedding):
            largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
            assert float(largest) == pytest.approx(1, abs=0.05), name
            n_bounded += 1
    # Of the two blocks that halve, of the two others, and the last layer with the embedding.
    assert n_bounded == 2 * 3 + 2 * 2 + 2
    for layer in networks["generator"].modules():
        assert not hasattr(layer, "parametrizations")


def test_a_full_size_step_of_each_network() -> None:
    settings = sngan.Settings(n_discriminator=1)
    networks = _networks(settings, (32, 32, 3), n_classes=10)
    learner = _learner(networks, settings)
    before = {
        name: [weight.detach().clone() for weight in network.parameters()]
        for name, network in networks.items()
    }
    losses = learner.step(_batch((3, 32, 32), 2), learning_rate=2e-4, n_before=0)
    assert losses.shape == (2,)
    for name, network in networks.items():
        assert all(bool(weight.isfinite().all()) for weight in network.parameters())
        moves = [
            float((weight.detach() - old).abs().max())
            for weight, old in zip(network.parameters(), before[name], strict=True)
        ]
        # The first step of Adam moves each weight by the learning rate.
        assert max(moves) == pytest.approx(2e-4, rel=0.01), name
        assert sum(move > 0 for move in moves) > 0.9 * len(moves), name


def test_the_learning_rate_falls_linearly_to_zero(data) -> None:
    rates: list[float] = []
    train(data, "10st", log=lambda figures, _: rates.append(figures["learning_rate"]),
          evaluations=10)  # fmt: skip
    assert rates == pytest.approx([2e-4 * (1 - step / 10) for step in range(10)])


def test_two_trainings_with_one_seed_are_the_same(data) -> None:
    first, again, other = (train(data, "6st", seed=seed) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert curve(first) == curve(again)
    assert curve(first) != curve(other)


@pytest.mark.parametrize(
    "changes",
    [
        {"ema_decay": 0.9, "differentiable": "color,translation,cutout"},
        {"shortcuts": "all", "output_norm": "conditional"},
        {"loss": "wasserstein"},
        {"loss": "non_saturating"},
        {"padding": 4, "n_discriminator": 3},
    ],
)
@pytest.mark.parametrize("with_term", [False, True])
def test_an_interrupted_training_resumes_to_the_same_generator(
    data, tmp_path: Path, changes, with_term
) -> None:
    settings = dataclasses.replace(SMALL, **changes)

    def run(checkpoint, log=None):
        term: dict[str, Any] = (
            {"term": Brightness(), "term_weight": 0.5, "term_on": "both"} if with_term else {}
        )
        return train(
            data, "6st", settings, evaluations=6, checkpoint_path=checkpoint, resume=True, log=log,
            **term,
        )  # fmt: skip

    def stop(_figures, step):
        if step == 4:
            raise KeyboardInterrupt

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", stop)
    resumed = run(tmp_path / "stopped")
    assert resumed.fingerprint == whole.fingerprint
    assert curve(resumed) == curve(whole)


def test_layers_compute_in_bfloat16(data) -> None:
    trained = train(data, "4st", precision="bfloat16", term=Brightness(), term_weight=1.0)
    assert all(np.isfinite(value) for value in trained.history.final.scores.values())
    assert trained.fingerprint != train(data, "4st").fingerprint


@pytest.mark.parametrize("changes", [{"ema_decay": 0.5}, {"differentiable": "color"}])
def test_options_change_the_generator(data, changes) -> None:
    fingerprints = set()
    for settings in (SMALL, dataclasses.replace(SMALL, **changes)):
        generator = train(data, "4st", settings).generator.state_dict()
        fingerprints.add(sum(float(value.double().sum()) for value in generator.values()))
    assert len(fingerprints) == 2


def test_images_of_28_pixels_are_padded_and_drawn_at_their_size(write_data, tmp_path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28, 1), dtype=np.uint8)
    data = write_data(np.arange(12) % 2, images=images)
    settings = dataclasses.replace(SMALL, batch_size=4, bottom_width=4)
    trained = train(data, "2st", settings, out=tmp_path / "model")
    assert trained.image_shape == (28, 28, 1)
    drawn = generate(TrainedGenerator.load(tmp_path / "model"), tmp_path / "drawn", 6, device="cpu")
    assert drawn.images.shape == (6, 28, 28, 1)


def test_digits_are_learned_at_their_size(tmp_path: Path) -> None:
    data = import_dataset("digits", tmp_path / "digits")["train"]
    settings = dataclasses.replace(SMALL, batch_size=64, bottom_width=4)
    trained = train(data, "6st", settings)
    assert trained.image_shape == (8, 8, 1)
    assert trained.classes == tuple(range(10))
    labels = np.arange(20) % 10
    whole, single = (
        np.concatenate(list(trained.draw(labels, batch_size=size, device="cpu")))
        for size in (20, 1)
    )
    assert whole.shape == (20, 8, 8, 1)
    assert np.abs(whole.astype(int) - single).max() <= 1  # rounding depends on the batch size


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((20, 20, 1), "side of images must be the bottom width 4 .*; got 20; resize them to 16"),
        ((24, 32, 3), "images must be square, got 24x32"),
        ((100, 100, 1), "got 100; resize them to 64 or 128, .* use the padding 28"),
    ],
)
def test_sides_that_do_not_fit_are_refused_before_training(write_data, shape, message) -> None:
    data = write_data(np.arange(8) % 2, images=np.zeros((8, *shape), np.uint8))
    with pytest.raises(ValueError, match=message):
        train(data, "1000000ep", sngan.Settings())


def test_a_label_that_is_no_class_is_named() -> None:
    """Dataset folders cannot hold such rows; other data may."""
    data = SimpleNamespace(name="mine", labels=np.array([0, 1, 4, 1, 0]), n_classes=2)
    with pytest.raises(ValueError, match="mine: the label of row 2 must be from 0 to 1, .* got 4"):
        class_counts(data)


# ---- faults


def test_a_divergence_is_named_and_the_last_good_checkpoint_kept(data, tmp_path: Path) -> None:
    """The weights that the checkpoint holds are those before the loss was lost."""
    checkpoint, out = tmp_path / "checkpoint", tmp_path / "model"
    options: dict[str, Any] = {
        "term": Brightness(), "term_weight": 1.0, "out": out, "checkpoint_path": checkpoint,
        "checkpoint_seconds": 0.0, "evaluations": 1,
    }  # fmt: skip
    options["term"].nan_from = 2
    with pytest.raises(TrainingDivergedError, match="not finite after step 6"):
        train(data, "20st", **options)
    assert not out.exists()
    tensors, _ = read_tensors(checkpoint)
    assert all(bool(v.isfinite().all()) for v in tensors.values() if v.is_floating_point())


@pytest.mark.parametrize("evaluations", [1, 10])
def test_a_term_that_is_not_finite_ends_a_training_of_the_discriminator_too(
    data, tmp_path: Path, evaluations: int
) -> None:
    """No weight shows it there: between evaluations, the writing of a checkpoint finds it."""
    checkpoint = tmp_path / "checkpoint"
    term = Brightness()
    term.nan_from = 3
    with pytest.raises(TrainingDivergedError, match="term"):
        train(
            data, "10st", term=term, term_weight=1.0, term_on="discriminator",
            evaluations=evaluations, checkpoint_path=checkpoint, checkpoint_seconds=0.0,
        )  # fmt: skip
    tensors, _ = read_tensors(checkpoint)
    assert all(bool(v.isfinite().all()) for v in tensors.values() if v.is_floating_point())


def test_rates_that_are_too_large_are_named(data, tmp_path: Path) -> None:
    settings = dataclasses.replace(SMALL, learning_rate=1e30)
    with pytest.raises(TrainingDivergedError, match="after step"):
        train(data, "20st", settings, evaluations=20, out=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_collapse_is_reported_and_the_generator_kept(data, tmp_path: Path) -> None:
    """A term alone pulls all images to white."""
    settings = dataclasses.replace(SMALL, n_discriminator=1, learning_rate=0.3, latent_size=1)
    with pytest.warns(CollapseWarning, match="sngan: generated images of one class hardly differ"):
        trained = train(
            data, "60st", settings, term=Brightness(), term_weight=1.0, adversarial_weight=0.0,
            out=tmp_path / "model",
        )  # fmt: skip
    assert TrainedGenerator.load(tmp_path / "model").collapse == trained.collapse is not None


# ---- terms


def test_a_term_moves_the_images_where_it_is_on_the_generator(data) -> None:
    def brightness(side, weight, **options):
        settings = dataclasses.replace(SMALL, learning_rate=3e-3, n_discriminator=1)
        trained = train(data, "30st", settings, term=Brightness(), term_on=side,
                        term_weight=weight, **options)  # fmt: skip
        assert "term" in trained.history.final.scores
        labels = np.arange(20) % 2
        images = np.concatenate(list(trained.draw(labels, device="cpu"))) / 255
        return float(images.mean()), trained.fingerprint

    plain, weights = brightness("discriminator", 0.0)
    assert brightness("discriminator", 50.0) == (plain, weights)
    assert brightness("generator", 50.0)[0] > plain + 0.2
    assert brightness("generator", 1.0, adversarial_weight=0.0)[0] > plain + 0.2


@pytest.mark.parametrize(
    "settings", [cdcvae.Settings(batch_size=8), flow.Settings(batch_size=8, widths=(8, 8))]
)
def test_other_generators_take_no_term(data, settings) -> None:
    with pytest.raises(ValueError, match=f"term does not apply to {settings.model}, which is not"):
        train(data, settings=settings, term=Brightness())


def test_weights_out_of_range_are_refused_before_training(data) -> None:
    for options, message in (
        ({"term": Brightness(), "term_weight": -1.0}, "weight must be finite .*, got -1.0"),
        ({"term": Brightness(), "term_weight": float("nan")}, "weight must be .*, got nan"),
    ):
        with pytest.raises(ValueError, match=message):
            train(data, "1000000ep", **options)


def test_a_checkpoint_of_another_term_is_refused(data, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    options: dict[str, Any] = {"checkpoint_path": checkpoint, "resume": True, "term_weight": 1.0}
    train(data, "2st", term=Brightness(), **options)
    with pytest.raises(ValueError, match="checkpoint is of a run with other settings"):
        train(data, "2st", term=Brightness(0.5), **options)


# ---- files


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generator_channels": 9}, "is of another model: tensor"),
        ({"discriminator_channels": 9}, "is of another model: tensor"),
        ({"latent_size": 5}, "is of another model: tensor"),
        ({"shortcuts": "all"}, "is of another model: tensor"),
        ({"output_norm": "conditional"}, "is of another model: tensor"),
        ({"padding": 4}, "is of another model: tensor"),
        ({"bottom_width": 4}, "the side of images must be the bottom width 4 .*; got 4"),
        ({"bottom_width": 2**20}, "bottom_width must be at most 65536"),
        ({"model": "cdcgan"}, "settings: has no entry"),
    ],
)
def test_files_of_another_architecture_are_refused(data, tmp_path, changes, message) -> None:
    path = tmp_path / "model"
    train(data, "2st", out=path, evaluations=1)
    tensors, content = read_tensors(path)
    content["settings"] = {**content["settings"], **changes}
    write_tensors(path, tensors, content)
    with pytest.raises(ValueError, match=message) as raised:
        TrainedGenerator.load(path)
    assert str(path) in str(raised.value)
