from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two splits of three classes of mixed sizes, with folders inside of each class."""
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    for split, counts in (("train", (7, 3, 5)), ("val", (2, 1, 2))):
        for name, n in zip(("ant", "bée", "cat cat"), counts, strict=True):
            for number in range(n):
                folder = root / split / name / ("more" if number % 3 == 2 else "")
                folder.mkdir(parents=True, exist_ok=True)
                pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root
