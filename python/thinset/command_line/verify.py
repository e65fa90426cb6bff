"""thinset verify."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from thinset.data import verify_dataset
from thinset.report.records import RunRecord
from thinset.selection import Selection


@dataclass(frozen=True)
class Command:
    """Check that a dataset folder, a selection, or everything in a folder is whole.

    Datasets are read and compared with the SHA-256 digests in their manifests; selections and
    run records are read and their constraints checked. The first that fails is named.
    """

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="PATH")]
    """dataset folder, saved selection (.npz), or a folder that holds such"""

    def run(self) -> None:
        n_checked = _verify(self.path)
        if n_checked == 0:
            raise ValueError(f"{self.path} holds no dataset folder, selection or run record")
        print(f"ok: {n_checked} checked under {self.path}")


def _verify(path: Path) -> int:
    if path.is_file():
        if path.suffix == ".npz":
            Selection.load(path)
        else:
            RunRecord.load(path)
        return 1
    if (path / "manifest.json").exists():
        verify_dataset(path)
        return 1
    if not path.is_dir():
        raise FileNotFoundError(f"{path} does not exist")
    checked = [_verify(manifest.parent) for manifest in sorted(path.rglob("manifest.json"))]
    for pattern in ("*.npz", "records/*.json", "record.json"):
        checked += [_verify(file) for file in sorted(path.rglob(pattern))]
    return sum(checked)
