"""Trainings that are killed and started again, beside the same ones uninterrupted.

A script beside the test calls `train_whole_and_killed`; the test runs it by `run_script` and
compares what is in the folders `whole` and `killed`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from thinset.data import DatasetWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run_script(script: Path, top: Path) -> None:
    """Run `script` with the folder `top`, in which `whole` and `killed` are made."""
    for name in ("whole", "killed"):
        (top / name).mkdir()
    places = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
    }
    subprocess.run([sys.executable, script, top], env=environment, check=True)


def write_noise(out: Path, side: int) -> None:
    """60 square grey images of three classes."""
    images = np.random.default_rng(0).integers(0, 256, (60, side, side, 1), dtype=np.uint8)
    with DatasetWriter(
        out, name="noise", image_shape=(side, side, 1), image_dtype="uint8", n_samples=60
    ) as writer:
        writer.append(images, np.arange(60) % 3)


def train_whole_and_killed(
    top: Path,
    settings: Sequence[Any],
    train: Callable[[Path, Any], None],
    learner: type[Any],
    *,
    killed_before: Sequence[int],
    result: Callable[[Any], str],
) -> None:
    """Train with each of `settings`, once whole and once killed before each of these steps.

    train: trains in a folder, resuming. result: the name of the file or folder that it leaves there
    in the end. learner: the class whose steps are counted. Each training is a child that is forked
    from this process, which has imported everything and computed nothing: that takes a fraction of
    the time of a new interpreter.
    """
    # Loads what torch loads with the first step of an optimizer.
    torch.optim.Adam([torch.zeros(1, requires_grad=True)]).step()
    for one in settings:
        whole, killed = top / "whole", top / "killed"
        assert _status_of(train, whole, one) == 0
        for step in killed_before:
            status = _status_of(lambda *a: _killed(train, learner, step, *a), killed, one)  # noqa: B023
            assert os.WTERMSIG(status) == signal.SIGKILL
            assert not (killed / result(one)).exists()
        assert _status_of(train, killed, one) == 0


def _killed(
    train: Callable[[Path, Any], None], learner: Any, killed_before: int, folder: Path, one: Any
) -> None:
    take_step = learner.step

    def step(self: Any, batch: Any, *, learning_rate: float, n_before: int) -> Any:
        if n_before == killed_before:
            os.kill(os.getpid(), signal.SIGKILL)
        return take_step(self, batch, learning_rate=learning_rate, n_before=n_before)

    learner.step = step
    train(folder, one)


def _status_of(train: Callable[[Path, Any], None], folder: Path, one: Any) -> int:
    """How a child that trains ended."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            train(folder, one)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]
