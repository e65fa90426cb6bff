"""Datasets made harder on purpose: redundant or long-tailed versions of a balanced one.

Real collections are rarely balanced and curated; these are controlled stand-ins, to study what
selecting does there.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.provenance import GeneratedBy, Parent
from thinset.data.store import open_dataset
from thinset.data.subset import write_subset
from thinset.data.writer import DatasetWriter
from thinset.files.atomic import atomic_file
from thinset.files.overlap import require_apart

if TYPE_CHECKING:
    import os

    from thinset.data.store import Dataset

    Images = np.ndarray[Any, Any]

_ROWS_PER_BATCH = 4096
_MAX_SHIFT = 1  # pixels of 32; larger images shift in proportion
_MAX_BRIGHTNESS = 12  # grey levels


def write_redundant(
    source: Dataset,
    out: str | os.PathLike[str],
    *,
    exponent: float = 1.0,
    seed: int = 0,
    overwrite: bool = False,
) -> Dataset:
    """As many samples as `source` has, drawn from it with repetition: a few come very often.

    The chance of the sample of rank r is proportional to r ** -exponent (Zipf's law), the ranks
    being a random permutation. The first occurrence is the sample itself; each further one is a
    near-duplicate, shifted by up to one pixel in 32 in each direction (borders repeated) and
    brighter or darker by up to 12 grey levels.

    Raises ValueError for an exponent below 0, images that are not uint8 and an output that would
    replace the source.
    """
    if not 0 <= exponent < math.inf:  # also false for NaN
        raise ValueError(f"exponent must be finite and at least 0, got {exponent}")
    if source.images.dtype != np.uint8:
        raise ValueError(f"images must be uint8, got {source.images.dtype}")
    require_apart(out, source.path)
    generator = np.random.default_rng(seed)
    n_samples = len(source)
    chances = np.arange(1, n_samples + 1, dtype=np.float64) ** -exponent
    ranks = generator.choice(n_samples, n_samples, p=chances / chances.sum())
    origins = generator.permutation(n_samples)[ranks]
    is_copy = np.ones(n_samples, dtype=bool)
    is_copy[np.unique(origins, return_index=True)[1]] = False
    with DatasetWriter(
        out,
        name=f"{source.name}, redundant",
        image_shape=source.image_shape,
        image_dtype="uint8",
        n_samples=n_samples,
        class_names=source.class_names,
        provenance=GeneratedBy(
            by="redundant",
            parent=Parent.of(source),
            seed=seed,
            params={"exponent": exponent, "n_distinct": int(n_samples - is_copy.sum())},
        ),
        overwrite=overwrite,
    ) as writer:
        for start in range(0, n_samples, _ROWS_PER_BATCH):
            rows = slice(start, start + _ROWS_PER_BATCH)
            images = source.images[origins[rows]]
            images[is_copy[rows]] = _perturbed(images[is_copy[rows]], generator)
            labels, soft_labels = (
                None if array is None else array[origins[rows]]
                for array in (source.labels, source.soft_labels)
            )
            writer.append(images, labels, soft_labels)
    return open_dataset(out)


def write_long_tailed(
    source: Dataset,
    out: str | os.PathLike[str],
    *,
    imbalance: float,
    seed: int = 0,
    overwrite: bool = False,
) -> Dataset:
    """Fewer samples class by class: the first class keeps all, the last 1 / `imbalance` of that.

    The sizes between fall exponentially with the number of the class, as in the long-tailed
    CIFAR-10 of Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", 2019. Which
    samples are kept is random.

    Raises ValueError for an imbalance below 1, no labels or fewer than two classes.
    """
    if not 1 <= imbalance < math.inf:  # also false for NaN
        raise ValueError(f"imbalance must be finite and at least 1, got {imbalance}")
    if source.labels is None or source.n_classes < 2:
        raise ValueError(f"{source.name} must have labels of at least two classes")
    generator = np.random.default_rng(seed)
    labels = np.asarray(source.labels)
    largest = np.bincount(labels, minlength=source.n_classes).max()
    kept = []
    for number in range(source.n_classes):
        rows = generator.permutation(np.flatnonzero(labels == number))
        share = imbalance ** (-number / (source.n_classes - 1))
        kept.append(rows[: max(1, round(largest * share))])
    return write_subset(
        np.sort(np.concatenate(kept)),
        source,
        out,
        overwrite=overwrite,
        name=f"{source.name}, long-tailed 1:{imbalance:g}",
    )


def write_photographs(
    source: Dataset, out: str | os.PathLike[str], *, side: int, quality: int = 90
) -> None:
    """Write the images enlarged to `side` x `side` pixels as JPEG into one parquet file.

    A stand-in for a collection of photographs, whose decoding takes longer than that of small
    images. The layout is that which `open_encoded` reads; a source without labels gives a file
    without that column. Raises ValueError for a side below 1,
    images that are not uint8 with 1 or 3 channels and soft labels, which that layout cannot hold;
    ImportError without Pillow and pyarrow.
    """
    if side < 1:
        raise ValueError(f"side must be at least 1, got {side}")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be from 1 to 100, got {quality}")
    require_apart(out, source.path)
    if source.images.dtype != np.uint8 or source.image_shape[2] not in (1, 3):
        raise ValueError(
            f"images must be uint8 with 1 or 3 channels, got {source.images.dtype} of shape "
            f"{source.image_shape}"
        )
    if source.soft_labels is not None:
        raise ValueError(f"{source.path} has soft labels, which the parquet file cannot hold")
    try:
        import pyarrow as pa
        import pyarrow.parquet
        from PIL import Image
    except ImportError as error:
        raise ImportError("photographs need the extra: pip install 'thinset[parquet]'") from error
    columns = [("image", pa.binary())]
    if source.labels is not None:
        columns.append(("label", pa.int64()))
    schema = pa.schema(columns)
    with (
        atomic_file(out) as partial,
        pyarrow.parquet.ParquetWriter(partial, schema, compression="none") as writer,
    ):
        for start in range(0, len(source), _ROWS_PER_BATCH):
            encoded = []
            for image in source.images[start : start + _ROWS_PER_BATCH]:
                buffer = io.BytesIO()
                pixels = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
                pixels.resize((side, side), Image.Resampling.BICUBIC).save(
                    buffer, "JPEG", quality=quality
                )
                encoded.append(buffer.getvalue())
            arrays: list[Any] = [encoded]
            if source.labels is not None:
                arrays.append(np.asarray(source.labels[start : start + len(encoded)]))
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _perturbed(images: Images, generator: np.random.Generator) -> Images:
    """Shift each image by its own whole pixels and add its own brightness."""
    n_images, height, width, _ = images.shape
    reach = max(1, round(_MAX_SHIFT * min(height, width) / 32))
    down, right = generator.integers(-reach, reach + 1, (2, n_images))
    y = np.clip(np.arange(height) + down[:, None], 0, height - 1)
    x = np.clip(np.arange(width) + right[:, None], 0, width - 1)
    shifted = images[np.arange(n_images)[:, None, None], y[:, :, None], x[:, None, :]]
    levels = generator.integers(-_MAX_BRIGHTNESS, _MAX_BRIGHTNESS + 1, (n_images, 1, 1, 1))
    brightened: Images = np.clip(shifted.astype(np.int16) + levels, 0, 255).astype(np.uint8)
    return brightened
