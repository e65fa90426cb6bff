from __future__ import annotations

import numpy as np
import pytest

from thinset.embeddings import describe, describe_embeddings


def test_figures_of_a_small_matrix() -> None:
    facts = describe_embeddings(np.array([[0, 2, 5.5], [0, -3, 5.5], [0, 0, 5.5]], np.float32))
    assert (facts.n_samples, facts.n_dimensions) == (3, 3)
    assert facts.constant_columns == (0, 2)
    assert (facts.minimum, facts.maximum) == (-3.0, 5.5)
    assert facts.share_of_zeros == pytest.approx(4 / 9)


def test_a_column_of_two_values_is_not_constant_however_close() -> None:
    column = np.full(100, 0.7, np.float32)
    column[50:] = np.nextafter(np.float32(0.7), np.float32(1))
    assert describe_embeddings(column[:, None]).constant_columns == ()


def test_pieces_give_the_figures_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.random.default_rng(0).normal(size=(101, 7)).astype(np.float32)
    matrix[:, 3] = 0
    whole = describe_embeddings(matrix)
    monkeypatch.setattr(describe, "_VALUES_PER_CHUNK", 20)
    assert describe_embeddings(matrix) == whole


@pytest.mark.parametrize("shape", [(5,), (0, 3), (3, 0), (2, 2, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="got shape"):
        describe_embeddings(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_must_be_finite(value: float) -> None:
    matrix = np.zeros((4, 3))
    matrix[2, 1] = value
    with pytest.raises(ValueError, match="must be finite"):
        describe_embeddings(matrix)
