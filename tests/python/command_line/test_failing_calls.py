"""Whatever call fails and wherever a command is killed, nothing is lost and nothing is left over.

There is an error in one line, the old state or the new one, and nothing is reported that is absent.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from failing_calls import FailingCalls

PROGRAM = Path(__file__).with_name("failing_commands.py")

# call, error, whether all later calls fail too
FAILURES = [
    ("open", "EMFILE", False),
    ("open", "EIO", False),
    ("write", "ENOSPC", True),
    ("write", "EIO", False),
    ("fsync", "EIO", False),
    ("fsync", "EINVAL", True),
    ("rename", "EIO", False),
    ("mkdir", "ENOSPC", True),
    ("mmap", "ENOMEM", False),
    ("fallocate", "ENOSPC", True),
    ("unlink", "EIO", False),
    ("flock", "ENOLCK", True),
]
KILLS = [(call, "KILL", False) for call in ("open", "write", "fsync", "rename", "mkdir", "unlink")]
QUICK = ("subset", "import")


def outcome(failing_calls: FailingCalls, scenario: str, plan: Any) -> tuple[int, list[str]]:
    environment = failing_calls.environment_of_parent()
    # A thread of torch's own would not come along into the children.
    environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, PROGRAM, scenario, json.dumps(plan)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout.splitlines()[-1])
    return found["n"], found["problems"]


@pytest.mark.parametrize("scenario", QUICK)
def test_a_sample_of_failing_calls(failing_calls: FailingCalls, scenario: str) -> None:
    plan = [(*failure, 11, 200) for failure in [*FAILURES, *KILLS]]
    n_failed, problems = outcome(failing_calls, scenario, plan)
    assert problems == []
    assert n_failed >= 20


@pytest.mark.slow
@pytest.mark.parametrize("scenario", QUICK)
def test_every_failing_call(failing_calls: FailingCalls, scenario: str) -> None:
    plan = [(*failure, 1, 2000) for failure in [*FAILURES, *KILLS]]
    n_failed, problems = outcome(failing_calls, scenario, plan)
    assert problems == []
    assert n_failed >= 150


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario",
    [
        "split",
        "embed",
        "train",
        "augment train",
        "distill",
        "augment sample",
        "augment apply",
        "run",
    ],
)
def test_failing_calls_of_long_commands(failing_calls: FailingCalls, scenario: str) -> None:
    step = {"split": 7, "augment sample": 2, "distill": 6, "run": 29}.get(scenario, 3)
    plan = [(*failure, step, 2000) for failure in [*FAILURES, *KILLS]]
    n_failed, problems = outcome(failing_calls, scenario, plan)
    assert problems == []
    assert n_failed >= 60


@pytest.mark.parametrize("scenario", [*QUICK, "split", "augment sample"])
def test_kills_at_random_moments(failing_calls: FailingCalls, scenario: str) -> None:
    n_killed, problems = outcome(failing_calls, scenario, 3)
    assert problems == []
    assert n_killed == 3


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [*QUICK, "run", "distill"])
def test_a_hundred_kills(failing_calls: FailingCalls, scenario: str) -> None:
    n_killed, problems = outcome(failing_calls, scenario, 100)
    assert problems == []
    assert n_killed == 100


def test_the_sweep_notices_what_should_not_happen(failing_calls: FailingCalls) -> None:
    """A command that is not what it was undisturbed: here, one whose calls fail for good."""
    environment = failing_calls.environment_of_parent()
    program = (
        f"import os, sys; sys.path[:0] = [{str(PROGRAM.parent)!r}, {str(PROGRAM.parents[2])!r}]; "
        "import failing_commands as f; "
        "s = f.SCENARIOS['subset']._replace(outputs=('out/absent',)); "
        "print(f.sweep(s, [['fsync', 'EINVAL', True, 1, 3]])[1])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert "no out/absent" in result.stdout
