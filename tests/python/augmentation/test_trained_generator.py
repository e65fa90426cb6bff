from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from thinset.augmentation.generators import cdcgan, cdcvae, flow, generator_named, sngan
from thinset.augmentation.trained_generator import MODEL_FILE, TrainedGenerator
from thinset.data.provenance import Parent
from thinset.training import generator_for
from thinset.training.loop.checkpoint import read_tensors, write_tensors
from thinset.training.loop.history import Evaluation, History
from thinset.transforms.images import as_rows

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = [
    cdcgan.Settings(latent_size=3),
    cdcgan.Settings(latent_size=3, loss="wasserstein", spectral_norm=True),
    cdcvae.Settings(latent_size=3),
    flow.Settings(widths=(8, 8), n_steps=2),
    sngan.Settings(latent_size=3, generator_channels=6, discriminator_channels=6),
]
HISTORY = History(
    curve=[Evaluation(3, 24, 0.5, 1.25, "flow", 0.5, {"diversity": 0.25})], steps=3, samples=24
)


def make(settings: Any, *, counts=(3, 0, 5), names=("a", "b", "c"), dtype="uint8", seed=0):
    """An untrained generator of 4 x 8 images with running statistics that are not the initial.

    Of 8 x 8 images for sngan, which draws squares.
    """
    networks = generator_named(settings.model).networks(
        settings, (_height(settings), 8, 1), len(counts), generator_for(seed, "weights")
    )
    noise = generator_for(seed, "disturbance")
    for network in networks.values():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.02 * torch.rand(value.shape, generator=noise))
            if value.ndim > 1:
                value.add_(0.05 * torch.randn(value.shape, generator=noise))
        network.eval()
    parent = Parent("letters", 8, "0" * 64)
    return TrainedGenerator(settings, networks, dtype, names, counts, parent, 7, HISTORY, "grey")


def _height(settings: Any) -> int:
    return 8 if settings.model == "sngan" else 4


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s.model)
def test_a_file_holds_everything(tmp_path: Path, settings) -> None:
    made = make(settings)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    made.save(tmp_path / MODEL_FILE)
    for path in (tmp_path, tmp_path / MODEL_FILE):
        loaded = TrainedGenerator.load(path)
        for field in dataclasses.fields(TrainedGenerator):
            if field.name != "networks":
                assert getattr(loaded, field.name) == getattr(made, field.name), field.name
        assert loaded.fingerprint == made.fingerprint
        assert (loaded.image_shape, loaded.classes) == ((_height(settings), 8, 1), (0, 2))
        for name, network in made.networks.items():
            assert not loaded.networks[name].training
            for key, value in network.state_dict().items():
                assert torch.equal(value, loaded.networks[name].state_dict()[key])
        labels = np.array([0, 2, 2])
        draws = [np.concatenate(list(one.draw(labels, device="cpu"))) for one in (made, loaded)]
        assert np.array_equal(*draws)
    assert torch.equal(torch.get_rng_state(), before)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / MODEL_FILE).read_bytes()


def test_a_fingerprint_is_of_weights_and_settings() -> None:
    made = make(SETTINGS[0])
    assert len(made.fingerprint) == 64
    assert make(SETTINGS[0], seed=1).fingerprint != made.fingerprint
    other = dataclasses.replace(made, settings=cdcgan.Settings(latent_size=3, amsgrad=True))
    assert other.fingerprint != made.fingerprint
    moved = make(SETTINGS[0])
    for network in moved.networks.values():
        network.to(memory_format=torch.channels_last)
    assert moved.fingerprint == made.fingerprint
    next(iter(made.networks["discriminator"].parameters())).data[0] += 1
    assert made.fingerprint != moved.fingerprint


def drawn(model: TrainedGenerator, labels, **options) -> np.ndarray:
    return np.concatenate(list(model.draw(np.asarray(labels), device="cpu", **options)))


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s.model)
def test_draws_depend_on_seed_number_and_label_alone(settings) -> None:
    model = make(settings, dtype="float32")
    labels = np.array([0, 2] * 15)
    images = drawn(model, labels)
    assert images.shape == (30, _height(settings), 8, 1)
    for batch_size in (1, 7, 30):
        assert np.allclose(drawn(model, labels, batch_size=batch_size), images, atol=1e-5)
    assert np.allclose(drawn(model, labels[:11]), images[:11], atol=1e-5)
    assert np.array_equal(drawn(model, labels), images)
    assert not np.allclose(drawn(model, labels, seed=1), images, atol=1e-3)
    other = labels.copy()
    other[4] = 2
    changed = np.abs(drawn(model, other) - images).max(axis=(1, 2, 3)) > 1e-4
    assert changed.nonzero()[0].tolist() == [4]
    assert not np.allclose(images[0], images[2], atol=1e-4)


def test_draws_beyond_one_block_of_latents() -> None:
    """Latents are drawn in blocks; the images of a block are those of a longer draw, too."""
    model = make(SETTINGS[0], dtype="float32")
    labels = np.zeros(2100, np.int64)
    images = drawn(model, labels, batch_size=300)
    assert np.allclose(drawn(model, labels[:1001]), images[:1001], atol=1e-5)
    assert np.allclose(drawn(model, labels[:2001], batch_size=999), images[:2001], atol=1e-5)
    assert len(np.unique(images[:, 0, 0, 0])) > 2000


def test_read_only_labels_of_other_integers_do() -> None:
    model = make(SETTINGS[0])
    labels = np.array([0, 2, 0], np.int32)
    labels.setflags(write=False)
    assert np.array_equal(drawn(model, labels), drawn(model, [0, 2, 0]))


def test_images_have_the_dtype_of_the_data() -> None:
    images = drawn(make(SETTINGS[0], dtype="float32"), [0] * 5)
    levels = drawn(make(SETTINGS[0]), [0] * 5)
    assert (images.dtype, levels.dtype) == (np.float32, np.uint8)
    assert np.array_equal(levels, np.rint(images * np.float32(255)).astype(np.uint8))


def test_rows_are_rounded_not_cut() -> None:
    values = torch.tensor([0.0, 0.4999 / 255, 0.5001 / 255, 254.6 / 255, 1.0])
    rows = as_rows(values.view(1, 1, 1, 5), "uint8")
    assert rows.ravel().tolist() == [0, 0, 1, 255, 255]
    assert rows.shape == (1, 1, 5, 1)
    colours = torch.rand(2, 3, 4, 8)
    assert np.array_equal(as_rows(colours, "float32"), colours.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize(
    ("names", "labels", "message"),
    [
        (("a", "b", "c"), [0, 1], r"not trained on class 1 \(b\); .* trained on 0 \(a\), 2 \(c\)"),
        (None, [0, 1], "not trained on class 1; it was trained on 0, 2"),
        (("a", "b", "c"), [3], r"not trained on class 3; it was trained on 0 \(a\), 2 \(c\)"),
        (("a", "b", "c"), [-1], "not trained on class -1; it was trained on"),
        (None, [1.5], r"labels must be integers of shape \(N,\), got float64 of shape \(1,\)"),
        (None, [[0, 2]], r"labels must be integers .*, got int64 of shape \(1, 2\)"),
    ],
)
def test_a_class_that_was_never_seen_is_refused(names, labels, message: str) -> None:
    """By the call itself, before anything is drawn."""
    model = make(SETTINGS[2], names=names)
    with pytest.raises(ValueError, match=message):
        model.draw(labels)


def test_a_batch_needs_an_image() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        make(SETTINGS[2]).draw(np.array([0]), batch_size=0)


# ---- files that are no generators


def stored(tmp_path: Path, settings: Any = SETTINGS[2]):
    make(settings).save(tmp_path / "model")
    return tmp_path / "model", *read_tensors(tmp_path / "model")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "checkpoint"}, "is not a trained generator; train one with `thinset augment"),
        ({"version": 2}, "model: version must be 1, got 2"),
        ({"version": 0}, "model: version must be 1, got 0"),
        ({"image_shape": [6, 8, 1]}, "model: the height of images must be divisible by 4, got 6"),
        ({"image_shape": [4, 12, 1]}, "model is of another model: tensor 'layers"),
        ({"image_shape": [4, 2**40, 1]}, "model: its networks have .* weights by its settings"),
        ({"image_shape": [2**62, 2**62, 1]}, "model: no network has the sizes that it states"),
        ({"image_shape": [4, 8]}, "image_shape must be a list of 3, got"),
        ({"image_dtype": "uint16"}, "image_dtype must be 'float32' or 'uint8', got 'uint16'"),
        ({"class_names": ["a"]}, "class_names and class_counts must have the same length"),
        ({"class_counts": [], "class_names": []}, "class_names and class_counts must have"),
        ({"class_counts": [1, -1, 1]}, r"class_counts\[1\] must be .*, got -1"),
        ({"class_counts": [3] * 4, "class_names": None}, "model is of another model: tensor"),
        ({"settings": {"model": "stylegan"}}, "model must be one of cdcgan, .*, sngan; got"),
        ({"settings": {}}, "model must be one of cdcgan, .*, sngan; got 'None'"),
        ({"settings": {"model": "cdcvae", "beta": -1.0}}, "beta must be finite and at least 0"),
        ({"settings": {"model": "cdcvae", "latent_size": 2**40}}, "latent_size must be at most 65"),
        ({"settings": {"model": "cdcvae", "latent_size": 2**16}}, "model: its networks have"),
        ({"settings": {"model": "cdcvae", "width": 3}}, "settings: has no entry 'width'"),
        ({"settings": {"model": "cdcgan", "latent_size": 3}}, "model is of another model"),
        ({"history": {"curve": 3}}, "model: not the content of a training history"),
        ({"parent": {"fingerprint": "abc"}}, "parent.fingerprint must be 64 hexadecimal digits"),
        ({"seed": -1}, "seed must be a whole number .*, got -1"),
        ({"epoch": 3}, "model: has no entry 'epoch'"),
        ({"collapse": 4}, "collapse must be a text or none, got 4"),
    ],
)
def test_descriptions_of_other_kinds_are_refused(tmp_path: Path, changes, message: str) -> None:
    path, tensors, content = stored(tmp_path)
    write_tensors(path, tensors, {**content, **changes})
    with pytest.raises(ValueError, match=message) as raised:
        TrainedGenerator.load(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s.model)
def test_missing_entries_and_weights_are_refused(tmp_path: Path, settings) -> None:
    path, tensors, content = stored(tmp_path, settings)
    for name in content:
        rest = {key: value for key, value in content.items() if key != name}
        write_tensors(path, tensors, rest)
        with pytest.raises(ValueError, match=rf"model.*({name}|is not a trained generator)"):
            TrainedGenerator.load(path)
    for name in list(tensors)[:: max(5, len(tensors) // 8)]:
        write_tensors(path, {key: v for key, v in tensors.items() if key != name}, content)
        with pytest.raises(ValueError, match="model is of another model: tensor"):
            TrainedGenerator.load(path)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path, tensors, content = stored(tmp_path)
    tensors["encoder/output.bias"][1] = torch.nan
    write_tensors(path, tensors, content)
    with pytest.raises(ValueError, match="model: the weight encoder/output.bias is not finite"):
        TrainedGenerator.load(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        TrainedGenerator.load(tmp_path / "nowhere")
    with pytest.raises(
        ValueError, match=f"is not the folder of a trained .* has no {MODEL_FILE}; train"
    ):
        TrainedGenerator.load(tmp_path)
    write_tensors(tmp_path / "weights", {"a": torch.zeros(2)}, {})
    with pytest.raises(ValueError, match="weights is not a trained generator"):
        TrainedGenerator.load(tmp_path / "weights")
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(ValueError, match="text is damaged or no safetensors file"):
        TrainedGenerator.load(tmp_path / "text")


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    path, _, _ = stored(tmp_path, SETTINGS[3])
    whole = path.read_bytes()
    choose = random.Random(0)
    places = [*range(8), *(choose.randrange(len(whole)) for _ in range(60))]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << choose.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(ValueError, match="model"):
            TrainedGenerator.load(path)
    for n_bytes in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(ValueError, match="model is damaged"):
            TrainedGenerator.load(path)
