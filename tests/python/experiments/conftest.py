from __future__ import annotations

import contextlib

import pytest

from thinset.training import SupervisedLearner
from undrawn_plots import plots

__all__ = ["interruptions", "plots"]


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
