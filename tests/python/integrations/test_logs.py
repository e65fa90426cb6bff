"""Adapters to the loggers of other people, against the real libraries where they are installed."""

from __future__ import annotations

import pytest

FIGURES = [({"train_loss": 1.5, "test_accuracy": 0.25}, 10), ({"train_loss": 1.0}, 20)]


def test_tensorboard(tmp_path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from thinset.integrations.tensorboard import TensorBoardLog

    log = TensorBoardLog(tmp_path)
    for values, step in FIGURES:
        log(values, step)
    resumed = TensorBoardLog(tmp_path)
    resumed({"train_loss": 0.5}, 20)
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    found = {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }
    assert found == {"train_loss": [(10, 1.5), (20, 0.5)], "test_accuracy": [(10, 0.25)]}


def test_wandb(tmp_path, monkeypatch) -> None:
    wandb = pytest.importorskip("wandb", reason="the extra wandb is not installed")
    from thinset.integrations.wandb import wandb_log

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    log = wandb_log(tmp_path, project="thinset-tests")
    first = wandb.run.id
    for values, step in FIGURES:
        log(values, step)
    assert wandb.run.summary["train_loss"] == 1.0
    assert wandb.run.summary["test_accuracy"] == 0.25
    wandb.finish()
    wandb_log(tmp_path, project="thinset-tests")
    assert wandb.run.id == first
    wandb.finish()


@pytest.mark.parametrize("name", ["training", 'it\'s "mine"'])
def test_mlflow(tmp_path, monkeypatch, name) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    from thinset.integrations.mlflow import mlflow_log

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file:{tmp_path / 'runs'}")
    log = mlflow_log(tmp_path / name)
    run_id = mlflow.active_run().info.run_id
    for values, step in FIGURES:
        log(values, step)
    mlflow.end_run()
    mlflow_log(tmp_path / name)
    assert mlflow.active_run().info.run_id == run_id
    mlflow.end_run()
    history = mlflow.MlflowClient().get_metric_history(run_id, "train_loss")
    assert [(metric.step, metric.value) for metric in history] == [(10, 1.5), (20, 1.0)]
