from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from thinset.transforms import ProgressiveResizing


def test_sizes_follow_the_schedule() -> None:
    schedule = ProgressiveResizing()
    sizes = {
        0.0: (16, 32), 0.5: (16, 32), 0.52: (16, 36), 0.6: (20, 44), 0.65: (24, 48),
        0.79: (32, 64), 0.8: (32, 64), 1.0: (32, 64),
    }  # fmt: skip
    assert {place: schedule.size_at(place, 32, 64) for place in sizes} == sizes
    assert schedule.sizes(24, 24) == ((12, 12), (16, 16), (20, 20), (24, 24))
    # Sides that are no multiple end at full size all the same.
    assert schedule.sizes(10, 7)[-1] == (10, 7)
    assert ProgressiveResizing(0.01).size_at(0, 8, 3) == (4, 3)
    assert ProgressiveResizing(0.25, 0.0, 1.0, 1).size_at(0.5, 32, 8) == (20, 5)
    assert ProgressiveResizing(0.5, 0.4, 0.4).sizes(8, 8) == ((4, 4), (8, 8))


def test_images_are_averaged_as_pillow_does() -> None:
    image_module = pytest.importorskip("PIL.Image")
    images = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    resized = ProgressiveResizing()(images, 0.6)
    assert resized.shape == (2, 3, 16, 20)
    for image, found in zip(images.flatten(0, 1), resized.flatten(0, 1), strict=True):
        expected = image_module.fromarray(image.numpy()).resize(
            (20, 16), image_module.Resampling.BILINEAR
        )
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert ProgressiveResizing()(images, 0.9) is images


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"smallest": 0}, "smallest must be above 0 and below 1, got 0"),
        ({"smallest": 1.0}, "smallest must be above 0 and below 1, got 1.0"),
        ({"smallest": float("nan")}, "smallest must be above 0 and below 1, got nan"),
        ({"grows_from": 0.9}, "in this order; got 0.9 and 0.8"),
        ({"grows_from": -0.1}, "shares from 0 to 1"),
        ({"full_from": 1.1}, "shares from 0 to 1"),
        ({"multiple": 0}, "whole number of pixels, at least 1, got 0"),
        ({"multiple": 1.5}, "whole number of pixels, at least 1, got 1.5"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProgressiveResizing(**values)
