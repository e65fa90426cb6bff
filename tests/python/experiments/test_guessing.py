"""A training that learned nothing says so."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.experiments.settings import TrainingSettings
from thinset.experiments.trial import Trial, train
from thinset.results import FULL
from thinset.training import Duration

TRAINING = TrainingSettings(batch_size=64, evaluations=1, model="sure_models:sure")
MEASURED = "thinset.training.loop.history.Evaluation.test_accuracy"


@pytest.fixture(autouse=True)
def sure_models(tmp_path, monkeypatch):
    """A model that always names the class in the file `answer`, whatever it learns."""
    (tmp_path / "sure_models.py").write_text(
        "import pathlib, torch\n"
        "from torch import nn\n"
        "class Sure(nn.Module):\n"
        "    def __init__(self, n_classes):\n"
        "        super().__init__()\n"
        "        self.scale = nn.Parameter(torch.ones(()))\n"
        "        answer = int(pathlib.Path('answer').read_text())\n"
        "        self.register_buffer('logits', torch.eye(n_classes)[answer])\n"
        "    def forward(self, images):\n"
        "        return (self.scale * self.logits).expand(len(images), -1)\n"
        "def sure(image_shape, n_classes):\n"
        "    return Sure(n_classes)\n"
    )
    monkeypatch.chdir(tmp_path)


def trained(digits, tmp_path, capsys, *, show_progress: bool = True) -> str:
    (tmp_path / "answer").write_text(str(np.bincount(digits["test"].labels).argmax()))
    trial = Trial("whole", FULL, "steps", seed=0, total=Duration(2, "st"))
    train(
        trial, digits["train"], digits["test"],
        TRAINING.resolved_for(digits["train"].image_shape), device="cpu", command="",
        checkpoint_path=tmp_path / "c.safetensors", show_progress=show_progress,
    )  # fmt: skip
    return capsys.readouterr().err


def test_it_is_noted_with_what_to_do(digits, tmp_path, capsys) -> None:
    error = trained(digits, tmp_path, capsys)
    assert "no better than guessing; try --schedule one_cycle or a lower --learning-rate" in error
    assert "no better" not in trained(digits, tmp_path, capsys, show_progress=False)


def test_a_model_that_learned_is_not_noted(digits, tmp_path, capsys, monkeypatch) -> None:
    labels = digits["test"].labels
    commonest = np.bincount(labels).max() / len(labels)
    monkeypatch.setattr(MEASURED, property(lambda _: commonest + 1 / len(labels)))
    assert "no better" not in trained(digits, tmp_path, capsys)
