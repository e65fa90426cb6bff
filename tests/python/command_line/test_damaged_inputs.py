"""Whatever is wrong with a file, the command that reads it says so in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("damaged_inputs.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged") / "whole"
    folder.mkdir()
    subprocess.run([sys.executable, PROGRAM, folder], check=True, env=ENVIRONMENT)
    return folder


def report_of_campaign(inputs, seed, n_commands, timeout):
    """What the campaign prints: each outcome that is not allowed, and their number."""
    result = subprocess.run(
        [sys.executable, PROGRAM, inputs, str(seed), str(n_commands)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=ENVIRONMENT,
        check=False,
    )
    # A signal (a crash of native code) would show as a negative status.
    assert result.returncode == 0, f"{result.returncode}: {result.stdout}{result.stderr}"
    return result.stdout


def test_damaged_files_are_refused_in_one_line(inputs):
    report = report_of_campaign(inputs, seed=0, n_commands=40, timeout=900)
    assert report == "40 commands, 0 not as they should be\n"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_three_thousand_damaged_files_are_refused_in_one_line(inputs, seed):
    report = report_of_campaign(inputs, seed, n_commands=1000, timeout=1800)
    assert report == "1000 commands, 0 not as they should be\n"
