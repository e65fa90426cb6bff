"""Encodings that are interrupted go on with the rows that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from thinset.embeddings import encode
from thinset.embeddings import unfinished as module


class Arrays:
    labels = None

    def __init__(self, seed=0):
        self.images = np.random.default_rng(seed).integers(0, 256, (20, 4, 4, 3), np.uint8)


class Counting(nn.Module):
    """Counts its samples, and is interrupted after `most` of them."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        _seen.append(len(images))
        if sum(_seen) > _most[0]:
            raise KeyboardInterrupt
        return self.scale * images


_seen: list[int] = []
_most = [1000]


@pytest.fixture(autouse=True)
def _counts(monkeypatch):
    _seen.clear()
    _most[0] = 1000
    monkeypatch.setattr(module, "KEPT_AFTER_SECONDS", 0.0)


def run(out, model=None, data=None, most=1000):
    _seen.clear()
    _most[0] = most
    return encode(model or Counting(), data or Arrays(), out, batch_size=4, device="cpu")


def interrupted(out):
    with pytest.raises(KeyboardInterrupt):
        run(out, most=14)  # in the fourth batch; the first image is encoded twice


def kept(out):
    return sorted(path.name for path in (Path(out) / "unfinished").glob("*.json"))


def test_rows_are_not_computed_twice_and_are_the_same(tmp_path):
    expected = run(tmp_path / "whole").copy()
    assert sum(_seen) == 21
    out = tmp_path / "out"
    interrupted(out)
    assert kept(out) == ["000000000000.json", "000000000004.json", "000000000008.json"]
    found = run(out)
    assert sum(_seen) == 9
    np.testing.assert_array_equal(found, expected)
    assert sorted(path.name for path in out.iterdir()) == ["embeddings.json", "embeddings.npy"]


def test_the_seconds_before_the_interruption_count(tmp_path):
    interrupted(tmp_path)
    for path in (tmp_path / "unfinished").glob("*.json"):
        content = json.loads(path.read_text())
        del content["sha256"]
        module.write_json_with_digest(path, {**content, "seconds": 100.0})
    run(tmp_path)
    assert 300 < json.loads((tmp_path / "embeddings.json").read_text())["seconds"] < 400


def test_rows_of_other_data_or_weights_are_not_used(tmp_path):
    other = Counting()
    with torch.no_grad():
        other.scale.fill_(2)
    for options in ({"model": other}, {"data": Arrays(1)}):
        interrupted(tmp_path)
        expected = run(tmp_path / "whole", **options).copy()
        np.testing.assert_array_equal(run(tmp_path, **options), expected)
        assert sum(_seen) == 21
        for path in tmp_path.glob("embeddings.*"):
            path.unlink()


def test_damaged_rows_and_those_after_them_are_computed_again(tmp_path):
    expected = run(tmp_path / "whole").copy()
    interrupted(tmp_path)
    path = tmp_path / "unfinished" / "000000000004.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    np.testing.assert_array_equal(run(tmp_path), expected)
    assert sum(_seen) == 17
    interrupted(tmp_path / "again")
    (tmp_path / "again" / "unfinished" / "000000000000.npy").unlink()
    np.testing.assert_array_equal(run(tmp_path / "again"), expected)
    assert sum(_seen) == 21


def test_a_call_that_was_killed_in_its_last_moment_leaves_nothing_to_compute(tmp_path, monkeypatch):
    expected = run(tmp_path / "whole").copy()
    monkeypatch.setattr(module.UnfinishedRows, "remove", lambda self: None)
    run(tmp_path)
    monkeypatch.undo()
    assert len(kept(tmp_path)) == 5
    (tmp_path / "embeddings.json").unlink()
    np.testing.assert_array_equal(run(tmp_path), expected)
    assert _seen == []
    assert not (tmp_path / "unfinished").exists()


def test_what_remains_beside_finished_embeddings_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(module.UnfinishedRows, "remove", lambda self: None)
    run(tmp_path)
    monkeypatch.undo()
    run(tmp_path)
    assert _seen == []
    assert not (tmp_path / "unfinished").exists()


def test_quick_encodings_keep_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT_AFTER_SECONDS", 30.0)
    interrupted(tmp_path)
    assert not (tmp_path / "unfinished").exists()
