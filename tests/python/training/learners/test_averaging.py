from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from thinset.training.learners.averaging import WeightAverage


def test_average_follows_the_ramp_and_then_the_decay() -> None:
    model = nn.Linear(1, 1, bias=False)
    values = np.random.default_rng(0).normal(size=30)
    with torch.no_grad():
        model.weight.fill_(1.0)
    average = WeightAverage(model, decay=0.6)
    expected = 1.0
    for step, value in enumerate(values):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update(step)
        decay = min(0.6, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert float(average.state["weight"]) == pytest.approx(expected, abs=1e-6)


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    model = nn.BatchNorm1d(1)
    average = WeightAverage(model, decay=0.5)
    model.running_mean.fill_(8.0)
    model.num_batches_tracked.fill_(3)
    average.update(step=0)
    assert float(average.state["running_mean"]) == pytest.approx(0.9 * 8.0)
    assert int(average.state["num_batches_tracked"]) == 3


def test_averaged_weights_are_in_the_model_inside_the_block_only() -> None:
    model = nn.Linear(2, 2)
    average = WeightAverage(model, decay=0.9)
    before = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.add_(1.0)
    with pytest.raises(KeyboardInterrupt), average.applied():
        assert torch.equal(model.weight, before)
        raise KeyboardInterrupt
    assert torch.equal(model.weight, before + 1.0)
    assert torch.equal(average.state["weight"], before)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_decay_is_a_share(decay: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and less than 1"):
        WeightAverage(nn.Linear(1, 1), decay)
