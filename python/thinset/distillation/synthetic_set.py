"""The images, labels and step sizes that a distillation learns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from thinset.data.schedule import LARGEST_STEP_SIZE, ScheduleStep, TrainingSchedule
from thinset.data.writer import DatasetWriter

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from thinset.data.provenance import DistilledBy


class SyntheticSet(nn.Module):
    """M images of C channels with labels of K classes, as parameters.

    images: (M, C, H, W) float32, standardised: 0 is the mean of the real training images in this
    channel, 1 is one standard deviation above it. labels: (M,) int64, the class that each image was
    made for. soft_labels: (M, K) probabilities that are learned, else None. step_sizes: those of
    plain gradient descent on the images in order, all above 0; None if there is no such order.
    Step t of T trains on the rows `rows_of(t)`: the images are divided into `n_steps` equal parts,
    and the parts take turns, so that T is n_steps times the number of epochs.

    mean, deviation: of each channel of the real images, in [0, 1]; see channel_statistics.
    """

    images: nn.Parameter
    labels: torch.Tensor
    soft_labels: nn.Parameter | None
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self,
        images: torch.Tensor,
        labels: torch.Tensor,
        *,
        n_classes: int,
        mean: Sequence[float],
        deviation: Sequence[float],
        learns_labels: bool = False,
        n_steps: int = 1,
        n_epochs: int = 0,
        step_size: float = 0.02,
    ) -> None:
        """With `n_epochs` 0 there are no step sizes; otherwise all start at `step_size`."""
        super().__init__()
        if not 0 < step_size <= LARGEST_STEP_SIZE:
            raise ValueError(
                f"step_size must be above 0 and at most {LARGEST_STEP_SIZE:g}, got {step_size}"
            )
        if len(images) % n_steps:
            raise ValueError(
                f"n_steps must divide the number of images, {len(images)}; got {n_steps}"
            )
        self.n_classes = n_classes
        self.n_steps = n_steps
        self.images = nn.Parameter(images.clone())
        self.register_buffer("labels", labels.clone())
        self.register_buffer("mean", torch.tensor(mean, dtype=images.dtype))
        self.register_buffer("deviation", torch.tensor(deviation, dtype=images.dtype))
        one_hot = F.one_hot(labels, n_classes).to(images.dtype)
        self.soft_labels = nn.Parameter(one_hot) if learns_labels else None
        # softplus(raw) is the step size, which keeps it above 0.
        raw = step_size + math.log(-math.expm1(-step_size))
        self._raw_step_sizes = (
            nn.Parameter(torch.full((n_steps * n_epochs,), raw, dtype=images.dtype))
            if n_epochs > 0
            else None
        )

    @property
    def targets(self) -> torch.Tensor:
        """What losses compare with: the soft labels (M, K) or else the labels (M,)."""
        return self.labels if self.soft_labels is None else self.soft_labels

    @property
    def step_sizes(self) -> torch.Tensor | None:
        """The step sizes (T,), to be differentiated; None if there are none."""
        return None if self._raw_step_sizes is None else F.softplus(self._raw_step_sizes)

    def rows_of(self, step: int) -> slice:
        """The images that step number `step`, from 0 on, trains on."""
        n_images = len(self.images) // self.n_steps
        start = (step % self.n_steps) * n_images
        return slice(start, start + n_images)

    def pixels(self, images: torch.Tensor | None = None) -> torch.Tensor:
        """Images (B, C, H, W), by default all, in the range of real ones: [0, 1], not clipped."""
        images = self.images if images is None else images
        return images * self.deviation[:, None, None] + self.mean[:, None, None]

    def standardised(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, C, H, W) in [0, 1] in the range of the synthetic ones."""
        return (images - self.mean[:, None, None]) / self.deviation[:, None, None]

    @torch.no_grad()
    def project_labels(self) -> None:
        """Replace each row of the soft labels by the nearest probabilities.

        Sorting finds the projection on the simplex (Held, Wolfe and Crowder, "Validation of
        subgradient optimization", 1974).
        """
        if self.soft_labels is None:
            return
        values = self.soft_labels
        descending = values.sort(dim=1, descending=True).values
        excess = descending.cumsum(dim=1) - 1
        ranks = torch.arange(1, values.shape[1] + 1, device=values.device)
        n_positive = (descending * ranks > excess).sum(dim=1, keepdim=True)
        shift = excess.gather(1, n_positive - 1) / n_positive
        values.copy_((values - shift).clamp(min=0))

    def runaway(self) -> str | None:
        """A sentence that names the first step size out of range, None if there is none."""
        if self.step_sizes is None:
            return None
        sizes = self.step_sizes.detach()
        wrong = ~((sizes > 0) & (sizes <= LARGEST_STEP_SIZE))
        if not bool(wrong.any()):
            return None
        step = int(wrong.int().argmax())
        return (
            f"step size {step + 1} of {len(sizes)} is {float(sizes[step]):g}; it must be above 0 "
            f"and at most {LARGEST_STEP_SIZE:g}"
        )

    def schedule(self) -> TrainingSchedule | None:
        """The steps in which to train on the images; None without step sizes."""
        sizes = self.step_sizes
        if sizes is None:
            return None
        rows = [self.rows_of(step) for step in range(len(sizes))]
        return TrainingSchedule(
            tuple(
                ScheduleStep((part.start, part.stop), size)
                for part, size in zip(rows, sizes.tolist(), strict=True)
            )
        )

    def write(
        self,
        out: str | os.PathLike[str],
        *,
        name: str,
        class_names: Sequence[str] | None,
        provenance: DistilledBy,
        arrays: Mapping[str, np.ndarray[Any, Any]] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write a dataset folder with float32 images, which may leave [0, 1].

        `arrays`: further arrays of the folder, by role. Raises what DatasetWriter raises.
        """
        with torch.no_grad():
            images = self.pixels().float().permute(0, 2, 3, 1).cpu().contiguous().numpy()
        soft = None if self.soft_labels is None else self.soft_labels.detach().float().cpu().numpy()
        with DatasetWriter(
            out,
            name=name,
            image_shape=images.shape[1:],
            image_dtype="float32",
            n_samples=len(images),
            class_names=class_names,
            provenance=provenance,
            schedule=self.schedule(),
            overwrite=overwrite,
        ) as writer:
            writer.append(images, self.labels.cpu().numpy().astype(np.int64), soft)
            for role, array in (arrays or {}).items():
                writer.add(role, array)
