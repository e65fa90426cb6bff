"""The figures of a training in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mlflow

if TYPE_CHECKING:
    import os

    from thinset.training.loop.metrics_log import Log


def mlflow_log(path: str | os.PathLike[str]) -> Log:
    """Start a run named after the folder `path`, or continue its last run; return its `log`.

    MLflow's settings decide where it is tracked: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME.
    """
    folder = str(Path(path).resolve())
    known = mlflow.search_runs(
        filter_string=f"tags.thinset_folder = '{folder}'",
        max_results=1,
        output_format="list",
    )
    run_id = known[0].info.run_id if known else None
    mlflow.start_run(run_id=run_id, run_name=Path(folder).name)
    mlflow.set_tag("thinset_folder", folder)

    def log(values: dict[str, float], step: int) -> None:
        mlflow.log_metrics(values, step=step)

    return log
