"""Progress off a terminal: plain lines, and a last one that tells done from stopped; or a bar."""

from __future__ import annotations

import subprocess
import sys
import time
import types

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


def test_work_that_is_refused_leaves_no_line(capsys):
    with pytest.raises(ValueError, match="refused"), ProgressBar("copy", 100):
        raise ValueError("refused")
    assert capsys.readouterr().err == ""


def test_disabled_it_prints_nothing(capsys):
    with ProgressBar("copy", 100, enabled=False) as bar:
        bar.update(100)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.4, "12 s left"), (59.4, "59 s left"), (90.0, "2 min left"), (7620.0, "2 h 7 min left")],
)
def test_lines_on_the_way_say_how_long_the_rest_takes(seconds, text, capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with ProgressBar("copy", 70) as bar:
        bar.update_to(50)  # resumed: the speed is not known yet
        now[0] += seconds
        bar.update_to(60)
    first, last = capsys.readouterr().err.splitlines()
    assert first == f"copy: 60/70 it, {seconds:.1f} s, {text}"
    assert last.endswith("done")


@pytest.fixture
def notebook(monkeypatch):
    """A shell with a kernel, as Jupyter has it; standard error is no terminal there."""
    shell = types.SimpleNamespace(kernel=object(), config={})
    module = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    yield shell
    # The choice that tqdm.auto makes when it is loaded is not for the tests that follow.
    for name in ("tqdm.auto", "tqdm.autonotebook"):
        sys.modules.pop(name, None)


def test_a_notebook_shows_a_bar(notebook, capsys):
    assert not sys.stderr.isatty()
    with ProgressBar("copy", 100, unit="rows") as bar:
        bar.update(93, loss=0.5)
    error = capsys.readouterr().err
    assert "copy: 100%" in error
    assert "100.0/100" in error
    assert "done" not in error


def test_a_notebook_shows_text_without_a_warning_where_widgets_are_missing(
    notebook, capsys, monkeypatch
):
    zmq = types.ModuleType("ipykernel.zmqshell")
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", zmq)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    for name in ("tqdm.auto", "tqdm.autonotebook", "tqdm.notebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with ProgressBar("copy", 10) as bar:
        bar.update(3)
    assert "copy: 100%" in capsys.readouterr().err


def test_a_notebook_shows_a_widget_where_there_is_one(notebook, monkeypatch):
    made = []

    class Widget:
        def __init__(self, **options):
            made.append((options, self))
            self.steps = []
            self.closed = False

        def update(self, step):
            self.steps.append(step)

        def close(self):
            self.closed = True

    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Widget))
    with ProgressBar("copy", 10) as bar:
        bar.update(3)
    ((options, widget),) = made
    assert (options["desc"], options["total"]) == ("copy", 10)
    assert (widget.steps, widget.closed) == ([3, 7], True)


@pytest.mark.parametrize("shell", [None, types.SimpleNamespace(config={})])
def test_ipython_in_a_terminal_is_no_notebook(shell, capsys, monkeypatch):
    module = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    with ProgressBar("copy", 10):
        pass
    assert capsys.readouterr().err.endswith("done\n")


def test_tqdm_is_not_loaded_for_lines():
    program = (
        "import sys; from thinset.progress import ProgressBar\n"
        "with ProgressBar('copy', 3) as bar: bar.update(1)\n"
        "print('tqdm' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
