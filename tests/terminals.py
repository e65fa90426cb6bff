"""Interactive shells in a pseudo-terminal, to see what they make of a line and the Tab key.

Each shell has a home of its own, with the completions where the shell looks for those of a user.
There, `thinset` and `thinset-filter` are functions that print their arguments.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pexpect

SHELLS = ("bash", "zsh", "fish")
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")

_PROMPT = "ready> "
_ANSWER = re.compile(r"RAN((?:<[^<>]*>)*)END")
_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78])"
)

_FUNCTIONS = r"""
thinset() { printf RAN; printf '<%s>' "$@"; printf 'END\n'; }
thinset-filter() { thinset "$@"; }
"""
_BASH = rf"""
PS1='{_PROMPT}'
bind 'set show-all-if-ambiguous on' 'set completion-query-items 0' 'set page-completions off'
bind 'set bell-style none' 'set completion-display-width 1' 'set enable-bracketed-paste off'
source {BASH_COMPLETION}
{_FUNCTIONS}
"""
_ZSH = rf"""
PS1='{_PROMPT}'
unsetopt beep prompt_sp
LISTMAX=1000
fpath=($ZDOTDIR/completions $fpath)
autoload -Uz compinit
compinit -u -d $ZDOTDIR/dump
{_FUNCTIONS}
"""
_FISH = rf"""
function fish_prompt; echo -n '{_PROMPT}'; end
function fish_greeting; end
set -g fish_autosuggestion_enabled 0
function thinset; printf RAN; printf '<%s>' $argv; printf 'END\n'; end
function thinset-filter; thinset $argv; end
"""


def missing(shell: str) -> str | None:
    """What must be installed before the shell can be tried; None if nothing."""
    if shutil.which(shell) is None:
        return f"needs {shell}: apt-get install {shell}"
    if shell == "bash" and not BASH_COMPLETION.exists():
        return "needs bash-completion: apt-get install bash-completion"
    return None


class Terminal:
    """A shell that waits for a line. `scripts` has the completion script of each program."""

    def __init__(self, shell: str, home: Path, folder: Path, scripts: dict[str, str]):
        settings_file, settings, place = {
            "bash": (".bashrc", _BASH, "bash-completion/completions/{}"),
            "zsh": (".zshrc", _ZSH, "completions/_{}"),
            "fish": ("fish/config.fish", _FISH, "fish/completions/{}.fish"),
        }[shell]
        texts = {place.format(program): script for program, script in scripts.items()}
        for name, text in {settings_file: settings, **texts}.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        without_those_of_the_system = {
            "bash": ["--noprofile", "--rcfile", str(home / settings_file)],
            "zsh": ["-d"],
            "fish": [],
        }[shell]
        homes = ("HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
        self._process = pexpect.spawn(
            shutil.which(shell),
            [*without_those_of_the_system, "-i"],
            cwd=str(folder),
            env={
                **dict.fromkeys(homes, str(home)),
                "PATH": os.environ["PATH"],
                "TERM": "xterm",
                "LC_ALL": "C.UTF-8",
            },
            dimensions=(200, 200),
            encoding="utf-8",
            timeout=60,
        )
        self._process.expect_exact(_PROMPT)

    def press_tab(self, line: str) -> tuple[list[str], str]:
        """Type the line, Tab and Enter: the arguments that were passed, and all that was shown."""
        self._process.send(f"{line}\t\r")
        self._process.expect(_ANSWER)
        arguments = re.findall("<([^<>]*)>", self._process.match[1])
        shown = _CONTROL.sub("", self._process.before)
        self._process.expect_exact(_PROMPT)
        return arguments, shown

    def close(self) -> None:
        self._process.close(force=True)
