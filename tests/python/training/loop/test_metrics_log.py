from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from thinset.training import JsonLines


def lines(path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_call_is_a_line(tmp_path) -> None:
    log = JsonLines(tmp_path / "log.jsonl")
    log({"loss": 0.5}, 10)
    log({"loss": 0.25, "accuracy": 0.75}, 20)
    assert lines(tmp_path / "log.jsonl") == [
        {"step": 10, "loss": 0.5},
        {"step": 20, "loss": 0.25, "accuracy": 0.75},
    ]


@pytest.mark.parametrize("cut_off", ["", '{"step": 30, "lo', "[]\n{}\n"])
def test_steps_that_come_again_are_replaced(tmp_path, cut_off) -> None:
    path = tmp_path / "log.jsonl"
    first = JsonLines(path)
    for step in (10, 20, 30):
        first({"loss": 1.0}, step)
    with path.open("a") as file:
        file.write(cut_off)
    again = JsonLines(path)
    again({"loss": 0.5}, 20)
    again({"loss": 0.4}, 30)
    assert [(line["step"], line["loss"]) for line in lines(path)] == [
        (10, 1.0),
        (20, 0.5),
        (30, 0.4),
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named(tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    log = JsonLines(path)
    log({"loss": 0.5}, 10)
    path.unlink()
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="log.jsonl") as caught:
        log({"loss": 0.25}, 20)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
