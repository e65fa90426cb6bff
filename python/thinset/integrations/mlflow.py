"""The figures of a training in MLflow."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow

if TYPE_CHECKING:
    from thinset.training.loop.metrics_log import Log


def mlflow_log(path: str | os.PathLike[str]) -> Log:
    """Start a run named after the folder `path`, or continue its last run; return its `log`.

    MLflow's settings decide where it is tracked: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME.
    """
    folder = str(Path(path).resolve())
    # The name of a folder may have quotes, which cannot be escaped in a filter.
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
    known = mlflow.search_runs(
        filter_string=f"tags.thinset_folder_sha256 = '{digest}'",
        max_results=1,
        output_format="list",
    )
    run_id = known[0].info.run_id if known else None
    run = mlflow.start_run(run_id=run_id, run_name=Path(folder).name)
    mlflow.set_tags({"thinset_folder": folder, "thinset_folder_sha256": digest})

    def log(values: dict[str, float], step: int) -> None:
        # To this run, also if the caller has started another one since.
        mlflow.log_metrics(values, step=step, run_id=run.info.run_id)

    return log
