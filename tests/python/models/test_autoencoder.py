from __future__ import annotations

import pytest
import torch

from thinset.models import Autoencoder


@pytest.mark.parametrize(
    ("image_shape", "embedding_size"),
    [((24, 24, 3), 216), ((28, 28, 1), 384), ((8, 8, 1), 24), ((9, 14, 2), 96), ((1, 1, 1), 24)],
)
def test_reconstructions_have_the_size_of_the_images(
    image_shape: tuple[int, int, int], embedding_size: int
) -> None:
    height, width, channels = image_shape
    model = Autoencoder(image_shape)
    images = torch.rand(2, channels, height, width)
    assert model(images).shape == images.shape
    assert model.encode(images).shape == (2, *model.embedding_shape)
    assert model.encode(images).flatten(1).shape[1] == model.embedding_size == embedding_size


def test_widths_are_parameters() -> None:
    model = Autoencoder((24, 24, 3), widths=(8, 12, 6))
    assert model.embedding_shape == (6, 3, 3)


def test_forward_decodes_what_it_encodes() -> None:
    model = Autoencoder((8, 8, 1)).eval()
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(model(images), model.decode(model.encode(images)))


@pytest.mark.parametrize("mean_pixel", [0.5, 0.13])
def test_starts_out_near_the_mean_so_that_no_channel_is_dead(mean_pixel: float) -> None:
    images = torch.rand(16, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        model = Autoencoder((24, 24, 3), mean_pixel=mean_pixel, generator=generator)
        reconstructions = model(images).detach()
        assert float((reconstructions == 0).float().mean(dim=(0, 2, 3)).max()) < 0.5
        assert float(reconstructions.mean()) == pytest.approx(mean_pixel, abs=0.05)


def test_initial_weights_depend_on_the_generator_alone() -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        generator = torch.Generator().manual_seed(0)
        states.append(Autoencoder((8, 8, 1), generator=generator).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_refuses_empty_layers() -> None:
    with pytest.raises(ValueError, match=r"positive channel counts, got \(64, 0, 24\)"):
        Autoencoder((24, 24, 3), widths=(64, 0, 24))
