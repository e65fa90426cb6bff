"""Synthetic report inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.report import Reconstructions, ReportInputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.results import RunRecord


@pytest.fixture
def make_inputs(comparison_records: list[RunRecord]) -> Callable[..., ReportInputs]:
    def make(**changes: Any) -> ReportInputs:
        rng = np.random.default_rng(7)
        images = rng.integers(0, 256, (200, 8, 8, 3), dtype=np.uint8)
        embeddings = rng.random((200, 12), dtype=np.float32)
        content: dict[str, Any] = {
            "title": "Top-k on noise",
            "dataset_name": "noise",
            "images": images,
            "selected_indices": rng.permutation(200)[:20],
            "random_indices": rng.permutation(200)[:20],
            "records": comparison_records,
            "command": "thinset run noise",
            "labels": np.arange(200) % 4,
            "class_names": ["north", "east", "south", "west"],
            "embeddings": embeddings,
            "reconstructions": Reconstructions(
                images[:3] / 255.0, embeddings[:3].reshape(3, 2, 2, 3), images[:3] / 255.0
            ),
            "embedding_facts": {"dead_columns": [3]},
            "stage_seconds": {"encoder_training": 3.0, "training": 40.0},
            "settings": {"batch_size": 64, "optimizer": {"name": "sgd"}},
        }
        return ReportInputs(**{**content, **changes})

    return make
