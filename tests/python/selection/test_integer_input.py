"""Labels and first rows: integers in any form, or a message that says what to do."""

from __future__ import annotations

import numpy as np
import pytest

import thinset

X = np.random.default_rng(3).standard_normal((12, 3)).astype(np.float32)
CLASSES = [0, 1, 2] * 4


def chosen(labels):
    selection = thinset.select(X, 6, "max_min", labels=labels, per_class="balanced")
    return selection.indices.tolist()


def accepted():
    pandas = pytest.importorskip("pandas")
    arrow = pytest.importorskip("pyarrow")
    torch = pytest.importorskip("torch")
    classes = np.array(CLASSES)
    return {
        "list": CLASSES,
        "tuple": tuple(CLASSES),
        "int8": classes.astype(np.int8),
        "uint64": classes.astype(np.uint64),
        "big-endian": classes.astype(">i4"),
        "every other": np.repeat(classes, 2)[::2],
        "nothing masked": np.ma.array(classes, mask=False),
        "memoryview": memoryview(classes),
        "tensor": torch.tensor(CLASSES),
        "tensor of bytes": torch.tensor(CLASSES, dtype=torch.uint8),
        "list of tensors": [torch.tensor(label) for label in CLASSES],
        "series": pandas.Series(classes, index=range(50, 62)),
        "nullable series": pandas.Series(CLASSES, dtype="Int64"),
        "categories of integers": pandas.Series(CLASSES, dtype="category"),
        "index": pandas.Index(CLASSES),
        "arrow array": arrow.array(CLASSES),
        "arrow chunks": arrow.chunked_array([CLASSES[:5], CLASSES[5:]]),
    }


@pytest.mark.parametrize("case", accepted())
def test_labels_of_every_kind(case):
    assert chosen(accepted()[case]) == chosen(np.array(CLASSES))


def test_truth_values_are_two_classes():
    truth = np.arange(12) % 3 == 0
    assert chosen(truth) == chosen(truth.astype(int))
    assert chosen(truth.tolist()) == chosen(truth.astype(int))


def test_labels_of_polars():
    polars = pytest.importorskip("polars")
    assert chosen(polars.Series(CLASSES)) == chosen(CLASSES)
    with pytest.raises(ValueError, match="entry 1 is missing"):
        chosen(polars.Series([1, None] * 6))
    with pytest.raises(ValueError, match="numpy.unique"):
        chosen(polars.Series(["a"] * 12))


def refused():
    pandas = pytest.importorskip("pandas")
    torch = pytest.importorskip("torch")
    classes = np.array(CLASSES)
    tensor = torch.tensor(CLASSES)
    unique = r"numpy.unique\(labels, return_inverse=True\)"
    return {
        "masked": (np.ma.array(classes, mask=classes == 2), "masked values: row 2 has one"),
        "floats": (classes * 1.0, r"integers, got float64; .*astype\('int64'\)"),
        "NaN": (np.where(classes == 1, np.nan, 0), r"entry 1 is missing \(nan\)"),
        "None": ([0, 1, None] * 4, r"entry 2 is missing \(None\)"),
        "NA": (pandas.Series([0, 1, pandas.NA] * 4, dtype="Int64"), "entry 2 is missing"),
        "texts": (["a", "b", "c"] * 4, f"integers, got <U1; {unique}"),
        "series of texts": (pandas.Series(["a", "b", "c"] * 4), f"got object; {unique}"),
        "categories": (pandas.Series(["a", "b"] * 6, dtype="category"), f"object; {unique}"),
        "bytes": (np.array([b"a"] * 12), unique),
        "complex": (classes * 1j, "integers, got complex128"),
        "dates": (classes.astype("M8[s]"), "integers, got datetime64"),
        "too large": (classes.astype(np.uint64) + 2**63, r"below 2\*\*63, got"),
        "huge": ([2**70] * 12, "integers, got object"),
        "2-D": (classes[:, None], r"1-D, got shape \(12, 1\)"),
        "0-D": (np.array(1), r"1-D, got shape \(\)"),
        "ragged": ([[1, 2], [3]] * 6, "1-D sequence of integers: "),
        "too short": (classes[:-1], "expected 12, got 11"),
        "too long": ([*CLASSES, 1], "expected 12, got 13"),
        "none at all": ([], "expected 12, got 0"),
        "a path": ("labels.npy", r"integers, got 'labels.npy'; numpy.load"),
        "a set": ({1, 2}, "list of integers, got set"),
        "a generator": (iter(CLASSES), "list of integers, got list_iterator"),
        "a number": (3, "list of integers, got int"),
        "tensor of floats": (tensor.float(), r"integers, got float32; pass labels.long\(\)"),
        "tensor of bfloat16": (tensor.bfloat16(), r"got bfloat16; pass labels.long\(\)"),
        "sparse tensor": (tensor.to_sparse(), r"dense, .*labels.to_dense\(\)"),
        "meta tensor": (tensor.to("meta"), "labels cannot be read"),
        "frame": (pandas.DataFrame({"a": CLASSES}), r"1-D, got shape \(12, 1\)"),
    }


@pytest.mark.parametrize("case", refused())
@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_labels_that_are_no_classes(case):
    labels, message = refused()[case]
    with pytest.raises(ValueError, match=message):
        chosen(labels)
    with pytest.raises(ValueError, match=message):
        thinset.estimate(X, 6, "max_min", labels=labels, per_class=True)


@pytest.mark.parametrize("rows", [[5, 3], (5, 3), np.array([5, 3], np.uint8), range(5, 2, -2)])
def test_first_rows_of_every_kind(rows):
    torch = pytest.importorskip("torch")
    expected = [5, 3]
    assert thinset.select(X, 4, "max_min", initial_subset=rows).indices.tolist()[:2] == expected
    tensor = torch.tensor(list(rows))
    assert thinset.select(X, 4, "max_min", initial_subset=tensor).indices.tolist()[:2] == expected


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.arange(12) < 2, r"got bool; numpy.flatnonzero\(initial_subset\)"),
        ([1.0, 2.0], "initial_subset must be integers, got float64"),
        ([1, None], "entry 1 is missing"),
        (np.ma.array([1, 2], mask=[False, True]), "masked values: row 1"),
        ([-1], r"\[0, 12\): position 0 holds -1"),
        ([12], r"\[0, 12\): position 0 holds 12"),
        ([[1, 2]], "1-D, got shape"),
        ("first.npy", "got 'first.npy'; numpy.load"),
        ([1, 1], "row 1 is there again at position 1"),
        (5, "list of integers, got int"),
    ],
)
def test_first_rows_that_are_none(rows, message):
    with pytest.raises(ValueError, match=message):
        thinset.select(X, 4, "max_min", initial_subset=rows)
