"""A comparison that is killed: its page stays valid, and the next call finishes it."""

from __future__ import annotations

import html
import os
import re
import shlex
import signal
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from thinset.command_line import main
from thinset.results import load_records

_VOID = {"meta", "img", "input", "br"}


class Balance(HTMLParser):
    """Refuses end tags without their start."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def content_of(page):
    """The page as text without tags, if it is complete."""
    whole = page.read_text(encoding="utf-8")
    balance = Balance()
    balance.feed(whole)
    assert balance.open == []
    assert whole.rstrip().endswith("</html>")
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]*>", "", whole)))


@pytest.mark.alone
def test_the_page_of_a_killed_comparison_says_how_to_go_on(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["compare", "digits", "--preset", "smoke", "--methods", "full", "random", "kmeans"]
    arguments += ["--encoder", "pca", "--seeds", "0", "1", "--steps", "20st", "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-m", "thinset", *arguments], stderr=subprocess.PIPE, text=True
    ) as command:
        for line in command.stderr:
            # The page follows the first training at once.
            if line.startswith("training 3 of 6"):
                os.kill(command.pid, signal.SIGKILL)
                break
        assert command.wait() == -signal.SIGKILL

    page = out / "report" / "index.html"
    text = content_of(page)
    n_done = len(load_records(out / "report" / "records.json"))
    assert n_done in (1, 2)
    assert f"{n_done} of 6 trainings done." in text
    assert "Next:" not in text
    (typed,) = re.findall("run it again to resume: (thinset .*?) Final scores", text)

    assert main(shlex.split(typed)[1:]) == 0
    assert "training 1 of 4: " in capsys.readouterr().err  # the two that are kept do not run again
    text = content_of(page)
    assert "trainings done" not in text
    assert "What was kept" in text
    assert len(load_records(out / "report" / "records.json")) == 6
    assert [path.name for path in out.iterdir() if "partial" in path.name] == []
