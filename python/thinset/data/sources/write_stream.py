"""Write an image stream as a dataset folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.data.writer import DatasetWriter
from thinset.progress import ProgressBar

if TYPE_CHECKING:
    import os

    from thinset.data.sources.image_stream import ImageStream


def write_stream(
    stream: ImageStream,
    out: str | os.PathLike[str],
    *,
    name: str,
    overwrite: bool = False,
    show_progress: bool = False,
) -> None:
    """Write every batch of `stream` to the dataset folder `out`; errors as in DatasetWriter."""
    with (
        DatasetWriter(
            out,
            name=name,
            image_shape=stream.image_shape,
            image_dtype=stream.image_dtype,
            n_samples=stream.n_samples,
            class_names=stream.class_names,
            provenance=stream.provenance,
            overwrite=overwrite,
        ) as writer,
        ProgressBar(name, stream.n_samples, unit="samples", enabled=show_progress) as progress,
    ):
        for images, labels in stream:
            writer.append(images, labels)
            progress.update(len(images))
