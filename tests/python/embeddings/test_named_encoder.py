"""Encoders that settings name: what functions may return, and what is said of others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from thinset.embeddings import encode, load_encoder
from thinset.embeddings.store import seconds_of_embeddings

ENCODERS = """
import torch
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())

def halved():
    return small(), half

def half(images):
    assert images.dtype == torch.float32 and 0 <= images.min() and images.max() <= 1
    return images[:, :, ::2, ::2]

class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(0.25, dtype=torch.float64))
    def forward(self, images):
        assert not self.training
        return images - self.mean

def normalised():
    return nn.Flatten(), Normalised()

Encoder = small

def in_double():
    return small().double()

def lazy():
    return nn.LazyLinear(3)

def needs_size(size):
    return small()

def fails():
    raise RuntimeError("no way")

def lacks():
    import no_such_library

def opens():
    open("gone.txt")

def nothing():
    pass

def function():
    return half

def triple():
    return small(), half, half

def not_called():
    return small(), "half"

def listed():
    return small(), lambda images: [image for image in images]

def cut():
    return small(), lambda images: images[:1]
"""


class Arrays:
    labels = None

    def __init__(self, images):
        self.images = images


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "encoders_by_name.py").write_text(ENCODERS)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data():
    return Arrays(np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), np.uint8))


def load(function, *arguments, **options):
    return load_encoder(f"encoders_by_name:{function}", *arguments, **options)


def encoded(function, data, **options):
    module, transform = load(function)
    return encode(module, data, "out", transform=transform, device="cpu", **options)


def test_a_module_gets_images_in_the_unit_range(data):
    module, transform = load("small")
    assert not module.training
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2)
    assert torch.equal(transform(images), images / 255)
    with torch.no_grad():
        expected = module(images / 255).mean((2, 3)).numpy()
    found = encoded("small", data, average=True, batch_size=4)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_preprocessing_stands_beside_the_module_whose_weights_keep_their_names(data, tmp_path):
    torch.save(load("small", seed=5).module.state_dict(), "w.pth")
    module, transform = load("halved", "w.pth")
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2)
    assert torch.equal(transform(images), (images / 255)[:, :, ::2, ::2])
    assert torch.equal(module[0].weight, load("small", seed=5).module[0].weight)


def test_preprocessing_that_is_a_module_is_in_evaluation_mode_and_float32(data):
    found = encoded("normalised", data)
    pixels = data.images.transpose(0, 3, 1, 2).reshape(9, -1) / 255 - 0.25
    np.testing.assert_allclose(found, pixels, atol=1e-6)


def test_random_weights_depend_on_the_seed_alone():
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    one, same, other = (load("small", seed=seed).module[0].weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_everything_is_computed_in_float32(data):
    assert load("in_double").module[0].weight.dtype == torch.float32
    assert encoded("in_double", data, average=True).shape == (9, 4)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("lazy", "encoder 'encoders_by_name:lazy': LazyLinear: 'weight' has no shape yet"),
        ("needs_size", "is called without arguments and fails: TypeError: .*'size'"),
        ("fails", "encoder 'encoders_by_name:fails' is called .* RuntimeError: no way"),
        ("nothing", "must return a torch.nn.Module, or a module and a function .*got NoneType"),
        ("function", "must return a torch.nn.Module.*got function"),
        ("triple", r"must return a torch.nn.Module.*got \(Sequential, function, function\)"),
        ("not_called", r"must return a torch.nn.Module.*got \(Sequential, str\)"),
        ("missing", "encoder 'encoders_by_name:missing': .* no callable named 'missing'"),
    ],
)
def test_functions_that_return_something_else_are_refused(function, message):
    with pytest.raises(ValueError, match=message):
        load(function)


def test_what_a_function_misses_is_said_as_it_is():
    with pytest.raises(ImportError, match="no_such_library"):
        load("lacks")
    with pytest.raises(FileNotFoundError, match=r"gone\.txt"):
        load("opens")


@pytest.mark.parametrize(
    ("function", "got"), [("listed", "list"), ("cut", r"shape \(1, 3, 8, 8\)")]
)
def test_preprocessing_returns_as_many_images(data, function, got):
    with pytest.raises(
        ValueError, match=f"preprocessing must return a tensor of 9 images, got.*{got}"
    ):
        encoded(function, data, average=True)


def test_a_layer_must_exist():
    assert load("small", layer="1").module[1].training is False
    with pytest.raises(ValueError, match="small': layer must be one of 0, 1, 2; got 'conv'"):
        load("small", layer="conv")


def test_another_function_with_the_same_weights_is_encoded_anew(data):
    torch.save(load("small", seed=5).module.state_dict(), "w.pth")
    results = []
    for function in ("small", "halved", "small"):
        module, transform = load(function, "w.pth")
        results.append(
            encode(module, data, "out", transform=transform, average=True, device="cpu").copy()
        )
    assert not np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_reused_embeddings_keep_their_seconds(data):
    encoded("small", data)
    before = seconds_of_embeddings("out")
    encoded("small", data)
    assert seconds_of_embeddings("out") == before
    assert isinstance(load("small"), tuple)
    assert isinstance(load("small")[0], nn.Module)
