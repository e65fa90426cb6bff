from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from thinset.losses import classification
from thinset.training import Phase, TwoPhase, fit, load_weights
from thinset.transforms import TestTransform, TrainTransform

SCRIPT = Path(__file__).with_name("resumable_run.py")


def run_script(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, SCRIPT, folder, *arguments])


def final_weights(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


def kill_after_a_checkpoint(folder: Path) -> None:
    checkpoint = folder / "checkpoint.safetensors"
    process = run_script(folder, "--slowly")
    try:
        deadline = time.monotonic() + 60
        while not checkpoint.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.15)  # on into steps that no checkpoint holds
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not (folder / "weights.safetensors").exists()


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_script(whole).wait() == 0
    kill_after_a_checkpoint(killed)
    assert run_script(killed).wait() == 0
    assert final_weights(killed) == final_weights(whole)
    assert (killed / "curve.json").read_text() == (whole / "curve.json").read_text()


def fit_small(digits, path: Path, *, stop_at: int | None = None, **options):
    n_calls = 0

    def transform(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        nonlocal n_calls
        n_calls += 1
        if n_calls == stop_at:
            raise KeyboardInterrupt
        return TrainTransform(brightness=0.2)(images, generator)

    torch.manual_seed(0)
    layers = [torch.nn.Flatten(), torch.nn.Linear(64, 10), torch.nn.Dropout(0.2)]
    model = torch.nn.Sequential(*layers)
    settings = {
        "loss": classification,
        "train_transform": transform,
        "batch_size": 32,
        "device": "cpu",
        "checkpoint_path": path,
        "checkpoint_seconds": 0.0,
        **options,
    }
    phases = settings.pop("phases", None) or TwoPhase(digits.train, digits.subset, 0.5, "12st")
    return model, fit(model, phases, **settings)


@pytest.mark.parametrize("stop_at", [2, 6, 7, 8, 12])
def test_goes_on_from_an_interruption_in_either_phase(digits, tmp_path: Path, stop_at: int) -> None:
    expected, history = fit_small(digits, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit_small(digits, tmp_path / "part", stop_at=stop_at)
    resumed, resumed_history = fit_small(digits, tmp_path / "part", resume=True)
    assert torch.equal(resumed[1].weight, expected[1].weight)
    assert [point.train_loss for point in resumed_history.curve] == [
        point.train_loss for point in history.curve
    ]
    assert [phase.steps for phase in resumed_history.phases] == [6, 6]


def test_resuming_a_finished_run_returns_its_result(digits, tmp_path: Path) -> None:
    expected, history = fit_small(digits, tmp_path / "run")
    again, same_history = fit_small(digits, tmp_path / "run", resume=True, stop_at=1)
    assert torch.equal(again[1].weight, expected[1].weight)
    assert (same_history.curve, same_history.phases) == (history.curve, history.phases)
    assert same_history.seconds <= history.seconds


def test_a_checkpoint_is_never_overwritten_by_a_new_run(digits, tmp_path: Path) -> None:
    fit_small(digits, tmp_path / "run")
    before = (tmp_path / "run").read_bytes()
    with pytest.raises(FileExistsError, match="holds the checkpoint of a run"):
        fit_small(digits, tmp_path / "run")
    assert (tmp_path / "run").read_bytes() == before


def test_resume_without_a_checkpoint_starts_anew(digits, tmp_path: Path) -> None:
    _, history = fit_small(digits, tmp_path / "run", resume=True)
    assert history.steps == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 16}, "batch_size is 32 there and 16 here"),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"learning_rate": 0.2}, "learning_rate is 0.1 there and 0.2 here"),
    ],
)
def test_other_settings_are_refused(
    digits, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    fit_small(digits, tmp_path / "run")
    with pytest.raises(ValueError, match=message):
        fit_small(digits, tmp_path / "run", resume=True, **options)


def test_other_data_and_other_lengths_are_refused(digits, tmp_path: Path) -> None:
    fit_small(digits, tmp_path / "run")
    for phases in (
        TwoPhase(digits.train, digits.test, 0.5, "12st"),
        TwoPhase(digits.train, digits.subset, 0.5, "14st"),
        [Phase("fast", digits.subset, "12st")],
    ):
        with pytest.raises(ValueError, match="of a run with other settings: phase 0 is"):
            fit_small(digits, tmp_path / "run", resume=True, phases=phases)


def test_budget_of_the_first_start_holds_for_a_resumed_run(digits, tmp_path: Path) -> None:
    fit_small(digits, tmp_path / "run", seconds_already_spent=3.0)
    _, history = fit_small(digits, tmp_path / "run", resume=True, seconds_already_spent=9.0)
    assert 3.0 < history.seconds < 9.0


def test_a_checkpoint_is_no_file_of_weights(digits, tmp_path: Path) -> None:
    model, _ = fit_small(digits, tmp_path / "run")
    with pytest.raises(ValueError, match="is of another model: tensor '1.weight' is missing"):
        load_weights(model, tmp_path / "run")


def splits_of(digits, folder: Path, *, shared: bool):
    """Weights and curves of one total at rising splits, with or without a shared first phase."""
    outcomes = []
    for split in (0.25, 0.5, 1.0):
        model, history = fit_small(
            digits,
            folder / f"{split}.safetensors",
            phases=TwoPhase(digits.train, digits.subset, split, "12st"),
            test_data=digits.test,
            test_transform=TestTransform(),
            evaluations=6,
            first_phase_path=folder / "first-phase.safetensors" if shared else None,
            clock=iter(range(10**6)).__next__,
        )
        curve = [(point.step, point.test_loss, point.train_loss) for point in history.curve]
        steps = [(phase.name, phase.steps) for phase in history.phases]
        outcomes.append((model.state_dict(), curve, steps, history.samples))
    return outcomes


def test_splits_that_share_their_first_phase_equal_those_that_do_not(
    digits, tmp_path: Path
) -> None:
    alone = splits_of(digits, tmp_path / "alone", shared=False)
    together = splits_of(digits, tmp_path / "together", shared=True)
    for (weights, *rest), (shared_weights, *shared_rest) in zip(alone, together, strict=True):
        assert rest == shared_rest
        for name, value in weights.items():
            assert torch.equal(value, shared_weights[name]), name


def test_a_shared_first_phase_takes_each_step_once(digits, tmp_path: Path) -> None:
    common = {"phases": TwoPhase(digits.train, digits.subset, 0.5, "12st")}
    path = tmp_path / "first-phase.safetensors"
    fit_small(digits, tmp_path / "a", first_phase_path=path, **common)
    with pytest.raises(KeyboardInterrupt):
        longer = TwoPhase(digits.train, digits.subset, 0.75, "12st")
        fit_small(digits, tmp_path / "b", first_phase_path=path, phases=longer, stop_at=6)
    _, history = fit_small(
        digits, tmp_path / "b", first_phase_path=path, phases=longer, resume=True
    )
    assert [phase.steps for phase in history.phases] == [9, 3]


def test_a_first_phase_of_another_training_is_refused(digits, tmp_path: Path) -> None:
    path = tmp_path / "first-phase.safetensors"

    def fit_split(split: float, total: str = "12st", **options):
        phases = TwoPhase(digits.train, digits.subset, split, total)
        checkpoint = tmp_path / f"{split}{total}{options}"
        fit_small(digits, checkpoint, first_phase_path=path, phases=phases, **options)

    fit_split(0.5)
    with pytest.raises(ValueError, match="seed is 0 there and 1 here"):
        fit_split(0.75, seed=1)
    with pytest.raises(ValueError, match="total steps is 12 there and 16 here"):
        fit_split(0.75, "16st")
    with pytest.raises(ValueError, match="a first phase of 6 steps; .* at least as long, got 3"):
        fit_split(0.25)
    with pytest.raises(ValueError, match="needs phases in steps, epochs or samples, not in time"):
        fit_split(0.5, "5s")
