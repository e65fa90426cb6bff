"""thinset probe, as a person calls it."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from thinset.command_line import main


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--time", "9"], 3, "--time: a length is a number with a unit"),
        (["--time", "9st"], 3, "--time must be a time such as 90s or 7min, got '9st'"),
        (["--time", "0s"], 3, "--time must be longer than 0, got 0s"),
        (["--label-budget", "0"], 3, "--label-budget must be at least 1, got 0"),
        (["--seed", "-1"], 3, "--seed must be a whole number"),
        (["--encoded"], 3, "digits holds no encoded images"),
        (["--embeddings", "missing.npy"], 4, "missing.npy"),
        (["--model", "nothing"], 3, "nothing"),
    ],
)
def test_mistakes_are_named(capsys, tmp_path, monkeypatch, options, status, message) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["probe", "digits", *options]) == status
    assert message in capsys.readouterr().err


def test_json_holds_what_the_text_says(capsys, tmp_path) -> None:
    out = str(tmp_path / "probe")
    arguments = ["probe", "digits", "--label-budget", "50", "--time", "5s", "-o", out]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    for name, words in content["words"].items():
        assert f"\n{name}: {words}\n" in f"\n{text}"
    assert f"advice: {content['advice']['sentence']}" in text
    assert f"next: {content['advice']['command']}" in text
    assert content["facts"]["n_samples"] == 1438
    assert main(["verify", out]) == 0
    page = tmp_path / "probe" / "report" / "index.html"
    first = page.read_bytes()
    assert main(["report", out]) == 0
    assert page.read_bytes() == first
    assert content["advice"]["sentence"].removesuffix(".") in first.decode()


@pytest.mark.alone
def test_the_time_is_kept_and_nothing_is_left_behind(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    assert main(["probe", "digits", "--time", "6s"]) == 0
    assert time.monotonic() - start < 12  # the machine may be busy
    assert "advice: " in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_embeddings_that_are_not_finite_are_refused(capsys, tmp_path) -> None:
    embeddings = np.zeros((1438, 2), np.float32)
    embeddings[9, 1] = np.inf
    np.save(tmp_path / "bad.npy", embeddings)
    assert main(["probe", "digits", "--embeddings", str(tmp_path / "bad.npy")]) == 3
    assert "row 9 holds inf in column 1" in capsys.readouterr().err
