from __future__ import annotations

import pytest
from torch import nn

from thinset.models.batch_statistics import layer_with_batch_statistics


@pytest.mark.parametrize(
    ("norm", "in_training", "in_evaluation"),
    [
        (nn.BatchNorm2d(3), True, False),
        (nn.BatchNorm2d(3, track_running_stats=False), True, True),
        (nn.InstanceNorm2d(3, track_running_stats=True), True, False),
        (nn.InstanceNorm2d(3), False, False),
    ],
)
def test_a_layer_uses_the_batch_unless_it_has_statistics_to_use_instead(
    norm, in_training, in_evaluation
):
    network = nn.Sequential(nn.Conv2d(1, 3, 3), norm, nn.Dropout())
    name = f"layer '1' ({type(norm).__name__})"
    assert layer_with_batch_statistics(network.train()) == (name if in_training else None)
    assert layer_with_batch_statistics(network.eval()) == (name if in_evaluation else None)
