"""The result of an audit: its differences, its parts, its file and its table."""

from __future__ import annotations

import json

import msgspec
import pytest

from thinset.results.audit import (
    EQUAL_BYTES,
    RANDOM,
    THE_SET,
    Audit,
    AuditRow,
    SeedScores,
    SetBytes,
    Teacher,
)
from thinset.results.audit_table import spoken_audit
from thinset.results.student import mean_interval


def row(name=THE_SET, labels="hard", *accuracies, **changes):
    values = {
        "network": "lenet",
        "name": name,
        "labels": labels,
        "is_augmented": False,
        "way": "training",
        "n_images": 10,
        "n_bytes": 640,
        "learning_rate": 0.01,
        "is_edge": False,
        "scores": tuple(
            SeedScores(seed, tuple(float(value) for value in values))
            for seed, values in enumerate(accuracies)
        ),
    }
    return AuditRow(**{**values, **changes})


ROWS = (
    row(THE_SET, "hard", (50, 52), (53, 55), (54, 58)),
    row(THE_SET, "own", (60, 62), (63, 65), (64, 68)),
    row(THE_SET, "hard", (55, 55), (55, 55), (55, 55), is_augmented=True),
    row(THE_SET, "own", (71,), (72,), (73,), way="replay", learning_rate=None),
    row(THE_SET, "own", (31,), (32,), (33,), way="replay from new weights", learning_rate=None),
    row(RANDOM, "hard", (40, 42), (42, 44), (41, 43), is_edge=True),
    row(RANDOM, "hard", (40, 42), (42, 44), (41, 43), is_augmented=True),
    row(RANDOM, "teacher", (50, 50), (50, 50), (50, 50)),
    row(RANDOM + EQUAL_BYTES, "hard", (45, 45), (45, 45), (45, 45), n_images=18),
    row("class means", "hard", (45, 45), (46, 46), (47, 47)),
    row("class means" + EQUAL_BYTES, "hard", (45, 46), (46, 47), (47, 48)),
)


def audit(rows=ROWS, **changes):
    values = {
        "set_name": "made",
        "n_images": 10,
        "n_bytes": SetBytes(images=640, soft_labels=400, step_sizes=120, initial_weights=2000),
        "n_classes": 10,
        "data_name": "digits",
        "n_train": 1294,
        "n_validation": 144,
        "n_test": 359,
        "rows": rows,
        "teacher": Teacher("lenet", 80.0),
        "notes": ("no replay on vgg: its layer uses the statistics of a batch",),
        "seconds": 3.5,
        "settings": {"n_networks": 2},
        "hardware": {"cpu": "a CPU"},
        "versions": {"python": "3.11"},
        "command": "thinset distill evaluate",
    }
    return Audit(**{**values, **changes})


def test_scores_are_of_all_networks():
    one = ROWS[0]
    assert one.n == 6
    assert one.mean == pytest.approx(53.666667)
    assert one.standard_deviation == pytest.approx(2.7325, abs=1e-4)
    assert one.by_seed == {0: 51.0, 1: 54.0, 2: 56.0}
    assert row(THE_SET, "hard", (5,)).standard_deviation is None


def test_networks_that_are_the_same_count_once():
    one = msgspec.structs.replace(ROWS[3], is_one_network=True)
    assert (one.n, one.standard_deviation, one.mean) == (1, None, 72.0)
    assert one.minus(ROWS[4]).seeds == (0, 1, 2)


def test_differences_are_paired_by_seed():
    difference = ROWS[0].minus(ROWS[5])
    assert difference.seeds == (0, 1, 2)
    assert difference.mean == pytest.approx(35 / 3)
    assert difference.interval == pytest.approx(mean_interval([10.0, 11.0, 14.0]))
    other = row(RANDOM, "hard", (1,), scores=(SeedScores(7, (1.0,)),))
    assert ROWS[0].minus(other) is None


@pytest.mark.parametrize(
    ("number", "reference"),
    [(0, 5), (1, 7), (2, 6), (3, 7), (4, 7), (5, None), (7, None), (8, None), (9, 5), (10, 8)],
)
def test_rows_are_compared_with_random_images_treated_alike(number, reference):
    found = audit().reference_of(ROWS[number])
    assert found == (None if reference is None else ROWS[reference])


def test_the_parts_add_up_to_what_is_compared():
    parts = {part.what: part.difference.mean for part in audit().parts}
    assert parts == pytest.approx(
        {
            "images: hard labels, against random images": 35 / 3,
            "images: hard labels and augmentation, against random images": 13.0,
            "labels: own against hard ones, the set": 10.0,
            "labels: own, against random images with labels of a teacher": 191 / 3 - 50,
            "labels: of a teacher against hard ones, random images": 8.0,
            "augmentation: with against without, the set": 55 - 161 / 3,
            "augmentation: with against without, random images": 0.0,
            "stored steps: replay against training": 72 - 191 / 3,
            "stored steps: replay, against random images with hard labels": 30.0,
            "stored steps: replay, against random images with labels of a teacher": 22.0,
            "initial weights: stored against new ones, replayed": 40.0,
            "bytes: training, against random images of equal bytes": 191 / 3 - 45,
            "bytes: replay, against random images of equal bytes": 27.0,
        }
    )


def test_differences_of_the_rows_are_among_the_parts():
    made = audit()
    replayed = made.find(ROWS[0].network, THE_SET, "own", way="replay")
    parts = {part.what: part.difference.mean for part in made.parts}
    shown = replayed.minus(made.reference_of(replayed)).mean
    assert parts[
        "stored steps: replay, against random images with labels of a teacher"
    ] == pytest.approx(shown)


def test_parts_that_were_not_measured_are_missing():
    hard = audit((ROWS[0], ROWS[5]), n_bytes=SetBytes(images=640), teacher=None)
    assert [part.what for part in hard.parts] == ["images: hard labels, against random images"]


def test_bytes_leave_initial_weights_out():
    assert audit().n_bytes.total == 1160


def test_a_file_is_read_as_it_was_written(tmp_path):
    audit().save(tmp_path / "audit.json")
    assert Audit.load(tmp_path / "audit.json") == audit()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "thinset-runs"}, "must be thinset-audit version 1, got"),
        ({"version": 2}, "must be thinset-audit version 1, got"),
        ({"n_images": 0}, "n_images must be a whole number from 1 to"),
        ({"more": 1}, "has no entry 'more'"),
    ],
)
def test_damaged_files_are_refused(tmp_path, changed, message):
    path = tmp_path / "audit.json"
    audit().save(path)
    content = {**json.loads(path.read_text()), **changed}
    content.pop("sha256")
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        Audit.load(path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="must be thinset-audit version 1"):
        Audit.load(path)


@pytest.mark.parametrize("value", [-1.0, 101.0, float("nan")])
def test_accuracies_are_percentages(value):
    with pytest.raises(ValueError, match="accuracies must be from 0 to 100"):
        SeedScores(0, (50.0, value))


def test_rows_need_scores_of_different_seeds():
    with pytest.raises(ValueError, match="scores must be one for each of several seeds"):
        row(THE_SET, "hard")
    with pytest.raises(ValueError, match=r"got seeds \[3, 3\]"):
        row(scores=(SeedScores(3, (1.0,)), SeedScores(3, (2.0,))))


def test_the_table_prints_every_row_the_parts_and_the_notes():
    text = spoken_audit(audit())
    lines = text.splitlines()
    assert lines[0] == (
        "made: 10 images, 1,160 bytes (images 640, soft labels 400, step sizes 120), for digits; "
        "initial weights of 2,000 bytes are not counted"
    )
    assert (
        lines[1].replace("\N{NO-BREAK SPACE}", " ") == "teacher: lenet, 80.0 % on validation data"
    )
    start = lines.index("lenet:")
    table = lines[start + 1 : start + 2 + len(ROWS)]
    assert table[0].split()[:3] == ["set", "images", "labels"]
    assert "replay from new weights" in table[5]
    assert "0.01*" in table[6]
    assert "53.7\N{NO-BREAK SPACE}% ± 2.7  6  +11.7" in table[1]
    parts = lines[lines.index("lenet, the parts (percentage points):") + 1 :]
    assert parts[0].startswith("images: hard labels, against random images ")
    assert "* the lowest or highest of the rates tried" in text
    assert text.endswith("note: no replay on vgg: its layer uses the statistics of a batch")
    assert "diverged" not in text


def test_the_table_counts_networks_that_diverged():
    diverged = msgspec.structs.replace(ROWS[0], scores=(SeedScores(0, (10.0, 50.0), 1),))
    assert "counted as guessing: 1 of the networks" in spoken_audit(audit((diverged,)))
