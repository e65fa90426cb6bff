"""A small class-conditional U-Net whose velocity field turns noise into images.

Flow matching on straight paths: Lipman et al., "Flow Matching for Generative Modeling", 2023; Liu
et al., "Flow Straight and Fast", 2023.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import nn
from torch.nn import functional as F

from thinset.models.generators.image_generator import ImageGenerator, one_hot, quarterable
from thinset.models.initialisation import default_generator_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

Solver: TypeAlias = Literal["euler", "midpoint"]

_FREQUENCIES = 32
_GROUPS = 8


class FlowGenerator(ImageGenerator):
    """Velocities at half and quarter resolution, integrated from noise (t = 0) to images (t = 1).

    Blocks of 2x2 pixels enter as channels, so that the full resolution costs nothing. `widths`:
    channels at half and quarter resolution, multiples of 8; the default has 1.6 million
    parameters. `n_steps`, `solver`: how `forward` integrates; a midpoint step evaluates the network
    twice. `generator`: draws the initial weights.
    Height and width must be divisible by 4.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        widths: tuple[int, int] = (64, 128),
        n_steps: int = 20,
        solver: Solver = "midpoint",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(quarterable(image_shape), n_classes)
        if any(width < _GROUPS or width % _GROUPS for width in widths):
            raise ValueError(f"widths must be multiples of {_GROUPS}, got {widths}")
        if n_steps < 1:
            raise ValueError(f"n_steps must be at least 1, got {n_steps}")
        if solver not in ("euler", "midpoint"):
            raise ValueError(f"solver must be euler or midpoint, got {solver!r}")
        self.widths, self.n_steps, self.solver = widths, n_steps, solver
        first, second = widths
        channels = 4 * self.image_shape[2]
        n_condition = 4 * first
        with default_generator_kept(generator):
            self.condition = nn.Sequential(
                nn.Linear(2 * _FREQUENCIES + n_classes, n_condition),
                nn.SiLU(),
                nn.Linear(n_condition, n_condition),
                nn.SiLU(),
            )
            self.enter = nn.Conv2d(channels, first, 3, padding=1)
            self.outer_down = _Block(first, first, n_condition)
            self.reduce = nn.Conv2d(first, second, 3, stride=2, padding=1)
            self.inner = nn.ModuleList([_Block(second, second, n_condition) for _ in range(3)])
            self.enlarge = nn.ConvTranspose2d(second, first, 4, stride=2, padding=1)
            self.outer_up = _Block(2 * first, first, n_condition)
            self.leave = nn.Sequential(
                nn.GroupNorm(_GROUPS, first), nn.SiLU(), nn.Conv2d(first, channels, 3, padding=1)
            )
        _initialise(self, generator)

    def latents(self, n_images: int, generator: torch.Generator) -> torch.Tensor:
        height, width, channels = self.image_shape
        shape = (n_images, channels, height, width)
        return torch.randn(shape, generator=generator, device=generator.device)

    def velocity(
        self, points: torch.Tensor, times: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Return the velocity at `points` (B, C, H, W), pixels in [-1, 1], and `times` (B,)."""
        # Scaled up so that the fastest frequency tells a hundredth of the path apart.
        angles = times[:, None] * torch.logspace(
            0, math.log10(200), _FREQUENCIES, device=times.device
        )
        condition = self.condition(
            torch.cat([angles.cos(), angles.sin(), one_hot(labels, self.n_classes)], dim=1)
        )
        outer = self.outer_down(self.enter(F.pixel_unshuffle(points, 2)), condition)
        inner = self.reduce(outer)
        for block in self.inner:
            inner = block(inner, condition)
        joined = torch.cat([self.enlarge(inner), outer], dim=1)
        return F.pixel_shuffle(self.leave(self.outer_up(joined, condition)), 2).float()

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        points, size = latents, 1 / self.n_steps
        for step in range(self.n_steps):
            start = torch.full((len(points),), step * size, device=points.device)
            velocity = self.velocity(points, start, labels)
            if self.solver == "midpoint":
                half = size / 2
                velocity = self.velocity(points + half * velocity, start + half, labels)
            points = points + size * velocity
        return points.add(1).div(2).clamp(0, 1)


class _Block(nn.Module):
    """Two convolutions with a shortcut; the condition scales and shifts between them."""

    def __init__(self, n_in: int, n_out: int, n_condition: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(_GROUPS, n_in), nn.SiLU(), nn.Conv2d(n_in, n_out, 3, padding=1)
        )
        self.modulation = nn.Linear(n_condition, 2 * n_out)
        self.norm = nn.GroupNorm(_GROUPS, n_out)
        self.second = nn.Sequential(nn.SiLU(), nn.Conv2d(n_out, n_out, 3, padding=1))
        self.shortcut = nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1)

    def forward(self, values: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        hidden = self.norm(self.first(values)) * (1 + scale) + shift
        result: torch.Tensor = self.shortcut(values) + self.second(hidden)
        return result


def _initialise(module: FlowGenerator, generator: torch.Generator | None) -> None:
    """Glorot-uniform weights, biases 0; each block starts as its shortcut and the output as 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    ends = [block.second[1] for block in module.modules() if isinstance(block, _Block)]
    for layer in (*ends, module.leave[2]):
        nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
