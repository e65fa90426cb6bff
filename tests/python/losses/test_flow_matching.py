from __future__ import annotations

import pytest
import torch

from thinset.losses.flow_matching import flow_matching


def test_the_exact_velocity_has_no_loss() -> None:
    torch.manual_seed(0)
    images, noise, times = torch.rand(6, 2, 4, 4), torch.randn(6, 2, 4, 4), torch.rand(6)
    assert not flow_matching(lambda points, at: images - noise, images, noise, times).any()


def test_points_are_on_the_line_from_noise_to_image() -> None:
    """Where the image is known, the velocity follows from the point: (image - x) / (1 - t)."""
    torch.manual_seed(0)
    images, noise, times = torch.rand(6, 2, 4, 4), torch.randn(6, 2, 4, 4), torch.rand(6) * 0.9

    def velocity(points, at):
        assert torch.equal(at, times)
        return (images - points) / (1 - at)[:, None, None, None]

    assert flow_matching(velocity, images, noise, times).max() < 1e-10
    ends = []
    flow_matching(lambda x, t: ends.append(x) or x, images, noise, torch.zeros(6))
    flow_matching(lambda x, t: ends.append(x) or x, images, noise, torch.ones(6))
    assert torch.equal(ends[0], noise)
    assert torch.equal(ends[1], images)


def test_the_loss_is_the_mean_square_of_each_sample() -> None:
    images, noise = torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    guess = torch.tensor([0.0, 3.0])[:, None, None, None].expand(2, 1, 2, 2)
    losses = flow_matching(lambda x, t: guess.bfloat16(), images, noise, torch.rand(2))
    assert losses.dtype == torch.float32
    assert losses.tolist() == pytest.approx([1.0, 4.0])
