"""Images encoded for the tests of the sources that decode."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image


def encode(pixels: np.ndarray, form: str = "PNG", **options: Any) -> bytes:
    """Encode (height, width) or (height, width, 3) uint8 pixels; PNG keeps them as they are."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form, **options)
    return content.getvalue()


def colourful(n: int, height: int = 6, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, height, width, 3), dtype=np.uint8)
