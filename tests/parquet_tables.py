"""Parquet files of small images, and their import; needs pyarrow and Pillow."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import import_dataset

if TYPE_CHECKING:
    from pathlib import Path

pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def encode(pixels: np.ndarray, form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


def colourful(n: int, height: int = 6, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


N = 1100


PIXELS = colourful(N)


LABELS = np.arange(N) % 3


CONTENT = [encode(pixels) for pixels in PIXELS]


STRUCT = pa.struct({"bytes": pa.binary(), "path": pa.string()})


HUB = {"img": {"_type": "Image"}, "y": {"_type": "ClassLabel", "names": ["a", "b", "c"]}}


def table(features: Any = None, **columns: Any) -> Any:
    made = pa.table(columns)
    if features is None:
        return made
    hub = features if isinstance(features, str) else json.dumps({"info": {"features": features}})
    return made.replace_schema_metadata({"huggingface": hub})


def structs(content: list[bytes | None] = CONTENT) -> list[dict[str, Any]]:
    return [{"bytes": image, "path": None} for image in content]


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, path, row_group_size=300)
    return path


def imported(source: Path, out: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    notes: list[str] = []
    return import_dataset(source, out, note=notes.append, **options), notes
