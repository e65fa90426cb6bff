from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from thinset.losses import classification
from thinset.training import Phase, TrainingDivergedError, fit, save_weights
from thinset.training.loop.checkpoint import read_tensors, write_tensors
from thinset.transforms import TrainTransform

if TYPE_CHECKING:
    from pathlib import Path


def fit_small(digits, **options) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    fit(
        model,
        [Phase("all", digits.subset, "4st")],
        loss=classification,
        train_transform=TrainTransform(),
        batch_size=8,
        device="cpu",
        **options,
    )
    return model


def fit_pixels(model, rows, **options) -> None:
    fit(
        model,
        [Phase("all", rows, "6st")],
        train_transform=TrainTransform(standardise=False),
        batch_size=8,
        device="cpu",
        evaluations=1,
        checkpoint_seconds=0.0,
        **options,
    )


@pytest.mark.parametrize(
    "content",
    [
        # As the first version wrote it.
        {"settings": {}, "seconds_already_spent": 0.0, "place": {}, "history": {}, "batches": {}},
        {"run_version": 3},
        {},
    ],
)
@pytest.mark.parametrize("option", ["checkpoint_path", "first_phase_path"])
def test_checkpoints_of_other_versions_are_refused(
    digits, tmp_path: Path, content: dict[str, object], option: str
) -> None:
    path = tmp_path / "run.safetensors"
    write_tensors(path, {"order_generator": torch.zeros(3, dtype=torch.uint8)}, content)
    found = "version 3" if "run_version" in content else "version 1 or another kind of file"
    message = rf"run\.safetensors must be the checkpoint of a run, version 2, got {found}; choose"
    with pytest.raises(ValueError, match=message):
        fit_small(digits, resume=True, **{option: path})


def test_a_file_of_weights_is_no_checkpoint(digits, tmp_path: Path) -> None:
    save_weights(nn.Linear(2, 2), tmp_path / "weights")
    with pytest.raises(ValueError, match="weights must be the checkpoint of a run"):
        fit_small(digits, resume=True, checkpoint_path=tmp_path / "weights")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settings", None),
        ("seconds_already_spent", "long"),
        ("place", {"stage": 0, "corner": 1}),
        ("history", {"curve": 3}),
        ("batches", None),
    ],
)
def test_a_damaged_state_is_refused(digits, tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "run"
    fit_small(digits, checkpoint_path=path)
    tensors, content = read_tensors(path)
    write_tensors(path, tensors, {**content, name: value})
    with pytest.raises(ValueError, match="run is damaged: no state of a run: "):
        fit_small(digits, checkpoint_path=path, resume=True)
    write_tensors(path, tensors, {key: part for key, part in content.items() if key != name})
    with pytest.raises(ValueError, match=f"run is damaged: no state of a run: '{name}'"):
        fit_small(digits, checkpoint_path=path, resume=True)


def test_a_missing_tensor_is_refused(digits, tmp_path: Path) -> None:
    path = tmp_path / "run"
    fit_small(digits, checkpoint_path=path)
    tensors, content = read_tensors(path)
    for name in tensors:
        rest = {key: value for key, value in tensors.items() if key != name}
        write_tensors(path, rest, content)
        with pytest.raises(ValueError, match="run (is damaged|lacks|is of another model|holds no)"):
            fit_small(digits, checkpoint_path=path, resume=True)


class CountsItsBatches(nn.Module):
    """A model whose output depends on a buffer that state_dict() leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 10)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("n_batches", torch.zeros(()), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.n_batches += 1
        return self.head(images.flatten(1)) / self.n_batches


def test_buffers_that_are_not_saved_with_the_weights_resume_too(digits, tmp_path: Path) -> None:
    def fitted(path: Path, *, stop_at: int | None = None, resume: bool = False) -> nn.Module:
        model = CountsItsBatches()

        def loss(model, images, labels):
            if int(model.n_batches) == stop_at:
                raise KeyboardInterrupt
            return classification(model, images, labels)

        fit(
            model,
            [Phase("all", digits.subset, "6st")],
            loss=loss,
            train_transform=TrainTransform(),
            batch_size=8,
            ema_decay=None,
            device="cpu",
            checkpoint_path=path,
            checkpoint_seconds=0.0,
            resume=resume,
        )
        return model

    expected = fitted(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "part", stop_at=3)
    resumed = fitted(tmp_path / "part", resume=True)
    assert torch.equal(resumed.n_batches, expected.n_batches)
    assert torch.equal(resumed.head.weight, expected.head.weight)


class Masked(nn.Module):
    """A model with a buffer that is not finite from the start, such as an attention mask."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor([0.0] * 9 + [-torch.inf]))
        self.head = nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.flatten(1)) + self.mask.clamp(min=-9)


def test_weights_that_training_made_infinite_are_not_saved(digits, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    model = Masked()

    def loss(model, images, labels):
        n_calls.append(0)
        if len(n_calls) == spoiled_at:
            model.head.weight.data[3, 4] = torch.inf
        return classification(model, images.clamp(0, 0), labels)

    def fitted(**options):
        fit_pixels(model, digits.subset, loss=loss, checkpoint_path=path, **options)

    n_calls, spoiled_at = [], 4
    message = r"training diverged: head.weight is not finite after step 4; use a lower learning"
    with pytest.raises(TrainingDivergedError, match=message):
        fitted()
    # The mask is no sign of divergence, and the last good state is there to resume from.
    assert read_tensors(path)[1]["history"]["steps"] == 3
    model, n_calls, spoiled_at = Masked(), [], 0
    fitted(resume=True)
    assert len(n_calls) == 3
    assert read_tensors(path)[1]["history"]["steps"] == 6


@pytest.mark.parametrize("checkpointed", [False, True])
def test_a_divergence_names_the_image_that_holds_nan(tmp_path, checkpointed):
    images = np.full((12, 8, 8, 1), 0.5, np.float32)
    images[7, 2, 3, 0] = np.nan
    rows = SimpleNamespace(images=images, labels=np.arange(12) % 3, name="grey")
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    path = tmp_path / "checkpoint" if checkpointed else None
    message = r"after step \d+; grey: image 7 holds nan in row 2, column 3, channel 0; remove the"
    with pytest.raises(TrainingDivergedError, match=message):
        fit_pixels(model, rows, loss=classification, checkpoint_path=path)
