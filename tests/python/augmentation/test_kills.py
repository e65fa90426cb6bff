"""A training that is killed and started again ends with the same generator, bit for bit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = Path(__file__).with_name("resumable_generators.py")
NAMES = ("cdcgan", "cdcvae", "flow")


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, SCRIPT, folder, *arguments], env=environment)


def kill_during(folder: Path, name: str) -> None:
    """Kill the process in the training of `name`, in steps that no checkpoint holds."""
    checkpoint = folder / f"{name}-checkpoint.safetensors"
    process = start(folder, "--slowly")
    try:
        deadline = time.monotonic() + 120
        while not checkpoint.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not (folder / f"{name}.safetensors").exists()


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    assert start(whole).wait() == 0
    shutil.copytree(whole / "digits", killed / "digits")
    for name in NAMES:
        kill_during(killed, name)
    assert start(killed).wait() == 0
    for name in NAMES:
        results = [(folder / f"{name}.json").read_text() for folder in (whole, killed)]
        assert results[0] == results[1], name
