"""The page of a selection: what it carries, how large it is, and what it says about it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from thinset.report.explorer import (
    ExplorerInputs,
    OtherSelection,
    Reasons,
    Stacks,
    explorer_of,
    plane_through,
)
from thinset.report.explorer import points as points_module
from thinset.report.show_page import ShowInputs, overlap, write_show_page

ATTACK = "\"'></script><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"


def images_of(pixels):
    def read(rows):
        assert (np.diff(rows) > 0).all()
        for start in range(0, len(rows), 64):
            yield pixels[rows[start : start + 64]]

    return read


def inputs_of(n=300, k=30, **changes):
    rng = np.random.default_rng(0)
    order = rng.permutation(n)
    content = {
        "n_total": n,
        "name": "mine",
        "indices": order[:k],
        "gains": rng.random(k),
        "coordinates": rng.standard_normal((n, 2)) * [3.0, 1.0] + 7.0,
        "labels": np.arange(n) % 3,
        "class_names": ["ant", "bee", "cat"],
        "images": images_of(rng.integers(0, 256, (n, 24, 12, 3), dtype=np.uint8)),
    }
    return ExplorerInputs(**{**content, **changes})


def array(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), packed["type"])


def texts(zipped):
    return json.loads(gzip.decompress(base64.b64decode(zipped)))


def test_points_come_in_selection_order_and_carry_what_is_known():
    n = 300
    rng = np.random.default_rng(1)
    inputs = inputs_of(n)
    kept, other = inputs.indices, np.concatenate([inputs.indices[:5], rng.permutation(n)[:0]])
    other = np.concatenate([inputs.indices[4::-1], np.setdiff1d(np.arange(n), kept)[:7]])
    nearest = rng.choice(kept, n)
    distances = rng.random(n)
    inputs = inputs_of(
        n,
        reasons=Reasons(nearest, distances, "cosine"),
        stacks=Stacks([np.array([0, 1, 2]), np.array([3, 4])], 0.5),
        other=OtherSelection("theirs", other, np.arange(12.0)),
        ids=[f"id-{row}" for row in range(n)],
    )
    explorer = explorer_of(inputs)
    data = json.loads(explorer.data)
    rows = array(data["rows"])
    assert sorted(rows) == list(range(n))
    np.testing.assert_array_equal(rows[:30], kept)
    np.testing.assert_array_equal(rows[30:37], other[5:])
    assert (data["nKept"], data["nChosen"], data["nTotal"]) == (30, 37, n)
    np.testing.assert_array_equal(array(data["labels"]), rows % 3)
    np.testing.assert_allclose(array(data["gains"]), inputs.gains, rtol=1e-6)
    # Both axes have one scale, and the longer one fills it.
    places = np.stack([array(data["x"]), array(data["y"])], axis=1) / 65535
    low, unit = inputs.coordinates.min(axis=0), np.ptp(inputs.coordinates, axis=0).max()
    np.testing.assert_allclose(places, (inputs.coordinates[rows] - low) / unit, atol=1e-5)
    assert data["extent"][0] == 1.0
    assert data["extent"][1] < 1.0
    # Numbers of points stand for rows.
    np.testing.assert_array_equal(rows[array(data["nearest"])], nearest[rows[30:]])
    np.testing.assert_allclose(array(data["distances"]), distances[rows[30:]], rtol=1e-6)
    expected = [np.count_nonzero(nearest[rows[30:]] == row) for row in kept]
    np.testing.assert_array_equal(array(data["represented"]), expected)
    np.testing.assert_array_equal(rows[array(data["other"]["points"])], other)
    members = rows[array(data["stacks"]["members"])]
    assert [sorted(members[:3]), sorted(members[3:])] == [[0, 1, 2], [3, 4]]
    assert texts(explorer.ids) == [f"id-{row}" for row in rows]


def test_samples_of_one_place_are_in_the_middle_of_the_map():
    data = json.loads(explorer_of(inputs_of(coordinates=np.full((300, 2), 7.0))).data)
    assert data["extent"] == [1.0, 1.0]
    assert set(array(data["x"])) == set(array(data["y"])) == {32767}


def test_thumbnails_are_those_of_the_points():
    n = 90
    colours = np.random.default_rng(3).integers(0, 256, (n, 1, 1, 3))
    pixels = np.broadcast_to(colours, (n, 16, 16, 3)).astype(np.uint8)
    explorer = explorer_of(inputs_of(n, k=10, images=images_of(pixels)))
    rows = array(json.loads(explorer.data)["rows"])
    for point, row in enumerate(rows):
        sheet = next(s for s in explorer.sheets if s.first <= point < s.first + s.count)
        picture = np.asarray(Image.open(io.BytesIO(sheet.content)).convert("RGB"), np.int64)
        top, left = (
            size * place
            for size, place in zip(
                (sheet.height, sheet.width), divmod(point - sheet.first, sheet.columns), strict=True
            )
        )
        middle = picture[top + 7 : top + 9, left + 7 : left + 9].mean(axis=(0, 1))
        np.testing.assert_allclose(middle, colours[row, 0, 0], atol=12)


@pytest.mark.parametrize("max_bytes", [78_000, 160_000, 500_000])
def test_the_page_keeps_to_its_size_and_says_what_it_shows(tmp_path, max_bytes):
    """Noise does not compress: the first size has pictures of a few dropped samples only."""
    letters = np.random.default_rng(8).integers(97, 123, (300, 300), dtype=np.uint8)
    long = [row.tobytes().decode() for row in letters]
    explored = inputs_of(texts=long)
    written = write_show_page(
        ShowInputs("noise", explored, "thinset show"), tmp_path / "page.html", max_bytes=max_bytes
    )
    assert written.stat().st_size <= max_bytes
    page = written.read_text(encoding="utf-8")
    (note,) = re.findall(r"<li>Thumbnails: (.*?)</li>", page)
    assert "12 \N{MULTIPLICATION SIGN} 24 pixels for kept samples" in note or max_bytes < 500_000
    if max_bytes == 78_000:
        assert "of 270 of them" in note or "none of dropped" in note
    assert ("Texts are shown in full." in page) == (max_bytes == 500_000)


def test_long_ids_leave_room_for_pictures():
    letters = np.random.default_rng(9).integers(97, 123, (300, 500), dtype=np.uint8)
    ids = [row.tobytes().decode() for row in letters]
    explorer = explorer_of(inputs_of(ids=ids), max_bytes=200_000)
    assert explorer.sheets
    shown = texts(explorer.ids)
    row = array(json.loads(explorer.data)["rows"])[0]
    assert shown[0][0] == "\N{HORIZONTAL ELLIPSIS}"
    assert ids[row].endswith(shown[0][1:])
    crowded = explorer_of(inputs_of(ids=ids), max_bytes=1000)
    assert (crowded.ids, crowded.sheets) == ("", ())
    assert "Ids have no room in this page." in crowded.notes


def test_of_many_samples_the_kept_ones_and_a_random_part_are_shown(monkeypatch):
    monkeypatch.setattr(points_module, "MAX_POINTS", 50)
    explorer = explorer_of(inputs_of(n=300, k=20))
    rows = array(json.loads(explorer.data)["rows"])
    np.testing.assert_array_equal(rows[:20], inputs_of(300, 20).indices)
    assert len(set(rows)) == 50
    assert explorer.notes[0] == (
        "50 of 300 samples are shown: 20 that were kept and 30 of the others, drawn at random."
    )
    # At most four fifths of the points are kept ones; a nearest sample may then be missing.
    reasons = Reasons(np.full(300, inputs_of(300, 200).indices[150]), np.ones(300), "euclidean")
    data = json.loads(explorer_of(inputs_of(n=300, k=200, reasons=reasons)).data)
    assert (data["nKept"], data["nSelected"]) == (40, 200)
    assert set(array(data["nearest"])) == {2**32 - 1}


def test_hostile_texts_stay_texts_and_the_policy_allows_one_script(tmp_path):
    n = 300
    explored = inputs_of(
        name=ATTACK,
        class_names=[ATTACK, "bee", "cat"],
        ids=[ATTACK] * n,
        texts=[ATTACK] * n,
        other=OtherSelection(ATTACK, np.arange(9)),
    )
    inputs = ShowInputs(ATTACK, explored, ATTACK, {"map": ATTACK}, {ATTACK: {ATTACK: ATTACK}})
    page = write_show_page(inputs, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&amp;lt;" not in page
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-"
    assert f"{policy}{digest}'" in html.unescape(page)
    assert not re.search(r"(?:src|href)=\"?https?:", page)


def test_a_page_of_two_selections_says_how_each_was_made(tmp_path):
    both = inputs_of(name="mine", other=OtherSelection("theirs", np.arange(9)))
    settings = {"mine": {"method": "kmeans"}, "theirs": {"method": "max_min"}}
    inputs = ShowInputs("noise", both, "thinset show", settings=settings)
    page = write_show_page(inputs, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>mine and theirs on noise</title>" in page
    found = re.findall(r"<h3>(\w+)</h3>.*?<dd>\s*(\w+)", page, re.DOTALL)
    assert found == [("mine", "kmeans"), ("theirs", "max_min")]


def test_long_names_of_classes_are_shortened():
    names = ["a" * 5000 + "z", "bee", "cat"]
    classes = json.loads(explorer_of(inputs_of(class_names=names)).data)["classes"]
    assert len(classes[0][0]) == 60
    assert (classes[0][0][0], classes[0][0][-1], classes[1][0]) == ("a", "z", "bee")


def test_every_part_may_be_missing(tmp_path):
    bare = ExplorerInputs(4, "few", np.array([2]))
    inputs = ShowInputs("four", bare, "thinset show", {"map": "no map", "stacks": "no stacks"})
    page = write_show_page(inputs, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "few keeps 1 of 4 samples" in page
    assert "no map" in page
    assert "no stacks" in page
    assert "<canvas" not in page.partition("<script")[0]
    none = ExplorerInputs(4, "none", np.zeros(0, np.int64), coordinates=np.zeros((4, 2)))
    write_show_page(ShowInputs("four", none, ""), tmp_path / "page.html")


def test_overlap_counts_and_compares_with_chance():
    table = overlap(inputs_of(100, 20, other=OtherSelection("theirs", np.arange(50))))
    both = np.count_nonzero(inputs_of(100, 20).indices < 50)
    numbers = [row[1].text for row in table.rows]
    assert numbers == [
        str(both), str(20 - both), str(50 - both), str(30 + both),
        f"{both / (70 - both):.3f}", f"{10 / 60:.3f}",
    ]  # fmt: skip
    assert overlap(inputs_of()) is None


def test_the_plane_is_that_of_most_variance_whatever_the_pieces():
    rng = np.random.default_rng(5)
    basis = np.linalg.qr(rng.standard_normal((9, 9)))[0]
    rows = (rng.standard_normal((500, 9)) * [9, 5, 1, 1, 1, 1, 1, 1, 1]) @ basis.T + 3.0
    plane = plane_through(lambda: np.split(rows.astype(np.float32), [1, 333]), 500)
    centred = rows - rows.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    signs = np.sign((plane.coordinates * expected).sum(axis=0))
    np.testing.assert_allclose(plane.coordinates * signs, expected, atol=0.02)
    shares = sizes[:2] ** 2 / (sizes**2).sum()
    np.testing.assert_allclose(plane.shares, shares, atol=1e-3)
    rows[333, 2] = np.inf
    with pytest.raises(ValueError, match="must be finite, row 333 is not"):
        plane_through(lambda: [rows], 500)
