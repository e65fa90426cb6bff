"""The tutorials run as they stand, block by block, and print what their pages say."""

from __future__ import annotations

import io
import math
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from thinset.command_line import main

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
NEEDED = {
    "image-folder": ("torch", "PIL"),
    "texts": ("pyarrow", "sklearn"),
    "pytorch": ("torch",),
    "lightning": ("lightning",),
    "hugging-face-trainer": ("transformers", "accelerate"),
    "scikit-learn": ("sklearn",),
    "imbalanced-learn": ("imblearn",),
    "generated-data": ("torch",),
    "distilled-data": ("torch",),
}
_BLOCK = re.compile(r"^```(python|sh|text title=\"Output\")\n(.*?)^```", re.DOTALL | re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NAMES = sorted({path.stem for path in TUTORIALS.glob("*.md")} - {"index"})
_SLOW = {"distilled-data"}


def blocks(name: str) -> list[tuple[str, str]]:
    return _BLOCK.findall((TUTORIALS / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning:lightning")
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in _SLOW)) for name in _NAMES]
)
def test_tutorial_runs_and_prints_what_it_says(name, tmp_path, monkeypatch):
    for library in NEEDED.get(name, ()):
        pytest.importorskip(library, reason=f"needs {library}")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    printed = ""
    for kind, text in blocks(name):
        if kind == "python":
            with redirect_stdout(io.StringIO()) as out:
                exec(compile(text, f"{name}.md", "exec"), names)
            printed = out.getvalue()
        elif kind == "sh":
            run_commands(text)
        else:
            assert about_equal(printed, text), f"{name}.md prints:\n{printed}\nand not:\n{text}"


def run_commands(text: str) -> None:
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        if words[0] == "thinset":
            assert main(words[1:]) == 0, line
        elif words[0] == "thinset-filter":
            subprocess.run([program(words[0]), *words[1:]], check=True)
        else:  # how the environment was made in which the tests run
            assert words[:2] == ["pip", "install"], line


def program(name: str) -> str:
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is not installed with {sys.executable}"
    return found


def about_equal(printed: str, said: str) -> bool:
    """Whether the texts are equal, and fractions differ by a twentieth at most."""
    if _NUMBER.split(printed) != _NUMBER.split(said):
        return False
    return all(
        math.isclose(float(one), float(other), rel_tol=0.05) if "." in other else one == other
        for one, other in zip(_NUMBER.findall(printed), _NUMBER.findall(said), strict=True)
    )


def test_outputs_are_compared():
    assert about_equal("accuracy 0.96 of 10\n", "accuracy 0.97 of 10\n")
    assert not about_equal("accuracy 0.86 of 10\n", "accuracy 0.97 of 10\n")
    assert not about_equal("accuracy 0.97 of 11\n", "accuracy 0.97 of 10\n")
    assert not about_equal("recall 0.97 of 10\n", "accuracy 0.97 of 10\n")


def test_every_tutorial_is_listed_and_does_something():
    listed = (TUTORIALS / "index.md").read_text(encoding="utf-8")
    for name in _NAMES:
        assert f"({name}.md)" in listed
        assert [kind for kind, _ in blocks(name)].count("python") > 0
