"""Features from any module, in the order of the images, under a name that says whose they are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from thinset.metrics import ModuleExtractor, features_of  # noqa: E402


class Classifier(nn.Module):
    """Its last linear layer is registered first: the order of calls is what counts."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(5, 3)
        self.hidden = nn.Linear(12, 5)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images):
        return self.out(self.dropout(torch.relu(self.hidden(images.flatten(1)))))


class WithFeatures(Classifier):
    def features_of(self, images):
        return images.flatten(1)[:, :2]


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (11, 2, 2, 3)).astype(np.uint8)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Classifier()


def inputs(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def test_the_last_hidden_layer_is_the_default(images, model):
    model.train()
    found = features_of(images, ModuleExtractor(model, "net"), device="cpu", batch_size=4)
    with torch.inference_mode():
        expected = torch.relu(model.hidden(inputs(images).flatten(1)))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)
    assert found.dtype == np.float32
    assert model.training
    assert not model.out._forward_pre_hooks


def test_a_layer_by_name_and_features_of_the_module(images, model):
    found = features_of(images, ModuleExtractor(model, "net", layer="hidden"), device="cpu")
    with torch.inference_mode():
        expected = model.hidden(inputs(images).flatten(1))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)
    found = features_of(images, ModuleExtractor(WithFeatures(), "net"), device="cpu")
    np.testing.assert_array_equal(found, inputs(images).flatten(1)[:, :2].numpy())


def test_a_transform_takes_the_place_of_scaling(images, model):
    extractor = ModuleExtractor(WithFeatures(), "net", transform=lambda x: x.float() - 1)
    found = features_of(images, extractor, device="cpu")
    np.testing.assert_array_equal(found, 255 * inputs(images).flatten(1)[:, :2].numpy() - 1)


def test_the_name_changes_with_the_weights(model):
    name = ModuleExtractor(model, "small VGG trained on MNIST").name
    assert name.startswith("small VGG trained on MNIST (SHA-256 ")
    assert ModuleExtractor(model, "small VGG trained on MNIST").name == name
    with torch.no_grad():
        model.out.bias += 1
    assert ModuleExtractor(model, "small VGG trained on MNIST").name != name


def test_every_form_of_image_and_batch_size_gives_the_same(images, model):
    extractor = ModuleExtractor(model, "net")
    expected = features_of(images, extractor, device="cpu")
    held = SimpleNamespace(images=images, labels=None)
    for form in (held, inputs(images), torch.from_numpy(images).permute(0, 3, 1, 2), images / 255):
        for batch_size in (1, 4, 11, 100):
            found = features_of(form, extractor, device="cpu", batch_size=batch_size)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_any_callable_with_a_name_is_an_extractor(images):
    class Means:
        name = "mean of each channel"

        def __call__(self, batch):
            return batch.float().mean(dim=(2, 3))

    found = features_of(images, Means(), device="cpu", batch_size=4)
    np.testing.assert_allclose(found, images.mean(axis=(1, 2)), rtol=1e-5)


def test_unsuitable_modules_are_refused(images, model):
    with pytest.raises(ValueError, match="layer must be one of out, hidden, dropout; got 'head'"):
        ModuleExtractor(model, "net", layer="head")
    with pytest.raises(ValueError, match="net .* calls no linear layer; pass layer="):
        features_of(images, ModuleExtractor(nn.Conv2d(3, 2, 1), "net"), device="cpu")
    unused = Classifier()
    unused.spare = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="does not call the layer"):
        features_of(images, ModuleExtractor(unused, "net", layer="spare"), device="cpu")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (torch.zeros(11), r"turn 11 images into a matrix \(11, D\), got shape \(11,\)"),
        (torch.zeros(3, 2), r"got shape \(3, 2\)"),
        (torch.full((11, 2), torch.nan), "not finite, first for image 0"),
    ],
)
def test_bad_features_are_refused(images, result, message):
    class Fixed:
        name = "fixed"

        def __call__(self, batch):
            return result

    with pytest.raises(ValueError, match=message):
        features_of(images, Fixed(), device="cpu")


@pytest.mark.parametrize("shape", [(0, 2, 2, 3), (4, 3, 2, 2), (4, 12)])
def test_bad_images_are_refused(model, shape):
    with pytest.raises(ValueError, match="images must be at least one image of 1, 3 or 4 channels"):
        features_of(np.zeros(shape, np.uint8), ModuleExtractor(model, "net"), device="cpu")


@pytest.mark.parametrize(("factor", "shift", "held"), [(255, 0, "255"), (2, -1, "-1")])
def test_floats_of_another_range_are_refused_by_row(factor, shift, held):
    images = np.zeros((5, 4, 4, 1), np.float32)
    images[3] = 1.0 if factor == 255 else 0.0
    images = images * factor + shift
    if shift:
        images[:3] = images[4:] = 0.5
    extractor = ModuleExtractor(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), "small")
    with pytest.raises(ValueError, match=rf"floats in \[0, 1\]: image 3 holds {held}$"):
        features_of(images, extractor)
