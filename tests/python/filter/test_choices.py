"""The binary and Python give the same rows for selections on terms."""

from __future__ import annotations

import os

import numpy as np
import pytest

import thinset

N, D = 700, 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terms")
    g = np.random.default_rng(8)
    groups = g.integers(0, 50, N)
    arrays = {
        "X": g.standard_normal((N, D)).astype(np.float32),
        "old": g.standard_normal((90, D)).astype(np.float32),
        "rows": g.permutation(N)[:200].astype(np.int32),
        "mask": g.random(N) < 0.7,
        "scores": (g.random(N) + 0.1).astype(np.float32),
        "half": (g.random(N) + 0.1).astype(np.float16),
        "groups": groups,
        "names": np.array([f"Grüße {i}" for i in groups]),
        "costs": g.integers(1, 9, N).astype(np.uint16),
        "ids": np.array([f"Bild {i}.png" for i in range(N)]),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "names.txt").write_text("\n".join(arrays["names"]) + "\n", "utf-8")
    return folder


CASES = [
    ("topk", "exclude=rows among=mask scores=scores score-weight=1.5"),
    ("topk", "costs=costs budget=90 scores=half"),
    ("max_min", "existing=old exclude=mask scores=scores"),
    ("max_min", "min-distance=3.1"),
    ("max_min", "groups=groups one-per-group-first max-per-group=2 n=70"),
    ("max_sum", "existing=old groups=names.txt max-per-group=1 n=40"),
    ("max_sum", "groups=names whole-groups n=60 costs=costs budget=150"),
    ("kmeans", "exclude=rows scores=scores cover=candidates n=40"),
    ("kmeans", "exclude=rows cover=all groups=groups max-per-group=1 n=40"),
    ("random", "scores=scores score-weight=2 min-score=0.3 n=50"),
    ("random", "groups=names max-per-group=1 n=50"),
]


@pytest.mark.parametrize(("method", "terms"), CASES)
def test_equal(run, folder, method, terms):
    arguments, keywords, n_samples = [], {}, None
    for term in terms.split():
        name, _, value = term.partition("=")
        keyword = name.replace("-", "_")
        if name == "n":
            n_samples = int(value)
            arguments += ["-n", value]
        elif not value:
            arguments += [f"--{name}"]
            keywords[keyword] = True
        elif (path := folder / (value if "." in value else f"{value}.npy")).exists():
            arguments += [f"--{name}", path]
            is_text = path.suffix == ".txt"
            keywords[keyword] = path.read_text().split("\n")[:-1] if is_text else np.load(path)
        else:
            arguments += [f"--{name}", value]
            is_number = value.replace(".", "").isdigit()
            number = float(value) if "." in value else int(value) if is_number else value
            keywords[keyword] = number
    if n_samples is None and not {"budget", "min_distance"} & keywords.keys():
        n_samples = 50
        arguments += ["-n", "50"]
    expected = thinset.select(folder / "X.npy", n_samples, method, **keywords)
    for n_threads in (1, 2, 3, 7):
        _, found, _ = run(
            "select", folder / "X.npy", "-m", method, "-t", n_threads, *arguments, "--json"
        )
        assert found["indices"] == expected.indices.tolist()
        if "budget" in keywords:
            assert found["spent"] == expected.spent


def test_ids_are_printed(run, folder, tmp_path):
    expected = thinset.select(folder / "X.npy", 9, "max_min", ids=np.load(folder / "ids.npy"))
    call = ("select", folder / "X.npy", "-n", 9, "-m", "max_min", "--ids")
    _, text, _ = run(*call, folder / "ids.npy")
    assert text.splitlines() == expected.ids.tolist()
    lines = "\n".join(np.load(folder / "ids.npy"))
    (tmp_path / "ids.txt").write_text(lines, "utf-8")
    _, found, _ = run(*call, tmp_path / "ids.txt", "--json")
    assert found["ids"] == expected.ids.tolist()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ("", 2, "select needs --n-samples, --budget or --min-distance"),
        ("--budget x", 2, "--budget needs a finite number, got 'x'"),
        ("-n 5 --max-per-group 0", 2, "--max-per-group must be at least 1, got '0'"),
        ("-n 5 --min-distance 1", 2, "--min-distance applies only to the method max_min"),
        ("-n 5 --cover some", 2, "cover must be all or candidates; got 'some'"),
        ("-n 5 --max-per-group 2", 3, "max_per_group needs groups"),
        ("-n 5 --scores FOLDER/names.npy", 3, "must be a 1-D array of numbers"),
        ("-n 5 --groups FOLDER/nowhere.txt --max-per-group 1", 4, "nowhere.txt"),
        ("-n 5 --ids FOLDER/names.npy", 3, "ids must all be different: rows"),
        ("-n 5 -m max_min --existing FOLDER/scores.npy", 3, "existing: embeddings must be a 2-D"),
        ("-n 650 --among FOLDER/rows.npy", 3, "only 200 of the 700 rows may be chosen"),
    ],
)
def test_refusals(run, folder, arguments, status, message):
    words = arguments.replace("FOLDER", str(folder)).split()
    found, _, error = run("select", folder / "X.npy", *words, check=False)
    assert (found, message in error) == (status, True), error


@pytest.mark.parametrize("option", ["--ids", "--groups"])
def test_names_are_read_from_regular_files(run, folder, tmp_path, option):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "FIFO"), ("/dev/zero", "device")):
        words = ("-n", 2, option, path, *(("--max-per-group", 1) if option == "--groups" else ()))
        status, _, error = run("select", folder / "X.npy", *words, check=False)
        assert (status, f"is a {kind}; a regular file is needed" in error) == (3, True), error


def test_a_byte_order_mark_is_not_part_of_the_first_line(run, folder, tmp_path):
    names = [f"row {row}" for row in range(len(np.load(folder / "X.npy")))]
    (tmp_path / "ids.txt").write_text("\r\n".join(names), "utf-8-sig")
    call = ("select", folder / "X.npy", "-n", len(names), "--ids", tmp_path / "ids.txt", "--json")
    _, found, _ = run(*call)
    assert sorted(found["ids"]) == sorted(names)


def test_inputs_are_not_written_over(run, folder):
    for name in ("--exclude", "--scores", "--ids"):
        status, _, error = run(
            "select", folder / "X.npy", "-n", 5, name, folder / "rows.npy", "-o",
            folder / "rows.npy", check=False,
        )  # fmt: skip
        assert (status, "must not be the input" in error or "overwrite" in error) == (3, True), (
            error
        )
