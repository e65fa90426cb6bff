"""The sets of real images that a distilled one is compared with."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.data import import_dataset
from thinset.experiments.prepare.baselines import (
    BASELINES,
    OF_REAL_IMAGES,
    baseline_set,
    counts_of,
    grown,
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return import_dataset("digits", tmp_path_factory.mktemp("baselines") / "digits")["train"]


@pytest.fixture(scope="module")
def pixels(digits):
    return digits.images.reshape(len(digits), -1).astype(np.float32)


COUNTS = np.array([2, 1, 0, 3, 1, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("name", [*BASELINES, "eigenimages"])
def test_sets_have_as_many_images_of_each_class(digits, pixels, name):
    made = baseline_set(name, digits, pixels, COUNTS, 0)
    np.testing.assert_array_equal(counts_of(made.labels, 10), COUNTS)
    again = baseline_set(name, digits, pixels, COUNTS, 0)
    np.testing.assert_array_equal(made.images, again.images)
    other = baseline_set(name, digits, pixels, COUNTS, 1)
    is_same = np.array_equal(made.images, other.images)
    assert is_same == (name in ("facility_location", "eigenimages"))


@pytest.mark.parametrize("name", OF_REAL_IMAGES)
def test_images_are_real_ones_of_their_class_without_repetition(digits, pixels, name):
    made = baseline_set(name, digits, pixels, COUNTS, 0)
    assert made.images.dtype == np.uint8
    rows = [np.flatnonzero((digits.images == image).all(axis=(1, 2, 3))) for image in made.images]
    assert all(len(found) for found in rows)
    for found, label in zip(rows, made.labels, strict=True):
        assert label in digits.labels[found]
    assert len({tuple(found) for found in rows}) == len(rows)


@pytest.mark.parametrize("name", ["means", "kmeans_means"])
def test_one_mean_of_a_class_is_the_class_mean(digits, pixels, name):
    made = baseline_set(name, digits, pixels, np.ones(10, np.int64), 3)
    expected = [digits.images[digits.labels == number].mean(axis=0) / 255 for number in range(10)]
    assert made.images.dtype == np.float32
    np.testing.assert_allclose(made.images, np.array(expected), atol=1e-6)


def test_means_of_parts_share_the_samples_of_the_class(digits, pixels):
    counts = np.array([4] + 9 * [0])
    made = baseline_set("means", digits, pixels, counts, 0)
    rows = np.flatnonzero(digits.labels == 0)
    sizes = [len(part) for part in np.array_split(rows, 4)]
    whole = (made.images * np.array(sizes)[:, None, None, None]).sum(axis=0) / len(rows)
    np.testing.assert_allclose(whole, digits.images[rows].mean(axis=0) / 255, atol=1e-5)


def test_means_of_clusters_are_those_of_the_nearest_samples(digits, pixels):
    counts = np.array([0, 3] + 8 * [0])
    picks = baseline_set("kmeans", digits, pixels, counts, 0).images
    made = baseline_set("kmeans_means", digits, pixels, counts, 0).images
    rows = np.flatnonzero(digits.labels == 1)
    own = pixels[rows].astype(np.float64)
    centres = picks.reshape(3, -1).astype(np.float64)
    nearest = ((own[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    for number in range(3):
        expected = own[nearest == number].mean(axis=0).reshape(8, 8, 1) / 255
        np.testing.assert_allclose(made[number], expected, atol=1e-6)


def test_eigenimages_are_steps_from_the_mean_along_principal_components(digits):
    counts = np.array([0, 0, 4] + 7 * [0])
    made = baseline_set("eigenimages", digits, None, counts, 0).images.reshape(4, 64)
    pixels = digits.images[digits.labels == 2].reshape(-1, 64) / 255
    _, sizes, components = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    steps = sizes[:, None] * components / np.sqrt(len(pixels) - 1)
    np.testing.assert_allclose(made[0], pixels.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(made[1] + made[2], 2 * made[0], atol=1e-6)
    for step, expected in ((made[1] - made[0], steps[0]), (made[3] - made[0], steps[1])):
        sign = np.sign(step @ expected)
        np.testing.assert_allclose(step, sign * expected, atol=1e-3)
    one_each = baseline_set("eigenimages", digits, None, np.ones(10, np.int64), 0).images
    means = baseline_set("means", digits, None, np.ones(10, np.int64), 0).images
    np.testing.assert_allclose(one_each, means, atol=1e-6)
    with pytest.raises(ValueError, match="have 129 eigenimages of a class, fewer than the 130"):
        baseline_set("eigenimages", digits, None, np.array([0, 0, 130] + 7 * [0]), 0)


def test_sets_grow_where_classes_are_smallest():
    np.testing.assert_array_equal(grown(np.array([2, 1, 0]), 5), [2, 2, 1])
    np.testing.assert_array_equal(grown(np.array([1, 1, 1]), 3), [1, 1, 1])


def test_classes_with_too_few_samples_are_named(digits, pixels):
    counts = np.array([1] * 9 + [500])
    with pytest.raises(ValueError, match="class 9 has 144 samples, fewer than the 500 images of"):
        baseline_set("random", digits, pixels, counts, 0)
