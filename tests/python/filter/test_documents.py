"""Manual page and completions name every option of thinset-filter, and no other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "cpp" / "install"


@pytest.fixture
def options(run):
    _, text, _ = run("--help")
    return set(re.findall(r"(?<!\w)--([a-z][a-z-]+)", text))


def test_manual_page(options):
    text = (FOLDER / "thinset-filter.1").read_text(encoding="utf-8")
    assert set(re.findall(r"Fl \\-([a-z][a-z-]+)", text)) == options


@pytest.mark.parametrize("command", [["mandoc", "-Tlint"], ["groff", "-ww", "-mandoc", "-Tutf8"]])
def test_manual_page_renders_without_warnings(command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    path = FOLDER / "thinset-filter.1"
    done = subprocess.run([*command, path], capture_output=True, text=True)
    warnings = done.stdout if command[0] == "mandoc" else done.stderr
    assert (warnings, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("shell", "option"),
    [
        ("bash", r"--([a-z][a-z-]+)"),
        ("zsh", r"--([a-z][a-z-]+)"),
        ("fish", r"(?<!set )-l ([a-z][a-z-]+)"),
    ],
)
def test_completions(options, shell, option):
    path = FOLDER / "completions" / f"thinset-filter.{shell}"
    assert set(re.findall(option, path.read_text(encoding="utf-8"))) == options
    if shutil.which(shell):
        subprocess.run([shell, "-n", path], check=True)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["se"], {"select"}),
        (["select", "--metric", "=", "co"], {"cosine"}),
        (["info", "--"], {"--threads", "--json", "--help"}),
        (["select", "emb"], set()),  # file names, by bash itself
    ],
)
def test_bash_offers_what_fits(words, offered):
    program = (
        f"source '{FOLDER}/completions/thinset-filter.bash'; COMP_WORDS=(thinset-filter \"$@\"); "
        'COMP_CWORD=$#; _thinset_filter; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", program, "bash", *words], check=True, capture_output=True, text=True
    )
    assert set(done.stdout.split()) == offered
