"""Which model the settings name, and what it is made with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thinset.data import DatasetWriter, import_dataset
from thinset.experiments.classifier import new_classifier, require_model
from thinset.experiments.settings import TrainingSettings
from thinset.models import Classifier, SmallVGG


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return import_dataset("digits", tmp_path_factory.mktemp("digits") / "digits")["train"]


def model_of(digits, name=None, *, seed=0, **values):
    training = TrainingSettings(model=name, **values).resolved_for(digits.image_shape)
    return new_classifier(digits, training, seed=seed)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ((None, "paper", "thinset.models.classifiers.paper:paper_classifier"), Classifier),
        (("vgg", "thinset.models.classifiers.vgg:small_vgg"), SmallVGG),
    ],
)
def test_every_name_of_a_model_gives_the_same_one(digits, names, kind) -> None:
    states = []
    for global_seed, name in enumerate(names):
        torch.manual_seed(global_seed)
        model = model_of(digits, name, width=0.25)
        assert isinstance(model, kind)
        states.append(model.state_dict())
    for state in states[1:]:
        for key, value in state.items():
            assert torch.equal(value, states[0][key]), key
    other = model_of(digits, names[0], width=0.25, seed=1).state_dict()
    assert any(not torch.equal(value, other[key]) for key, value in states[0].items())


def test_the_paper_s_model_has_the_weights_that_it_always_had(digits) -> None:
    from thinset.training.randomness import generator_for

    expected = Classifier(
        digits.image_shape,
        10,
        convolution_widths=(32, 32),
        hidden_widths=(192, 96),
        generator=generator_for(3, "classifier weights"),
    ).state_dict()
    for key, value in model_of(digits, width=0.5, seed=3).state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_vgg_is_standardised_by_the_training_images(digits) -> None:
    model = model_of(digits, "vgg", width=0.1)
    assert float(model.mean) == pytest.approx(digits.images.mean() / 255)
    assert float(model.deviation) == pytest.approx(digits.images.std() / 255)


def test_vgg_of_encoded_images_is_standardised_by_some_of_them(tmp_path) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="needs Pillow")
    from thinset.data import open_encoded

    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    for row, image in enumerate(pixels):
        path = tmp_path / "photos" / "ab"[row % 2] / f"{row:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image_module.fromarray(image).save(path)
    model = model_of(open_encoded(tmp_path / "photos"), "vgg", width=0.1)
    expected = pixels.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(model.mean.numpy(), expected, rtol=1e-5)


OWN = """
from torch import nn
def fixed(image_shape, n_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))
def wide(image_shape, n_classes, width=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, round(width)), nn.Linear(round(width), 10))
"""


def test_width_is_for_models_that_take_it(digits, tmp_path, monkeypatch) -> None:
    (tmp_path / "models_of_width.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    model_of(digits, "models_of_width:fixed")
    with pytest.raises(ValueError, match="'models_of_width:fixed' has no parameter `width`.* 0.5"):
        model_of(digits, "models_of_width:fixed", width=0.5)
    assert model_of(digits, "models_of_width:wide")[1].out_features == 8  # its own default
    assert model_of(digits, "models_of_width:wide", width=3.0)[1].out_features == 3


def test_an_unknown_short_name_is_refused() -> None:
    with pytest.raises(ValueError, match="MODULE:FUNCTION.* or one of paper, vgg.*; got 'wgg'"):
        require_model("wgg")


def test_float_images_standardise_too(tmp_path) -> None:
    with DatasetWriter(
        tmp_path / "floats", name="f", image_shape=(8, 8, 1), image_dtype="float32", n_samples=4
    ) as writer:
        writer.append(np.full((4, 8, 8, 1), 0.25, np.float32), np.arange(4) % 2)
    from thinset.data import open_dataset

    assert float(model_of(open_dataset(tmp_path / "floats"), "vgg", width=0.1).mean) == 0.25
