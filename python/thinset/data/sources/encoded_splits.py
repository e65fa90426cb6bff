"""Streams of encoded images: one shape for all splits of a source, found from the headers."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from thinset.data.sources.encoded_image import decode, describe, is_readable, require_size
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream, Opened
from thinset.data.sources.listing import count, first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from thinset.data.provenance import ImportedFrom
    from thinset.data.sources.image_stream import Batch, EncodedSample, ReadOptions

    Size = tuple[int, int]

LARGEST_DEFAULT = 64
"""Images of several sizes become at most this high and wide where no size is given."""


@dataclass(frozen=True)
class EncodedSplit:
    """The images of one split. `samples` gives them in order, each time it is called."""

    n_samples: int
    samples: Callable[[], Iterator[EncodedSample]]


@dataclass
class _Survey:
    """What a look at one split found."""

    sizes: Counter[Size]
    in_colour: bool
    unreadable: dict[int, str]


def open_encoded_splits(
    splits: Mapping[str, EncodedSplit],
    *,
    name: str,
    provenance: ImportedFrom,
    class_names: tuple[str, ...] | None,
    options: ReadOptions,
) -> Opened:
    """Give all splits one (height, width, channels), and a stream for each.

    The images are grey if all are grey, else RGB. Their size is options.size; where it is None the
    one that all training images have; where they have several, the median height and width, at
    most LARGEST_DEFAULT each. Raises ValueError, naming the image, for one that cannot be read,
    unless `options` say to leave it out, and where a split has no images.
    """
    if options.size is not None:
        require_size(options.size)
    surveys = {}
    for split, content in splits.items():
        surveys[split] = _survey(content, options)
        if content.n_samples == len(surveys[split].unreadable):
            raise ValueError(f"the {split} split has no images that can be read")
    sizes: Counter[Size] = sum((s.sizes for s in surveys.values()), Counter())
    size = options.size or _default_size(surveys["train"].sizes)
    shape = (*size, 3 if any(survey.in_colour for survey in surveys.values()) else 1)
    resizes = options.size is not None or len(sizes) > 1
    streams = {
        split: _stream(
            content,
            surveys[split],
            shape,
            name=name,
            class_names=class_names,
            provenance=msgspec.structs.replace(
                provenance,
                split=split,
                size=size if resizes else None,
                left_out=tuple(surveys[split].unreadable),
            ),
            resizes=resizes,
        )
        for split, content in splits.items()
    }
    return Opened(streams, tuple(_notes(surveys, sizes, size, options)))


def _survey(split: EncodedSplit, options: ReadOptions) -> _Survey:
    survey = _Survey(Counter(), in_colour=False, unreadable={})
    for index, (name, content, _) in enumerate(split.samples()):
        if options.skip_unreadable and not is_readable(name, content):
            survey.unreadable[index] = name
            continue
        height, width, in_colour = describe(name, content)
        survey.in_colour |= in_colour
        survey.sizes[(height, width)] += 1
        if options.size is not None and in_colour and not options.skip_unreadable:
            break  # nothing that is still open depends on the images that follow
    return survey


def _default_size(sizes: Counter[Size]) -> Size:
    if len(sizes) == 1:
        return next(iter(sizes))
    heights, widths = np.array(list(sizes)).T
    counts = list(sizes.values())
    median_height = int(np.median(np.repeat(heights, counts)))
    median_width = int(np.median(np.repeat(widths, counts)))
    return min(median_height, LARGEST_DEFAULT), min(median_width, LARGEST_DEFAULT)


def _notes(
    surveys: Mapping[str, _Survey], sizes: Counter[Size], size: Size, options: ReadOptions
) -> Iterator[str]:
    for split, survey in surveys.items():
        if survey.unreadable:
            names = list(survey.unreadable.values())
            yield f"{split}: left out {count(len(names), 'unreadable image')}: {first_of(names)}"
    if options.size is None and len(sizes) > 1:
        heights, widths = zip(*sizes, strict=True)
        yield (
            f"images have {len(sizes):,} sizes, {min(heights)} to {max(heights)} high and "
            f"{min(widths)} to {max(widths)} wide; all become {size[0]} x {size[1]} "
            "(--image-size HEIGHT WIDTH sets another size)"
        )


def _stream(
    split: EncodedSplit,
    survey: _Survey,
    shape: tuple[int, int, int],
    *,
    name: str,
    class_names: tuple[str, ...] | None,
    provenance: ImportedFrom,
    resizes: bool,
) -> ImageStream:
    left_out = survey.unreadable

    def samples() -> Iterator[EncodedSample]:
        return (sample for i, sample in enumerate(split.samples()) if i not in left_out)

    return ImageStream(
        name=name,
        n_samples=split.n_samples - len(left_out),
        image_shape=shape,
        batches=lambda: _batches(samples(), shape, resize=resizes),
        class_names=class_names,
        provenance=provenance,
        encoded=samples,
        resizes=resizes,
    )


def _batches(
    samples: Iterator[EncodedSample], shape: tuple[int, int, int], *, resize: bool
) -> Iterator[Batch]:
    while batch := list(itertools.islice(samples, BATCH_SIZE)):
        images = [decode((name, content), shape, resize=resize) for name, content, _ in batch]
        labels = [label for _, _, label in batch]
        yield np.stack(images), None if labels[0] is None else np.array(labels, np.int64)
