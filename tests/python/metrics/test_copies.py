from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from oracles import nearest as oracle
from thinset.metrics import near_copies


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (60, 6, 5, 3)).astype(np.uint8)


def rows(images):
    return (images.reshape(len(images), -1) / np.float32(255)).astype(np.float32)


def test_copies_are_found_and_counted(images):
    real, generated = images[:40], images[40:].copy()
    generated[3] = real[17]
    generated[5] = real[30] ^ 1  # one level off in every pixel
    found = near_copies(generated, real)
    right = oracle.nearest(rows(generated), rows(real), 1)
    np.testing.assert_array_equal(found.indices, right[0][:, 0])
    np.testing.assert_array_equal(found.distances, right[1][:, 0])
    among_real = oracle.nearest(rows(real), rows(real), 1, np.arange(40))[1]
    assert found.threshold == np.quantile(among_real, 0.01)
    assert (found.indices[3], found.distances[3]) == (17, 0.0)
    assert found.indices[5] == 30
    assert np.flatnonzero(found.is_copy).tolist() == [3, 5]
    assert found.share == 2 / 20
    assert (found.n_measured, found.quantile) == (40, 0.01)


def test_blocks_change_nothing(images, monkeypatch):
    real, generated = images[:41], images[41:]
    whole = near_copies(generated, real)
    sampled = near_copies(generated, real, n_measured=9, seed=2)
    monkeypatch.setattr("thinset.metrics.copies._BLOCK_BYTES", 4 * 90 * 4)
    again = near_copies(generated, real)
    assert again.threshold == whole.threshold
    np.testing.assert_array_equal(again.indices, whole.indices)
    assert near_copies(generated, real, n_measured=9, seed=2).threshold == sampled.threshold


def test_every_form_of_image_is_compared(images):
    torch = pytest.importorskip("torch")
    real, generated = images[:40], images[40:]
    expected = near_copies(generated, real)
    floats = torch.from_numpy(generated).permute(0, 3, 1, 2).float() / 255
    held = SimpleNamespace(images=real, labels=None)
    for form in (generated, floats, (generated / 255).astype(np.float32)):
        found = near_copies(form, held)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-6)


def test_a_training_set_of_duplicates_has_threshold_0(images):
    real = np.repeat(images[:20], 2, axis=0)
    found = near_copies(real[:5], real)
    assert found.threshold == 0.0
    assert found.share == 0.0
    assert not found.distances.any()


@pytest.mark.parametrize(
    ("generated", "real", "options", "message"),
    [
        ((3, 6, 5, 3), (4, 6, 5, 1), {}, r"one shape .* got \(6, 5, 3\) and \(6, 5, 1\)"),
        ((3, 6, 5, 3), (1, 6, 5, 3), {}, "at least two images, got 1"),
        ((0, 6, 5, 3), (4, 6, 5, 3), {}, "generated must be at least one image"),
        ((3, 3, 6, 5), (4, 6, 5, 3), {}, "generated must be at least one image of 1, 3 or 4 chan"),
        ((3, 30), (4, 6, 5, 3), {}, r"generated must be .* got shape \(3, 30\)"),
        ((3, 6, 5, 3), (4, 6, 5, 3), {"quantile": 1.5}, r"quantile must be in \[0, 1\], got 1.5"),
        ((3, 6, 5, 3), (4, 6, 5, 3), {"n_measured": 5}, r"n_measured must be an int in \[1, 4\]"),
    ],
)
def test_bad_images_are_refused(generated, real, options, message):
    with pytest.raises(ValueError, match=message):
        near_copies(np.zeros(generated, np.uint8), np.zeros(real, np.uint8), **options)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 255.0])
def test_floats_outside_0_and_1_are_refused(value):
    bad = np.zeros((4, 2, 2, 1), np.float32)
    bad[2, 1, 0, 0] = value
    with pytest.raises(ValueError, match=f"generated must be .* image 2 holds {value}"):
        near_copies(bad, np.eye(4, dtype=np.float32).reshape(4, 2, 2, 1))
    with pytest.raises(ValueError, match="must be uint8 or float, got int64"):
        near_copies(
            bad.astype(np.int64) if np.isfinite(value) else np.zeros((4, 2, 2, 1), int), bad
        )
    with pytest.raises(ValueError, match="must be a Dataset, an array .* got str"):
        near_copies("images", bad)
