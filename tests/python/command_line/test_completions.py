"""`thinset --print-completion`: every command and what fits after it."""

from __future__ import annotations

import re
import subprocess

import pytest

from thinset.command_line import COMMANDS, main
from thinset.command_line.completions import SHELLS, completion_script


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completions") / "thinset.bash"
    path.write_text(completion_script(COMMANDS, "bash"), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sel"], {"select"}),
        (["augment", ""], {"apply", "sample", "train"}),
        (["select", "--metric", ""], {"cosine", "euclidean", "sqeuclidean"}),
        (["select", "x.npy", "--per-class", ""], {"balanced", "proportional"}),
        (["distill", "evaluate", "--dev"], {"--deviation", "--device"}),
    ],
)
def test_bash_offers_what_fits(bash_script, words, offered):
    program = (
        f"source '{bash_script}'; COMP_WORDS=(thinset \"$@\"); COMP_CWORD=$#; COMPREPLY=(); "
        '_shtab_thinset thinset; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", program, "bash", *words], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == offered


def test_every_command_is_in_the_script(bash_script):
    text = bash_script.read_text(encoding="utf-8")
    listed = set(re.findall(r"\w+", " ".join(re.findall(r"subparsers=\((.*)\)", text))))
    assert listed == {word for name, *_ in COMMANDS for word in name.split()}


def test_an_unknown_shell_is_refused(capsys):
    assert main(["--print-completion", "csh"]) == 2
    assert f"needs {', '.join(SHELLS)}; got csh" in capsys.readouterr().err
