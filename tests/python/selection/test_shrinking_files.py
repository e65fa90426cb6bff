"""A mapped file that becomes shorter while the core reads it ends in an error, not in a signal.

Each case runs in an interpreter of its own, which must survive: the worst answer is its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROWS = 20_000
MESSAGE = "became shorter while it was read"

# Cuts the file while `call` runs: at the first report of progress, 50 ms in. Such calls run in one
# thread, so that a fast machine is not done by then.
PROGRAM = """
import faulthandler, json, os, sys
import numpy as np
import thinset
from thinset import _core
faulthandler.enable()
path = {path!r}
size = os.stat(path).st_size
def cut(done, total):
    os.truncate(path, {left})
def attempt(call):
    try:
        return call()
    except ValueError as error:
        return [type(error).__name__, str(error)]
{body}
print(json.dumps(answers))
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "embeddings.npy"
    X = np.random.default_rng(0).standard_normal((ROWS, 32)).astype(np.float32)
    np.save(path, X)
    return path


def answers_of(path, body, left=100_000):
    program = PROGRAM.format(path=str(path), left=left, body=body)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "Fatal" not in result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "embeddings",
    [
        "path",
        "np.load(path, mmap_mode='r')",
        "np.load(path, mmap_mode='r+')[10:]",
        "[np.load(path, mmap_mode='r')[:100], path]",
        "np.asarray(np.memmap(path, np.float32, 'r', 128, (20_000, 32)))",
    ],
)
def test_select_says_so(file, embeddings):
    body = (
        f"X = {embeddings}\n"
        "answers = [attempt(lambda: thinset.select(X, 15_000, 'max_min', n_threads=1,\n"
        "                                          progress=cut))]\n"
    )
    [(kind, message)] = answers_of(file, body)
    assert kind == "FormatError"
    assert MESSAGE in message
    assert str(file) in message


@pytest.mark.parametrize("method", ["topk", "max_sum", "facility_location", "kmeans", "random"])
def test_every_method_says_so(file, method):
    # Too short already when the work begins.
    body = (
        "X = _core.open_npy(path)\n"
        "cut(0, 0)\n"
        f"answers = [attempt(lambda: thinset.select(X, 100, {method!r}))]\n"
    )
    [(kind, message)] = answers_of(file, body)
    assert (kind, str(file) in message, MESSAGE in message) == ("FormatError", True, True)


def test_figures_duplicates_and_gathers_say_so(file, tmp_path):
    body = (
        "X = np.load(path, mmap_mode='r')\n"
        "selection = thinset.select(X, 10, 'random')\n"
        "rows = np.arange(20_000)\n"
        f"target = {str(tmp_path / 'rows.npy')!r}\n"
        "cut(0, 0)\n"
        "answers = [\n"
        "    attempt(lambda: selection.objective['covering_radius']),\n"
        "    attempt(lambda: selection.certificates['lower_bound_of_covering_radius']),\n"
        "    attempt(lambda: thinset.deduplicate(X, 0.1)),\n"
        "    attempt(lambda: _core.gather(X, rows, target)),\n"
        "    attempt(lambda: _core.gather(path, rows, target)),\n"
        "]\n"
    )
    answers = answers_of(file, body)
    assert len(answers) == 5
    for kind, message in answers[:-1]:
        assert (kind, MESSAGE in message) == ("FormatError", True)
    # Opened after the cut: it is plainly not whole.
    assert "header states" in answers[-1][1]
    assert not (tmp_path / "rows.npy").exists()


def test_figures_say_so_while_they_run(file):
    body = (
        "X = np.load(path, mmap_mode='r')\n"
        "rows = np.arange(5_000)\n"
        "answers = [attempt(lambda: _core.covering_radius(X, rows, n_threads=1, progress=cut))]\n"
    )
    [(kind, message)] = answers_of(file, body)
    assert (kind, MESSAGE in message) == ("FormatError", True)


def test_labels_say_so(file, tmp_path):
    np.save(tmp_path / "labels.npy", np.arange(ROWS) % 3)
    body = (
        f"labels = np.load({str(tmp_path / 'labels.npy')!r}, mmap_mode='r')\n"
        f"os.truncate({str(tmp_path / 'labels.npy')!r}, 1000)\n"
        "X = np.load(path)\n"
        "indices = np.arange(3)\n"
        "answers = [attempt(lambda: _core.select(X, 9, method='max_min', labels=labels,\n"
        "                                        per_class='balanced'))]\n"
    )
    [(kind, message)] = answers_of(file, body)
    assert (kind, MESSAGE in message, "labels.npy" in message) == ("FormatError", True, True)


def test_less_than_a_page_is_noticed(file):
    size = file.stat().st_size
    body = (
        "mapped, opened = np.load(path, mmap_mode='r'), _core.open_npy(path)\n"
        "cut(0, 0)\n"
        "answers = [attempt(lambda: thinset.select(X, 9, 'max_min')) for X in (mapped, opened)]\n"
    )
    for kind, message in answers_of(file, body, left=size - 1):
        assert (kind, MESSAGE in message) == ("FormatError", True)


def test_a_map_that_lost_pages_stays_refused_when_the_file_is_whole_again(file):
    body = (
        "with open(path, 'rb') as stream:\n"
        "    content = stream.read()\n"
        "answers = []\n"
        "for X in (np.load(path, mmap_mode='r'), _core.open_npy(path)):\n"
        "    first = attempt(lambda: thinset.select(X, 15_000, 'max_min', n_threads=1,\n"
        "                                           progress=cut))\n"
        "    with open(path, 'r+b') as stream:\n"
        "        stream.write(content)\n"
        "    again = attempt(lambda: thinset.select(X, 9, 'max_min'))\n"
        "    anew = attempt(lambda: len(thinset.select(path, 9, 'max_min')))\n"
        "    answers.append([first, again, anew])\n"
    )
    for first, again, anew in answers_of(file, body):
        assert first[0] == again[0] == "FormatError"
        assert "open it again" in again[1]
        assert anew == 9


def test_the_signal_is_the_programs_own_afterwards(file):
    # Python's own reads of the map are not the core's to catch.
    body = (
        "import signal\n"
        "X = np.load(path, mmap_mode='r')\n"
        "thinset.select(X, 9, 'max_min')\n"
        "cut(0, 0)\n"
        "print('reads', flush=True)\n"
        "faulthandler.disable()\n"
        "X.sum()\n"
        "answers = []\n"
    )
    program = PROGRAM.format(path=str(file), left=1000, body=body)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "reads\n"
    assert result.returncode == -7  # SIGBUS


def wait_until_mapped(process, path):
    deadline = time.monotonic() + 60
    while str(path) not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)


@pytest.mark.parametrize("command", ["thinset", "thinset-filter"])
def test_commands_say_so(tmp_path, binary, command):
    path = tmp_path / "embeddings.npy"
    X = np.random.default_rng(0).standard_normal((60_000, 32)).astype(np.float32)
    np.save(path, X)
    output = tmp_path / ("rows.npz" if command == "thinset" else "rows.npy")
    select = [Path(binary).parent / command, "select", path, "-n", "50000", "--method", "max_min"]
    with subprocess.Popen(
        [*map(str, select), "-o", str(output)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_until_mapped(process, path)
        subprocess.run(["truncate", "-s", "100000", path], check=True)
        _, errors = process.communicate(timeout=120)
    assert process.returncode in ((3,) if command == "thinset-filter" else (1, 2, 3)), errors
    assert MESSAGE in errors
    assert str(path) in errors
    assert "Traceback" not in errors
    assert not output.exists()
