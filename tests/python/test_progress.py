"""Progress off a terminal: plain lines, and a last one that tells done from stopped."""

from __future__ import annotations

import pytest

from thinset.progress import ProgressBar


def test_the_last_line_says_done_and_how_much(capsys):
    with ProgressBar("copy", 100, unit="rows") as bar:
        bar.update(93, loss=0.12345)
    assert capsys.readouterr().err.startswith("copy: 100/100 rows, ")
    with ProgressBar("copy", 100, unit="rows") as bar:
        bar.update_to(100, loss=0.12345)
    assert capsys.readouterr().err.endswith(" s, loss 0.1235, done\n")


def test_an_error_leaves_the_amount_and_says_stopped(capsys):
    with pytest.raises(RuntimeError), ProgressBar("copy", 100) as bar:
        bar.update(7)
        raise RuntimeError
    line = capsys.readouterr().err
    assert line.startswith("copy: 7/100 it")
    assert line.endswith("stopped\n")


def test_disabled_it_prints_nothing(capsys):
    with ProgressBar("copy", 100, enabled=False) as bar:
        bar.update(100)
    assert capsys.readouterr().err == ""
