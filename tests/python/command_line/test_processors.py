from __future__ import annotations

import os

import pytest

from thinset import _core
from thinset.command_line import main, processors


@pytest.fixture
def affinity():
    n = len(os.sched_getaffinity(0))
    if n < 2:
        pytest.skip("a quota below one processor changes nothing")
    return n


def test_commands_keep_other_libraries_to_the_quota(monkeypatch, affinity, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "set, so that it is restored")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(_core, "available_processors", lambda: affinity - 1)
    assert main(["data", "list"]) == 0
    assert os.environ["OMP_NUM_THREADS"] == str(affinity - 1)
    assert capsys.readouterr().out


def test_what_is_set_already_holds(monkeypatch, affinity):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr(_core, "available_processors", lambda: affinity - 1)
    processors.keep_to_cpu_quota()
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_without_a_quota_nothing_is_set(monkeypatch, affinity):
    monkeypatch.setenv("OMP_NUM_THREADS", "set, so that it is restored")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(_core, "available_processors", lambda: affinity)
    processors.keep_to_cpu_quota()
    assert "OMP_NUM_THREADS" not in os.environ
