"""What bash, zsh and fish complete, typed in a pseudo-terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from thinset.command_line import COMMANDS
from thinset.command_line.completions import completion_script

pytest.importorskip("pexpect")
from terminals import SHELLS, Terminal, missing

OF_FILTER = Path(__file__).parents[3] / "cpp" / "install" / "completions"
METHODS = {"topk", "max_sum", "max_min", "facility_location", "kmeans", "random"}


@pytest.fixture(scope="module", params=SHELLS)
def terminal(request, tmp_path_factory):
    shell = request.param
    if (reason := missing(shell)) is not None:
        pytest.skip(reason)
    home = tmp_path_factory.mktemp(shell)
    folder = home / "work"
    (folder / "images").mkdir(parents=True)
    for name in ("embeddings.npy", "my rows.npy"):
        (folder / name).touch()
    scripts = {
        "thinset": completion_script(COMMANDS, shell),
        "thinset-filter": (OF_FILTER / f"thinset-filter.{shell}").read_text(encoding="utf-8"),
    }
    terminal = Terminal(shell, home, folder, scripts)
    yield terminal
    terminal.close()


@pytest.mark.parametrize(
    ("line", "last"),
    [
        ("thinset sel", "select"),
        ("thinset distill ev", "evaluate"),
        ("thinset augment sam", "sample"),
        ("thinset select x.npy --per-c", "--per-class"),
        ("thinset select x.npy -m fac", "facility_location"),
        ("thinset select x.npy -n 5 --metric cos", "cosine"),
        ("thinset select x.npy --metric=cos", "--metric=cosine"),
        ("thinset select emb", "embeddings.npy"),
        ("thinset select embeddings.npy my", "my rows.npy"),
        ("thinset show chosen.npz --data im", "images"),
        ("thinset-filter gat", "gather"),
        ("thinset-filter select x.npy --per-c", "--per-class"),
        ("thinset-filter filter x.npy -m fac", "facility_location"),
        ("thinset-filter select x.npy --metric=cos", "--metric=cosine"),
        ("thinset-filter info emb", "embeddings.npy"),
        ("thinset-filter select x.npy --labels my", "my rows.npy"),
        ("thinset-filter gather x.npy embeddings.npy -o im", "images"),
    ],
)
def test_tab_completes(terminal, line, last):
    arguments, _ = terminal.press_tab(line)
    # zsh takes the slash away again at Enter.
    assert [word.rstrip("/") for word in arguments] == [*line.split()[1:-1], last]


@pytest.mark.parametrize("program", ["thinset", "thinset-filter"])
@pytest.mark.parametrize("quoted", ["my\\ r", "'my r"])
def test_tab_completes_what_is_quoted(terminal, program, quoted):
    arguments, _ = terminal.press_tab(f"{program} select {quoted}")
    assert arguments == ["select", "my rows.npy"]


@pytest.mark.parametrize("program", ["thinset", "thinset-filter"])
def test_tab_lists_what_fits(terminal, program):
    _, shown = terminal.press_tab(f"{program} select x.npy -m ")
    words = shown.split()
    assert set(words) >= METHODS
    assert not [word for word in words if word.endswith((".npy", "/")) and word != "x.npy"]
    _, shown = terminal.press_tab(f"{program} ")
    assert "select" in shown.split()
