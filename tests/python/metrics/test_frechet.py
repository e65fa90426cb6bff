"""FID against closed forms and independent computations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinset.metrics import FewSamplesWarning, frechet_distance, kernel_distance

pytestmark = pytest.mark.filterwarnings("ignore::thinset.metrics.FewSamplesWarning")


def gaussian(generator, n, mean, root):
    return mean + generator.standard_normal((n, len(root))) @ root


def exactly(mean, covariance, n, generator):
    """n samples of exactly this mean and covariance."""
    X = generator.standard_normal((n, len(mean)))
    X -= X.mean(axis=0)
    X = X @ np.linalg.inv(np.linalg.cholesky(np.cov(X.T)).T)
    return mean + X @ np.linalg.cholesky(covariance).T


def by_square_root(a, b):
    linalg = pytest.importorskip("scipy.linalg")
    one, other = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    root = np.real(linalg.sqrtm(one @ other))
    means = a.mean(axis=0) - b.mean(axis=0)
    return means @ means + np.trace(one + other - 2 * root)


def test_closed_form_of_two_gaussians_with_diagonal_covariances():
    generator = np.random.default_rng(0)
    d = 40
    means = generator.standard_normal((2, d))
    variances = generator.uniform(0.1, 4.0, (2, d))
    a, b = (exactly(m, np.diag(v), 3000, generator) for m, v in zip(means, variances, strict=True))
    expected = ((means[0] - means[1]) ** 2).sum() + (
        (np.sqrt(variances[0]) - np.sqrt(variances[1])) ** 2
    ).sum()
    assert frechet_distance(a, b).value == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(a, b).of_means == pytest.approx(((means[0] - means[1]) ** 2).sum())


def test_closed_form_within_the_error_of_sampling():
    # Of commuting covariances, from plain samples: the relative error asked for is 1e-3.
    generator = np.random.default_rng(1)
    a = gaussian(generator, 200_000, 0.0, np.diag([1.0, 2.0, 3.0]))
    b = gaussian(generator, 200_000, 3.0, np.diag([4.0, 1.0, 5.0]))
    assert frechet_distance(a, b).value == pytest.approx(27 + 9 + 1 + 4, rel=5e-3)


@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(1, 24),
    offset=st.sampled_from([0.0, 1e3]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
@settings(max_examples=30, deadline=None)  # SciPy is imported in the first
def test_equals_the_matrix_square_root(seed, d, offset, scale):
    generator = np.random.default_rng(seed)
    roots = generator.standard_normal((2, d, d))
    a = scale * gaussian(generator, 400, offset, roots[0])
    b = scale * gaussian(generator, 300, offset + 0.5, roots[1])
    expected = by_square_root(a, b)
    assert frechet_distance(a, b, allow_few=True).value == pytest.approx(expected, rel=1e-5)


def test_equals_torchmetrics():
    torch = pytest.importorskip("torch")
    fid = pytest.importorskip("torchmetrics.image.fid")

    class Identity(torch.nn.Module):
        num_features = 12

        def forward(self, features):
            return features

    generator = np.random.default_rng(2)
    a, b = generator.standard_normal((2, 2100, 12))
    b = b @ generator.standard_normal((12, 12)) + 1.0
    metric = fid.FrechetInceptionDistance(feature=Identity()).set_dtype(torch.float64)
    metric.update(torch.from_numpy(a), real=True)
    metric.update(torch.from_numpy(b), real=False)
    assert frechet_distance(a, b).value == pytest.approx(metric.compute().item(), rel=1e-9)


@pytest.mark.parametrize("n", [2048, 5000])
def test_permuted_and_identical_sets_are_at_distance_0(n):
    generator = np.random.default_rng(3)
    # Few independent features, some dead, large values: the covariance has no full rank.
    X = np.maximum(generator.standard_normal((n, 20)), 0) @ generator.standard_normal((20, 200))
    X = (1e3 * X).astype(np.float32)
    X[:, ::7] = 0
    shuffled = X[generator.permutation(n)]
    assert frechet_distance(X, X).value < 1e-3
    assert frechet_distance(X, shuffled).value < 1e-3
    other = 2 * X[::-1] + 1
    assert frechet_distance(shuffled, other).value == pytest.approx(
        frechet_distance(X, other).value, rel=1e-9
    )


def test_symmetric_and_independent_of_the_blocks():
    generator = np.random.default_rng(4)
    a, b = gaussian(generator, 5000, 0.0, np.eye(3)), gaussian(generator, 2100, 1.0, 2 * np.eye(3))
    found = frechet_distance(a, b)
    assert found.value == pytest.approx(frechet_distance(b, a).value, rel=1e-12)
    assert found.value == pytest.approx(by_square_root(a, b), rel=1e-9)
    assert (found.n_a, found.n_b, found.n_features) == (5000, 2100, 3)
    assert float(found) == found.value


def test_few_samples_are_refused_or_warned_about():
    X = np.random.default_rng(5).standard_normal((10_000, 4))
    with pytest.raises(ValueError, match=r"at least 2048 samples .* got 2047.*allow_few=True"):
        frechet_distance(X[:2047], X)
    wide = np.random.default_rng(6).standard_normal((2100, 2200)).astype(np.float32)
    with pytest.raises(ValueError, match="at least 2200 samples"):
        frechet_distance(wide, wide)
    with pytest.warns(FewSamplesWarning, match="FID of 100 samples is biased upwards"):
        assert frechet_distance(X[:100], X, allow_few=True).n_a == 100
    with pytest.warns(FewSamplesWarning, match="9,999"):
        frechet_distance(X[:9999], X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(X, X)


GOOD = np.random.default_rng(7).standard_normal((2100, 3))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.ones((2100, 4)), "same number of features, got 3 and 4: .* different extractors"),
        (np.ones(2100), "features_b must be a matrix"),
        (np.ones((0, 3)), "at least two samples"),
        (np.ones((1, 3)), r"at least two samples and one feature, got shape \(1, 3\)"),
        (np.ones((2100, 0)), "at least two samples and one feature"),
        (np.full((2100, 3), np.nan), "features_b must be finite: row 0, column 0 is nan"),
        (np.where(GOOD[5, 1] == GOOD, np.inf, GOOD), "row 5, column 1 is inf"),
        (np.full((2100, 3), "x"), "must hold real numbers"),
        (GOOD * 1j, "must hold real numbers, got complex128"),
        ([["a"], [None]], "must hold real numbers"),
    ],
)
def test_bad_features_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(GOOD, features)


@pytest.mark.parametrize("measure", [frechet_distance, lambda a, b, **_: kernel_distance(a, b, 0)])
def test_features_whose_powers_overflow_are_refused(measure):
    a = np.random.default_rng(0).standard_normal((2100, 3))
    far = a + 100
    assert np.isfinite(measure(a * 5e17, far * 5e17, allow_few=True).value)
    with pytest.raises(ValueError, match=r"features_b must be at most 1e\+20 in magnitude: row"):
        measure(a, far * 1e156, allow_few=True)
