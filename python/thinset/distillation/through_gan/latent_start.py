"""Where a search among latents starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.distillation.initial_images import image_labels, initial_images
from thinset.training.precision import resolve_device
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from thinset.data import Dataset
    from thinset.distillation.initial_images import Initial
    from thinset.distillation.through_gan.settings import LatentSettings
    from thinset.models.generators import ImageGenerator


def require_searchable(
    generator: ImageGenerator,
    data: Dataset,
    settings: LatentSettings,
    *,
    images_per_class: int,
    starts_from_real: bool,
) -> None:
    """Raise ValueError unless latents of `generator` can be searched for images of `data`."""
    require_enough_images(
        data, settings, images_per_class=images_per_class, starts_from_real=starts_from_real
    )
    if generator.image_shape != data.image_shape:
        raise ValueError(
            f"the generator draws images of shape {generator.image_shape}, but those of "
            f"{data.name} have {data.image_shape}; train a generator on these data"
        )
    if generator.n_classes != data.n_classes:
        raise ValueError(
            f"the generator draws {generator.n_classes} classes, but {data.name} has "
            f"{data.n_classes}; train a generator on these data"
        )
    shape = tuple(generator.latents(1, torch.Generator()).shape[1:])
    if len(shape) != 1:
        raise ValueError(
            "a latent search needs a generator whose latents are vectors, such as sngan or "
            f"cdcvae; those of {type(generator).__name__} have shape {shape}"
        )


def require_enough_images(
    data: Dataset, settings: LatentSettings, *, images_per_class: int, starts_from_real: bool
) -> None:
    """Raise ValueError unless `data` and the settings have enough for so many images."""
    image_labels(data, images_per_class, None, may_miss_classes=False, are_real=starts_from_real)
    if data.soft_labels is not None:
        raise ValueError(
            f"{data.name} has soft labels; a latent search needs one class for each image"
        )
    if starts_from_real and settings.pool < images_per_class:
        raise ValueError(
            f"pool must be at least the {images_per_class} images of each class, so that each "
            f"starts at a latent of its own; got {settings.pool}"
        )


def starting_latents(
    generator: ImageGenerator,
    data: Dataset,
    settings: LatentSettings,
    *,
    images_per_class: int,
    init: Initial,
    rows: np.ndarray[Any, Any] | None,
    seed: int,
    device: torch.device | str,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Latents (M, d) float32, their classes (M,), and the real images they start from (M, C, H, W).

    The classes take turns. `init`: "noise" draws latents at random, the same for each `seed`,
    without real images; "real" and "rows" choose images as initial_images does. Each of these gets
    the latent, among `settings.pool` random ones of its class, whose image is closest in the
    squared distance of pixels; no two get the same.
    """
    n_channels = data.image_shape[2]
    images, labels = initial_images(
        data,
        init,
        images_per_class=images_per_class,
        n_images=None,
        rows=rows,
        mean=(0.0,) * n_channels,
        deviation=(1.0,) * n_channels,
        generator=generator_for(seed, "initial images"),
        may_miss_classes=False,
    )
    noise = generator_for(seed, "latents")
    if init == "noise":
        return generator.latents(len(labels), noise), labels, None
    found: list[torch.Tensor] = [torch.empty(0)] * len(labels)
    for number in range(data.n_classes):
        pool = generator.latents(settings.pool, noise)
        mine = torch.nonzero(labels == number).flatten()
        distances = _distances(
            generator,
            pool,
            number,
            images[mine],
            batch_size=settings.batch_size,
            device=resolve_device(device),
        )
        for row, latent in zip(mine.tolist(), _closest(distances), strict=True):
            found[row] = pool[latent]
    return torch.stack(found), labels, images


@torch.no_grad()
def _distances(
    generator: ImageGenerator,
    pool: torch.Tensor,
    number: int,
    images: torch.Tensor,
    *,
    batch_size: int,
    device: torch.device,
) -> torch.Tensor:
    """The distance of each image from the image of each latent of class `number`, on the CPU."""
    wanted = images.flatten(1).to(device)
    parts = []
    for latents in torch.split(pool, batch_size):
        labels = torch.full((len(latents),), number, device=device)
        drawn = generator(latents.to(device), labels).float().flatten(1)
        parts.append(torch.cdist(wanted, drawn))
    return torch.cat(parts, dim=1).cpu()


def _closest(distances: torch.Tensor) -> list[int]:
    """For each row in turn, the column with the smallest value among those still free."""
    distances = distances.clone()
    chosen = []
    for row in distances:
        column = int(row.argmin())
        distances[:, column] = float("inf")
        chosen.append(column)
    return chosen
