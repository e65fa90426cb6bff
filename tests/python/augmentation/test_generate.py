from __future__ import annotations

import os
import resource
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from thinset.augmentation import generate as generation
from thinset.augmentation.generate import generate, interpolate
from thinset.augmentation.generators import cdcgan, cdcvae, flow, generator_named
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data import open_dataset
from thinset.data.provenance import GeneratedBy, Parent
from thinset.training import generator_for

if TYPE_CHECKING:
    from pathlib import Path

PARENT = Parent("shades", 24, "1" * 64)


def make(
    settings=None, *, counts=(6, 0, 18), names=("a", "b", "c"), dtype="uint8", shape=(4, 4, 1)
):
    settings = settings or cdcvae.Settings(latent_size=3)
    networks = generator_named(settings.model).networks(
        settings, shape, len(counts), generator_for(0, "weights")
    )
    for network in networks.values():
        for name, value in network.state_dict().items():
            if value.ndim > 1:
                value.mul_(5)  # images that differ
            assert name
        network.eval()
    return TrainedGenerator(settings, networks, dtype, names, counts, PARENT, 7)


def test_a_generated_dataset_says_where_it_comes_from(tmp_path: Path) -> None:
    model = make(flow.Settings(widths=(8, 8), n_steps=1))
    data = generate(model, tmp_path / "new", 10, seed=3, device="cpu")
    assert (len(data), data.image_shape, data.images.dtype) == (10, (4, 4, 1), np.uint8)
    assert (data.name, data.class_names) == ("shades, flow", ("a", "b", "c"))
    provenance = data.manifest.provenance
    assert isinstance(provenance, GeneratedBy)
    assert (provenance.by, provenance.seed, provenance.parent) == ("flow", 3, PARENT)
    assert provenance.model == model.fingerprint
    assert provenance.params["widths"] == [8, 8]
    assert provenance.params["model"] == "flow"
    expected = np.concatenate(list(model.draw(np.array([0, 2] * 5), seed=3, device="cpu")))
    assert np.array_equal(data.images, expected)


def test_classes_are_balanced_natural_or_listed(tmp_path: Path) -> None:
    model = make()

    def labels(name, n, **options):
        return generate(model, tmp_path / name, n, device="cpu", **options).labels.tolist()

    assert labels("balanced", 5) == [0, 2, 0, 2, 0]
    assert labels("listed", 5, classes=[2]) == [2] * 5
    assert labels("turns", 5, classes=(2, 2, 0)) == [2, 2, 0, 2, 2]
    natural = labels("natural", 2000, classes="natural")
    assert np.bincount(natural, minlength=3).tolist() == pytest.approx([500, 0, 1500], abs=60)
    assert labels("prefix", 20, classes="natural") == natural[:20]
    assert labels("other", 20, classes="natural", seed=1) != natural[:20]


def test_a_longer_dataset_begins_with_the_shorter_one(tmp_path: Path) -> None:
    model = make(dtype="float32")
    short = generate(model, tmp_path / "short", 9, device="cpu")
    long = generate(model, tmp_path / "long", 31, batch_size=4, device="cpu")
    assert np.allclose(short.images, long.images[:9], atol=1e-5)
    assert (short.images.dtype, long.images.dtype) == (np.float32, np.float32)
    assert np.array_equal(short.labels, long.labels[:9])


def test_without_class_names_numbers_name_the_classes(tmp_path: Path) -> None:
    data = generate(make(names=None), tmp_path / "new", 4, device="cpu")
    assert data.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("n", "classes", "message"),
    [
        (3, [0, 1], r"not trained on class 1 \(b\); it was trained on 0 \(a\), 2 \(c\)"),
        (3, [5], "not trained on class 5"),
        (3, [], "classes must name at least one class, got none"),
        (3, "even", "classes must be balanced, natural or a list, got 'even'"),
        (3, [0.5], "classes must be a whole number, got 0.5"),
        (0, "balanced", "n_images must be at least 1, got 0"),
        (-2, "natural", "n_images must be at least 1, got -2"),
        (2.5, "balanced", "n_images must be a whole number, got 2.5"),
        (10**12, "balanced", "n_images must be at most 100,000,000, got 1000000000000"),
        (10**23, "natural", "n_images must be at most 100,000,000, got 1000000000000"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_writing(tmp_path, n, classes, message) -> None:
    with pytest.raises(ValueError, match=message):
        generate(make(), tmp_path / "new", n, classes=classes, device="cpu")
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_replaced_only_if_wanted(tmp_path: Path) -> None:
    model = make()
    first = generate(model, tmp_path / "new", 4, device="cpu").fingerprint
    with pytest.raises(FileExistsError):
        generate(model, tmp_path / "new", 6, device="cpu")
    assert open_dataset(tmp_path / "new").fingerprint == first
    assert len(generate(model, tmp_path / "new", 6, device="cpu", overwrite=True)) == 6


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    model = make(shape=(32, 32, 1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            generate(model, tmp_path / "new", 40, batch_size=8, device="cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_a_kill_leaves_no_dataset_and_the_next_call_no_leftovers(tmp_path, monkeypatch) -> None:
    model = make()

    def until_killed(*arguments, **options):
        yield np.zeros((2, 4, 4, 1), np.uint8)
        os.kill(os.getpid(), signal.SIGKILL)

    process = os.fork()
    if process == 0:
        monkeypatch.setattr(TrainedGenerator, "draw", until_killed)
        generate(model, tmp_path / "new", 4, device="cpu")
        os._exit(0)
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert not (tmp_path / "new").exists()
    assert len(generate(model, tmp_path / "new", 4, device="cpu")) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


# ---- interpolation


def shades_model(data, **options) -> TrainedGenerator:
    return make(counts=(12, 12), names=("dark", "bright"), **options)


def test_each_sample_is_interpolated_with_another_of_its_class(tmp_path, data, monkeypatch) -> None:
    seen = {}
    partners_of = generation._partners

    def noted(labels, random, name):
        seen["partners"] = partners_of(labels, random, name)
        return seen["partners"]

    monkeypatch.setattr(generation, "_partners", noted)
    model = shades_model(data)
    made = interpolate(model, data, tmp_path / "new", seed=2, device="cpu")
    partners, rows = seen["partners"], np.arange(24)
    assert (data.labels[partners] == data.labels).all()
    assert (partners != rows).all()
    assert np.array_equal(made.labels, data.labels)
    assert (made.name, made.class_names) == ("shades, interpolate", ("dark", "bright"))
    provenance = made.manifest.provenance
    assert (provenance.by, provenance.seed, provenance.model) == (
        "interpolate", 2, model.fingerprint,
    )  # fmt: skip
    assert provenance.parent == Parent.of(data)


def test_partners_are_uniform_over_the_others() -> None:
    labels = np.array([0, 1, 0, 0, 1, 0])
    random = np.random.default_rng(0)
    counts = np.zeros((6, 6))
    for _ in range(3000):
        counts[np.arange(6), generation._partners(labels, random, "x")] += 1
    expected = np.where(labels[:, None] == labels, 1.0, 0.0)
    np.fill_diagonal(expected, 0)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(counts / 3000, expected, atol=0.05)


def test_images_lie_between_the_latents_of_both(tmp_path: Path, data, monkeypatch) -> None:
    model = shades_model(data, dtype="float32")
    encoder, decoder = model.networks["encoder"], model.networks["generator"]
    images = torch.from_numpy(np.array(data.images)).permute(0, 3, 1, 2) / 255
    labels = torch.from_numpy(np.array(data.labels))
    partners = generation._partners(np.array(data.labels), np.random.default_rng(0), "x")
    monkeypatch.setattr(generation, "_partners", lambda *arguments: partners)
    made = interpolate(model, data, tmp_path / "new", batch_size=5, device="cpu")
    with torch.no_grad():
        mean = encoder(images, labels)[0]
        places = torch.linspace(0, 1, 201)[:, None, None]
        line = mean + places * (mean[partners] - mean)  # (201, 24, 3)
        drawn = torch.stack([decoder(one, labels) for one in line]).permute(0, 1, 3, 4, 2)
    distances = np.abs(drawn.numpy() - made.images).max(axis=(2, 3, 4))
    assert distances.min(axis=0).max() < 0.02
    nearest = distances.argmin(axis=0)
    assert nearest.min() < 40
    assert nearest.max() > 160
    assert np.allclose(
        interpolate(model, data, tmp_path / "again", device="cpu").images, made.images, atol=1e-5
    )


def test_what_cannot_be_interpolated_is_refused(tmp_path: Path, data, write_data) -> None:
    model = shades_model(data)
    grey = np.zeros((4, 8, 4, 1), np.uint8)
    floats = np.full((4, 4, 4, 1), 2, np.float32)
    small = np.zeros((4, 4, 4, 1), np.uint8)
    many = make(counts=(12, 0), names=("dark", "bright"))
    for one, other, message in (
        (make(cdcgan.Settings(latent_size=3)), data, "needs a cdcvae, .*; got a cdcgan"),
        (model, write_data(None, images=small, name="a"), "a has no labels"),
        (model, write_data([0, 0, 1, 0], images=small, name="c"), "class 1 .* a single sample"),
        (model, write_data([0, 1] * 2, images=grey, name="d"), r"\(4, 4, 1\), got \(8, 4, 1\)"),
        (model, write_data([0, 1] * 2, images=floats, name="e"), r"in \[0, 1\], row 0 holds 2"),
        (many, write_data([0, 1] * 2, images=small, name="f"), r"not trained on class 1 \(bright"),
        (
            model,
            write_data([0, 1] * 2, images=small, name="g", class_names=("cat", "dog")),
            r"g must have the classes of the model, \('dark', 'bright'\); got \('cat', 'dog'\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            interpolate(one, other, tmp_path / "new", device="cpu")
    with pytest.raises(ValueError, match="shades"):
        interpolate(model, data, data.path, device="cpu", overwrite=True)
    assert not (tmp_path / "new").exists()
