"""The thresholds that plans and probes share."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.experiments.plan.rules import (
    reason_to_balance,
    reason_to_deduplicate,
    reason_to_keep_in_memory,
)


@pytest.mark.parametrize(("sizes", "differ"), [([10, 50], True), ([10, 49], False), ([7], False)])
def test_classes_differ_from_a_factor_of_five_on(sizes, differ) -> None:
    assert (reason_to_balance(np.array(sizes)) is not None) == differ
    assert reason_to_balance(None) is None


@pytest.mark.parametrize(
    ("near_duplicates", "repeat"), [(0.011, True), (0.0099, False), (0.0, False), (None, False)]
)
def test_samples_repeat_if_a_tenth_as_many_would_be_as_alike(near_duplicates, repeat) -> None:
    assert (reason_to_deduplicate(1000, near_duplicates) is not None) == repeat


@pytest.mark.parametrize(("share", "waits"), [(0.2, True), (0.19, False)])
def test_training_waits_from_a_fifth_of_its_time_on(share, waits) -> None:
    assert (reason_to_keep_in_memory(share, 0.02, 0.01) is not None) == waits
