"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in their official binary versions.

Each record has a label byte (CIFAR-100: the coarse, then the fine label) and 3 x 32 x 32 bytes,
plane by plane. The Python versions of the archives are pickled and therefore never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thinset.data.provenance import ImportedFrom
from thinset.data.sources.cifar_files import CifarFiles, require_unpickled
from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream, Opened
from thinset.data.sources.input_files import is_there, require_input_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from thinset.data.sources.image_stream import Batch, ReadOptions

_IMAGE_BYTES = 3 * 32 * 32
_CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


@dataclass(frozen=True)
class Cifar:
    """One of the two datasets: the folder of its files, its archive, or a folder with either.

    `files`: those of each split, in order. `names_file`: the file with the class names, one a
    line; None where they are `class_names`. `number`: tells the archives apart by their names.
    """

    name: str
    summary: str
    number: str
    files: Mapping[str, tuple[str, ...]]
    folder: str
    archive: str
    n_label_bytes: int
    class_names: tuple[str, ...] | None = None
    names_file: str | None = None

    def recognises(self, path: str) -> bool:
        """Whether the files or the archive are there under their official names."""
        return self._locate(path) is not None

    def open(self, path: str, options: ReadOptions) -> Opened:
        """Open both splits; errors name the file that is missing or truncated."""
        require_unpickled(path)
        location = self._locate(path)
        if location is None:
            raise FileNotFoundError(
                f"{path} has neither {self.files['train'][0]} nor {self.archive}"
            )
        if not location.is_dir():
            require_input_file(location)
        record = self.n_label_bytes + _IMAGE_BYTES
        streams = {}
        with CifarFiles(location, record) as files:
            class_names = self.class_names
            if self.names_file is not None:
                class_names = files.lines(self.names_file)
            for split, names in self.files.items():
                stream = ImageStream(
                    name=self.name,
                    n_samples=sum(files.n_records(name) for name in names),
                    image_shape=(32, 32, 3),
                    batches=_Batches(location, names, self.n_label_bytes),
                    class_names=class_names,
                    provenance=ImportedFrom(source=self.name, path=path, split=split),
                )
                streams[split] = resized(stream, options.size)
        notes = ("the labels are the fine ones, not the 20 coarse ones",)
        return Opened(streams, notes if self.n_label_bytes > 1 else ())

    def _locate(self, path: str) -> Path | None:
        """The folder with the .bin files, or the archive."""
        root = Path(path)
        if root.is_file():
            is_archive = root.name.endswith((".tar.gz", ".tgz"))
            return root if is_archive and ("100" in root.name) == (self.number == "100") else None
        for folder in (root, root / self.folder):
            if is_there(folder / self.files["train"][0]):
                return folder
        return root / self.archive if is_there(root / self.archive) else None


CIFAR10 = Cifar(
    name="cifar10",
    summary="CIFAR-10's official binary version: data_batch_*.bin, or cifar-10-binary.tar.gz",
    number="10",
    files={
        "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test": ("test_batch.bin",),
    },
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    n_label_bytes=1,
    class_names=_CLASS_NAMES,
)

CIFAR100 = Cifar(
    name="cifar100",
    summary="CIFAR-100's official binary version: train.bin and test.bin, or "
    "cifar-100-binary.tar.gz",
    number="100",
    files={"train": ("train.bin",), "test": ("test.bin",)},
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    n_label_bytes=2,
    names_file="fine_label_names.txt",
)


@dataclass(frozen=True)
class _Batches:
    """Reads the records of some files, from their start, each time it is called."""

    location: Path
    names: tuple[str, ...]
    n_label_bytes: int

    def __call__(self) -> Iterator[Batch]:
        record = self.n_label_bytes + _IMAGE_BYTES
        with CifarFiles(self.location, record) as files:
            for name in self.names:
                with files.open(name) as file:
                    while content := file.read(BATCH_SIZE * record):
                        yield self._decode(content, f"{self.location}: {name}", record)

    def _decode(self, content: bytes, where: str, record: int) -> Batch:
        if len(content) % record:
            raise ValueError(f"{where} is truncated within a record of {record} bytes")
        records = np.frombuffer(content, np.uint8).reshape(-1, record)
        planes = records[:, self.n_label_bytes :].reshape(-1, 3, 32, 32)
        labels = records[:, self.n_label_bytes - 1]
        return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels
