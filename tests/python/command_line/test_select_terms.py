"""thinset select with rows left out, scores, groups, costs and ids."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from thinset.command_line import main

N = 300


@pytest.fixture
def folder(tmp_path, monkeypatch):
    g = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", g.standard_normal((N, 6)).astype(np.float32))
    np.save("old.npy", g.standard_normal((40, 6)).astype(np.float32))
    np.save("bad.npy", g.random(N) < 0.2)
    np.save("scores.npy", g.random(N) + 0.1)
    np.save("tokens.npy", g.integers(1, 50, N))
    (tmp_path / "patients.txt").write_text(
        "".join(f"patient {i}\n" for i in g.integers(0, 30, N)), "utf-8"
    )
    (tmp_path / "ids.txt").write_text("".join(f"img/{i}.png\n" for i in range(N)), "utf-8")
    return tmp_path


def call(capsys, *words):
    status = main(["select", "X.npy", "-o", "s.npz", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_everything_at_once(folder, capsys):
    status, _, error = call(
        capsys, "-m", "max_min", "--exclude", "bad.npy", "--existing", "old.npy", "--scores",
        "scores.npy", "--score-weight", "0.5", "--min-score", "0.2", "--groups", "patients.txt",
        "--max-per-group", "3", "--costs", "tokens.npy", "--budget", "500", "--ids", "ids.txt",
    )  # fmt: skip
    assert status == 0, error
    patients = (folder / "patients.txt").read_text().splitlines()
    ids = [f"img/{i}.png" for i in range(N)]
    expected = thinset.select(
        "X.npy", None, "max_min", exclude=np.load("bad.npy"), existing="old.npy",
        scores=np.load("scores.npy"), score_weight=0.5, min_score=0.2, groups=patients,
        max_per_group=3, costs=np.load("tokens.npy"), budget=500, ids=ids,
    )  # fmt: skip
    saved = thinset.Selection.load("s.npz")
    assert saved.indices.tolist() == expected.indices.tolist()
    assert saved.ids.tolist() == [ids[row] for row in saved.indices]
    assert saved.spent == expected.spent <= 500
    assert saved.params["n_existing"] == 40


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "terms"),
    [
        ("-n 50 -m kmeans --cover candidates --among bad.npy", {"cover": "candidates"}),
        ("-m max_min --among bad.npy --min-distance 2", {"min_distance": 2}),
    ],
)
def test_other_terms(capsys, words, terms):
    status, _, error = call(capsys, *words.split())
    assert status == 0, error
    n = 50 if "-n" in words else None
    method = "kmeans" if n else "max_min"
    expected = thinset.select("X.npy", n, method, among=np.load("bad.npy"), **terms)
    assert thinset.Selection.load("s.npz").indices.tolist() == expected.indices.tolist()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["exclude", "among", "initial_subset"])
def test_saved_selections_are_rows(capsys, name):
    given = thinset.select("X.npy", 30, "max_sum")
    given.save("given.npz")
    words = ["-n", "30", "-m", "max_min", f"--{name.replace('_', '-')}", "given.npz"]
    status, _, error = call(capsys, *words)
    assert status == 0, error
    expected = thinset.select("X.npy", 30, "max_min", **{name: given})
    assert thinset.Selection.load("s.npz").indices.tolist() == expected.indices.tolist()


@pytest.mark.usefixtures("folder")
def test_a_selection_of_nothing_new_has_no_figures(capsys):
    words = ["-m", "max_min", "--existing", "X.npy", "--min-distance", "0"]
    status, out, error = call(capsys, *words, "--objective", "--certificates")
    assert status == 0, error
    assert "0 of" in out
    selection = thinset.Selection.load("s.npz")
    assert len(selection) == 0
    with pytest.raises(ValueError, match="a selection without rows has no figures"):
        selection.objective_from("X.npy", progress=True)
    found = thinset.select("X.npy", None, "max_min", existing="X.npy", min_distance=0)
    with pytest.raises(ValueError, match="a selection without rows has no figures"):
        _ = found.objective["covering_radius"]


@pytest.mark.usefixtures("folder")
def test_an_estimate_names_what_it_leaves_out(capsys):
    words = ["-n", "5", "--scores", "scores.npy", "--min-score", "0", "--dry-run"]
    status, out, _ = call(capsys, *words)
    assert (status, out.splitlines()[-1]) == (0, "not counted: --scores, --min-score")
    assert "not counted" not in call(capsys, "-n", "5", "--dry-run")[1]


@pytest.mark.parametrize("flag", ["whole-groups", "one-per-group-first"])
def test_flags(folder, capsys, flag):
    assert call(capsys, "-n", "40", "--groups", "patients.txt", f"--{flag}")[0] == 0
    patients = (folder / "patients.txt").read_text().splitlines()
    expected = thinset.select("X.npy", 40, groups=patients, **{flag.replace("-", "_"): True})
    assert thinset.Selection.load("s.npz").indices.tolist() == expected.indices.tolist()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("", 2, "select needs --n-samples K, --budget B or --min-distance D"),
        ("--budget 9 --dry-run", 2, "--dry-run needs --n-samples K"),
        ("-n 5 --scores patients.txt", 3, "patients.txt must hold numbers, got text"),
        ("-n 5 --max-per-group 2", 3, "--max-per-group needs groups"),
        ("-n 5 --groups patients.txt", 3, "groups change nothing without --max-per-group"),
        ("-n 5 --ids patients.txt", 3, "ids must all be different: rows"),
        (
            "-n 5 --dedup-distance 0.1 --groups patients.txt",
            3,
            "groups change nothing without --max-per-group",
        ),
        ("-n 5 --dedup-distance -1", 3, "--dedup-distance must be"),
        ("-n 5 --exclude gone.npy", 4, "gone.npy"),
        ("-n 5 --labels s3://bucket/y.npy --per-class balanced", 4, "s3://bucket/y.npy: No such"),
        (
            "-n 5 --max-swaps 3",
            2,
            "applies only to the methods max_sum, max_min and facility_location; this one is topk",
        ),
        ("-n 5 -m kmeans --mode abs", 2, "--mode applies only to the method topk; this one is km"),
        ("-n 5 --min-distance 2", 2, "--min-distance applies only to the method max_min"),
        ("-n 5 --existing old.npy", 2, "--existing applies only to the methods max_sum, max_min"),
        ("-n 5 --labels bad.npy", 2, "--labels needs --per-class"),
        ("-n 5 --engine local --budget 3", 2, "does not take --budget; leave it out"),
    ],
)
def test_refusals(capsys, words, status, message):
    found, _, error = call(capsys, *words.split())
    assert (found, message in error) == (status, True), error
    assert error.count("\n") == 1, "nothing was begun, so there is no progress"


@pytest.mark.usefixtures("folder")
def test_embeddings_are_no_option_in_errors(capsys):
    np.save("X.npy", np.full((20, 3), np.nan, np.float32))
    status, _, error = call(capsys, "-n", "5")
    assert (status, "error: embeddings must be finite" in error) == (3, True), error


@pytest.mark.parametrize("engine", [[], ["--engine", "local"]])
def test_uris_of_files_are_paths_and_others_are_refused(folder, capsys, engine):
    out = ["-n", "5", "-m", "max_min", "-o", "s.npz", *engine]
    assert main(["select", (folder / "X.npy").as_uri(), *out]) == 0
    assert thinset.Selection.load("s.npz").indices.tolist() == (
        thinset.select("X.npy", 5, "max_min").indices.tolist()
    )
    capsys.readouterr()
    assert main(["select", "s3://bucket/X-*.npy", *out]) == 3
    assert "'s3://bucket/X-*.npy' is not a local path, and object" in capsys.readouterr().err
    assert main(["select", "X.npy", "-n", "5", "-o", "s3://bucket/s.npz", *engine]) == 2
    assert "-o must be a local path, got s3://bucket/s.npz" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_no_input_is_written_over(capsys):
    for option in ("--exclude", "--scores", "--costs", "--existing", "--ids"):
        words = ("-n", "5", "-m", "max_min", option, "tokens.npy", "-o", "tokens.npy")
        status, _, error = call(capsys, *words)
        assert status != 0
        assert "tokens.npy" in error
        assert np.load("tokens.npy").shape == (N,)
