"""One rotated, blurred or repeated image for each sample of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from thinset.data import Dataset, DatasetWriter, GeneratedBy, Parent, open_dataset
from thinset.files.overlap import require_apart
from thinset.progress import ProgressBar
from thinset.training.precision import resolve_device
from thinset.training.randomness import generator_for
from thinset.transforms.augmentation import (
    HIGHEST_BLUR,
    LARGEST_ROTATION,
    LOWEST_BLUR,
    random_blur,
    random_rotation,
    random_rotation_and_blur,
)
from thinset.transforms.images import GREY_LEVELS, to_unit_range

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    Function = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

_ROTATION = {"degrees": [-LARGEST_ROTATION, LARGEST_ROTATION]}
_BLUR = {"sigma": [LOWEST_BLUR, HIGHEST_BLUR]}


class Method(NamedTuple):
    """What a method does to a batch of images in [0, 1], and the ranges for the provenance.

    Without a function, images are repeated as they are.
    """

    function: Function | None
    params: dict[str, Any]


METHODS = {
    "augorig": Method(None, {}),
    "blur": Method(random_blur, _BLUR),
    "rot": Method(random_rotation, _ROTATION),
    "rotblur": Method(random_rotation_and_blur, {**_ROTATION, **_BLUR}),
}
"""By name"""


def augment(
    data: Dataset | str | os.PathLike[str],
    out: str | os.PathLike[str],
    method: str,
    *,
    seed: int = 0,
    device: torch.device | str = "auto",
    batch_size: int = 1024,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Write one artificial image for each sample of `data` as the dataset folder `out`.

    `out` holds the artificial images alone, in the order of their originals and with their labels
    and soft labels. Images keep their dtype; uint8 values are rounded. `method`: "rot", "blur",
    "rotblur" or "augorig", which repeats the originals; see traditional.md. The random values of a
    sample depend on `seed` and its row alone, not on `batch_size` or `device`. A training schedule
    is not kept.

    The folder is written atomically; with `overwrite`, an existing dataset folder is replaced.
    Raises ValueError for an unknown method, a batch size below 1, float images that are not in
    0..1, and an output that would replace its source; FileExistsError if `out` exists and
    `overwrite` is false.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    function, params = METHODS[method]
    device = resolve_device(device)
    if not isinstance(data, Dataset):
        data = open_dataset(data)
    require_apart(out, data.path)
    # On the CPU, so that every device gets the same values.
    generator = generator_for(seed, f"augmentation {method}")
    with (
        DatasetWriter(
            out,
            name=f"{data.name}/{method}",
            image_shape=data.image_shape,
            image_dtype=data.images.dtype,
            n_samples=len(data),
            class_names=data.class_names,
            provenance=GeneratedBy(by=method, parent=Parent.of(data), seed=seed, params=params),
            overwrite=overwrite,
        ) as writer,
        ProgressBar(method, len(data), unit="samples", enabled=show_progress) as bar,
    ):
        for start in range(0, len(data), batch_size):
            rows = slice(start, start + batch_size)
            images = np.array(data.images[rows])
            _require_unit_range(images, start, data.path)
            if function is not None:
                images = _changed(images, function, generator, device)
            writer.append(
                images,
                None if data.labels is None else np.asarray(data.labels[rows]),
                None if data.soft_labels is None else np.asarray(data.soft_labels[rows]),
            )
            bar.update(len(images))
    return open_dataset(out)


@torch.no_grad()
def _changed(
    images: np.ndarray[Any, Any],
    function: Function,
    generator: torch.Generator,
    device: torch.device,
) -> np.ndarray[Any, Any]:
    """Change a batch (B, H, W, C) and give it back in its dtype."""
    batch = to_unit_range(torch.from_numpy(images).to(device).permute(0, 3, 1, 2).contiguous())
    changed = function(batch, generator).clamp_(0, 1)
    if images.dtype == np.uint8:
        changed = changed.mul_(GREY_LEVELS).round_().to(torch.uint8)
    result: np.ndarray[Any, Any] = changed.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return result


def _require_unit_range(images: np.ndarray[Any, Any], first_row: int, path: Path) -> None:
    """Refuse float images outside of 0..1, NaN among them."""
    if images.dtype.kind != "f":
        return
    low, high = images.min(axis=(1, 2, 3)), images.max(axis=(1, 2, 3))
    # Written so that NaN fails it too.
    wrong = ~((low >= 0) & (high <= 1))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"{path}: row {first_row + row} has values in {low[row]:.6g}..{high[row]:.6g}, but "
            "floating-point images must be in 0..1; `thinset data import` scales images in 0..255"
        )
