from __future__ import annotations

import contextlib

import numpy as np
import pytest

from thinset.data import import_dataset, write_subset
from thinset.training import SupervisedLearner
from undrawn_plots import plots

__all__ = ["digits", "interruptions", "lopsided", "plots"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return import_dataset("digits", tmp_path_factory.mktemp("digits") / "data")


@pytest.fixture(scope="module")
def lopsided(digits, tmp_path_factory):
    """Digits whose first class has many times the samples of the last."""
    train = digits["train"]
    rows = [np.flatnonzero(train.labels == label)[: 140 // (label + 1)] for label in range(10)]
    path = tmp_path_factory.mktemp("lopsided") / "train"
    return write_subset(np.concatenate(rows), train, path)


@pytest.fixture
def interruptions(monkeypatch):
    """Interrupt trainings again and again: `with interruptions(steps=4) as until_done`.

    Every so many steps, over all trainings, the step is not taken. `until_done(action)` calls the
    action until it is not interrupted, and returns what it returns.
    """

    @contextlib.contextmanager
    def interrupted(*, steps):
        real, n_steps, n_interruptions = SupervisedLearner.step, 0, 0

        def step(learner, batch, **options):
            nonlocal n_steps
            n_steps += 1
            if n_steps % steps == 0:
                raise KeyboardInterrupt
            return real(learner, batch, **options)

        def attempt(action):
            nonlocal n_interruptions
            try:
                return [action()]
            except KeyboardInterrupt:
                n_interruptions += 1
                return []

        def until_done(action):
            while not (done := attempt(action)):
                pass
            assert n_interruptions > 0
            return done[0]

        with monkeypatch.context() as patches:
            patches.setattr(SupervisedLearner, "step", step)
            yield until_done

    return interrupted
