"""Selections are saved and loaded whole, and nothing else is taken for one."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref

import numpy as np
import pytest

import thinset


@pytest.fixture
def selection():
    X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    return thinset.select(X, 7, "max_min", metric="sqeuclidean")


def test_mask_len_and_repr(selection):
    assert len(selection) == 7
    assert selection.mask().dtype == bool
    assert np.flatnonzero(selection.mask()).tolist() == sorted(selection.indices.tolist())
    assert repr(selection) == "Selection(max_min: 7 of 40 rows)"
    assert selection.indices.dtype == np.int64
    assert selection.gains.dtype == np.float64


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_has_what_was_known(selection, copied):
    radius = selection.objective["covering_radius"]
    other = copied(selection)
    assert other.indices.tolist() == selection.indices.tolist()
    assert other.params == selection.params
    assert dict(other.objective) == {"covering_radius": radius}
    assert dict(other.certificates) == {}
    with pytest.raises(ValueError, match="was not computed before"):
        other.certificates["lower_bound_of_covering_radius"]
    assert selection.objective["smallest_pairwise_distance"] > 0  # the original still computes


def test_round_trip(selection, tmp_path):
    radius = selection.objective["covering_radius"]
    selection.save(tmp_path / "s.npz")
    loaded = thinset.Selection.load(tmp_path / "s.npz")
    assert loaded.indices.tolist() == selection.indices.tolist()
    assert loaded.gains.tolist() == selection.gains.tolist()
    assert loaded.n_total == 40
    assert loaded.method == "max_min"
    assert loaded.params == selection.params
    assert dict(loaded.objective) == {"covering_radius": radius}
    assert "smallest_pairwise_distance" not in loaded.objective
    with pytest.raises(ValueError, match="was not computed before"):
        loaded.objective["sum_of_pairwise_distances"]
    with pytest.raises(KeyError):
        loaded.objective["beauty"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.npz"]


def altered(selection, path, **changes):
    description = {
        "format": "thinset-selection",
        "version": 1,
        "n_total": selection.n_total,
        "method": selection.method,
        "params": selection.params,
        "constant_columns": [],
        "objective": {},
    }
    arrays = {"indices": selection.indices, "gains": selection.gains}
    arrays |= {key: changes.pop(key) for key in ("indices", "gains") if key in changes}
    description |= changes
    np.savez(path, description=np.array(json.dumps(description)), **arrays)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "format"),
        ({"version": 2}, "version must be 1, got 2"),
        ({"n_total": 3}, r"indices must be in \[0, 3\)"),
        ({"n_total": "40"}, "n_total must be a int"),
        ({"indices": np.zeros(7, np.int64)}, "distinct"),
        ({"indices": np.zeros(7)}, "1-D int64, got float64"),
        ({"gains": np.zeros(3)}, "gains must be float64 of shape"),
    ],
)
def test_unusable_files_are_refused(selection, tmp_path, changes, message):
    altered(selection, tmp_path / "s.npz", **changes)
    with pytest.raises(ValueError, match=message):
        thinset.Selection.load(tmp_path / "s.npz")


def test_other_files_are_refused(selection, tmp_path):
    (tmp_path / "text.npz").write_text("not an archive")
    np.save(tmp_path / "array.npy", np.zeros(3))
    selection.save(tmp_path / "s.npz")
    whole = (tmp_path / "s.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    for name in ("text.npz", "array.npy", "cut.npz"):
        with pytest.raises(ValueError, match="is not a saved selection"):
            thinset.Selection.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        thinset.Selection.load(tmp_path / "missing.npz")


def test_any_changed_byte_of_the_content_is_noticed(selection, tmp_path):
    path = tmp_path / "s.npz"
    selection.save(path)
    whole = path.read_bytes()
    expected = (selection.indices.tolist(), selection.gains.tolist(), selection.params)
    n_refused = 0
    places = range(0, len(whole), 2)
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << (place // 2 % 8)
        path.write_bytes(changed)
        try:
            loaded = thinset.Selection.load(path)
        except ValueError:
            n_refused += 1
        else:  # a time stamp or the like inside the archive
            assert (loaded.indices.tolist(), loaded.gains.tolist(), loaded.params) == expected
    assert n_refused > 0.8 * len(places)


def test_a_changed_array_with_a_fresh_archive_is_noticed(selection, tmp_path):
    path = tmp_path / "s.npz"
    selection.save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["indices"] = arrays["indices"][::-1].copy()
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="has changed since it was written"):
        thinset.Selection.load(path)


def test_what_would_fill_the_memory_is_refused_at_once(selection, tmp_path):
    bomb = tmp_path / "bomb.npz"
    description = np.array(json.dumps({"format": "thinset-selection"}))
    zeros = np.zeros(50_000_000, np.int64)
    np.savez_compressed(bomb, indices=zeros, gains=zeros[:1], description=description)
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(ValueError, match=r"bomb\.npz.*is compressed"):
        thinset.Selection.load(bomb)
    selection.save(tmp_path / "s.npz")
    whole = (tmp_path / "s.npz").read_bytes()
    wide = whole.replace(b"'shape': (7,), }   ", b"'shape': (7777,), }")
    wide = _with_right_crc(wide)
    (tmp_path / "wide.npz").write_bytes(wide)
    with pytest.raises(ValueError, match=r"wide\.npz.*does not fit"):
        thinset.Selection.load(tmp_path / "wide.npz")


def _with_right_crc(content):
    """The archive with checksums that fit what was changed in it."""
    import io
    import zipfile
    from unittest.mock import patch

    out = io.BytesIO()
    with (
        patch("zipfile.ZipExtFile._update_crc"),
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(out, "w") as copy,
    ):
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
    return out.getvalue()


@pytest.mark.parametrize("n_total", [-1, 2**63, 10**100])
def test_a_number_of_rows_that_cannot_be_is_refused(selection, tmp_path, n_total):
    altered(selection, tmp_path / "s.npz", n_total=n_total)
    with pytest.raises(ValueError, match="not a usable selection"):
        thinset.Selection.load(tmp_path / "s.npz")


def test_embeddings_are_freed_with_the_last_selection_of_them():
    """Not only when the garbage collector finds them, with gigabytes in use."""
    gc.collect()
    gc.disable()
    try:
        x = np.random.default_rng(0).normal(size=(50, 6))
        chosen = thinset.select(x, 9, "max_sum")
        assert chosen.certificates["share_of_best_possible_sum"] > 0
        freed = weakref.ref(x)
        del x, chosen
        assert freed() is None
    finally:
        gc.enable()
