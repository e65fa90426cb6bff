"""A trained generator: its file, and the images that it draws."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec
import numpy as np
import torch

from thinset.augmentation.generators import generator_named
from thinset.data.provenance import Parent
from thinset.files.decoding import Count, Positive, decode, encode
from thinset.training.loop.checkpoint import prefixed, read_tensors, unprefixed, write_tensors
from thinset.training.loop.history import History
from thinset.training.precision import resolve_device
from thinset.training.randomness import generator_for
from thinset.training.weights import require_same_shapes
from thinset.transforms.images import as_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from torch import nn

    from thinset.augmentation.generators import Generator
    from thinset.models.generators import ImageGenerator

    Labels = np.ndarray[Any, np.dtype[np.int64]]

MODEL_FILE = "generator.safetensors"
"""The name of the file in the folder of a training"""

# Latents are drawn in blocks of this size whatever the batch size, so that image number i depends
# on the seed and i alone.
_BLOCK = 1000
# Networks much larger than their file are not built. Others are, and compared weight by weight.
_MOST_TIMES, _MOST_MORE = 10, 10_000_000


class _Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of the file beside the weights."""

    format: Literal["thinset-generator"]
    version: Literal[1]
    settings: dict[str, Any]
    image_shape: tuple[Positive, Positive, Positive]
    image_dtype: Literal["uint8", "float32"]
    class_names: tuple[str, ...] | None
    class_counts: tuple[Count, ...]
    parent: Parent
    seed: Count
    history: dict[str, Any]
    collapse: str | None


@dataclass(frozen=True)
class TrainedGenerator:
    """Networks in evaluation mode, and what they were trained on.

    settings: of the training, with the name of the generator as `model`; see
    thinset.augmentation.generators. networks: by name, the ImageGenerator first. class_counts:
    number of training images of each class. parent: the training data. seed: of the training.
    history: its losses and scores. collapse: a sentence if the generator collapsed, else None.
    """

    settings: Any
    networks: Mapping[str, nn.Module]
    image_dtype: Literal["uint8", "float32"]
    class_names: tuple[str, ...] | None
    class_counts: tuple[int, ...]
    parent: Parent
    seed: int
    history: History = field(default_factory=History)
    collapse: str | None = None

    @property
    def name(self) -> str:
        """The name of the generator's module, such as "cdcgan"."""
        return str(self.settings.model)

    @property
    def generator(self) -> ImageGenerator:
        """The network that draws images."""
        return cast("ImageGenerator", next(iter(self.networks.values())))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        return self.generator.image_shape

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that it was trained on, those with samples."""
        return tuple(number for number, count in enumerate(self.class_counts) if count > 0)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the settings and of the weights of all networks."""
        digest = hashlib.sha256(msgspec.json.encode(encode(self.settings)))
        for name, tensor in sorted(self._tensors().items()):
            digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _tensors(self) -> dict[str, torch.Tensor]:
        tensors: dict[str, torch.Tensor] = {}
        for name, network in self.networks.items():
            tensors |= prefixed(name, network.state_dict())
        return tensors

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the weights and the description as one safetensors file, atomically."""
        description = _Description(
            format="thinset-generator",
            version=1,
            settings=encode(self.settings),
            image_shape=self.image_shape,
            image_dtype=self.image_dtype,
            class_names=self.class_names,
            class_counts=self.class_counts,
            parent=self.parent,
            seed=self.seed,
            history=self.history.to_dict(),
            collapse=self.collapse,
        )
        write_tensors(path, self._tensors(), msgspec.to_builtins(description))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainedGenerator:
        """Read a file that `save` wrote, or generator.safetensors in the folder `path`.

        Raises OSError if the file cannot be read, and ValueError, naming it, if it is
        damaged, of another version or does not hold a generator.
        """
        file = Path(path)
        if file.is_dir():
            file = file / MODEL_FILE
            if not file.exists():
                raise ValueError(
                    f"{path} is not the folder of a trained generator: it has no {MODEL_FILE}; "
                    "train one with `thinset augment train`"
                )
        tensors, content = read_tensors(file)
        if content.get("format") != "thinset-generator":
            raise ValueError(
                f"{file} is not a trained generator; train one with `thinset augment train`"
            )
        description = decode(content, _Description, str(file))
        if len(description.class_counts) < 1 or (
            description.class_names is not None
            and len(description.class_names) != len(description.class_counts)
        ):
            raise ValueError(f"{file}: class_names and class_counts must have the same length")
        try:
            module = generator_named(str(description.settings.get("model")))
            settings = decode(description.settings, module.Settings, "settings")
            networks = _networks_of(
                module, settings, description.image_shape, len(description.class_counts), tensors
            )
            history = History.from_dict(description.history)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
        except (TypeError, RuntimeError) as error:
            # Torch raises these for sizes beyond 2**63, with a trace of its own in the message.
            raise ValueError(
                f"{file}: no network has the sizes that it states; image_shape is "
                f"{description.image_shape}, settings are {description.settings}"
            ) from error
        for name, network in networks.items():
            weights = unprefixed(name, tensors)
            require_same_shapes(network.state_dict(), weights, file)
            for part, weight in weights.items():
                if weight.is_floating_point() and not bool(weight.isfinite().all()):
                    raise ValueError(f"{file}: the weight {name}/{part} is not finite")
            network.load_state_dict(weights)
            network.eval()
        return cls(
            settings,
            networks,
            description.image_dtype,
            description.class_names,
            description.class_counts,
            description.parent,
            description.seed,
            history,
            description.collapse,
        )

    def draw(
        self,
        labels: Labels,
        *,
        seed: int = 0,
        batch_size: int = 500,
        device: torch.device | str = "auto",
    ) -> Iterator[np.ndarray[Any, Any]]:
        """Draw one image for each of `labels` (N,), in batches (B, H, W, C) of `image_dtype`.

        Image number i depends on `seed`, i and its label alone (up to rounding, which depends on
        batch size and device). Raises ValueError for labels of another shape or type, and for a
        class that the generator was not trained on.
        """
        labels = np.asarray(labels)
        self.require_trained_on(labels)
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        return self._drawn(labels, seed, batch_size, resolve_device(device))

    def _drawn(
        self, labels: Labels, seed: int, batch_size: int, where: torch.device
    ) -> Iterator[np.ndarray[Any, Any]]:
        generator = self.generator.to(where).eval()
        noise = generator_for(seed, "samples")
        for start in range(0, len(labels), _BLOCK):
            # A copy: torch cannot wrap read-only memory, such as the labels of a dataset folder.
            block = torch.from_numpy(np.array(labels[start : start + _BLOCK], np.int64))
            latents = generator.latents(_BLOCK, noise)[: len(block)]
            for first in range(0, len(block), batch_size):
                rows = slice(first, first + batch_size)
                with torch.no_grad():
                    images = generator(latents[rows].to(where), block[rows].to(where))
                yield as_rows(images, self.image_dtype)

    def require_trained_on(self, labels: Labels) -> None:
        """Raise ValueError for labels that are no classes or had no training images."""
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels must be integers of shape (N,), got {labels.dtype} of shape {labels.shape}"
            )
        classes = self.classes
        for number in np.unique(labels):
            if int(number) not in classes:
                known = ", ".join(self._described(one) for one in classes)
                raise ValueError(
                    f"the generator was not trained on class {self._described(int(number))}; it "
                    f"was trained on {known}"
                )

    def _described(self, number: int) -> str:
        if self.class_names is None or not 0 <= number < len(self.class_names):
            return str(number)
        return f"{number} ({self.class_names[number]})"


def _networks_of(
    module: Generator,
    settings: Any,
    image_shape: tuple[int, int, int],
    n_classes: int,
    tensors: Mapping[str, torch.Tensor],
) -> dict[str, nn.Module]:
    """The networks on the CPU, for `tensors` to be loaded into.

    Raises ValueError if they are larger than `tensors`: a damaged size takes no memory.
    """

    def build() -> dict[str, nn.Module]:
        return module.networks(settings, image_shape, n_classes, torch.Generator())

    with torch.device("meta"):
        sketches = build()
    sizes = [value.numel() for sketch in sketches.values() for value in sketch.parameters()]
    available = sum(tensor.numel() for tensor in tensors.values())
    if sum(sizes) > _MOST_TIMES * available + _MOST_MORE:
        raise ValueError(
            f"its networks have {sum(sizes):,} weights by its settings, the file holds "
            f"{available:,} values"
        )
    names = {part for name, one in sketches.items() for part in prefixed(name, one.state_dict())}
    if names != set(tensors):
        return build()  # sketches have no bounded weights, see bound_weights
    return {name: sketch.to_empty(device="cpu") for name, sketch in sketches.items()}
