"""Mistakes in the arguments: one plain line that names the option, the value and the choices."""

from __future__ import annotations

import sys

import pytest

from thinset.command_line import COMMANDS, main
from thinset.command_line.parsing import _plain


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("embed digits -o e --seed x", "--seed must be an integer, got 'x'"),
        ("embed digits -o e --seed 1.5", "--seed must be an integer, got '1.5'"),
        ("embed digits -o e --learning-rate x", "--learning-rate must be a number, got 'x'"),
        ("embed digits -o e --crop x", "--crop must be an integer, got 'x'"),
        ("train d -o e --test t --split x", "--split must be a number, got 'x'"),
        ("embed digits -o e --image-size 3", "--image-size needs 2 values, got 1"),
        ("embed digits -o e --widths 1 b 3", "--widths must be 3 integers, got '1' 'b' '3'"),
        ("embed digits -o e --seed", "--seed needs a value"),
        ("embed -e.npz", "DATA needs a value"),
        ("embed digits -o e --widths 1", "--widths needs 3 values"),
        ("compare digits -o x --seeds a", "--seeds must be INT..., got 'a'"),
        ("embed digits -o e --device x", "--device must be one of auto, cpu, cuda; got 'x'"),
        (
            "train d -o e --test t --log x",
            "--log must be one of mlflow, tensorboard, wandb; got 'x'",
        ),
        (
            "select e.npy -n 3 -o x --per-class y",
            "--per-class must be one of balanced, proportional; got 'y'",
        ),
        ("data download x", "NAME must be one of cifar10, mnist; got 'x'"),
        ("embed digits -o e --seed=", "--seed needs a value, got an empty one"),
        ("embed digits", "missing -o/--out DIR"),
        ("train", "missing DATASET, -o/--out DIR, --test PATH"),
        ("embed digits -o e --odd 3", "unrecognized arguments: --odd, 3"),
        ("verify a b", "unrecognized arguments: b"),
        (
            "embed digits -o e --learning-rat 3",
            "unrecognized arguments: --learning-rat, 3; did you mean --learning-rate FLOAT?",
        ),
    ],
)
def test_a_mistake_is_one_line(capsys, line, message):
    name = "data download" if line.startswith("data") else line.split()[0]
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"thinset {name}: {message}; see thinset {name} --help\n"


def test_an_empty_argument_is_refused(capsys):
    for words, message in (
        (["show", "s.npz", "-o", ""], "-o needs a value, got an empty one"),
        (["select", "", "-n", "3"], "an argument is empty; give it a value, or leave it out"),
    ):
        assert main(words) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name, *_ in COMMANDS])
def test_every_command_refuses_an_unknown_option_in_one_line(capsys, name):
    assert main([*name.split(), "--no-such-option=3"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"thinset {name}: ")
    assert line.endswith(f"; see thinset {name} --help")


@pytest.mark.parametrize("is_utf_8", [False, True])
def test_the_line_does_not_depend_on_the_terminal(capsys, monkeypatch, is_utf_8):
    monkeypatch.setattr("tyro._fmtlib._FORCE_UTF8_BOXES", is_utf_8)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert main(["embed", "digits", "-o", "e", "--device", "x\x07\ny"]) == 2
    assert capsys.readouterr().err == (
        "thinset embed: --device must be one of auto, cpu, cuda; got 'x\\x07 y'; "
        "see thinset embed --help\n"
    )


BOX = """
╭─ Mutually exclusive arguments ──────────────────╮
│ Arguments --a and --b are not allowed together! │
│ ─────────────────────────────────────────────── │
│ For full helptext, run thinset x --help         │
╰─────────────────────────────────────────────────╯
"""


def test_other_messages_of_the_parser_are_kept_whole():
    assert _plain(BOX) == "Arguments --a and --b are not allowed together!"
    assert _plain("no box\nat all\n") == "no box at all"
    unknown = BOX.replace("Arguments --a and --b are", "Error parsing --a: this and that is")
    assert _plain(unknown) == "--a is wrong: this and that is not allowed together!"


def test_help_has_the_width_of_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["embed", "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100
