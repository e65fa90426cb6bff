"""The loss of flow matching on straight paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


def flow_matching(
    velocity: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    images: torch.Tensor,
    noise: torch.Tensor,
    times: torch.Tensor,
) -> torch.Tensor:
    """Mean squared error of the velocity at one point of each path: (B,) float32.

    `images`, `noise` (B, C, H, W); `times` (B,) in [0, 1]. The path from noise (t = 0) to the image
    (t = 1) is a straight line, and its velocity is their difference. Lipman et al., "Flow Matching
    for Generative Modeling", 2023, Eq. 23 with sigma 0.
    """
    at = times[:, None, None, None]
    points = (1 - at) * noise + at * images
    errors = velocity(points, times) - (images - noise)
    return errors.float().square().flatten(1).mean(dim=1)
