from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")

import datasets

import thinset
from thinset.integrations.datasets import embeddings, select

X = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)


def of_type(feature, values=X):
    features = datasets.Features({"id": datasets.Value("int64"), "e": feature})
    rows = {"id": list(range(len(values))), "e": [np.asarray(row).tolist() for row in values]}
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("length", [-1, 6])
def test_lists_become_a_matrix_of_their_type(kind, length):
    matrix = embeddings(of_type(datasets.List(datasets.Value(kind), length=length)), "e")
    assert matrix.dtype == np.dtype(kind)
    assert (matrix == X.astype(kind)).all()


def test_lists_of_a_fixed_length_are_not_copied():
    dataset = of_type(datasets.List(datasets.Value("float32"), length=6))
    assert not embeddings(dataset, "e").flags.owndata


def test_integers_become_floats():
    counts = np.arange(300).reshape(50, 6)
    matrix = embeddings(of_type(datasets.List(datasets.Value("int64")), counts), "e")
    assert matrix.dtype == np.float32
    assert (matrix == counts).all()


def test_empty_lists_are_a_matrix_without_columns():
    dataset = of_type(datasets.List(datasets.Value("float32")), np.zeros((4, 0)))
    assert embeddings(dataset, "e").shape == (4, 0)


def test_rows_follow_the_dataset_however_it_was_made():
    dataset = of_type(datasets.List(datasets.Value("float32")))
    shuffled = dataset.shuffle(seed=1)
    assert (embeddings(shuffled, "e") == X[shuffled["id"]]).all()
    joined = datasets.concatenate_datasets([dataset, dataset.select(range(10, 20))])
    assert (embeddings(joined, "e") == np.concatenate([X, X[10:20]])).all()


def test_a_selection_is_taken_in_its_order():
    dataset = of_type(datasets.List(datasets.Value("float32"), length=6))
    selection = thinset.select(embeddings(dataset, "e"), 7, "max_min")
    chosen = select(dataset, selection)
    assert chosen["id"][:] == selection.indices.tolist()
    with pytest.raises(ValueError, match="made from 50 rows, but the dataset has 7"):
        select(chosen, selection)


@pytest.mark.parametrize(
    ("dataset", "column", "message"),
    [
        (of_type(datasets.List(datasets.Value("float32"))), "x", "one of id, e; got 'x'"),
        (of_type(datasets.List(datasets.Value("float32"))), "id", "must hold lists of numbers"),
        (
            datasets.Dataset.from_dict({"e": [[1.0, 2.0], [3.0]]}),
            "e",
            "lists of one length, got 1 to 2",
        ),
        (datasets.Dataset.from_dict({"e": [[1.0], None]}), "e", "a value everywhere"),
        (datasets.Dataset.from_dict({"e": [[1.0], [None]]}), "e", "a value everywhere"),
        (
            of_type(datasets.List(datasets.Value("float32"))).select([]),
            "e",
            "lists of one length, got no rows",
        ),
        (datasets.DatasetDict(), "e", "must be one datasets.Dataset.*got DatasetDict"),
    ],
)
def test_what_is_no_matrix_is_refused(dataset, column, message):
    with pytest.raises(ValueError, match=message):
        embeddings(dataset, column)
