"""`thinset --print-completion`: every command and what fits after it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from thinset.command_line import COMMANDS, main
from thinset.command_line.completions import SHELLS, completion_script


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completions") / "thinset.bash"
    path.write_text(completion_script(COMMANDS, "bash"), encoding="utf-8")
    return path


@pytest.fixture
def folder_of_data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "data.npy").touch()
    return folder


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sel"], {"select"}),
        (["augment", ""], {"apply", "sample", "train"}),
        (["select", "--metric", ""], {"cosine", "euclidean", "sqeuclidean"}),
        (["select", "x.npy", "--per-class", ""], {"balanced", "proportional"}),
        (["distill", "evaluate", "--dev"], {"--deviation", "--device"}),
        (["distill", ""], {"data.npy", "evaluate"}),  # an argument or a sub-command
    ],
)
def test_bash_offers_what_fits(bash_script, folder_of_data, words, offered):
    program = (
        f"source '{bash_script}'; COMP_WORDS=(thinset \"$@\"); COMP_CWORD=$#; COMPREPLY=(); "
        '_shtab_thinset thinset; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", program, "bash", *words],
        cwd=folder_of_data,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == offered


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_offers_what_fits(folder_of_data):
    home = folder_of_data.parent
    path = home / "thinset.fish"
    path.write_text(completion_script(COMMANDS, "fish"), encoding="utf-8")
    for line, offered in (
        ("thinset select --metric ", {"cosine", "euclidean", "sqeuclidean"}),
        ("thinset distill evaluate --dev", {"--deviation", "--device"}),
        ("thinset distill ", {"data.npy", "evaluate"}),
    ):
        done = subprocess.run(
            ["fish", "-c", f"source '{path}'; complete -C '{line}'"],
            cwd=folder_of_data,
            env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert {text.partition("\t")[0] for text in done.stdout.splitlines()} == offered


def test_zsh_takes_a_sub_command_where_an_argument_may_stand(tmp_path):
    script = completion_script(COMMANDS, "zsh")
    # "evaluate" is looked for before the word counts as the dataset.
    assert "[[ $words[2] == (evaluate) ]]" in script
    assert script.count(":{_files; _shtab_thinset_distill_commands}") == 1
    if shutil.which("zsh"):
        path = tmp_path / "_thinset"
        path.write_text(script, encoding="utf-8")
        subprocess.run(["zsh", "-n", path], check=True)


def test_every_command_is_in_the_script(bash_script):
    text = bash_script.read_text(encoding="utf-8")
    listed = set(re.findall(r"\w+", " ".join(re.findall(r"subparsers=\((.*)\)", text))))
    assert listed == {word for name, *_ in COMMANDS for word in name.split()}


def test_an_unknown_shell_is_refused(capsys):
    assert main(["--print-completion", "csh"]) == 2
    assert f"needs {', '.join(SHELLS)}; got csh" in capsys.readouterr().err
