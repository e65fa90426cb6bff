"""Download MNIST and CIFAR-10 from where they are published, checked by SHA-256.

Nothing is downloaded unless `download` is called.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from thinset.data.npy_file import file_digest
from thinset.files.atomic import atomic_file
from thinset.progress import ProgressBar

if TYPE_CHECKING:
    import os

_TIMEOUT_SECONDS = 60
_BLOCK = 1 << 20

# MNIST (LeCun, Cortes, Burges): the authors' page no longer serves the files; this is the mirror
# that TensorFlow Datasets uses, bit-identical to the original archives.
_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist/"
# CIFAR-10 (Krizhevsky, 2009), the binary version from the author's page.
_CIFAR10 = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its address, its size in bytes and its SHA-256."""

    url: str
    n_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name, the last part of its address."""
        return self.url.rpartition("/")[2]


FILES: dict[str, tuple[RemoteFile, ...]] = {
    "mnist": (
        RemoteFile(
            _MNIST + "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        RemoteFile(
            _MNIST + "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        RemoteFile(
            _MNIST + "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        RemoteFile(
            _MNIST + "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    "cifar10": (
        RemoteFile(
            _CIFAR10 + "cifar-10-binary.tar.gz",
            170_052_171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
}


def download(
    dataset: Literal["mnist", "cifar10"],
    folder: str | os.PathLike[str],
    *,
    show_progress: bool = False,
) -> list[Path]:
    """Download the files of a dataset into `folder` and return their paths, ready to be imported.

    A file that is already there with the right digest is kept; a file appears only when it is
    whole and its digest is right. Raises ValueError for an unknown dataset or a wrong digest and
    OSError if the network or the disk fails.
    """
    if dataset not in FILES:
        raise ValueError(f"dataset must be one of {sorted(FILES)}, got {dataset!r}")
    return [fetch(file, folder, show_progress=show_progress) for file in FILES[dataset]]


def fetch(file: RemoteFile, folder: str | os.PathLike[str], *, show_progress: bool = False) -> Path:
    """Download one file into `folder`, unless it is there already; errors as in `download`."""
    target = Path(folder) / file.name
    if target.exists() and file_digest(target) == file.sha256:
        return target
    with atomic_file(target) as partial:
        digest = _copy(file, partial, show_progress=show_progress)
        if digest != file.sha256:
            raise ValueError(f"{file.url} has SHA-256 {digest}, expected {file.sha256}")
    return target


def _copy(file: RemoteFile, target: Path, *, show_progress: bool) -> str:
    """Stream the content to `target`, never more than its published size; return its SHA-256."""
    # Imported here, because `import thinset` is to load no networking code.
    import urllib.request

    if not file.url.startswith("https://"):
        raise ValueError(f"downloads must be over https, got {file.url}")
    digest = hashlib.sha256()
    n_copied = 0
    with (
        urllib.request.urlopen(file.url, timeout=_TIMEOUT_SECONDS) as response,  # noqa: S310
        open(target, "wb") as out,
        ProgressBar(file.name, file.n_bytes, unit="B", enabled=show_progress) as progress,
    ):
        while block := response.read(_BLOCK):
            n_copied += len(block)
            if n_copied > file.n_bytes:
                raise ValueError(f"{file.url} is larger than its {file.n_bytes} bytes")
            out.write(block)
            digest.update(block)
            progress.update_to(n_copied)
    return digest.hexdigest()
