"""Image files in one folder per class, the layout of torchvision's ImageFolder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from thinset.data.provenance import ImportedFrom
from thinset.data.sources.encoded_splits import EncodedSplit, open_encoded_splits
from thinset.data.sources.file_tree import read_tree
from thinset.data.sources.image_files import keep_images, looks_like_image
from thinset.data.sources.image_folder_layout import find_layout, require_named_classes
from thinset.data.sources.image_stream import Opened
from thinset.data.sources.input_files import require_split_folder
from thinset.data.sources.listing import count, first_of
from thinset.data.sources.split_names import split_of_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thinset.data.sources.image_folder_layout import LabelledFile
    from thinset.data.sources.image_stream import EncodedSample, ReadOptions


class ImageFolder:
    """A folder per class, directly or under folders named after splits.

    Classes are numbered in the order of their sorted names, those of the training split for all;
    images come class by class, sorted by path, from any depth. Without class folders the images
    have no labels. Hidden files, system files and files that are no images are passed over; links
    are followed, and a link to nothing is refused. See `find_layout` for what is a split, and
    `open_encoded_splits` for sizes and colours.
    """

    name = "image-folder"
    summary = "image files in one folder per class, optionally under train, test and validation"

    def recognises(self, path: str) -> bool:
        """Whether there is an image file anywhere below `path`."""
        if not Path(path).is_dir():
            return False
        tree = read_tree(Path(path))
        return any(looks_like_image(file) for file in (*tree.files, *tree.dangling))

    def open(self, path: str, options: ReadOptions) -> Opened:
        """Open all splits; ValueError names the file or folder that is not as it must be."""
        root = Path(path)
        if not root.is_dir():
            raise ValueError(f"{path} must be a folder of images")
        tree = read_tree(root)
        for entry in (*tree.dangling, *tree.special):
            if len(entry.parts) == 1 and split_of_folder(entry.name) is not None:
                require_split_folder(root / entry)
        if tree.dangling and not options.skip_unreadable:
            raise ValueError(
                f"{path} has {count(len(tree.dangling), 'link')} to nothing "
                f"({first_of(tree.dangling)}): fetch the missing files, or leave them out with "
                "--skip-unreadable of `thinset data import` or `thinset embed`"
            )
        images, others = keep_images(root, tree.files)
        layout = find_layout(path, images)
        if options.with_labels:
            require_named_classes(path, layout)
        opened = open_encoded_splits(
            {split: _split(root, files) for split, files in layout.splits.items()},
            name=root.resolve().name,
            provenance=ImportedFrom(source=self.name, path=path),
            class_names=layout.class_names,
            options=options,
        )
        passed_over = (
            *tree.notes(),
            *_left_out(others, "file that is no image", "files that are no images"),
            *_left_out(tree.dangling, "link to nothing", "links to nothing"),
            *_left_out(
                tree.folders_without(images), "folder without images", "folders without images"
            ),
        )
        return Opened(opened.streams, (*layout.notes, *passed_over, *opened.notes))


def _split(root: Path, files: Sequence[LabelledFile]) -> EncodedSplit:
    def samples() -> Iterator[EncodedSample]:
        for file, label in files:
            yield str(root / file), root / file, label

    return EncodedSplit(len(files), samples)


def _left_out(found: Sequence[Path], thing: str, things: str) -> list[str]:
    return [f"left out {count(len(found), thing, things)}: {first_of(found)}"] if found else []
